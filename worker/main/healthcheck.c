#include "worker/main/healthcheck.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/listen_socket.h"
#include "base/span.h"

static const char question[] = "GET /readyz HTTP/1.0\r\n\r\n";

/* A server listens on all addresses of this machine; we need one to connect to. */
static const char *reachable(const char *host)
{
    struct span name = span_of(host);

    if (name.len == 0 || span_is(name, "0.0.0.0"))
        return "127.0.0.1";
    return span_is(name, "::") ? "::1" : host;
}

/* A connected socket, or -1 with errno set. */
static int try_address(const struct addrinfo *address)
{
    const struct timeval patience = {.tv_sec = HEALTHCHECK_SECONDS};
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, 0);
    int reason;

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
        connect(fd, address->ai_addr, address->ai_addrlen) == 0)
        return fd;
    reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

static enum celeriac_err dial(const char *host, unsigned port, int *fd, struct celeriac_error *err)
{
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char service[16];
    char why[128];
    int made = -1;

    (void)snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(reachable(host), service, &wanted, &found))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "--http: unknown host %s", host);
    for (const struct addrinfo *a = found; a && made < 0; a = a->ai_next)
        made = try_address(a);
    freeaddrinfo(found);
    if (made < 0)
        return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "cannot connect: %s",
                                  strerror_r(errno, why, sizeof why));
    *fd = made;
    return CELERIAC_OK;
}

/* Sends the question and reads until the other side closes. */
static enum celeriac_err converse(int fd, struct strbuf *reply, struct celeriac_error *err)
{
    char bytes[512];
    ssize_t n = send(fd, question, sizeof question - 1, MSG_NOSIGNAL);

    if (n != (ssize_t)(sizeof question - 1))
        return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "cannot ask");
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0)
        strbuf_add(reply, bytes, (size_t)n);
    if (n < 0)
        return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "no answer within %d s",
                                  HEALTHCHECK_SECONDS);
    return CELERIAC_OK;
}

static enum celeriac_err read_reply(struct span reply, bool *ready, struct strbuf *answer,
                                    struct celeriac_error *err)
{
    bool is_ready =
        span_starts(reply, SPAN("HTTP/1.1 200 ")) || span_starts(reply, SPAN("HTTP/1.0 200 "));
    const char *body = reply.len > 0 ? memmem(reply.ptr, reply.len, "\r\n\r\n", 4) : NULL;

    if (!span_starts(reply, SPAN("HTTP/1.")) || !body)
        return celeriac_error_set(err, CELERIAC_ERR_PROTOCOL, "the answer is not HTTP");
    body += 4;
    strbuf_add_span(answer, span_trim((struct span){body, reply.len - (size_t)(body - reply.ptr)}));
    *ready = is_ready;
    return strbuf_status(answer);
}

enum celeriac_err worker_healthcheck(const char *address, bool *ready, struct strbuf *answer,
                                     struct celeriac_error *err)
{
    char host[LISTEN_HOST_SIZE];
    struct strbuf reply;
    unsigned port = 0;
    int fd = -1;
    enum celeriac_err code = listen_address_parse(span_of(address), host, &port, err);

    if (code == CELERIAC_OK)
        code = dial(host, port, &fd, err);
    if (code)
        return code;
    strbuf_init(&reply, (size_t)16 * 1024);
    code = converse(fd, &reply, err);
    if (code == CELERIAC_OK)
        code = strbuf_status(&reply);
    if (code == CELERIAC_OK)
        code = read_reply(strbuf_span(&reply), ready, answer, err);
    strbuf_close(&reply);
    close(fd);
    return code;
}
