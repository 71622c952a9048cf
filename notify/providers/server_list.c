#include "notify/providers/server_list.h"

#include <string.h>

#include "base/parse_num.h"

#define PORT_MAX 65535

/* Cuts "host", "host:port", "[address]" or "[address]:port"; false when it is none of them. */
static bool split(struct span entry, struct span *host, struct span *port, bool *has_port)
{
    struct span rest = {NULL, 0};

    *has_port = false;
    if (!span_starts(entry, SPAN("["))) {
        *has_port = span_cut(entry, ':', host, port);
        /* A second colon: an IPv6 address needs its brackets. */
        return !*has_port || !span_cut(*port, ':', &rest, &rest);
    }
    entry.ptr++;
    entry.len--;
    if (!span_cut(entry, ']', host, &rest))
        return false;
    if (rest.len == 0)
        return true;
    *has_port = rest.ptr[0] == ':';
    *port = (struct span){rest.ptr + 1, rest.len - 1};
    return *has_port;
}

static bool read_entry(struct span entry, struct notify_server *server)
{
    struct span host = {NULL, 0}, port = {NULL, 0};
    bool has_port;
    int64_t number = 0;

    if (!split(entry, &host, &port, &has_port))
        return false;
    if (host.len == 0 || host.len >= sizeof server->host)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        if (host.ptr[i] <= ' ' || host.ptr[i] > '~')
            return false;
    }
    if (has_port && parse_int64(port, 1, PORT_MAX, &number))
        return false;
    memcpy(server->host, host.ptr, host.len);
    server->host[host.len] = '\0';
    server->port = (unsigned)number;
    return true;
}

enum celeriac_err notify_server_list_parse(struct span text, const char *name,
                                           struct notify_server_list *list,
                                           struct celeriac_error *err)
{
    struct notify_server_list parsed = {.count = 0};
    struct span rest = span_trim(text);
    bool more = rest.len > 0;

    while (more) {
        struct span entry;

        more = span_cut(rest, ',', &entry, &rest);
        if (parsed.count == NOTIFY_SERVERS_MAX)
            return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "%s: more than %d servers", name,
                                      NOTIFY_SERVERS_MAX);
        if (!read_entry(span_trim(entry), &parsed.servers[parsed.count]))
            return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                      "%s: server %zu is not a host, host:port or [address]:port",
                                      name, parsed.count + 1);
        parsed.count++;
    }
    *list = parsed;
    return CELERIAC_OK;
}
