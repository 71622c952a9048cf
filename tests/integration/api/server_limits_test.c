/* What a server takes of a client, and how long: bytes, connections, memory, patience. */
#include "tests/integration/api/server_fixture.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "api/memory_budget.h"

static int start_impatient(void **state)
{
    return start_with_options(state, (struct server_options){.idle_seconds = 2, .head_seconds = 2});
}

static int start_impatient_with_readers(void **state)
{
    return start_with_options(
        state,
        (struct server_options){.idle_seconds = 60, .head_seconds = 60, .answer_seconds = 1});
}

static int start_impatient_with_bodies(void **state)
{
    return start_with_options(state, (struct server_options){.body_seconds = 1});
}

static int start_narrow(void **state)
{
    return start_with_options(state, (struct server_options){.connections = 10});
}

static int start_sharing(void **state)
{
    return start_with_options(state, (struct server_options){.connections_per_address = 5});
}

static int start_forgetful(void **state)
{
    return start_with_options(state, (struct server_options){.big_bytes = 3 * MEMORY_BUDGET_SMALL});
}

/* Room for one large answer: a buffer grows by doubling. */
static int start_concise(void **state)
{
    return start_with_options(state, (struct server_options){.answer_bytes = 2 * LARGE_ANSWER});
}

static int start_too_concise(void **state)
{
    return start_with_options(state, (struct server_options){.answer_bytes = 2 * LARGE_ANSWER - 1});
}

static void post_of_size(const struct fixture *f, size_t size, const char *wanted)
{
    char head[200];
    char *body = calloc(1, size + 1);
    struct strbuf text;
    int fd = dial(f);
    int len = snprintf(head, sizeof head,
                       "POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", size);

    assert_non_null(body);
    strbuf_init(&text, 100000);
    say(fd, head, (size_t)len);
    say(fd, body, size);
    hear(fd, &text, wanted);
    if (!strstr(strbuf_text(&text), wanted))
        fail_msg("no '%s' in: %s", wanted, strbuf_text(&text));
    strbuf_close(&text);
    free(body);
    close(fd);
}

static void bodies_are_limited(void **state)
{
    post_of_size(*state, HTTP_BODY_MAX, "HTTP/1.1 200 OK");
    post_of_size(*state, HTTP_BODY_MAX, "POST /big ? 2621440 ");
    post_of_size(*state, HTTP_BODY_MAX + 1, "HTTP/1.1 413 ");
    post_of_size(*state, SERVER_DRAIN_MAX, "POST /big ? 0 ");
    check(*state, "POST /huge HTTP/1.1\r\nHost: h\r\nContent-Length: 16777217\r\n\r\n",
          "HTTP/1.1 413 ");
}

static void headers_are_limited(void **state)
{
    static char request[2 * SERVER_HEADERS_MAX];
    int len = snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: h\r\nX-Long: ");

    memset(request + len, 'x', SERVER_HEADERS_MAX / 2);
    memcpy(request + len + SERVER_HEADERS_MAX / 2, "\r\n\r\n", 5);
    check(*state, request, "GET / ? 0");
    memset(request + len, 'x', SERVER_HEADERS_MAX);
    memcpy(request + len + SERVER_HEADERS_MAX, "\r\n\r\n", 5);
    check(*state, request, "HTTP/1.1 431 ");
}

