/* Deliveries to a small server of our own, over http to 127.0.0.1; TLS, names and redirects are
 * tested in tests/integration/worker/webhooks_test.py. */
#include "notify/providers/webhook_post.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define OLD_SECRET "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define PAYLOAD "{\"type\": \"notification.sent\"}"

/* Allocations of one delivery, which fails for want of each of them in turn. */
#define ALLOCATIONS_MAX 100

/* ---- a server ------------------------------------------------------------------------------ */

/* Answers every request of one connection after the other with the same words. */
struct endpoint {
    int listener;
    unsigned port;
    pthread_t thread;
    const char *answer;
    unsigned connections;
    unsigned requests;
    char request[4096]; /* the last one */
};

/* Reads one request with its body; false when the client has left. */
static bool read_request(struct endpoint *e, int fd)
{
    size_t len = 0;

    for (;;) {
        ssize_t got = recv(fd, e->request + len, sizeof e->request - 1 - len, 0);

        if (got <= 0)
            return false;
        len += (size_t)got;
        e->request[len] = '\0';
        if (len >= strlen(PAYLOAD) && strcmp(e->request + len - strlen(PAYLOAD), PAYLOAD) == 0)
            return true;
    }
}

static void *serve(void *context)
{
    struct endpoint *e = context;
    int fd;

    while ((fd = accept(e->listener, NULL, NULL)) >= 0) {
        e->connections++;
        while (read_request(e, fd)) {
            e->requests++;
            (void)send(fd, e->answer, strlen(e->answer), MSG_NOSIGNAL);
        }
        close(fd);
    }
    return NULL;
}

static void endpoint_start(struct endpoint *e, const char *answer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    memset(e, 0, sizeof *e);
    e->answer = answer;
    e->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(e->listener >= 0);
    assert_int_equal(bind(e->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(e->listener, 8), 0);
    assert_int_equal(getsockname(e->listener, (struct sockaddr *)&address, &len), 0);
    e->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&e->thread, NULL, serve, e), 0);
}

/* After the poster, whose connections it serves until they are closed. */
static void endpoint_stop(struct endpoint *e)
{
    (void)shutdown(e->listener, SHUT_RDWR);
    pthread_join(e->thread, NULL);
    close(e->listener);
}

/* ---- deliveries ---------------------------------------------------------------------------- */

static const struct uuid id = {
    .bytes = {0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x42, 0xd3, 0xa4, 0x56, 0x42, 0x66, 0x14, 0x17}};

static const struct notify_webhook_allow here = {
    .http = true,
    .networks = {{.base = {.bytes = {127}, .len = NOTIFY_IPV4_LEN}, .bits = 8}},
    .network_count = 1,
};

static struct notify_webhook_poster *poster_for(const struct notify_webhook_allow *allow)
{
    const struct notify_webhook_poster_options options = {.allow = allow,
                                                          .timeout_ns = 60 * NS_PER_SEC};
    struct notify_webhook_poster *poster = NULL;

    assert_int_equal(notify_webhook_poster_create(&options, &poster, NULL), CELERIAC_OK);
    return poster;
}

static struct notify_webhook_delivery delivery_to(const char *url)
{
    return (struct notify_webhook_delivery){.id = &id,
                                            .url = span_of(url),
                                            .secret = SPAN(SECRET),
                                            .payload = SPAN(PAYLOAD),
                                            .now_s = 1614265330};
}

static const char *url_of(const struct endpoint *e)
{
    static char url[64];

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/hook?a=b", e->port);
    return url;
}

/* One delivery to an endpoint that answers so. */
static struct notify_webhook_answer answered(const char *answer)
{
    struct notify_webhook_poster *poster = poster_for(&here);
    struct notify_webhook_answer result;
    struct notify_webhook_delivery delivery;
    struct endpoint e;

    endpoint_start(&e, answer);
    delivery = delivery_to(url_of(&e));
    notify_webhook_post(poster, &delivery, &result);
    notify_webhook_poster_destroy(poster);
    endpoint_stop(&e);
    return result;
}

#define HEAD(status) "HTTP/1.1 " status "\r\nContent-Length: 0\r\n"

