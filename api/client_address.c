#include "api/client_address.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/parse_num.h"

/* Bytes of ::ffff:0:0/96 before an IPv4 address, and its bits. */
#define MAPPED_BYTES 12
#define MAPPED_BITS 96
#define ADDRESS_BITS 128

struct address {
    uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
    bool is_ipv4;
};

/* Optional white space of a header's list (RFC 9110, section 5.6.3), and of a setting. */
static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool parse_address(struct span text, struct address *address)
{
    static const uint8_t mapped[MAPPED_BYTES] = {[10] = 0xff, [11] = 0xff};
    char copy[CLIENT_ADDRESS_SIZE];
    struct address made = {.is_ipv4 = false};

    if (text.len == 0 || text.len >= sizeof copy || memchr(text.ptr, '\0', text.len))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, made.bytes + MAPPED_BYTES) == 1)
        memcpy(made.bytes, mapped, sizeof mapped);
    else if (inet_pton(AF_INET6, copy, made.bytes) != 1)
        return false;
    made.is_ipv4 = memcmp(made.bytes, mapped, sizeof mapped) == 0;
    *address = made;
    return true;
}

static void format_address(const struct address *address, char text[CLIENT_ADDRESS_SIZE])
{
    const uint8_t *bytes = address->bytes + (address->is_ipv4 ? MAPPED_BYTES : 0);

    if (!inet_ntop(address->is_ipv4 ? AF_INET : AF_INET6, bytes, text, CLIENT_ADDRESS_SIZE))
        text[0] = '\0';
}

/* ---- networks ------------------------------------------------------------------------------ */

/* Whether the bits from `prefix` on are all zero. */
static bool is_network(const uint8_t bytes[16], unsigned prefix)
{
    for (unsigned bit = prefix; bit < ADDRESS_BITS; bit++) {
        if ((bytes[bit / 8] >> (7 - bit % 8)) & 1)
            return false;
    }
    return true;
}

/* The bits after the '/', counted as those of IPv6. */
static bool parse_prefix(struct span text, bool is_ipv4, unsigned *prefix)
{
    int64_t number;

    if (text.len == 0 || text.ptr[0] < '0' ||
        parse_int64(text, 0, is_ipv4 ? ADDRESS_BITS - MAPPED_BITS : ADDRESS_BITS, &number) !=
            CELERIAC_OK)
        return false;
    *prefix = (unsigned)number + (is_ipv4 ? MAPPED_BITS : 0);
    return true;
}

static enum celeriac_err add_network(struct trusted_proxies *proxies, struct span entry,
                                     struct celeriac_error *err)
{
    struct span host = entry, bits = {NULL, 0};
    struct address address;
    unsigned prefix = ADDRESS_BITS;
    bool has_prefix = span_cut(entry, '/', &host, &bits);

    if (proxies->count == TRUSTED_PROXIES_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "more than %d networks",
                                  TRUSTED_PROXIES_MAX);
    /* Written as IPv6, an IPv4 network would have to say 96 bits more: nobody means that. */
    if (!parse_address(host, &address) || (address.is_ipv4 && memchr(host.ptr, ':', host.len)) ||
        (has_prefix && !parse_prefix(bits, address.is_ipv4, &prefix)))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "\"%.*s\" is no network: write 10.0.0.0/8, 2001:db8::/32 or an "
                                  "address, separated by commas",
                                  SPAN_PRINTF(entry));
    if (!is_network(address.bytes, prefix))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "\"%.*s\" has bits set beyond its prefix", SPAN_PRINTF(entry));
    memcpy(proxies->networks[proxies->count].bytes, address.bytes, sizeof address.bytes);
    proxies->networks[proxies->count].prefix = (uint8_t)prefix;
    proxies->networks[proxies->count].is_ipv4 = address.is_ipv4;
    proxies->count++;
    return CELERIAC_OK;
}

enum celeriac_err trusted_proxies_parse(struct span list, struct trusted_proxies *proxies,
                                        struct celeriac_error *err)
{
    struct trusted_proxies made = {.count = 0};
    bool more = span_trim(list).len > 0;

    while (more) {
        struct span entry;
        enum celeriac_err code;

        more = span_cut(list, ',', &entry, &list);
        code = add_network(&made, span_trim(entry), err);
        if (code != CELERIAC_OK)
            return code;
    }
    *proxies = made;
    return CELERIAC_OK;
}

static bool has_prefix_of(const uint8_t bytes[16], const uint8_t network[16], unsigned prefix)
{
    unsigned whole = prefix / 8, rest = prefix % 8;

    return memcmp(bytes, network, whole) == 0 &&
           (rest == 0 || (bytes[whole] ^ network[whole]) >> (8 - rest) == 0);
}

