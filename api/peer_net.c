#include "api/peer_net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* Bytes of an IPv6 address that name a network, and of ::ffff:0:0/96 before an IPv4 address. */
#define NETWORK_BYTES 8
#define MAPPED_BYTES 12

void peer_net_address(const struct sockaddr *address, char *text, size_t size)
{
    const void *bytes;

    if (address->sa_family == AF_INET6)
        bytes = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    else
        bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    if (size > 0 && !inet_ntop(address->sa_family, bytes, text, (socklen_t)size))
        text[0] = '\0';
}

struct peer_net peer_net_of(const char *address)
{
    static const uint8_t mapped[MAPPED_BYTES] = {[10] = 0xff, [11] = 0xff};
    struct peer_net net = {{0}};

    if (inet_pton(AF_INET, address, net.bytes + MAPPED_BYTES) == 1)
        memcpy(net.bytes, mapped, sizeof mapped);
    else if (inet_pton(AF_INET6, address, net.bytes) != 1)
        memset(&net, 0, sizeof net);
    else if (memcmp(net.bytes, mapped, sizeof mapped) != 0)
        memset(net.bytes + NETWORK_BYTES, 0, sizeof net.bytes - NETWORK_BYTES);
    return net;
}

struct span peer_net_span(const struct peer_net *net)
{
    return (struct span){(const char *)net->bytes, sizeof net->bytes};
}
