/*
 * A Google service account as its JSON file has it, and the signed assertions by which it asks for
 * tokens (RFC 7523, RS256). Immutable after creation; any thread.
 */
#ifndef NOTIFY_PROVIDERS_GOOGLE_ACCOUNT_H
#define NOTIFY_PROVIDERS_GOOGLE_ACCOUNT_H

#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/* Longest file taken, in bytes: real ones have 2,300. */
#define NOTIFY_GOOGLE_FILE_MAX ((size_t)64 * 1024)

/* How long an assertion is valid, in seconds: the most that Google takes. */
#define NOTIFY_GOOGLE_ASSERTION_S 3600

struct notify_google_account;

/*
 * Reads the file's text: type "service_account" with project_id, client_email, private_key (RSA,
 * 2048 bits or more) and token_uri. Errors begin with `name`, the setting that names the file, and
 * never hold the key: CELERIAC_ERR_VALUE, CELERIAC_ERR_MEMORY. The caller destroys it.
 */
enum celeriac_err notify_google_account_parse(struct span text, const char *name,
                                              struct notify_google_account **account,
                                              struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* The same from a file; CELERIAC_ERR_SYSTEM when it cannot be read. */
enum celeriac_err notify_google_account_load(const char *path, const char *name,
                                             struct notify_google_account **account,
                                             struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Releases it, the key wiped; account may be NULL. */
void notify_google_account_destroy(struct notify_google_account *account);

/* The project's id, and the address that gives tokens; borrowed. */
const char *notify_google_account_project(const struct notify_google_account *account);
const char *notify_google_account_token_url(const struct notify_google_account *account);

/*
 * Appends a signed assertion: for `scope`, to `audience` (the address that it is sent to), issued
 * at now_s (seconds since 1970). CELERIAC_ERR_MEMORY; CELERIAC_ERR_SYSTEM when OpenSSL fails.
 */
enum celeriac_err notify_google_account_assert(const struct notify_google_account *account,
                                               const char *scope, const char *audience,
                                               int64_t now_s,
                                               struct strbuf *out) CELERIAC_MUST_CHECK;

#endif
