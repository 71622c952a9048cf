/*
 * Whose request it is behind proxies: the address that a proxy of ours has written into
 * X-Forwarded-For, where that can be believed. Pure.
 *
 * Each proxy appends whom it was called by. Read from its end, the header is true as long as those
 * who wrote it are ours; the first address that is none of ours is the client's, and what stands
 * before it is what the client says. RFC 7239's Forwarded is not looked at: a proxy that writes one
 * of the two passes the other one on as it came, so that believing both is believing clients.
 */
#ifndef API_CLIENT_ADDRESS_H
#define API_CLIENT_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"

/* Most networks of a list: those of a large provider's load balancers are some twenty. */
#define TRUSTED_PROXIES_MAX 64

/* Most addresses of a header that are looked at: no chain of proxies is so long. */
#define FORWARDED_HOPS_MAX 32

/* Most lines of X-Forwarded-For in one request. */
#define FORWARDED_LINES_MAX 8

/* Bytes of an address as text with its NUL (INET6_ADDRSTRLEN). */
#define CLIENT_ADDRESS_SIZE 46

/* The networks whose machines are believed. All zero: nobody is. */
struct trusted_proxies {
    struct {
        uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
        uint8_t prefix;    /* bits that count; of IPv4 96 more than are written */
        bool is_ipv4;
    } networks[TRUSTED_PROXIES_MAX];
    size_t count;
};

/* The lines of X-Forwarded-For of one request, in their order; borrowed. */
struct forwarded_lines {
    struct span lines[FORWARDED_LINES_MAX];
    size_t count; /* more than FORWARDED_LINES_MAX: some were left out */
};

/* Adds a header of a request, in their order, if it is X-Forwarded-For; value NULL: it is empty. */
void forwarded_lines_add(struct forwarded_lines *forwarded, const char *name, const char *value);

/*
 * Reads "10.0.0.0/8, 2001:db8::/32, 192.0.2.7": networks and addresses of IPv4 and IPv6, separated
 * by commas; an empty list trusts nobody. CELERIAC_ERR_VALUE quotes the entry that is none, or has
 * bits set beyond its prefix; _LIMIT when there are too many. *proxies is then untouched.
 */
enum celeriac_err trusted_proxies_parse(struct span list, struct trusted_proxies *proxies,
                                        struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Whether an address, as inet_ntop() writes it, is in one of the networks. */
bool trusted_proxies_has(const struct trusted_proxies *proxies, const char *address);

/* Whether a network of the list takes all addresses of IPv4, or all of IPv6. */
bool trusted_proxies_has_all(const struct trusted_proxies *proxies);

/*
 * The client's address, as inet_ntop() writes it. `peer` is who is connected. It is the client when
 * it is not trusted, or the lines are missing, too many, or malformed as far as they are looked at.
 * When all of them are trusted the first is the client: the request began with one of ours.
 * Entries may have a port, and IPv6 brackets.
 */
void client_address_find(const struct trusted_proxies *proxies, const char *peer,
                         const struct forwarded_lines *forwarded, char client[CLIENT_ADDRESS_SIZE]);

#endif
