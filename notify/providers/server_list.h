/*
 * A list of servers as a setting has it: "mx1.example.com, mx2.example.com:2525, [::1]:25". Pure;
 * any thread.
 */
#ifndef NOTIFY_PROVIDERS_SERVER_LIST_H
#define NOTIFY_PROVIDERS_SERVER_LIST_H

#include <stddef.h>

#include "base/span.h"
#include "celeriac/error.h"

/* Most servers of one list: more than anybody has relays. */
#define NOTIFY_SERVERS_MAX 8

/* Bytes of a host's name with its NUL (RFC 1035: 253, plus the brackets of an IPv6 address). */
#define NOTIFY_SERVER_HOST_SIZE 256

struct notify_server {
    char host[NOTIFY_SERVER_HOST_SIZE]; /* an IPv6 address without its brackets */
    unsigned port;                      /* 0: not said */
};

struct notify_server_list {
    struct notify_server servers[NOTIFY_SERVERS_MAX];
    size_t count;
};

/*
 * Reads a list; the empty text is the empty list. Errors begin with `name`: CELERIAC_ERR_VALUE for
 * an entry that is no host, or no port between 1 and 65535; CELERIAC_ERR_LIMIT above
 * NOTIFY_SERVERS_MAX. *list is then untouched.
 */
enum celeriac_err notify_server_list_parse(struct span text, const char *name,
                                           struct notify_server_list *list,
                                           struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
