/* How requests arrive at a server and are answered, and how it stops. */
#include "tests/integration/api/server_fixture.h"

#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void requests_arrive_in_full(void **state)
{
    check(*state, "GET /a%20b?x=1&y HTTP/1.1\r\nHost: h:1\r\n\r\n", "GET /a%20b ?x=1&y 0 host=h:1");
    check(*state, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
          "POST / ? 5 host=h");
    check(*state,
          "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
          "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n",
          "POST / ? 7 host=h");
    check(*state, "BREW /pot HTTP/1.1\r\nHost: h\r\n\r\n", "BREW /pot ? 0");
    check(*state, "GET /wide HTTP/1.1\r\nHost: h\r\n\r\n", "X-Peer: known\r\n");
}

static void head_has_the_length_and_no_body(void **state)
{
    struct strbuf text;
    int fd = dial(*state);

    strbuf_init(&text, 10000);
    say_text(fd, "HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    hear(fd, &text, "never");
    assert_non_null(strstr(strbuf_text(&text), "Content-Length: 17\r\n"));
    assert_true(span_ends(strbuf_span(&text), SPAN("\r\n\r\n")));
    strbuf_close(&text);
    close(fd);
}

static void connections_are_kept_and_pipelined(void **state)
{
    struct strbuf text;
    int fd = dial(*state);

    strbuf_init(&text, 10000);
    say_text(fd, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
    hear(fd, &text, "GET /2 ? 0");
    assert_non_null(strstr(strbuf_text(&text), "GET /1 ? 0"));
    say_text(fd, "GET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
    hear(fd, &text, "GET /3 ? 0");
    assert_non_null(strstr(strbuf_text(&text), "GET /3 ? 0"));
    strbuf_close(&text);
    close(fd);
}

static void pending_requests_are_answered_in_order(void **state)
{
    struct strbuf text;
    int fd = dial(*state);

    strbuf_init(&text, 10000);
    say_text(fd, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n");
    await_pending(1);
    release_pending();
    hear(fd, &text, "GET /next ? 0");
    assert_true(strstr(strbuf_text(&text), "GET /wait ? 0") <
                strstr(strbuf_text(&text), "GET /next ? 0"));
    strbuf_close(&text);
    close(fd);
}

static void many_connections_wait_at_once(void **state)
{
    static int fds[1000];

    for (size_t i = 0; i < 1000; i++) {
        fds[i] = dial(*state);
        say_text(fds[i], "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    await_pending(1000);
    check(*state, "GET /quick HTTP/1.1\r\nHost: h\r\n\r\n", "GET /quick ? 0");
    release_pending();
    for (size_t i = 0; i < 1000; i++) {
        struct strbuf text;

        strbuf_init(&text, 10000);
        hear(fds[i], &text, "GET /wait ? 0");
        assert_non_null(strstr(strbuf_text(&text), "GET /wait ? 0"));
        strbuf_close(&text);
        close(fds[i]);
    }
}

static void clients_may_leave_while_pending(void **state)
{
    for (int i = 0; i < 50; i++) {
        int fd = dial(*state);

        say_text(fd, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
        await_pending((size_t)i + 1);
        if (i % 2) {
            struct linger hard = {.l_onoff = 1, .l_linger = 0};

            assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
        }
        close(fd);
    }
    release_pending();
    check(*state, "GET /after HTTP/1.1\r\nHost: h\r\n\r\n", "GET /after ? 0");
}

/*
 * Long before the idle timeout of a minute. The last bytes and the end come together, which an
 * edge-triggered reader is told of only once.
 */
static void clients_may_leave_in_mid_request(void **state)
{
    static const char request[] = "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf";
    int fds[sizeof request - 1];

    for (size_t i = 0; i < sizeof request - 1; i++) {
        fds[i] = dial(*state);
        say(fds[i], request, i + 1);
        shutdown(fds[i], SHUT_WR);
    }
    for (size_t i = 0; i < sizeof request - 1; i++)
        await_end(fds[i]);
    check(*state, "GET /after HTTP/1.1\r\nHost: h\r\n\r\n", "GET /after ? 0");
}

/* Who says all and ends its half gets the answer, and then the end. */
static void half_closed_clients_are_answered(void **state)
{
    for (int i = 0; i < 20; i++) {
        struct strbuf text;
        int fd = dial(*state);

        strbuf_init(&text, 10000);
        say_text(fd, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
        shutdown(fd, SHUT_WR);
        hear(fd, &text, "GET /2 ? 0");
        assert_non_null(strstr(strbuf_text(&text), "GET /1 ? 0"));
        assert_non_null(strstr(strbuf_text(&text), "GET /2 ? 0"));
        strbuf_close(&text);
        await_end(fd);
    }
}

static void *stopper(void *context)
{
    struct fixture *f = context;

    server_stop(f->server, INT64_C(10000000000));
    return NULL;
}

static void stopping_finishes_what_is_pending(void **state)
{
    struct fixture *f = *state;
    struct strbuf text;
    pthread_t thread;
    int fd = dial(f);

    strbuf_init(&text, 10000);
    say_text(fd, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    await_pending(1);
    assert_int_equal(pthread_create(&thread, NULL, stopper, f), 0);
    /* Once the listening socket is closed, the stop is under way. */
    for (;;) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)f->port)};
        int probe = socket(AF_INET, SOCK_STREAM, 0);
        int refused;

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        refused = connect(probe, (struct sockaddr *)&address, sizeof address);
        close(probe);
        if (refused)
            break;
        usleep(1000);
    }
    release_pending();
    hear(fd, &text, "never");
    assert_non_null(strstr(strbuf_text(&text), "GET /wait ? 0"));
    assert_non_null(strstr(strbuf_text(&text), "Connection: close"));
    pthread_join(thread, NULL);
    strbuf_close(&text);
    close(fd);
}

static void destroying_nothing_is_allowed(void **state)
{
    (void)state;
    server_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(requests_arrive_in_full, start, stop),
        cmocka_unit_test_setup_teardown(head_has_the_length_and_no_body, start, stop),
        cmocka_unit_test_setup_teardown(connections_are_kept_and_pipelined, start, stop),
        cmocka_unit_test_setup_teardown(pending_requests_are_answered_in_order, start, stop),
        cmocka_unit_test_setup_teardown(many_connections_wait_at_once, start, stop),
        cmocka_unit_test_setup_teardown(clients_may_leave_while_pending, start, stop),
        cmocka_unit_test_setup_teardown(clients_may_leave_in_mid_request, start, stop),
        cmocka_unit_test_setup_teardown(half_closed_clients_are_answered, start, stop),
        cmocka_unit_test_setup_teardown(stopping_finishes_what_is_pending, start, stop),
        cmocka_unit_test(destroying_nothing_is_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
