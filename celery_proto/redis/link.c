#include "celery_proto/redis/link.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "celery_proto/redis/net.h"
#include "celery_proto/redis/reply.h"
#include "celery_proto/redis/resp.h"
#include "celery_proto/redis/tls.h"

/* Bytes of one read: a batch of 64 ordinary messages. */
#define READ_BYTES ((size_t)64 * 1024)

/* Unused memory that the reader may keep between replies. */
#define READER_KEEP_BYTES ((size_t)256 * 1024)

/* Longest login: a user and a password are a few hundred bytes. */
#define LOGIN_BYTES_MAX ((size_t)2 * CEL_URL_TEXT_MAX)

struct cel_link {
    int fd;
    struct tls_session *tls;
    struct redisReader *reader;
    char buf[READ_BYTES];
};

struct cel_link *link_create(void)
{
    /* Not cleared: the buffer of a connection that is never made shall cost no memory. */
    struct cel_link *link = mem_alloc(sizeof *link);
    if (link == NULL)
        return NULL;
    link->fd = -1;
    link->tls = NULL;
    link->reader = NULL;
    return link;
}

void link_destroy(struct cel_link *link)
{
    if (link == NULL)
        return;
    link_close(link);
    mem_free(link);
}

void link_close(struct cel_link *link)
{
    tls_close(link->tls);
    link->tls = NULL;
    if (link->fd >= 0)
        (void)close(link->fd);
    link->fd = -1;
    if (link->reader != NULL)
        redisReaderFree(link->reader);
    link->reader = NULL;
}

bool link_is_open(const struct cel_link *link)
{
    return link->fd >= 0;
}

int link_fd(const struct cel_link *link)
{
    return link->fd;
}

static enum celeriac_err lost(struct celeriac_error *err, int failure)
{
    char text[CELERIAC_ERROR_TEXT_MAX];
    return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "%s",
                              strerror_r(failure, text, sizeof text));
}

static enum celeriac_err lost_tls(struct celeriac_error *err)
{
    return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "the TLS connection was lost");
}

/* One step of writing: *done bytes were taken, 0 when the socket is full; `events` to wait for. */
static enum celeriac_err write_some(struct cel_link *link, struct span bytes, size_t *done,
                                    short *events, struct celeriac_error *err)
{
    *done = 0;
    *events = POLLOUT;
    if (link->tls == NULL) {
        ssize_t n = send(link->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n >= 0)
            *done = (size_t)n;
        else if (errno != EAGAIN && errno != EINTR)
            return lost(err, errno);
        return CELERIAC_OK;
    }
    switch (tls_write(link->tls, bytes.ptr, bytes.len, done)) {
    case TLS_DONE:
    case TLS_WANT_WRITE:
        return CELERIAC_OK;
    case TLS_WANT_READ:
        *events = POLLIN;
        return CELERIAC_OK;
    case TLS_CLOSED:
    case TLS_FAILED:
        break;
    }
    return lost_tls(err);
}

static enum celeriac_err wait_progress(struct cel_link *link, short events,
                                       struct link_patience patience, struct celeriac_error *err)
{
    int64_t deadline = patience.deadline_ns >= 0
                           ? patience.deadline_ns
                           : clock_monotonic_ns() + patience.progress_ms * NS_PER_MS;
    if (net_wait(link->fd, events, deadline) == CELERIAC_OK)
        return CELERIAC_OK;
    return celeriac_error_set(err, CELERIAC_ERR_TIMEOUT,
                              events == POLLIN ? "no answer in time" : "cannot write in time");
}

enum celeriac_err link_send(struct cel_link *link, struct span bytes, struct link_patience patience,
                            struct celeriac_error *err)
{
    while (bytes.len > 0) {
        size_t done;
        short events;
        enum celeriac_err code = write_some(link, bytes, &done, &events, err);
        if (code != CELERIAC_OK)
            return code;
        bytes = (struct span){bytes.ptr + done, bytes.len - done};
        if (done == 0)
            code = wait_progress(link, events, patience, err);
        if (code != CELERIAC_OK)
            return code;
    }
    return CELERIAC_OK;
}

