#include "notify/rules/webhook_url.h"

#include <stdbool.h>
#include <string.h>

#include "base/parse_num.h"

/* Longest name of DNS, and longest part of one (RFC 1035). */
#define HOST_MAX 253
#define LABEL_MAX 63

/* Names that mean this machine or its neighbours (RFC 6761, RFC 6762, ICANN's private-use name). */
static const char *const inner_names[] = {"localhost", "local", "internal"};

static enum celeriac_err refuse(struct celeriac_error *err, const char *sentence)
{
    return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s", sentence);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_character(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

static bool is_label(struct span label)
{
    if (label.len == 0 || label.len > LABEL_MAX)
        return false;
    for (size_t i = 0; i < label.len; i++) {
        if (!is_name_character(label.ptr[i]))
            return false;
    }
    return label.ptr[0] != '-' && label.ptr[label.len - 1] != '-';
}

/* The part after the last dot; a dot at the very end, which some resolvers want, does not count. */
static struct span last_label(struct span host)
{
    size_t from;

    if (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--;
    for (from = host.len; from > 0 && host.ptr[from - 1] != '.'; from--)
        ;
    return (struct span){.ptr = host.ptr + from, .len = host.len - from};
}

static bool is_host_name(struct span host)
{
    bool more = true;

    if (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--;
    if (host.len == 0 || host.len > HOST_MAX)
        return false;
    while (more) {
        struct span label;

        more = span_cut(host, '.', &label, &host);
        if (!is_label(label))
            return false;
    }
    return true;
}

/* Programs take a host for an IPv4 address when its last part is a number, in whatever base. */
static bool looks_numeric(struct span host)
{
    struct span label = last_label(host);

    if (label.len >= 2 && label.ptr[0] == '0' && (label.ptr[1] == 'x' || label.ptr[1] == 'X'))
        return true;
    for (size_t i = 0; i < label.len; i++) {
        if (!is_digit(label.ptr[i]))
            return false;
    }
    return label.len > 0;
}

static bool is_inner_name(struct span host)
{
    struct span label = last_label(host);

    for (size_t i = 0; i < sizeof inner_names / sizeof inner_names[0]; i++) {
        if (span_is_nocase(label, inner_names[i]))
            return true;
    }
    return false;
}

static enum celeriac_err check_address(struct span host, size_t len,
                                       const struct notify_webhook_allow *allow,
                                       struct celeriac_error *err)
{
    struct notify_address address;

    if (!notify_address_parse(host, &address) || address.len != len)
        return refuse(err, "Enter a valid host.");
    if (!notify_webhook_allows(allow, &address))
        return refuse(err, "The host must be a public address.");
    return CELERIAC_OK;
}

static enum celeriac_err check_host(struct span host, const struct notify_webhook_allow *allow,
                                    struct celeriac_error *err)
{
    if (!is_host_name(host))
        return refuse(err, "Enter a valid host.");
    if (looks_numeric(host))
        return check_address(host, NOTIFY_IPV4_LEN, allow, err);
    /* What they lead to is looked at then, which networks that are allowed may contain. */
    if (is_inner_name(host) && !allow->any_address && allow->network_count == 0)
        return refuse(err, "The host must be a public address.");
    return CELERIAC_OK;
}

static enum celeriac_err check_port(struct span port, struct celeriac_error *err)
{
    int64_t number;

    if (parse_int64(port, 1, 65535, &number))
        return refuse(err, "Enter a valid port.");
    return CELERIAC_OK;
}

/* host, host:port, [address] or [address]:port. */
static enum celeriac_err check_authority(struct span authority,
                                         const struct notify_webhook_allow *allow,
                                         struct celeriac_error *err)
{
    struct span host;
    struct span port;
    bool has_port;
    enum celeriac_err code;

    if (authority.len > 0 && memchr(authority.ptr, '@', authority.len))
        return refuse(err, "Must have no user or password.");
    if (authority.len > 0 && authority.ptr[0] == '[') {
        authority.ptr++;
        authority.len--;
        if (!span_cut(authority, ']', &host, &port) || (port.len > 0 && port.ptr[0] != ':'))
            return refuse(err, "Enter a valid host.");
        has_port = port.len > 0;
        if (has_port) {
            port.ptr++;
            port.len--;
        }
        code = check_address(host, NOTIFY_IPV6_LEN, allow, err);
    } else {
        has_port = span_cut(authority, ':', &host, &port);
        code = check_host(host, allow, err);
    }
    if (code == CELERIAC_OK && has_port)
        code = check_port(port, err);
    return code;
}

/* Cuts off the scheme. */
static bool take_scheme(struct span *rest, const char *scheme)
{
    struct span head = *rest;

    if (rest->len < strlen(scheme))
        return false;
    head.len = strlen(scheme);
    if (!span_is_nocase(head, scheme))
        return false;
    rest->ptr += head.len;
    rest->len -= head.len;
    return true;
}

enum celeriac_err notify_webhook_url_check(struct span url,
                                           const struct notify_webhook_allow *allow,
                                           struct celeriac_error *err)
{
    struct span rest = url;
    size_t end = 0;

    if (url.len > NOTIFY_WEBHOOK_URL_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "Must have at most %d characters.",
                                  NOTIFY_WEBHOOK_URL_MAX);
    for (size_t i = 0; i < url.len; i++) {
        if (url.ptr[i] <= ' ' || url.ptr[i] > '~' || url.ptr[i] == '\\')
            return refuse(err, "Has a character that no address has.");
    }
    if (!take_scheme(&rest, "https://") && !(allow->http && take_scheme(&rest, "http://")))
        return refuse(err, allow->http ? "Must begin with https:// or http://."
                                       : "Must begin with https://.");
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?' && rest.ptr[end] != '#')
        end++;
    if (end < rest.len && memchr(rest.ptr + end, '#', rest.len - end))
        return refuse(err, "Must have no fragment.");
    return check_authority((struct span){.ptr = rest.ptr, .len = end}, allow, err);
}
