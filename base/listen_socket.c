#include "base/listen_socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/parse_num.h"

/* Connections that the kernel keeps until we accept them; net.core.somaxconn's default. */
#define LISTEN_BACKLOG 4096

#define PORT_MAX 65535

/* Bytes of an error's text; the longest of glibc has about 60. */
#define REASON_SIZE 128

enum celeriac_err listen_address_parse(struct span text, char host[LISTEN_HOST_SIZE],
                                       unsigned *port, struct celeriac_error *err)
{
    size_t colon = text.len;
    struct span name, number;
    int64_t value;

    while (colon > 0 && text.ptr[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "'%.*s' is not HOST:PORT",
                                  SPAN_PRINTF(text));
    name = (struct span){text.ptr, colon - 1};
    number = (struct span){text.ptr + colon, text.len - colon};
    if (parse_int64(number, 0, PORT_MAX, &value) != CELERIAC_OK)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "'%.*s' is not a port (0 to %d)",
                                  SPAN_PRINTF(number), PORT_MAX);
    if (name.len >= 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']') {
        name = (struct span){name.ptr + 1, name.len - 2};
    } else if (name.len > 0 && memchr(name.ptr, ':', name.len)) {
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "write an IPv6 address in brackets: [%.*s]:%.*s",
                                  SPAN_PRINTF(name), SPAN_PRINTF(number));
    }
    if (name.len >= LISTEN_HOST_SIZE)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "the host is longer than %d bytes",
                                  LISTEN_HOST_SIZE - 1);
    if (name.len > 0)
        memcpy(host, name.ptr, name.len);
    host[name.len] = '\0';
    *port = (unsigned)value;
    return CELERIAC_OK;
}

static unsigned bound_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v6 = {.sin6_port = 0}};
    socklen_t len = sizeof address;

    if (getsockname(fd, &address.any, &len) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

static enum celeriac_err open_on(const struct addrinfo *at, bool share_port, int *fd,
                                 struct celeriac_error *err)
{
    const int on = 1;
    int s = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, at->ai_protocol);
    char why[REASON_SIZE];
    enum celeriac_err rc;

    if (s < 0)
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "socket: %s",
                                  strerror_r(errno, why, sizeof why));
    if (setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (share_port && setsockopt(s, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)) {
        rc = celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "setsockopt: %s",
                                strerror_r(errno, why, sizeof why));
    } else if (bind(s, at->ai_addr, at->ai_addrlen) != 0 || listen(s, LISTEN_BACKLOG) != 0) {
        rc =
            celeriac_error_set(err, errno == EADDRINUSE ? CELERIAC_ERR_EXISTS : CELERIAC_ERR_SYSTEM,
                               "%s", strerror_r(errno, why, sizeof why));
    } else {
        *fd = s;
        return CELERIAC_OK;
    }
    close(s);
    return rc;
}

enum celeriac_err listen_socket_open(const char *host, unsigned port, bool share_port, int *fd,
                                     unsigned *bound, struct celeriac_error *err)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char service[sizeof "65535"];
    struct celeriac_error why = {0};
    enum celeriac_err rc;
    int s = -1;
    int status;

    (void)snprintf(service, sizeof service, "%u", port % (PORT_MAX + 1));
    status = getaddrinfo(host[0] ? host : NULL, service, &hints, &found);
    if (status != 0)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "host '%s': %s", host,
                                  gai_strerror(status));
    rc = open_on(found, share_port, &s, &why);
    freeaddrinfo(found);
    if (rc != CELERIAC_OK)
        return celeriac_error_set(err, rc, "cannot listen on %s:%u: %s", host, port, why.text);
    *fd = s;
    if (bound)
        *bound = bound_port(s);
    return CELERIAC_OK;
}