/* One step of reading into the reader: *got_bytes tells whether any arrived. */
static enum celeriac_err read_some(struct cel_link *link, bool *got_bytes, short *events,
                                   struct celeriac_error *err)
{
    size_t n = 0;
    *got_bytes = false;
    *events = POLLIN;
    if (link->tls == NULL) {
        ssize_t r = recv(link->fd, link->buf, sizeof link->buf, 0);
        if (r == 0)
            return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE,
                                      "the server closed the connection");
        if (r < 0 && errno != EAGAIN && errno != EINTR)
            return lost(err, errno);
        n = r > 0 ? (size_t)r : 0;
    } else {
        enum tls_want want = tls_read(link->tls, link->buf, sizeof link->buf, &n);
        if (want == TLS_CLOSED || want == TLS_FAILED)
            return lost_tls(err);
        if (want == TLS_WANT_WRITE)
            *events = POLLOUT;
    }
    if (n == 0)
        return CELERIAC_OK;
    *got_bytes = true;
    if (redisReaderFeed(link->reader, link->buf, n) != REDIS_OK)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for a reply");
    return CELERIAC_OK;
}

/* The next whole reply that the reader holds, or NULL. */
static enum celeriac_err next_reply(struct cel_link *link, struct redisReply **reply,
                                    struct celeriac_error *err)
{
    void *r = NULL;
    if (redisReaderGetReply(link->reader, &r) != REDIS_OK)
        return celeriac_error_set(
            err, link->reader->err == REDIS_ERR_OOM ? CELERIAC_ERR_MEMORY : CELERIAC_ERR_PROTOCOL,
            "%s", link->reader->errstr);
    *reply = r;
    return CELERIAC_OK;
}

enum celeriac_err link_receive(struct cel_link *link, struct link_patience patience,
                               struct redisReply **reply, struct celeriac_error *err)
{
    for (;;) {
        struct redisReply *r = NULL;
        bool got_bytes = false;
        short events;
        enum celeriac_err code = next_reply(link, &r, err);
        if (code != CELERIAC_OK)
            return code;
        if (r != NULL) {
            *reply = r;
            return CELERIAC_OK;
        }
        code = read_some(link, &got_bytes, &events, err);
        if (code == CELERIAC_OK && !got_bytes)
            code = wait_progress(link, events, patience, err);
        if (code != CELERIAC_OK)
            return code;
    }
}

enum celeriac_err link_try_receive(struct cel_link *link, struct redisReply **reply,
                                   struct celeriac_error *err)
{
    *reply = NULL;
    for (;;) {
        bool got_bytes = false;
        short events;
        enum celeriac_err code = next_reply(link, reply, err);
        if (code != CELERIAC_OK || *reply != NULL)
            return code;
        code = read_some(link, &got_bytes, &events, err);
        if (code != CELERIAC_OK || !got_bytes)
            return code;
    }
}

bool link_has_buffered(const struct cel_link *link)
{
    if (link->fd < 0)
        return false;
    return link->reader->len > link->reader->pos ||
           (link->tls != NULL && tls_has_pending(link->tls));
}

/* ---- login --------------------------------------------------------------------------------- */

/* What a login consists of; the commands go out together and are answered in this order. */
struct login {
    bool has_auth, has_select, has_name, has_role;
};

static struct login login_of(const struct cel_endpoint *endpoint, const char *client_name)
{
    return (struct login){.has_auth = endpoint->user != NULL || endpoint->password != NULL,
                          .has_select = endpoint->db != 0,
                          .has_name = client_name != NULL,
                          .has_role = endpoint->must_be_master};
}

static void write_login(const struct cel_endpoint *endpoint, const char *client_name,
                        struct login login, struct strbuf *out)
{
    if (login.has_auth) {
        resp_begin(out, endpoint->user != NULL ? 3 : 2);
        resp_arg(out, SPAN("AUTH"));
        if (endpoint->user != NULL)
            resp_arg(out, span_of(endpoint->user));
        resp_arg(out, span_of(endpoint->password));
    }
    if (login.has_select) {
        resp_begin(out, 2);
        resp_arg(out, SPAN("SELECT"));
        resp_arg_int(out, endpoint->db);
    }
    if (login.has_name) {
        resp_begin(out, 3);
        resp_arg(out, SPAN("CLIENT"));
        resp_arg(out, SPAN("SETNAME"));
        resp_arg(out, span_of(client_name));
    }
    if (login.has_role) {
        resp_begin(out, 1);
        resp_arg(out, SPAN("ROLE"));
    }
    resp_begin(out, 1);
    resp_arg(out, SPAN("PING"));
}

