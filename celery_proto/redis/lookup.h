/*
 * Looking up the addresses of a name with a deadline. The C library's resolver knows none: with a
 * name server that does not answer it blocks for half a minute. It therefore runs in a thread of
 * its own, which is left behind when the deadline passes.
 */
#ifndef CEL_REDIS_LOOKUP_H
#define CEL_REDIS_LOOKUP_H

#include <netdb.h>
#include <stdint.h>

#include "celeriac/error.h"

/*
 * Most look-ups that were left behind and still run, in the whole process. Each takes a thread; a
 * resolver gives up within half a minute, and reconnecting connections ask about once a second.
 */
#define LOOKUP_ABANDONED_MAX 64

/* As getaddrinfo() is. */
typedef int lookup_fn(const char *host, const char *port, const struct addrinfo *hints,
                      struct addrinfo **list);

/*
 * The stream addresses of host and port; *list is the caller's to freeaddrinfo(). A numeric
 * address is not looked up. `ask` does the work, any thread: getaddrinfo but in tests, and what it
 * returns must be for freeaddrinfo(). CELERIAC_ERR_TIMEOUT when the monotonic deadline passed,
 * CELERIAC_ERR_LIMIT when too many were left behind, CELERIAC_ERR_UNAVAILABLE with the resolver's
 * words, CELERIAC_ERR_MEMORY, CELERIAC_ERR_SYSTEM. Any thread.
 */
enum celeriac_err lookup_name(lookup_fn *ask, const char *host, uint16_t port, int64_t deadline_ns,
                              struct addrinfo **list,
                              struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Look-ups that were left behind and still run. Any thread. */
unsigned lookup_abandoned(void);

#endif
