#include "tests/integration/api/server_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/listen_socket.h"

/* Exchanges that wait for the test to say go. */
#define PENDING_MAX 2048

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct http_exchange *pending[PENDING_MAX];
    size_t count;
} waiting = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* Answers with what it saw: method, path, query, length of the body. */
static void echo(struct http_exchange *x, void *context)
{
    const struct http_request *q = http_request(x);
    struct http_response *r = http_response(x);

    (void)context;
    r->status = q->body_too_large ? 413 : q->body_unwelcome ? 503 : 200;
    r->content_type = "text/plain";
    http_add_header(r, "X-Peer", q->peer[0] ? "known" : "unknown");
    strbuf_printf(&r->body, "%.*s %.*s ?%.*s %zu host=%.*s", SPAN_PRINTF(q->method_name),
                  SPAN_PRINTF(q->path), SPAN_PRINTF(q->query), q->body.len, SPAN_PRINTF(q->host));
    http_finish(x);
}

static void answer_at_length(struct http_exchange *x)
{
    struct http_response *r = http_response(x);
    char *to = strbuf_reserve(&r->body, LARGE_ANSWER);

    assert_non_null(to);
    if (!http_hold(x, r->body.cap)) {
        strbuf_close(&r->body);
        r->status = 503;
        http_finish(x);
        return;
    }
    memset(to, 'x', LARGE_ANSWER);
    strbuf_grow(&r->body, LARGE_ANSWER);
    r->status = 200;
    http_finish(x);
}

static void handle(struct http_exchange *x, void *context)
{
    (void)context;
    if (span_is(http_request(x)->path, "/large")) {
        answer_at_length(x);
        return;
    }
    if (!span_starts(http_request(x)->path, SPAN("/wait"))) {
        echo(x, NULL);
        return;
    }
    pthread_mutex_lock(&waiting.lock);
    waiting.pending[waiting.count++] = x;
    pthread_cond_signal(&waiting.changed);
    pthread_mutex_unlock(&waiting.lock);
}

void await_pending(size_t count)
{
    pthread_mutex_lock(&waiting.lock);
    while (waiting.count < count)
        pthread_cond_wait(&waiting.changed, &waiting.lock);
    pthread_mutex_unlock(&waiting.lock);
}

void release_pending(void)
{
    pthread_mutex_lock(&waiting.lock);
    for (size_t i = 0; i < waiting.count; i++)
        http_continue(waiting.pending[i], echo, NULL);
    waiting.count = 0;
    pthread_mutex_unlock(&waiting.lock);
}

int start_with_options(void **state, struct server_options options)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct celeriac_error err = {0};

    options.handler = handle;

    signal(SIGPIPE, SIG_IGN);
    assert_non_null(f);
    assert_int_equal(listen_socket_open("127.0.0.1", 0, false, &options.listen_fd, &f->port, &err),
                     CELERIAC_OK);
    assert_int_equal(server_create(&options, &f->server, &err), CELERIAC_OK);
    *state = f;
    return 0;
}

int start(void **state)
{
    return start_with_options(state,
                              (struct server_options){.idle_seconds = 60, .head_seconds = 60});
}

int stop(void **state)
{
    struct fixture *f = *state;

    server_destroy(f->server);
    free(f);
    return 0;
}

int dial_from(const struct fixture *f, const char *from)
{
    struct sockaddr_in own = {.sin_family = AF_INET};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)f->port)};
    struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(inet_pton(AF_INET, from, &own.sin_addr), 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof own), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

int dial(const struct fixture *f)
{
    return dial_from(f, "127.0.0.1");
}

void say(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, text, len, 0);

        assert_true(n > 0);
        text += n;
        len -= (size_t)n;
    }
}

void say_text(int fd, const char *text)
{
    say(fd, text, strlen(text));
}

void hear(int fd, struct strbuf *text, const char *until)
{
    char chunk[4096];
    ssize_t n;

    while (!(text->len > 0 && strstr(strbuf_text(text), until))) {
        n = recv(fd, chunk, sizeof chunk, 0);
        if (n <= 0)
            return;
        strbuf_add(text, chunk, (size_t)n);
    }
}

void check(const struct fixture *f, const char *request, const char *wanted)
{
    struct strbuf text;
    int fd = dial(f);

    strbuf_init(&text, 100000);
    say_text(fd, request);
    hear(fd, &text, wanted);
    if (!strstr(strbuf_text(&text), wanted))
        fail_msg("no '%s' in: %s", wanted, strbuf_text(&text));
    strbuf_close(&text);
    close(fd);
}

void await_end(int fd)
{
    char bytes[4096];
    ssize_t heard;

    do
        heard = recv(fd, bytes, sizeof bytes, 0);
    while (heard > 0);
    assert_true(heard == 0 || errno == ECONNRESET);
    close(fd);
}