/* A login reply. A missing right for what is only a courtesy is none of our business. */
static enum celeriac_err check_login(const struct redisReply *reply, bool is_courtesy,
                                     struct celeriac_error *err)
{
    if (is_courtesy &&
        (cel_reply_is_error_word(reply, "NOPERM") || cel_reply_is_error_word(reply, "ERR")))
        return CELERIAC_OK;
    struct celeriac_error why = {0};
    enum celeriac_err code = cel_reply_check(reply, &why);
    if (code == CELERIAC_OK)
        return CELERIAC_OK;
    if (span_starts(cel_reply_span(reply), SPAN("ERR AUTH")) ||
        span_starts(cel_reply_span(reply), SPAN("ERR invalid password")) ||
        span_starts(cel_reply_span(reply), SPAN("ERR Client sent AUTH")))
        code = CELERIAC_ERR_AUTH;
    return celeriac_error_set(err, code, "%s", why.text);
}

static enum celeriac_err receive_login(struct cel_link *link, bool is_courtesy, bool is_role,
                                       struct link_patience patience, struct celeriac_error *err)
{
    struct redisReply *reply = NULL;
    enum celeriac_err code = link_receive(link, patience, &reply, err);
    if (code == CELERIAC_OK)
        code = check_login(reply, is_courtesy, err);
    if (code == CELERIAC_OK && is_role && cel_reply_is_array(reply) &&
        !span_is(cel_reply_span(cel_reply_at(reply, 0)), "master"))
        code = celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE,
                                  "the sentinels' master is a replica still");
    cel_reply_destroy(reply);
    return code;
}

static enum celeriac_err log_in(struct cel_link *link, const struct cel_endpoint *endpoint,
                                const char *client_name, int64_t deadline_ns,
                                struct celeriac_error *err)
{
    struct link_patience patience = {.deadline_ns = deadline_ns};
    struct login login = login_of(endpoint, client_name);
    struct strbuf out;
    strbuf_init(&out, LOGIN_BYTES_MAX);
    /* All at once: a buffer that grows would leave copies of the password behind. */
    (void)strbuf_reserve(&out, LOGIN_BYTES_MAX);
    write_login(endpoint, client_name, login, &out);
    enum celeriac_err code = strbuf_status(&out);
    if (code == CELERIAC_OK)
        code = link_send(link, strbuf_span(&out), patience, err);
    else
        (void)celeriac_error_set(err, code, "cannot build the login");
    if (code == CELERIAC_OK && login.has_auth)
        code = receive_login(link, false, false, patience, err);
    if (code == CELERIAC_OK && login.has_select)
        code = receive_login(link, false, false, patience, err);
    if (code == CELERIAC_OK && login.has_name)
        code = receive_login(link, true, false, patience, err);
    if (code == CELERIAC_OK && login.has_role)
        code = receive_login(link, true, true, patience, err);
    if (code == CELERIAC_OK)
        code = receive_login(link, true, false, patience, err);
    if (out.ptr != NULL)
        OPENSSL_cleanse(out.ptr, out.len);
    strbuf_close(&out);
    return code;
}

enum celeriac_err link_open(struct cel_link *link, const struct cel_endpoint *endpoint,
                            const char *client_name, int64_t deadline_ns,
                            struct celeriac_error *err)
{
    enum celeriac_err code = net_connect(endpoint, deadline_ns, &link->fd, err);
    if (code == CELERIAC_OK && endpoint->tls)
        code = tls_open(endpoint, link->fd, deadline_ns, &link->tls, err);
    if (code == CELERIAC_OK) {
        link->reader = redisReaderCreate();
        if (link->reader == NULL)
            code = celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for a reader");
        else
            link->reader->maxbuf = READER_KEEP_BYTES;
    }
    if (code == CELERIAC_OK)
        code = log_in(link, endpoint, client_name, deadline_ns, err);
    if (code != CELERIAC_OK)
        link_close(link);
    return code;
}
