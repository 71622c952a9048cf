/*
 * Where webhooks may be posted to. Tenants choose the addresses, so without leave of the operator
 * only public ones are: else a tenant could reach what only the worker can. Pure; any thread.
 */
#ifndef NOTIFY_RULES_WEBHOOK_ALLOW_H
#define NOTIFY_RULES_WEBHOOK_ALLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"

/* Most networks of an allowlist: what an operator can still oversee. */
#define NOTIFY_WEBHOOK_NETWORKS_MAX 32

/* Bytes of an IPv4 and of an IPv6 address. */
#define NOTIFY_IPV4_LEN 4
#define NOTIFY_IPV6_LEN 16

/* An address as the network has it: 4 or 16 bytes, most significant first. */
struct notify_address {
    uint8_t bytes[NOTIFY_IPV6_LEN];
    size_t len;
};

/* An address and how many of its leading bits count. */
struct notify_network {
    struct notify_address base;
    unsigned bits;
};

/* What an operator allows beyond https to public addresses; all zero is nothing. */
struct notify_webhook_allow {
    bool http;                                                   /* http:// as well */
    bool any_address;                                            /* every address whatsoever */
    struct notify_network networks[NOTIFY_WEBHOOK_NETWORKS_MAX]; /* these too */
    size_t network_count;
};

/*
 * Reads a setting: words separated by commas, "http", "private" (every address), or networks such
 * as 10.1.0.0/16, fd00::/8 or 192.0.2.7. The empty text allows nothing. Errors begin with `name`:
 * CELERIAC_ERR_VALUE, or _LIMIT above NOTIFY_WEBHOOK_NETWORKS_MAX; *allow is then untouched.
 */
enum celeriac_err notify_webhook_allow_parse(struct span text, const char *name,
                                             struct notify_webhook_allow *allow,
                                             struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Reads an address: four decimal numbers without leading zeros, or IPv6 as RFC 4291 writes it,
 * without brackets and zone. False for anything else.
 */
bool notify_address_parse(struct span text, struct notify_address *address);

/*
 * Whether the address belongs to the public internet: unicast, and none of IANA's special-purpose
 * registries (loopback, link-local with its metadata services, private, carrier-grade NAT,
 * multicast, documentation, benchmarking, reserved, tunnels). An IPv4 address inside of IPv6
 * (mapped, NAT64's well-known prefix) is judged itself; 6to4, Teredo and local NAT64 are not
 * public.
 */
bool notify_address_is_public(const struct notify_address *address);

/* Whether webhooks may be posted to the address. */
bool notify_webhook_allows(const struct notify_webhook_allow *allow,
                           const struct notify_address *address);

#endif
