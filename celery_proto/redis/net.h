/*
 * Opening stream sockets with a deadline.
 */
#ifndef CEL_REDIS_NET_H
#define CEL_REDIS_NET_H

#include <stdint.h>

#include "celeriac/error.h"
#include "celery_proto/redis/broker_url.h"

/* Keep-alive of an idle TCP connection: first probe, pause between probes, probes unanswered. */
#define NET_KEEPALIVE_IDLE_S 5
#define NET_KEEPALIVE_INTERVAL_S 2
#define NET_KEEPALIVE_COUNT 3

/* Unacknowledged bytes older than this end a TCP connection. */
#define NET_USER_TIMEOUT_MS 10000

/*
 * Connects a non-blocking, close-on-exec socket by the monotonic deadline, trying each address of
 * a name. CELERIAC_ERR_UNAVAILABLE with a text that does not name the endpoint.
 */
enum celeriac_err net_connect(const struct cel_endpoint *endpoint, int64_t deadline_ns, int *fd,
                              struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Waits for poll() events on fd until the monotonic deadline. CELERIAC_ERR_TIMEOUT,
 * CELERIAC_ERR_SYSTEM. Errors and hang-ups of the socket count as ready: reading reports them.
 */
enum celeriac_err net_wait(int fd, short events, int64_t deadline_ns) CELERIAC_MUST_CHECK;

#endif
