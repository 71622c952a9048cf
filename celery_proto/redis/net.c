#include "celery_proto/redis/net.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "celery_proto/redis/lookup.h"

enum celeriac_err net_wait(int fd, short events, int64_t deadline_ns)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = events};
        int timeout = clock_poll_ms(clock_monotonic_ns(), deadline_ns);
        int n = poll(&p, 1, timeout);
        if (n > 0)
            return CELERIAC_OK;
        if (n == 0 && clock_monotonic_ns() >= deadline_ns)
            return CELERIAC_ERR_TIMEOUT;
        if (n < 0 && errno != EINTR)
            return CELERIAC_ERR_SYSTEM;
    }
}

static void set_int(int fd, int level, int option, int value)
{
    /* An option that the kernel refuses only makes a dead peer noticed later. */
    (void)setsockopt(fd, level, option, &value, sizeof value);
}

static void tune_tcp(int fd, bool keepalive)
{
    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (!keepalive)
        return;
    set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, NET_KEEPALIVE_IDLE_S);
    set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, NET_KEEPALIVE_INTERVAL_S);
    set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, NET_KEEPALIVE_COUNT);
    set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, NET_USER_TIMEOUT_MS);
}

/* Connects one address; 0 or an errno. */
static int connect_address(int family, const struct sockaddr *address, socklen_t len,
                           int64_t deadline_ns, int *fd)
{
    int s = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0)
        return errno;
    int failure = 0;
    if (connect(s, address, len) != 0)
        failure = errno;
    if (failure == EINPROGRESS || failure == EINTR) {
        socklen_t size = sizeof failure;
        if (net_wait(s, POLLOUT, deadline_ns) != CELERIAC_OK)
            failure = ETIMEDOUT;
        else if (getsockopt(s, SOL_SOCKET, SO_ERROR, &failure, &size) != 0)
            failure = errno;
    }
    if (failure != 0) {
        (void)close(s);
        return failure;
    }
    *fd = s;
    return 0;
}

static enum celeriac_err fail(const char *reason, struct celeriac_error *err)
{
    return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "cannot connect: %s", reason);
}

static enum celeriac_err fail_errno(int failure, struct celeriac_error *err)
{
    char text[CELERIAC_ERROR_TEXT_MAX];
    return fail(strerror_r(failure, text, sizeof text), err);
}

static enum celeriac_err connect_unix(const struct cel_endpoint *endpoint, int64_t deadline_ns,
                                      int *fd, struct celeriac_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(endpoint->socket_path);
    if (len >= sizeof address.sun_path)
        return fail("the path is too long for a socket", err);
    memcpy(address.sun_path, endpoint->socket_path, len);
    int failure = connect_address(AF_UNIX, (const struct sockaddr *)&address, sizeof address,
                                  deadline_ns, fd);
    return failure == 0 ? CELERIAC_OK : fail_errno(failure, err);
}

enum celeriac_err net_connect(const struct cel_endpoint *endpoint, int64_t deadline_ns, int *fd,
                              struct celeriac_error *err)
{
    if (endpoint->socket_path != NULL)
        return connect_unix(endpoint, deadline_ns, fd, err);

    struct celeriac_error why = {0};
    struct addrinfo *list = NULL;
    if (lookup_name(getaddrinfo, endpoint->host, endpoint->port, deadline_ns, &list, &why) !=
        CELERIAC_OK)
        return fail(why.text, err);

    int failure = EADDRNOTAVAIL;
    for (const struct addrinfo *a = list; a != NULL && failure != 0; a = a->ai_next) {
        /* A silent first address must leave time for the second. */
        int64_t now = clock_monotonic_ns();
        int64_t until = a->ai_next == NULL ? deadline_ns : now + (deadline_ns - now) / 2;
        failure = connect_address(a->ai_family, a->ai_addr, a->ai_addrlen, until, fd);
    }
    freeaddrinfo(list);
    if (failure != 0)
        return fail_errno(failure, err);
    tune_tcp(*fd, !endpoint->no_keepalive);
    return CELERIAC_OK;
}