static void rubbish_is_refused(void **state)
{
    static const char *const rubbish[] = {"\r\n\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
                                          "\x16\x03\x01\x02",
                                          ("POST / HTTP/1.1\r\nHost: h\r\n"
                                           "Content-Length: x\r\n\r\n")};

    for (size_t i = 0; i < sizeof rubbish / sizeof rubbish[0]; i++) {
        struct strbuf text;
        int fd = dial(*state);

        strbuf_init(&text, 100000);
        say_text(fd, rubbish[i]);
        shutdown(fd, SHUT_WR);
        hear(fd, &text, "HTTP/1.1 200");
        assert_null(strstr(strbuf_text(&text), "HTTP/1.1 200"));
        strbuf_close(&text);
        close(fd);
    }
    check(*state, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / ? 0");
}

/* However many idle connections there are, the next client is served. */
static void the_longest_idle_make_room(void **state)
{
    struct strbuf text;
    int fds[200];
    int kept = dial(*state);

    strbuf_init(&text, 10000);
    for (int i = 0; i < 200; i++) {
        fds[i] = dial(*state);
        say_text(kept, "GET /kept HTTP/1.1\r\nHost: h\r\n\r\n");
        hear(kept, &text, "GET /kept ? 0");
        assert_non_null(strstr(strbuf_text(&text), "GET /kept ? 0"));
        strbuf_clear(&text);
    }
    for (int i = 0; i < 200 - 10; i++)
        await_end(fds[i]);
    for (int i = 200 - 10 + 1; i < 200; i++) {
        say_text(fds[i], "GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
        hear(fds[i], &text, "GET /late ? 0");
        assert_non_null(strstr(strbuf_text(&text), "GET /late ? 0"));
        strbuf_clear(&text);
        close(fds[i]);
    }
    close(fds[200 - 10]);
    strbuf_close(&text);
    close(kept);
}

static void connections_of_an_address_are_limited(void **state)
{
    static const char request[] = "GET /z HTTP/1.1\r\nHost: h\r\n\r\n";
    struct strbuf text;
    int fds[5];

    strbuf_init(&text, 10000);
    for (int i = 0; i < 5; i++) {
        fds[i] = dial(*state);
        say_text(fds[i], "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
        hear(fds[i], &text, "GET /x ? 0");
        assert_non_null(strstr(strbuf_text(&text), "GET /x ? 0"));
        strbuf_clear(&text);
    }
    for (int i = 0; i < 20; i++)
        await_end(dial(*state));
    /* Others come in, and so does the same one when a connection of its own has ended. */
    for (int i = 0; i < 2; i++) {
        int fd = dial_from(*state, "127.0.0.2");

        say_text(fd, "GET /y HTTP/1.1\r\nHost: h\r\n\r\n");
        hear(fd, &text, "GET /y ? 0");
        assert_non_null(strstr(strbuf_text(&text), "GET /y ? 0"));
        strbuf_clear(&text);
        close(fd);
    }
    say_text(fds[0], "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    await_end(fds[0]);
    for (int tries = 0; text.len == 0; tries++) {
        int fd = dial(*state);

        assert_in_range(tries, 0, 1000);
        if (send(fd, request, sizeof request - 1, 0) > 0)
            hear(fd, &text, "GET /z ? 0");
        close(fd);
    }
    assert_non_null(strstr(strbuf_text(&text), "GET /z ? 0"));
    for (int i = 1; i < 5; i++)
        close(fds[i]);
    strbuf_close(&text);
}

/* Says the beginning of a request, then a byte now and then until the server has had enough. */
static void trickle(const struct fixture *f, const char *begin)
{
    struct timeval soon = {.tv_usec = 100000};
    char byte;
    ssize_t heard;
    int fd = dial(f);

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0);
    say_text(fd, begin);
    do {
        (void)!send(fd, "x", 1, 0);
        heard = recv(fd, &byte, 1, 0);
    } while (heard < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
    assert_true(heard == 0 || (heard < 0 && errno == ECONNRESET));
    close(fd);
}

/* A byte of a body now and then is never silence, but does not hold a connection for ever. */
static void slow_bodies_are_cut_off(void **state)
{
    trickle(*state, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
}

/* Says a request with a body of that size up to its last byte. */
static int begin_post(const struct fixture *f, size_t size)
{
    char *body = calloc(1, size);
    struct strbuf head;
    int fd = dial(f);

    assert_non_null(body);
    strbuf_init(&head, 1000);
    strbuf_printf(&head, "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", size);
    say(fd, strbuf_text(&head), head.len);
    say(fd, body, size - 1);
    strbuf_close(&head);
    free(body);
    return fd;
}

/* Says the last byte; whether the answer has that status. */
static bool end_post(int fd, const char *status)
{
    struct strbuf text;
    bool found;

    strbuf_init(&text, 10000);
    say(fd, "", 1);
    hear(fd, &text, "POST /2 ?");
    found = strstr(strbuf_text(&text), status) != NULL;
    strbuf_close(&text);
    close(fd);
    return found;
}

/* While one takes two thirds of the memory for large bodies, another has to come again. */
static void memory_for_bodies_is_limited(void **state)
{
    const size_t large = 2 * MEMORY_BUDGET_SMALL + 1;
    bool is_limited = false;

    /* Both are refused when their bytes arrive in turns. */
    for (int tries = 0; !is_limited; tries++) {
        int first = begin_post(*state, large);

        assert_in_range(tries, 0, 1000);
        is_limited = end_post(begin_post(*state, large), "HTTP/1.1 503 ");
        assert_true(end_post(begin_post(*state, MEMORY_BUDGET_SMALL), "HTTP/1.1 200 OK"));
        is_limited = end_post(first, "HTTP/1.1 200 OK") && is_limited;
    }
    /* What they took is given back. */
    for (int tries = 0; !end_post(begin_post(*state, large), "HTTP/1.1 200 OK"); tries++)
        assert_in_range(tries, 0, 1000);
}

/* Asks for a path and reads the status of the answer; the rest stays unread. */
static int ask_for(const struct fixture *f, const char *path, int *status)
{
    char head[16] = "";
    size_t len = 0;
    int fd = dial(f);

    say_text(fd, "GET ");
    say_text(fd, path);
    say_text(fd, " HTTP/1.1\r\nHost: h\r\n\r\n");
    while (len < 12) {
        ssize_t heard = recv(fd, head + len, 12 - len, 0);

        assert_true(heard > 0);
        len += (size_t)heard;
    }
    assert_memory_equal(head, "HTTP/1.1 ", 9);
    *status = (head[9] - '0') * 100 + (head[10] - '0') * 10 + (head[11] - '0');
    return fd;
}

static int status_of(const struct fixture *f, const char *path)
{
    int status;

    close(ask_for(f, path, &status));
    return status;
}

/* While one is slow to read a large answer there is no memory for another; small ones there are. */
static void memory_for_answers_is_limited(void **state)
{
    int status, fd = ask_for(*state, "/large", &status);

    assert_int_equal(status, 200);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(status_of(*state, "/large"), 503);
        assert_int_equal(status_of(*state, "/small"), 200);
    }
    close(fd);
    for (int tries = 0; status_of(*state, "/large") != 200; tries++) {
        assert_in_range(tries, 0, 2000);
        (void)poll(NULL, 0, 10);
    }
}

static void an_answer_beyond_all_memory_is_refused(void **state)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(status_of(*state, "/large"), 503);
    assert_int_equal(status_of(*state, "/small"), 200);
}

static void silent_connections_are_closed(void **state)
{
    char byte;
    ssize_t heard;
    int fd = dial(*state);

    say_text(fd, "GET / HT");
    heard = recv(fd, &byte, 1, 0);
    /* Closed by the server, which is something else than our own patience at its end. */
    assert_true(heard == 0 || (heard < 0 && errno == ECONNRESET));
    close(fd);
}

/* A byte now and then keeps the idle timeout away, but not for ever. */
static void trickling_connections_are_closed(void **state)
{
    trickle(*state, "GET / HTTP/1.1\r\nX-Slow: ");
}

/* Who reads a little now and then is never silent, but does not hold a connection for ever. */
static void slow_readers_are_cut_off(void **state)
{
    static char bytes[64 * 1024];
    const int small = 64 * 1024;
    size_t received = 0;
    ssize_t heard;
    int fd = dial(*state);

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    say_text(fd, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
    while ((heard = recv(fd, bytes, sizeof bytes, 0)) > 0) {
        received += (size_t)heard;
        (void)poll(NULL, 0, 20);
    }
    assert_true(heard == 0 || errno == ECONNRESET);
    assert_in_range(received, 1, LARGE_ANSWER - 1);
    close(fd);
    check(*state, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / ? 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_longest_idle_make_room, start_narrow, stop),
        cmocka_unit_test_setup_teardown(connections_of_an_address_are_limited, start_sharing, stop),
        cmocka_unit_test_setup_teardown(slow_bodies_are_cut_off, start_impatient_with_bodies, stop),
        cmocka_unit_test_setup_teardown(memory_for_bodies_is_limited, start_forgetful, stop),
        cmocka_unit_test_setup_teardown(memory_for_answers_is_limited, start_concise, stop),
        cmocka_unit_test_setup_teardown(an_answer_beyond_all_memory_is_refused, start_too_concise,
                                        stop),
        cmocka_unit_test_setup_teardown(bodies_are_limited, start, stop),
        cmocka_unit_test_setup_teardown(headers_are_limited, start, stop),
        cmocka_unit_test_setup_teardown(rubbish_is_refused, start_impatient, stop),
        cmocka_unit_test_setup_teardown(silent_connections_are_closed, start_impatient, stop),
        cmocka_unit_test_setup_teardown(trickling_connections_are_closed, start_impatient, stop),
        cmocka_unit_test_setup_teardown(slow_readers_are_cut_off, start_impatient_with_readers,
                                        stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
