/*
 * TLS over a connected non-blocking socket. The only file that speaks OpenSSL's TLS. One thread at
 * a time per session.
 */
#ifndef CEL_REDIS_TLS_H
#define CEL_REDIS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "celeriac/error.h"
#include "celery_proto/redis/broker_url.h"

struct tls_session;

/* What a read or write needs next, or that it is over. */
enum tls_want { TLS_DONE, TLS_WANT_READ, TLS_WANT_WRITE, TLS_CLOSED, TLS_FAILED };

/*
 * Shakes hands by the monotonic deadline, verifying as the endpoint says. The session borrows fd.
 * CELERIAC_ERR_AUTH (certificate not trusted, files unreadable), CELERIAC_ERR_UNAVAILABLE,
 * CELERIAC_ERR_MEMORY.
 */
enum celeriac_err tls_open(const struct cel_endpoint *endpoint, int fd, int64_t deadline_ns,
                           struct tls_session **session,
                           struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Says goodbye if the socket takes it at once, and releases; session may be NULL. */
void tls_close(struct tls_session *session);

/* Reads or writes some bytes; *done gets how many with TLS_DONE. */
enum tls_want tls_read(struct tls_session *session, char *buf, size_t cap,
                       size_t *done) CELERIAC_MUST_CHECK;
enum tls_want tls_write(struct tls_session *session, const char *buf, size_t len,
                        size_t *done) CELERIAC_MUST_CHECK;

/* Whether decrypted bytes wait that poll() does not announce. */
bool tls_has_pending(const struct tls_session *session);

#endif
