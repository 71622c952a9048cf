/*
 * The access token of a service account: asked for when it is needed, kept until a minute before
 * its end, and asked for by one thread while the others wait for it. Any thread.
 */
#ifndef NOTIFY_PROVIDERS_GOOGLE_TOKEN_H
#define NOTIFY_PROVIDERS_GOOGLE_TOKEN_H

#include <stdbool.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "notify/providers/google_account.h"
#include "notify/providers/http_call.h"
#include "notify/providers/provider.h"
#include "notify/rules/outcome.h"

struct notify_google_token;

/*
 * Makes a token that is not there yet. account, scope and url (where tokens are given) are borrowed
 * and outlive it. CELERIAC_ERR_MEMORY or _SYSTEM. The caller destroys it.
 */
enum celeriac_err notify_google_token_create(const struct notify_google_account *account,
                                             const char *scope, const char *url,
                                             struct notify_google_token **token,
                                             struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Releases it, wiped; nobody may be asking. token may be NULL. */
void notify_google_token_destroy(struct notify_google_token *token);

/*
 * Appends the token. Else false, and *outcome says why: later (what the token's giver said counts
 * for all that waited), or hold when memory is short or the message is stopped while it waits. http
 * is the caller's connection, which is used when it is the one to ask.
 */
bool notify_google_token_get(struct notify_google_token *token, struct notify_http *http,
                             const struct notify_message *message, struct strbuf *out,
                             struct notify_outcome *outcome);

/* Forgets the token if it is this one: it was refused before its time. */
void notify_google_token_drop(struct notify_google_token *token, struct span refused);

#endif
