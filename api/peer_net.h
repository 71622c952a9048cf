/*
 * The network that a client's address stands for when its doings are counted: an IPv4 address, or
 * the first 64 bits of an IPv6 address, since whoever has one such address has them all. Pure.
 */
#ifndef API_PEER_NET_H
#define API_PEER_NET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/span.h"

struct peer_net {
    uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
};

/*
 * Writes an IPv4 or IPv6 address as text, for which INET6_ADDRSTRLEN bytes are enough; "" when it
 * is neither or there is no room.
 */
void peer_net_address(const struct sockaddr *address, char *text, size_t size);

/*
 * The network of an address as text, as inet_ntop() writes it. A text that is no address (a client
 * whose address is not known) stands for a network of its own, all zero.
 */
struct peer_net peer_net_of(const char *address);

/* Its bytes, as a key for maps; borrowed from net. */
struct span peer_net_span(const struct peer_net *net);

#endif