static void answers_are_judged(void **state)
{
    static const struct {
        const char *answer;
        enum notify_webhook_result result;
        long status;
        uint32_t retry_after;
        const char *words;
    } cases[] = {
        {HEAD("200 OK") "\r\n", NOTIFY_WEBHOOK_TAKEN, 200, 0, ""},
        {HEAD("299 Odd") "Retry-After: 9\r\n\r\n", NOTIFY_WEBHOOK_TAKEN, 299, 0, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwords", NOTIFY_WEBHOOK_TAKEN, 200, 0, ""},
        {HEAD("302 Found") "Location: https://example.com/\r\n\r\n", NOTIFY_WEBHOOK_FAILED, 302, 0,
         "HTTP 302: redirects are not followed"},
        {HEAD("404 Not Found") "Retry-After: 9\r\n\r\n", NOTIFY_WEBHOOK_FAILED, 404, 0, "HTTP 404"},
        {HEAD("410 Gone") "\r\n", NOTIFY_WEBHOOK_GONE, 410, 0, "HTTP 410"},
        {HEAD("429 Slow") "Retry-After: 9\r\n\r\n", NOTIFY_WEBHOOK_FAILED, 429, 9, "HTTP 429"},
        {HEAD("500 Oops") "Retry-After: 9\r\n\r\n", NOTIFY_WEBHOOK_FAILED, 500, 0, "HTTP 500"},
        {HEAD("503 Away") "Retry-After: 7\r\n\r\n", NOTIFY_WEBHOOK_FAILED, 503, 7, "HTTP 503"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct notify_webhook_answer answer = answered(cases[i].answer);

        assert_int_equal(answer.result, cases[i].result);
        assert_int_equal(answer.status, cases[i].status);
        assert_int_equal(answer.retry_after, cases[i].retry_after);
        assert_string_equal(answer.words, cases[i].words);
    }
}

/* How many times `part` is in `text`. */
static unsigned times(const char *text, const char *part)
{
    unsigned count = 0;

    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

static void requests_are_signed_over_one_connection(void **state)
{
    struct notify_webhook_poster *poster = poster_for(&here);
    struct notify_webhook_delivery delivery;
    struct notify_webhook_answer answer;
    struct endpoint e;

    (void)state;
    endpoint_start(&e, HEAD("204 No Content") "\r\n");
    delivery = delivery_to(url_of(&e));
    for (int i = 0; i < 2; i++) {
        notify_webhook_post(poster, &delivery, &answer);
        assert_int_equal(answer.result, NOTIFY_WEBHOOK_TAKEN);
    }
    notify_webhook_poster_destroy(poster);
    endpoint_stop(&e);
    assert_int_equal(e.requests, 2);
    assert_int_equal(e.connections, 1);
    assert_ptr_equal(strstr(e.request, "POST /hook?a=b HTTP/1.1\r\n"), e.request);
    assert_non_null(strstr(e.request, "webhook-id: 123e4567-e89b-42d3-a456-426614170000\r\n"));
    assert_non_null(strstr(e.request, "webhook-timestamp: 1614265330\r\n"));
    assert_non_null(strstr(e.request, "Content-Type: application/json\r\n"));
    assert_int_equal(times(e.request, "webhook-signature: v1,"), 1);
    assert_int_equal(times(e.request, "v1,"), 1);
}

static void the_old_secret_signs_too(void **state)
{
    struct notify_webhook_poster *poster = poster_for(&here);
    struct notify_webhook_delivery delivery;
    struct notify_webhook_answer answer;
    struct endpoint e;

    (void)state;
    endpoint_start(&e, HEAD("204 No Content") "\r\n");
    delivery = delivery_to(url_of(&e));
    delivery.old_secret = SPAN(OLD_SECRET);
    notify_webhook_post(poster, &delivery, &answer);
    notify_webhook_poster_destroy(poster);
    endpoint_stop(&e);
    assert_int_equal(answer.result, NOTIFY_WEBHOOK_TAKEN);
    assert_int_equal(times(e.request, "webhook-signature: v1,"), 1);
    assert_int_equal(times(e.request, "v1,"), 2);
}

static void assert_unsent(const struct notify_webhook_allow *allow,
                          const struct notify_webhook_delivery *delivery, const char *words)
{
    struct notify_webhook_poster *poster = poster_for(allow);
    struct notify_webhook_answer answer;

    notify_webhook_post(poster, delivery, &answer);
    assert_int_equal(answer.result, NOTIFY_WEBHOOK_FAILED);
    assert_int_equal(answer.status, 0);
    if (!strstr(answer.words, words))
        fail_msg("expected \"%s\" in \"%s\"", words, answer.words);
    notify_webhook_poster_destroy(poster);
}

/* What was taken once may be forbidden by now, and is judged again. */
static void what_must_not_be_sent_is_not(void **state)
{
    static const struct notify_webhook_allow nothing;
    struct notify_webhook_delivery delivery;
    struct endpoint e;
    char *large;

    (void)state;
    endpoint_start(&e, HEAD("200 OK") "\r\n");
    delivery = delivery_to(url_of(&e));
    assert_unsent(&nothing, &delivery, "Must begin with https://.");
    delivery.secret = SPAN("whsec_?");
    assert_unsent(&here, &delivery, "secret: ");
    delivery = delivery_to(url_of(&e));
    delivery.old_secret = SPAN("");
    assert_unsent(&here, &delivery, "secret: ");
    large = calloc(1, NOTIFY_WEBHOOK_PAYLOAD_MAX + 1);
    assert_non_null(large);
    delivery = delivery_to(url_of(&e));
    delivery.payload = (struct span){large, NOTIFY_WEBHOOK_PAYLOAD_MAX + 1};
    assert_unsent(&here, &delivery, "the payload is too long");
    free(large);
    endpoint_stop(&e);
    assert_int_equal(e.connections, 0);
}

static void nobody_is_there(void **state)
{
    struct notify_webhook_delivery delivery;
    struct endpoint e;

    (void)state;
    endpoint_start(&e, "");
    endpoint_stop(&e);
    delivery = delivery_to(url_of(&e));
    assert_unsent(&here, &delivery, "no connection");
}

static void no_whole_answer(void **state)
{
    struct notify_webhook_answer answer;

    (void)state;
    answer = answered("nonsense\r\n\r\n");
    assert_int_equal(answer.result, NOTIFY_WEBHOOK_FAILED);
    assert_int_equal(answer.status, 0);
    assert_true(answer.words[0] != '\0');
    assert_null(strstr(answer.words, "nonsense"));
}

/* Nothing is called a failed delivery that was never tried. */
static void memory_is_short(void **state)
{
    const struct notify_webhook_poster_options options = {.allow = &here,
                                                          .timeout_ns = 60 * NS_PER_SEC};
    struct notify_webhook_delivery delivery;
    struct notify_webhook_answer answer = {.result = NOTIFY_WEBHOOK_FAILED};
    struct endpoint e;
    size_t n;

    (void)state;
    endpoint_start(&e, HEAD("200 OK") "\r\n");
    delivery = delivery_to(url_of(&e));
    delivery.old_secret = SPAN(OLD_SECRET);
    for (n = 1; n < ALLOCATIONS_MAX && answer.result != NOTIFY_WEBHOOK_TAKEN; n++) {
        struct notify_webhook_poster *poster = NULL;
        struct celeriac_error err = {0};
        enum celeriac_err code;

        mem_fail_at(n);
        code = notify_webhook_poster_create(&options, &poster, &err);
        if (code == CELERIAC_OK)
            notify_webhook_post(poster, &delivery, &answer);
        if (!mem_has_failed()) {
            assert_int_equal(answer.result, NOTIFY_WEBHOOK_TAKEN);
        } else if (code == CELERIAC_OK) {
            assert_int_equal(answer.result, NOTIFY_WEBHOOK_NO_MEMORY);
        } else {
            assert_int_equal(code, CELERIAC_ERR_MEMORY);
            assert_null(poster);
        }
        mem_fail_at(0);
        notify_webhook_poster_destroy(poster);
    }
    assert_in_range(n, 3, ALLOCATIONS_MAX - 1);
    endpoint_stop(&e);
    assert_int_equal(e.requests, 1);
    notify_webhook_poster_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_judged),
        cmocka_unit_test(requests_are_signed_over_one_connection),
        cmocka_unit_test(the_old_secret_signs_too),
        cmocka_unit_test(what_must_not_be_sent_is_not),
        cmocka_unit_test(nobody_is_there),
        cmocka_unit_test(no_whole_answer),
        cmocka_unit_test(memory_is_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
