/*
 * The certificates that connections trust, loaded once for all of them: libcurl would parse the
 * whole bundle for each, at 20 ms and a megabyte. Any thread.
 */
#ifndef NOTIFY_PROVIDERS_TRUST_H
#define NOTIFY_PROVIDERS_TRUST_H

#include <curl/curl.h>
#include <openssl/types.h>

#include "celeriac/error.h"

struct notify_trust;

/*
 * ca_file: PEM, loaded now, so that a wrong setting is told at the start; `setting` is where it
 * comes from, for errors. NULL or "": the system's certificates, loaded for the first connection
 * with TLS, as a process that never makes one shall not hold them. CELERIAC_ERR_SYSTEM when a file
 * has none, CELERIAC_ERR_UNSUPPORTED when libcurl has another TLS library than OpenSSL,
 * CELERIAC_ERR_MEMORY.
 */
enum celeriac_err notify_trust_create(const char *ca_file, const char *setting,
                                      struct notify_trust **trust,
                                      struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* After all handles that use it; trust may be NULL. */
void notify_trust_destroy(struct notify_trust *trust);

/* Its certificates, loaded now if they are not yet. Borrowed; NULL: they cannot be. */
X509_STORE *notify_trust_store(struct notify_trust *trust);

/* Has a handle verify servers by it, with TLS 1.2 or newer. It outlives the handle. */
CURLcode notify_trust_apply(struct notify_trust *trust, CURL *curl);

#endif
