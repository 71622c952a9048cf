#include "notify/rules/webhook_allow.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/parse_num.h"

/* Longest text of an address, with its NUL. */
#define ADDRESS_SIZE INET6_ADDRSTRLEN

/* IPv4's special-purpose addresses (IANA's registry, RFC 6890), and multicast and reserved. */
static const struct notify_network special_v4[] = {
    {{{0}, 4}, 8},             /* this network */
    {{{10}, 4}, 8},            /* private */
    {{{100, 64}, 4}, 10},      /* carrier-grade NAT */
    {{{127}, 4}, 8},           /* loopback */
    {{{169, 254}, 4}, 16},     /* link-local, metadata of clouds */
    {{{172, 16}, 4}, 12},      /* private */
    {{{192, 0, 0}, 4}, 24},    /* protocol assignments */
    {{{192, 0, 2}, 4}, 24},    /* documentation */
    {{{192, 31, 196}, 4}, 24}, /* AS112 */
    {{{192, 52, 193}, 4}, 24}, /* AMT */
    {{{192, 88, 99}, 4}, 24},  /* 6to4 relays */
    {{{192, 168}, 4}, 16},     /* private */
    {{{192, 175, 48}, 4}, 24}, /* AS112 */
    {{{198, 18}, 4}, 15},      /* benchmarking */
    {{{198, 51, 100}, 4}, 24}, /* documentation */
    {{{203, 0, 113}, 4}, 24},  /* documentation */
    {{{224}, 4}, 3},           /* multicast, reserved, broadcast */
};

/* All of IPv6's unicast addresses that are given out; */
static const struct notify_network global_v6 = {{{0x20}, 16}, 3};

/* and what of these is special. */
static const struct notify_network special_v6[] = {
    {{{0x20, 0x01}, 16}, 23},                   /* protocol assignments, Teredo, ORCHID */
    {{{0x20, 0x01, 0x0d, 0xb8}, 16}, 32},       /* documentation */
    {{{0x20, 0x02}, 16}, 16},                   /* 6to4 */
    {{{0x26, 0x20, 0x00, 0x4f, 0x80}, 16}, 48}, /* AS112 */
    {{{0x3f, 0xfe}, 16}, 16},                   /* the former 6bone */
    {{{0x3f, 0xff}, 16}, 20},                   /* documentation */
};

/* IPv4 addresses in IPv6's clothes: the last four bytes count. */
static const struct notify_network mapped_v6[] = {
    {{{[10] = 0xff, [11] = 0xff}, 16}, 96}, /* ::ffff:0:0/96 */
    {{{0x00, 0x64, 0xff, 0x9b}, 16}, 96},   /* NAT64, RFC 6052 */
};

static bool is_in(const struct notify_network *network, const struct notify_address *address)
{
    size_t whole = network->bits / 8;
    unsigned rest = network->bits % 8;

    if (address->len != network->base.len ||
        memcmp(address->bytes, network->base.bytes, whole) != 0)
        return false;
    return rest == 0 || (address->bytes[whole] ^ network->base.bytes[whole]) >> (8 - rest) == 0;
}

static bool is_in_any(const struct notify_network *networks, size_t count,
                      const struct notify_address *address)
{
    for (size_t i = 0; i < count; i++) {
        if (is_in(&networks[i], address))
            return true;
    }
    return false;
}

/* The IPv4 address that is inside of an IPv6 one; else the address itself. */
static struct notify_address unwrap(const struct notify_address *address)
{
    struct notify_address inner = {.len = NOTIFY_IPV4_LEN};

    if (!is_in_any(mapped_v6, sizeof mapped_v6 / sizeof mapped_v6[0], address))
        return *address;
    memcpy(inner.bytes, address->bytes + NOTIFY_IPV6_LEN - NOTIFY_IPV4_LEN, NOTIFY_IPV4_LEN);
    return inner;
}

bool notify_address_is_public(const struct notify_address *address)
{
    struct notify_address inner = unwrap(address);

    if (inner.len == NOTIFY_IPV4_LEN)
        return !is_in_any(special_v4, sizeof special_v4 / sizeof special_v4[0], &inner);
    return is_in(&global_v6, &inner) &&
           !is_in_any(special_v6, sizeof special_v6 / sizeof special_v6[0], &inner);
}

bool notify_webhook_allows(const struct notify_webhook_allow *allow,
                           const struct notify_address *address)
{
    struct notify_address inner = unwrap(address);

    return allow->any_address || notify_address_is_public(address) ||
           is_in_any(allow->networks, allow->network_count, &inner) ||
           is_in_any(allow->networks, allow->network_count, address);
}

bool notify_address_parse(struct span text, struct notify_address *address)
{
    struct notify_address parsed = {0};
    char copy[ADDRESS_SIZE];

    if (text.len == 0 || text.len >= sizeof copy || memchr(text.ptr, '\0', text.len))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, parsed.bytes) == 1)
        parsed.len = NOTIFY_IPV4_LEN;
    else if (inet_pton(AF_INET6, copy, parsed.bytes) == 1)
        parsed.len = NOTIFY_IPV6_LEN;
    else
        return false;
    *address = parsed;
    return true;
}

/* A network whose further bits are zero, as they must be: else it is not what its writer thinks. */
static bool parse_network(struct span text, struct notify_network *network)
{
    struct span head;
    struct span tail;
    int64_t bits = 0;
    bool has_bits = span_cut(text, '/', &head, &tail);

    if (!notify_address_parse(head, &network->base))
        return false;
    network->bits = (unsigned)network->base.len * 8;
    if (has_bits && parse_int64(tail, 0, network->bits, &bits))
        return false;
    if (has_bits)
        network->bits = (unsigned)bits;
    for (unsigned bit = network->bits; bit < network->base.len * 8; bit++) {
        if (network->base.bytes[bit / 8] >> (7 - bit % 8) & 1)
            return false;
    }
    return true;
}

static enum celeriac_err add_word(struct span word, const char *name,
                                  struct notify_webhook_allow *allow, struct celeriac_error *err)
{
    struct notify_network network;

    if (span_is(word, "http")) {
        allow->http = true;
        return CELERIAC_OK;
    }
    if (span_is(word, "private")) {
        allow->any_address = true;
        return CELERIAC_OK;
    }
    if (!parse_network(word, &network))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "%s: must be http, private, or networks such as 10.1.0.0/16, "
                                  "separated by commas",
                                  name);
    if (allow->network_count == NOTIFY_WEBHOOK_NETWORKS_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "%s: more than %d networks", name,
                                  NOTIFY_WEBHOOK_NETWORKS_MAX);
    allow->networks[allow->network_count++] = network;
    return CELERIAC_OK;
}

enum celeriac_err notify_webhook_allow_parse(struct span text, const char *name,
                                             struct notify_webhook_allow *allow,
                                             struct celeriac_error *err)
{
    struct notify_webhook_allow parsed = {0};
    struct span rest = span_trim(text);
    bool more = rest.len > 0;
    enum celeriac_err code = CELERIAC_OK;

    while (more && code == CELERIAC_OK) {
        struct span word;

        more = span_cut(rest, ',', &word, &rest);
        code = add_word(span_trim(word), name, &parsed, err);
    }
    if (code == CELERIAC_OK)
        *allow = parsed;
    return code;
}
