#include "celery_proto/redis/conn.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "celery_proto/redis/backoff.h"
#include "celery_proto/redis/conn_io.h"
#include "celery_proto/redis/net.h"
#include "celery_proto/redis/resp.h"
#include "celery_proto/redis/tls.h"

/* Bytes of one read: a batch of 64 ordinary messages. */
#define READ_BYTES ((size_t)64 * 1024)

/* Unused memory that the reader may keep between replies. */
#define READER_KEEP_BYTES ((size_t)256 * 1024)

/* Longest login: a user and a password are a few hundred bytes. */
#define LOGIN_BYTES_MAX ((size_t)2 * CEL_URL_TEXT_MAX)

struct cel_conn {
    struct cel_broker_url *url;
    char *client_name;
    uint32_t connect_timeout_ms;
    uint32_t io_timeout_ms;
    int fd;
    struct tls_session *tls;
    struct redisReader *reader;
    size_t endpoint;
    uint64_t generation;
    unsigned failures;
    char buf[READ_BYTES];
};

static bool is_client_name(const char *name)
{
    for (; *name != '\0'; name++) {
        if (*name <= ' ' || *name > '~')
            return false;
    }
    return true;
}

enum celeriac_err cel_conn_create(const struct cel_conn_options *options, struct cel_conn **conn,
                                  struct celeriac_error *err)
{
    if (options->url == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "a Redis connection needs a URL");
    if (options->client_name != NULL && !is_client_name(options->client_name))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "client_name may hold printable characters only, no spaces");
    struct cel_conn *c = mem_calloc(1, sizeof *c);
    if (c == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for a Redis connection");
    c->fd = -1;
    c->url = options->url;
    c->connect_timeout_ms = options->connect_timeout_ms != 0 ? options->connect_timeout_ms
                                                             : CEL_CONN_CONNECT_TIMEOUT_MS;
    c->io_timeout_ms =
        options->io_timeout_ms != 0 ? options->io_timeout_ms : CEL_CONN_IO_TIMEOUT_MS;
    c->client_name = mem_dup(options->client_name);
    if (options->client_name != NULL && c->client_name == NULL) {
        cel_conn_destroy(c);
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for a Redis connection");
    }
    *conn = c;
    return CELERIAC_OK;
}

void cel_conn_destroy(struct cel_conn *conn)
{
    if (conn == NULL)
        return;
    cel_conn_disconnect(conn);
    mem_free(conn->client_name);
    mem_free(conn);
}

void cel_conn_disconnect(struct cel_conn *conn)
{
    tls_close(conn->tls);
    conn->tls = NULL;
    if (conn->fd >= 0)
        (void)close(conn->fd);
    conn->fd = -1;
    if (conn->reader != NULL)
        redisReaderFree(conn->reader);
    conn->reader = NULL;
}

bool cel_conn_is_connected(const struct cel_conn *conn)
{
    return conn->fd >= 0;
}

uint64_t cel_conn_generation(const struct cel_conn *conn)
{
    return conn->generation;
}

size_t cel_conn_endpoint(const struct cel_conn *conn)
{
    return conn->endpoint;
}

int cel_conn_fd(const struct cel_conn *conn)
{
    return conn->fd;
}

unsigned cel_conn_failures(const struct cel_conn *conn)
{
    return conn->failures;
}

uint32_t cel_conn_io_timeout_ms(const struct cel_conn *conn)
{
    return conn->io_timeout_ms;
}

void cel_conn_succeed(struct cel_conn *conn)
{
    conn->failures = 0;
}

void cel_conn_count_failure(struct cel_conn *conn)
{
    if (conn->failures < UINT16_MAX)
        conn->failures++;
}

enum celeriac_err cel_conn_fail(struct cel_conn *conn, enum celeriac_err code, bool fail_over,
                                const char *why, struct celeriac_error *err)
{
    struct strbuf where;
    strbuf_init(&where, CELERIAC_ERROR_TEXT_MAX);
    cel_endpoint_describe(cel_broker_url_endpoint(conn->url, conn->endpoint), &where);
    (void)celeriac_error_set(err, code, "%s: %s", strbuf_text(&where), why);
    strbuf_close(&where);
    cel_conn_disconnect(conn);
    cel_conn_count_failure(conn);
    if (fail_over)
        cel_broker_url_failed(conn->url, conn->endpoint);
    return code;
}