static bool is_trusted(const struct trusted_proxies *proxies, const struct address *address)
{
    for (size_t i = 0; i < proxies->count; i++) {
        /* ::/0 is all of IPv6, and not those of IPv4 that are written in it. */
        if (proxies->networks[i].is_ipv4 == address->is_ipv4 &&
            has_prefix_of(address->bytes, proxies->networks[i].bytes, proxies->networks[i].prefix))
            return true;
    }
    return false;
}

bool trusted_proxies_has(const struct trusted_proxies *proxies, const char *address)
{
    struct address parsed;

    return proxies->count > 0 && parse_address(span_of(address), &parsed) &&
           is_trusted(proxies, &parsed);
}

bool trusted_proxies_has_all(const struct trusted_proxies *proxies)
{
    for (size_t i = 0; i < proxies->count; i++) {
        if (proxies->networks[i].prefix == (proxies->networks[i].is_ipv4 ? MAPPED_BITS : 0))
            return true;
    }
    return false;
}

/* ---- the header ---------------------------------------------------------------------------- */

/* Whether what follows an address is nothing, or a port. */
static bool is_port(struct span text)
{
    int64_t port;

    if (text.len == 0)
        return true;
    if (text.len < 2 || text.ptr[0] != ':' || text.ptr[1] < '0' || text.ptr[1] > '9')
        return false;
    return parse_int64((struct span){text.ptr + 1, text.len - 1}, 0, UINT16_MAX, &port) ==
           CELERIAC_OK;
}

/* "192.0.2.7", "192.0.2.7:443", "2001:db8::1", "[2001:db8::1]" or "[2001:db8::1]:443". */
static bool parse_entry(struct span entry, struct address *address)
{
    struct span host, port = {NULL, 0};
    const char *colon = entry.len > 0 ? memchr(entry.ptr, ':', entry.len) : NULL;

    if (entry.len > 0 && entry.ptr[0] == '[') {
        if (!span_cut((struct span){entry.ptr + 1, entry.len - 1}, ']', &host, &port))
            return false;
        return parse_address(host, address) && memchr(host.ptr, ':', host.len) && is_port(port);
    }
    if (colon && !memchr(colon + 1, ':', entry.len - (size_t)(colon + 1 - entry.ptr))) {
        host = (struct span){entry.ptr, (size_t)(colon - entry.ptr)};
        port = (struct span){colon, entry.len - host.len};
        return parse_address(host, address) && is_port(port);
    }
    return parse_address(entry, address);
}

/* Takes the last entry off a line; false when there is none left. */
static bool take_last(struct span *line, struct span *entry)
{
    size_t start = line->len;

    if (!line->ptr)
        return false;
    while (start > 0 && line->ptr[start - 1] != ',')
        start--;
    *entry = (struct span){line->ptr + start, line->len - start};
    while (entry->len > 0 && is_space(entry->ptr[0])) {
        entry->ptr++;
        entry->len--;
    }
    while (entry->len > 0 && is_space(entry->ptr[entry->len - 1]))
        entry->len--;
    *line = start > 0 ? (struct span){line->ptr, start - 1} : (struct span){NULL, 0};
    return true;
}

void forwarded_lines_add(struct forwarded_lines *forwarded, const char *name, const char *value)
{
    if (!span_is_nocase(span_of(name), "X-Forwarded-For"))
        return;
    if (forwarded->count < FORWARDED_LINES_MAX)
        forwarded->lines[forwarded->count] = span_of(value ? value : "");
    forwarded->count++;
}

/* The client of a trusted peer; false when the lines do not tell it. */
static bool find(const struct trusted_proxies *proxies, const struct forwarded_lines *forwarded,
                 struct address *client)
{
    size_t hops = 0;

    if (forwarded->count > FORWARDED_LINES_MAX)
        return false;
    for (size_t i = forwarded->count; i > 0; i--) {
        struct span line = forwarded->lines[i - 1], entry;

        while (take_last(&line, &entry)) {
            if (++hops > FORWARDED_HOPS_MAX || !parse_entry(entry, client))
                return false;
            if (!is_trusted(proxies, client))
                return true;
        }
    }
    return hops > 0;
}

void client_address_find(const struct trusted_proxies *proxies, const char *peer,
                         const struct forwarded_lines *forwarded, char client[CLIENT_ADDRESS_SIZE])
{
    struct address found;

    if (trusted_proxies_has(proxies, peer) && find(proxies, forwarded, &found)) {
        format_address(&found, client);
        return;
    }
    memset(client, 0, CLIENT_ADDRESS_SIZE);
    memcpy(client, peer, strnlen(peer, CLIENT_ADDRESS_SIZE - 1));
}
