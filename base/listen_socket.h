/*
 * A listening TCP socket from "HOST:PORT".
 */
#ifndef BASE_LISTEN_SOCKET_H
#define BASE_LISTEN_SOCKET_H

#include <stdbool.h>

#include "base/span.h"
#include "celeriac/error.h"

/* Bytes of the longest host part of a bind address with its NUL: a DNS name has at most 253. */
#define LISTEN_HOST_SIZE 254

/*
 * Splits "HOST:PORT" ("127.0.0.1:8000", "[::1]:8000", "localhost:0", ":8000" for all interfaces).
 * host gets a NUL-terminated text without brackets. CELERIAC_ERR_VALUE with the reason.
 */
enum celeriac_err listen_address_parse(struct span text, char host[LISTEN_HOST_SIZE],
                                       unsigned *port,
                                       struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Opens a non-blocking listening socket on the first address that host resolves to; port 0 takes a
 * free one. With share_port other processes may listen on the same port (SO_REUSEPORT) and the
 * kernel spreads connections over them. *fd is the caller's, *bound (may be NULL) the port taken.
 * CELERIAC_ERR_VALUE (host unknown), CELERIAC_ERR_EXISTS (port in use), CELERIAC_ERR_SYSTEM.
 */
enum celeriac_err listen_socket_open(const char *host, unsigned port, bool share_port, int *fd,
                                     unsigned *bound,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
