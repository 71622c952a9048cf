/* The Host header's check of settings.h: Django's split_domain_port() and validate_host(). */
#include <strings.h>

#include "notify/settings.h"

/* Longest host name and port that are looked at: DNS names have at most 253 characters. */
#define HOST_MAX 300

/* Accepted besides the list: what the existing deployment appends to it. */
#define ALWAYS_ALLOWED "0.0.0.0"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '.' || c == '-';
}

/* An IPv6 address in brackets: hex digits, a colon, then hex digits, colons and dots. */
static bool is_bracketed(struct span domain)
{
    size_t i = 1;

    if (domain.len < 2 || domain.ptr[0] != '[' || domain.ptr[domain.len - 1] != ']')
        return false;
    while (is_hex(domain.ptr[i]))
        i++;
    if (domain.ptr[i++] != ':' || i == domain.len - 1)
        return false;
    for (; i < domain.len - 1; i++) {
        if (!is_hex(domain.ptr[i]) && domain.ptr[i] != ':' && domain.ptr[i] != '.')
            return false;
    }
    return true;
}

static bool all(struct span s, bool (*is)(char c))
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is(s.ptr[i]))
            return false;
    }
    return s.len > 0;
}

/* Cuts the port off, if there is one; false when the rest is no host. */
static bool split_port(struct span host, struct span *domain)
{
    size_t end = host.len;

    while (end > 0 && is_digit(host.ptr[end - 1]))
        end--;
    *domain = host;
    if (end > 0 && end < host.len && host.ptr[end - 1] == ':')
        domain->len = end - 1;
    if (!all(*domain, is_name) && !is_bracketed(*domain))
        return false;
    if (domain->ptr[domain->len - 1] == '.')
        domain->len--;
    return domain->len > 0;
}

/* host is in lower case; the pattern may be in any. */
static bool matches(struct span host, struct span pattern)
{
    struct span tail;

    if (pattern.len == 0)
        return false;
    if (span_is(pattern, "*"))
        return true;
    if (pattern.ptr[0] != '.')
        return pattern.len == host.len && strncasecmp(pattern.ptr, host.ptr, host.len) == 0;
    if (host.len + 1 == pattern.len)
        return strncasecmp(pattern.ptr + 1, host.ptr, host.len) == 0;
    if (host.len < pattern.len)
        return false;
    tail = (struct span){host.ptr + host.len - pattern.len, pattern.len};
    return strncasecmp(pattern.ptr, tail.ptr, tail.len) == 0;
}

bool notify_settings_host_allowed(const struct notify_settings *s, struct span host)
{
    char lower[HOST_MAX];
    struct span domain, pattern, rest = span_of(s->allowed_hosts);

    if (host.len == 0 || host.len > sizeof lower)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];

        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    if (!split_port((struct span){lower, host.len}, &domain))
        return false;
    if (span_is(domain, ALWAYS_ALLOWED))
        return true;
    while (rest.len > 0) {
        (void)span_cut(rest, ',', &pattern, &rest);
        if (matches(domain, span_trim(pattern)))
            return true;
    }
    return false;
}