/* Closes after a system call failed with errno. */
static enum celeriac_err fail_errno(struct cel_conn *conn, int failure, struct celeriac_error *err)
{
    char text[CELERIAC_ERROR_TEXT_MAX];
    return cel_conn_fail(conn, CELERIAC_ERR_UNAVAILABLE, false,
                         strerror_r(failure, text, sizeof text), err);
}

/* One step of writing: *done bytes were taken, 0 when the socket is full; `events` to wait for. */
static enum celeriac_err write_some(struct cel_conn *conn, struct span bytes, size_t *done,
                                    short *events, struct celeriac_error *err)
{
    *done = 0;
    *events = POLLOUT;
    if (conn->tls == NULL) {
        ssize_t n = send(conn->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n >= 0)
            *done = (size_t)n;
        else if (errno != EAGAIN && errno != EINTR)
            return fail_errno(conn, errno, err);
        return CELERIAC_OK;
    }
    switch (tls_write(conn->tls, bytes.ptr, bytes.len, done)) {
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
    return cel_conn_fail(conn, CELERIAC_ERR_UNAVAILABLE, false, "the TLS connection was lost", err);
}

/* Waits for the socket, at most the io timeout. */
static enum celeriac_err wait_progress(struct cel_conn *conn, short events, int64_t deadline_ns,
                                       struct celeriac_error *err)
{
    if (net_wait(conn->fd, events, deadline_ns) == CELERIAC_OK)
        return CELERIAC_OK;
    return cel_conn_fail(conn, CELERIAC_ERR_UNAVAILABLE, true,
                         events == POLLIN ? "no answer in time" : "cannot write in time", err);
}

static int64_t io_deadline(const struct cel_conn *conn)
{
    return clock_monotonic_ns() + conn->io_timeout_ms * NS_PER_MS;
}

static enum celeriac_err send_until(struct cel_conn *conn, struct span bytes, int64_t fixed_ns,
                                    struct celeriac_error *err)
{
    while (bytes.len > 0) {
        size_t done;
        short events;
        enum celeriac_err code = write_some(conn, bytes, &done, &events, err);
        if (code != CELERIAC_OK)
            return code;
        bytes = (struct span){bytes.ptr + done, bytes.len - done};
        if (done == 0) {
            int64_t deadline = fixed_ns >= 0 ? fixed_ns : io_deadline(conn);
            code = wait_progress(conn, events, deadline, err);
            if (code != CELERIAC_OK)
                return code;
        }
    }
    return CELERIAC_OK;
}

enum celeriac_err cel_conn_send(struct cel_conn *conn, struct span bytes,
                                struct celeriac_error *err)
{
    return send_until(conn, bytes, -1, err);
}

/* One step of reading into the reader: *got_bytes tells whether any arrived. */
static enum celeriac_err read_some(struct cel_conn *conn, bool *got_bytes, short *events,
                                   struct celeriac_error *err)
{
    size_t n = 0;
    *got_bytes = false;
    *events = POLLIN;
    if (conn->tls == NULL) {
        ssize_t r = recv(conn->fd, conn->buf, sizeof conn->buf, 0);
        if (r == 0)
            return cel_conn_fail(conn, CELERIAC_ERR_UNAVAILABLE, false,
                                 "the server closed the connection", err);
        if (r < 0 && errno != EAGAIN && errno != EINTR)
            return fail_errno(conn, errno, err);
        n = r > 0 ? (size_t)r : 0;
    } else {
        enum tls_want want = tls_read(conn->tls, conn->buf, sizeof conn->buf, &n);
        if (want == TLS_CLOSED || want == TLS_FAILED)
            return cel_conn_fail(conn, CELERIAC_ERR_UNAVAILABLE, false,
                                 "the TLS connection was lost", err);
        if (want == TLS_WANT_WRITE)
            *events = POLLOUT;
    }
    if (n == 0)
        return CELERIAC_OK;
    *got_bytes = true;
    if (redisReaderFeed(conn->reader, conn->buf, n) != REDIS_OK)
        return cel_conn_fail(conn, CELERIAC_ERR_MEMORY, false, "no memory for a reply", err);
    return CELERIAC_OK;
}

/* The next whole reply that the reader holds, or NULL. */
static enum celeriac_err next_reply(struct cel_conn *conn, struct redisReply **reply,
                                    struct celeriac_error *err)
{
    void *r = NULL;
    if (redisReaderGetReply(conn->reader, &r) != REDIS_OK)
        return cel_conn_fail(
            conn, conn->reader->err == REDIS_ERR_OOM ? CELERIAC_ERR_MEMORY : CELERIAC_ERR_PROTOCOL,
            false, conn->reader->errstr, err);
    *reply = r;
    return CELERIAC_OK;
}

static enum celeriac_err receive_until(struct cel_conn *conn, struct redisReply **reply,
                                       int64_t fixed_ns, struct celeriac_error *err)
{
    for (;;) {
        struct redisReply *r = NULL;
        bool got_bytes = false;
        short events;
        enum celeriac_err code = next_reply(conn, &r, err);
        if (code != CELERIAC_OK)
            return code;
        if (r != NULL) {
            *reply = r;
            return CELERIAC_OK;
        }
        code = read_some(conn, &got_bytes, &events, err);
        if (code == CELERIAC_OK && !got_bytes)
            code = wait_progress(conn, events, fixed_ns >= 0 ? fixed_ns : io_deadline(conn), err);
        if (code != CELERIAC_OK)
            return code;
    }
}

enum celeriac_err cel_conn_receive(struct cel_conn *conn, struct redisReply **reply,
                                   struct celeriac_error *err)
{
    return receive_until(conn, reply, -1, err);
}

enum celeriac_err cel_conn_try_receive(struct cel_conn *conn, struct redisReply **reply,
                                       struct celeriac_error *err)
{
    *reply = NULL;
    for (;;) {
        bool got_bytes = false;
        short events;
        enum celeriac_err code = next_reply(conn, reply, err);
        if (code != CELERIAC_OK || *reply != NULL)
            return code;
        code = read_some(conn, &got_bytes, &events, err);
        if (code != CELERIAC_OK || !got_bytes)
            return code;
    }
}

bool cel_conn_has_buffered(const struct cel_conn *conn)
{
    if (conn->fd < 0)
        return false;
    return conn->reader->len > conn->reader->pos ||
           (conn->tls != NULL && tls_has_pending(conn->tls));
}

/* The commands of a login, and how many; their replies are judged by check_login(). */
static size_t write_login(const struct cel_conn *conn, const struct cel_endpoint *endpoint,
                          struct strbuf *out)
{
    size_t count = 1;
    if (endpoint->password != NULL) {
        resp_begin(out, endpoint->user != NULL ? 3 : 2);
        resp_arg(out, SPAN("AUTH"));
        if (endpoint->user != NULL)
            resp_arg(out, span_of(endpoint->user));
        resp_arg(out, span_of(endpoint->password));
        count++;
    }
    if (endpoint->db != 0) {
        resp_begin(out, 2);
        resp_arg(out, SPAN("SELECT"));
        resp_arg_int(out, endpoint->db);
        count++;
    }
    if (conn->client_name != NULL) {
        resp_begin(out, 3);
        resp_arg(out, SPAN("CLIENT"));
        resp_arg(out, SPAN("SETNAME"));
        resp_arg(out, span_of(conn->client_name));
        count++;
    }
    resp_begin(out, 1);
    resp_arg(out, SPAN("PING"));
    return count;
}

/* A login reply: a missing right for PING or CLIENT is none of our business. */
static enum celeriac_err check_login(struct cel_conn *conn, const struct redisReply *reply,
                                     bool may_lack_right, struct celeriac_error *err)
{
    struct celeriac_error why = {0};
    if (may_lack_right &&
        (cel_reply_is_error_word(reply, "NOPERM") || cel_reply_is_error_word(reply, "ERR")))
        return CELERIAC_OK;
    enum celeriac_err code = cel_reply_check(reply, &why);
    if (code == CELERIAC_OK)
        return CELERIAC_OK;
    if (span_starts(cel_reply_span(reply), SPAN("ERR AUTH")) ||
        span_starts(cel_reply_span(reply), SPAN("ERR invalid password")) ||
        span_starts(cel_reply_span(reply), SPAN("ERR Client sent AUTH")))
        code = CELERIAC_ERR_AUTH;
    return cel_conn_fail(conn, code, code == CELERIAC_ERR_UNAVAILABLE, why.text, err);
}

static enum celeriac_err log_in(struct cel_conn *conn, int64_t deadline_ns,
                                struct celeriac_error *err)
{
    const struct cel_endpoint *endpoint = cel_broker_url_endpoint(conn->url, conn->endpoint);
    /* What comes before CLIENT SETNAME and PING must succeed. */
    size_t needed = (endpoint->password != NULL ? 1U : 0U) + (endpoint->db != 0 ? 1U : 0U);
    struct strbuf out;
    strbuf_init(&out, LOGIN_BYTES_MAX);
    /* All at once: a buffer that grows would leave copies of the password behind. */
    (void)strbuf_reserve(&out, LOGIN_BYTES_MAX);
    size_t count = write_login(conn, endpoint, &out);
    enum celeriac_err code = strbuf_status(&out);
    if (code == CELERIAC_OK)
        code = send_until(conn, strbuf_span(&out), deadline_ns, err);
    else
        (void)cel_conn_fail(conn, code, false, "cannot build the login", err);
    for (size_t i = 0; i < count && code == CELERIAC_OK; i++) {
        struct redisReply *reply = NULL;
        code = receive_until(conn, &reply, deadline_ns, err);
        if (code == CELERIAC_OK)
            code = check_login(conn, reply, i >= needed, err);
        cel_reply_destroy(reply);
    }
    if (out.ptr != NULL)
        OPENSSL_cleanse(out.ptr, out.len);
    strbuf_close(&out);
    return code;
}

enum celeriac_err cel_conn_ensure(struct cel_conn *conn, struct celeriac_error *err)
{
    if (conn->fd >= 0)
        return CELERIAC_OK;
    conn->endpoint = cel_broker_url_current(conn->url);
    const struct cel_endpoint *endpoint = cel_broker_url_endpoint(conn->url, conn->endpoint);
    int64_t deadline = clock_monotonic_ns() + conn->connect_timeout_ms * NS_PER_MS;

    enum celeriac_err code = net_connect(endpoint, deadline, &conn->fd, err);
    if (code == CELERIAC_OK && endpoint->tls)
        code = tls_open(endpoint, conn->fd, deadline, &conn->tls, err);
    if (code != CELERIAC_OK)
        return cel_conn_fail(conn, code, true, "cannot connect", err);
    conn->reader = redisReaderCreate();
    if (conn->reader == NULL)
        return cel_conn_fail(conn, CELERIAC_ERR_MEMORY, false, "no memory for a reader", err);
    conn->reader->maxbuf = READER_KEEP_BYTES;
    code = log_in(conn, deadline, err);
    if (code != CELERIAC_OK)
        return code;
    conn->generation++;
    return CELERIAC_OK;
}

enum celeriac_err cel_conn_pause(struct cel_conn *conn, int wake_fd)
{
    int64_t until = clock_monotonic_ns() + cel_backoff_ns(conn->failures, random_os, NULL);
    /* Without a descriptor there is nothing to watch: poll() only sleeps. */
    enum celeriac_err woken = net_wait(wake_fd, wake_fd < 0 ? 0 : POLLIN, until);
    return woken == CELERIAC_OK ? CELERIAC_ERR_SHUTDOWN : CELERIAC_OK;
}
