#include "tests/integration/redis/fixture.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "celery_proto/redis/pubsub.h"
#include "tests/support/scratch.h"

/* For what answers: no busy machine needs as long. */
#define PATIENT_MS 20000

/* For a server that stops answering: it is waited for in full. */
#define AWAY_MS 1000

static struct cel_conn *connect_within(const char *text, struct cel_broker_url **url,
                                       uint32_t timeout_ms, enum celeriac_err expected)
{
    struct celeriac_error err = {0};
    struct cel_conn *conn = NULL;
    assert_ok(cel_broker_url_parse(span_of(text), CEL_URL_BROKER, url, NULL));
    const struct cel_conn_options options = {.url = *url,
                                             .client_name = "tester",
                                             .connect_timeout_ms = timeout_ms,
                                             .io_timeout_ms = timeout_ms};
    assert_ok(cel_conn_create(&options, &conn, NULL));
    enum celeriac_err code = cel_conn_ensure(conn, &err);
    if (code != expected)
        fail_msg("%s: %d %s", text, code, err.text);
    assert_int_equal(cel_conn_is_connected(conn), expected == CELERIAC_OK);
    return conn;
}

static struct cel_conn *connect_to(const char *text, struct cel_broker_url **url,
                                   enum celeriac_err expected)
{
    return connect_within(text, url, PATIENT_MS, expected);
}

/* The reply of one command, as text. */
static void assert_answers(struct cel_conn *conn, const char *command, const char *argument,
                           const char *expected)
{
    struct cel_pipeline p;
    cel_pipeline_init(&p);
    if (argument != NULL)
        CEL_COMMAND(&p, span_of(command), span_of(argument));
    else
        CEL_COMMAND(&p, span_of(command));
    assert_ok(cel_pipeline_run(&p, conn, NULL));
    struct span text = cel_reply_span(cel_pipeline_reply(&p, 0));
    if (!span_starts(text, span_of(expected)))
        fail_msg("%s: %.*s", command, SPAN_PRINTF(text));
    cel_pipeline_close(&p);
}

static enum celeriac_err ping(struct cel_conn *conn)
{
    struct cel_pipeline p;
    cel_pipeline_init(&p);
    CEL_COMMAND(&p, SPAN("PING"));
    enum celeriac_err code = cel_pipeline_run(&p, conn, NULL);
    cel_pipeline_close(&p);
    return code;
}

static void logs_in_and_selects(void **state)
{
    (void)state;
    struct redis_server *server =
        redis_server_start(&(struct redis_server_options){.password = "p@ss/w:rd;%"});
    struct cel_broker_url *url = NULL;
    char text[256];
    (void)snprintf(text, sizeof text, "redis://:p%%40ss%%2Fw%%3Ard%%3B%%25@127.0.0.1:%u/3",
                   redis_server_port(server));
    struct cel_conn *conn = connect_to(text, &url, CELERIAC_OK);
    assert_int_equal(cel_conn_generation(conn), 1);
    struct cel_pipeline p;
    cel_pipeline_init(&p);
    CEL_COMMAND(&p, SPAN("CLIENT"), SPAN("INFO"));
    assert_ok(cel_pipeline_run(&p, conn, NULL));
    char info[1024];
    (void)snprintf(info, sizeof info, "%.*s",
                   SPAN_PRINTF(cel_reply_span(cel_pipeline_reply(&p, 0))));
    assert_non_null(strstr(info, " db=3 "));
    assert_non_null(strstr(info, " name=tester "));
    cel_pipeline_close(&p);
    cel_conn_destroy(conn);
    cel_broker_url_destroy(url);

    (void)snprintf(text, sizeof text, "redis://:wrong@127.0.0.1:%u", redis_server_port(server));
    conn = connect_to(text, &url, CELERIAC_ERR_AUTH);
    cel_conn_destroy(conn);
    cel_broker_url_destroy(url);
    (void)snprintf(text, sizeof text, "redis://nobody:x@127.0.0.1:%u", redis_server_port(server));
    conn = connect_to(text, &url, CELERIAC_ERR_AUTH);
    cel_conn_destroy(conn);
    cel_broker_url_destroy(url);
    (void)snprintf(text, sizeof text, "redis://127.0.0.1:%u", redis_server_port(server));
    conn = connect_to(text, &url, CELERIAC_ERR_AUTH);
    cel_conn_destroy(conn);
    cel_broker_url_destroy(url);
    redis_server_stop(server);
}

static void checklist_33_speaks_over_a_unix_socket(void **state)
{
    struct fixture *f = *state;
    struct cel_broker_url *url = NULL;
    char text[300];
    (void)snprintf(text, sizeof text, "%s?virtual_host=2", redis_server_unix_url(f->server));
    struct cel_conn *conn = connect_to(text, &url, CELERIAC_OK);
    run(f, "SELECT", "2", NULL);
    run(f, "SET", "here", "yes", NULL);
    run(f, "SELECT", "0", NULL);
    assert_answers(conn, "GET", "here", "yes");
    cel_conn_destroy(conn);
    cel_broker_url_destroy(url);
    conn = connect_to("redis+socket:///nonexistent/redis.sock", &url, CELERIAC_ERR_UNAVAILABLE);
    cel_conn_destroy(conn);
    cel_broker_url_destroy(url);
}

static void refuses_a_database_that_is_not_there(void **state)
{
    struct fixture *f = *state;
    struct cel_broker_url *url = NULL;
    char text[128];
    (void)snprintf(text, sizeof text, "redis://127.0.0.1:%u/999", redis_server_port(f->server));
    cel_conn_destroy(connect_to(text, &url, CELERIAC_ERR_PROTOCOL));
    cel_broker_url_destroy(url);
}

static void carries_any_bytes(void **state)
{
    struct fixture *f = *state;
    size_t len = 5000000;
    char *bytes = malloc(len);
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 31 + i / 251);
    cel_pipeline_clear(&f->pipeline);
    CEL_COMMAND(&f->pipeline, SPAN("SET"), SPAN("k\0\r\n"), (struct span){bytes, len});
    for (int i = 0; i < 10000; i++)
        CEL_COMMAND(&f->pipeline, SPAN("INCR"), SPAN("n"));
    CEL_COMMAND(&f->pipeline, SPAN("GET"), SPAN("k\0\r\n"));
    CEL_COMMAND(&f->pipeline, SPAN("NOSUCH"));
    assert_ok(cel_pipeline_run(&f->pipeline, f->conn, NULL));
    for (int i = 0; i < 10000; i++)
        assert_int_equal(cel_reply_int(cel_pipeline_reply(&f->pipeline, (size_t)i + 1)), i + 1);
    struct span back = cel_reply_span(cel_pipeline_reply(&f->pipeline, 10001));
    assert_int_equal(back.len, len);
    assert_memory_equal(back.ptr, bytes, len);
    assert_int_equal(cel_reply_check(cel_pipeline_reply(&f->pipeline, 10002), NULL),
                     CELERIAC_ERR_UNSUPPORTED);
    assert_null(cel_pipeline_reply(&f->pipeline, 10003));
    free(bytes);
}

static void checklist_31_notices_a_killed_server_and_comes_back(void **state)
{
    struct fixture *f = *state;
    struct cel_broker_url *url = NULL;
    struct cel_conn *conn = connect_to(redis_server_url(f->server), &url, CELERIAC_OK);
    redis_server_kill(f->server);
    assert_int_equal(ping(conn), CELERIAC_ERR_UNAVAILABLE);
    assert_false(cel_conn_is_connected(conn));
    assert_int_equal(ping(conn), CELERIAC_ERR_UNAVAILABLE);
    assert_int_equal(cel_conn_failures(conn), 2);
    redis_server_revive(f->server);
    assert_ok(ping(conn));
    assert_int_equal(cel_conn_failures(conn), 0);
    assert_int_equal(cel_conn_generation(conn), 2);
    cel_conn_destroy(conn);
    cel_broker_url_destroy(url);
}

static void notices_a_frozen_server(void **state)
{
    struct fixture *f = *state;
    struct cel_broker_url *url = NULL;
    struct cel_conn *conn = connect_within(redis_server_url(f->server), &url, AWAY_MS, CELERIAC_OK);
    redis_server_freeze(f->server);
    int64_t start = clock_monotonic_ns();
    assert_int_equal(ping(conn), CELERIAC_ERR_UNAVAILABLE);
    /* The kernel still accepts connections for it; the login is not answered. */
    assert_int_equal(ping(conn), CELERIAC_ERR_UNAVAILABLE);
    int64_t spent = clock_monotonic_ns() - start;
    redis_server_thaw(f->server);
    assert_true(spent >= 2 * AWAY_MS * NS_PER_MS);
    assert_ok(ping(conn));
    cel_conn_destroy(conn);
    cel_broker_url_destroy(url);
}

static void checklist_34_fails_over_in_turn(void **state)
{
    struct fixture *f = *state;
    struct redis_server *second = redis_server_start(NULL);
    struct cel_broker_url *url = NULL;
    char text[256];
    (void)snprintf(text, sizeof text, "redis://127.0.0.1:1;%s;%s", redis_server_url(f->server),
                   redis_server_url(second));
    struct cel_conn *conn = connect_to(text, &url, CELERIAC_ERR_UNAVAILABLE);
    assert_ok(ping(conn));
    assert_int_equal(cel_conn_endpoint(conn), 1);
    /* It becomes a replica: writing is refused, and the next attempt goes to the next server. */
    run(f, "REPLICAOF", "127.0.0.1", "1", NULL);
    struct cel_pipeline p;
    cel_pipeline_init(&p);
    CEL_COMMAND(&p, SPAN("SET"), SPAN("a"), SPAN("b"));
    assert_ok(cel_pipeline_run(&p, conn, NULL));
    assert_int_equal(cel_reply_check(cel_pipeline_reply(&p, 0), NULL), CELERIAC_ERR_UNAVAILABLE);
    assert_false(cel_conn_is_connected(conn));
    assert_ok(cel_pipeline_run(&p, conn, NULL));
    assert_ok(cel_reply_check(cel_pipeline_reply(&p, 0), NULL));
    assert_int_equal(cel_conn_endpoint(conn), 2);
    run(f, "REPLICAOF", "NO", "ONE", NULL);
    cel_pipeline_close(&p);
    cel_conn_destroy(conn);
    cel_broker_url_destroy(url);
    redis_server_stop(second);
}

static void pauses_until_woken(void **state)
{
    struct fixture *f = *state;
    struct cel_broker_url *url = NULL;
    struct cel_conn *conn = connect_to(redis_server_url(f->server), &url, CELERIAC_OK);
    int fd = eventfd(0, EFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_ok(cel_conn_pause(conn, fd));
    assert_ok(cel_conn_pause(conn, -1));
    assert_int_equal(eventfd_write(fd, 1), 0);
    assert_int_equal(cel_conn_pause(conn, fd), CELERIAC_ERR_SHUTDOWN);
    (void)close(fd);
    cel_conn_destroy(conn);
    cel_broker_url_destroy(url);
}

/* A CA and a certificate for localhost (not for 127.0.0.1) in the server's folder. */
static bool make_certificates(const char *folder)
{
    char command[4096];
    int n = snprintf(
        command, sizeof command,
        "cd '%s' && exec >/dev/null 2>&1 && openssl req -x509 -newkey ec -pkeyopt "
        "ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=ca && "
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout redis.key "
        "-out redis.csr -subj /CN=localhost && printf 'subjectAltName=DNS:localhost\\n' > ext && "
        "openssl x509 -req -in redis.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out redis.crt "
        "-days 2 -extfile ext",
        folder);
    return n > 0 && (size_t)n < sizeof command && system(command) == 0;
}

static void checklist_33_speaks_tls_and_verifies(void **state)
{
    (void)state;
    char folder[SCRATCH_PATH_SIZE];
    scratch_make_folder(folder);
    assert_true(make_certificates(folder));
    struct redis_server *server =
        redis_server_start(&(struct redis_server_options){.tls_folder = folder});
    static const struct {
        const char *host;
        const char *query; /* %s: the folder */
        enum celeriac_err code;
    } cases[] = {
        {"localhost", "", CELERIAC_OK}, /* kombu: no option, no verification */
        {"127.0.0.1", "?ssl_cert_reqs=none", CELERIAC_OK},
        {"localhost", "?ssl_cert_reqs=required&ssl_ca_certs=%s/ca.crt", CELERIAC_OK},
        {"localhost", "?ssl_ca_certs=%s/ca.crt", CELERIAC_OK},
        {"localhost", "?ssl_cert_reqs=optional&ssl_ca_certs=%s/ca.crt", CELERIAC_OK},
        {"127.0.0.1", "?ssl_ca_certs=%s/ca.crt", CELERIAC_ERR_AUTH},
        {"127.0.0.1", "?ssl_ca_certs=%s/ca.crt&ssl_check_hostname=false", CELERIAC_OK},
        {"localhost", "?ssl_cert_reqs=required", CELERIAC_ERR_AUTH},
        {"localhost", "?ssl_ca_certs=%s/missing", CELERIAC_ERR_AUTH},
        {"localhost", "?ssl_ca_certs=%s/ca.crt&ssl_certfile=%s/redis.crt&ssl_keyfile=%s/redis.key",
         CELERIAC_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char query[1024] = "";
        char text[2048];
        for (const char *c = cases[i].query; *c != '\0'; c++) {
            size_t len = strlen(query);
            bool is_folder = c[0] == '%' && c[1] == 's';
            (void)snprintf(query + len, sizeof query - len, "%.*s", is_folder ? 100 : 1,
                           is_folder ? folder : c);
            c += is_folder ? 1 : 0;
        }
        (void)snprintf(text, sizeof text, "rediss://%s:%u/0%s", cases[i].host,
                       redis_server_port(server), query);
        struct cel_broker_url *url = NULL;
        struct cel_conn *conn = connect_to(text, &url, cases[i].code);
        if (cases[i].code == CELERIAC_OK) {
            struct cel_pipeline p;
            static char big[300000];
            memset(big, 'x', sizeof big);
            cel_pipeline_init(&p);
            CEL_COMMAND(&p, SPAN("SET"), SPAN("k"), (struct span){big, sizeof big});
            CEL_COMMAND(&p, SPAN("GET"), SPAN("k"));
            assert_ok(cel_pipeline_run(&p, conn, NULL));
            assert_int_equal(cel_reply_span(cel_pipeline_reply(&p, 1)).len, sizeof big);
            cel_pipeline_close(&p);
        }
        cel_conn_destroy(conn);
        cel_broker_url_destroy(url);
    }
    /* Neither side speaks the other's language. */
    char text[128];
    struct cel_broker_url *url = NULL;
    (void)snprintf(text, sizeof text, "redis://127.0.0.1:%u/0", redis_server_port(server));
    cel_conn_destroy(connect_to(text, &url, CELERIAC_ERR_UNAVAILABLE));
    cel_broker_url_destroy(url);
    redis_server_freeze(server);
    (void)snprintf(text, sizeof text, "rediss://127.0.0.1:%u/0", redis_server_port(server));
    cel_conn_destroy(connect_within(text, &url, AWAY_MS, CELERIAC_ERR_UNAVAILABLE));
    cel_broker_url_destroy(url);
    redis_server_stop(server);
}

/* What a subscription has heard. */
struct heard {
    unsigned count;
    char last[256];
};

static void hear(void *context, struct span subscription, struct span channel, struct span payload)
{
    struct heard *heard = context;
    heard->count++;
    (void)snprintf(heard->last, sizeof heard->last, "%.*s|%.*s|%.*s", SPAN_PRINTF(subscription),
                   SPAN_PRINTF(channel), SPAN_PRINTF(payload));
}

/* Reads until `count` messages were heard. */
static void listen(struct cel_pubsub *ps, struct heard *heard, unsigned count)
{
    for (int i = 0; i < 2000 && heard->count < count; i++) {
        assert_ok(cel_pubsub_read(ps, NULL, NULL));
        (void)usleep(1000);
    }
    assert_int_equal(heard->count, count);
}

static void subscribes_and_subscribes_again(void **state)
{
    struct fixture *f = *state;
    struct cel_pubsub *ps = NULL;
    struct heard a = {0};
    struct heard b = {0};
    const struct cel_conn_options options = {.url = f->url, .io_timeout_ms = PATIENT_MS};
    assert_ok(cel_pubsub_create(&options, &ps, NULL));
    assert_ok(cel_pubsub_add(ps, SPAN("news"), false, hear, &a));
    assert_int_equal(cel_pubsub_add(ps, SPAN("news"), false, hear, &a), CELERIAC_ERR_EXISTS);
    assert_ok(cel_pubsub_add(ps, SPAN("n*"), true, hear, &b));
    assert_ok(cel_pubsub_ensure(ps, NULL));
    assert_int_equal(RUN_INT(f, "PUBLISH", "news", "one"), 2);
    listen(ps, &a, 1);
    listen(ps, &b, 1);
    assert_string_equal(a.last, "news|news|one");
    assert_string_equal(b.last, "n*|news|one");
    cel_pubsub_remove(ps, SPAN("n*"), true);
    cel_pubsub_remove(ps, SPAN("unknown"), true);
    assert_ok(cel_pubsub_ensure(ps, NULL));
    assert_int_equal(RUN_INT(f, "PUBLISH", "news", "two"), 1);
    listen(ps, &a, 2);
    assert_int_equal(b.count, 1);

    run(f, "CLIENT", "KILL", "TYPE", "pubsub", NULL);
    enum celeriac_err code = CELERIAC_OK;
    for (int i = 0; i < 2000 && code == CELERIAC_OK; i++) {
        code = cel_pubsub_read(ps, NULL, NULL);
        (void)usleep(1000);
    }
    assert_int_equal(code, CELERIAC_ERR_UNAVAILABLE);
    assert_int_equal(cel_pubsub_client_id(ps), 0);
    assert_ok(cel_pubsub_ensure(ps, NULL));
    assert_true(cel_pubsub_client_id(ps) > 0);
    assert_int_equal(RUN_INT(f, "PUBLISH", "news", "three"), 1);
    listen(ps, &a, 3);
    assert_string_equal(a.last, "news|news|three");
    cel_pubsub_destroy(ps);
    cel_pubsub_destroy(NULL);
}

static struct cel_pubsub *patient_pubsub(const struct fixture *f)
{
    const struct cel_conn_options options = {.url = f->url, .io_timeout_ms = PATIENT_MS};
    struct cel_pubsub *ps = NULL;
    assert_ok(cel_pubsub_create(&options, &ps, NULL));
    return ps;
}

static void a_silent_subscription_is_asked(void **state)
{
    struct fixture *f = *state;
    struct heard a = {0};
    struct cel_pubsub *ps = patient_pubsub(f);
    int64_t next = 0;
    assert_int_equal(cel_pubsub_check(ps, 0, 1, NULL, NULL), CELERIAC_ERR_UNAVAILABLE);
    assert_ok(cel_pubsub_add(ps, SPAN("news"), false, hear, &a));
    assert_ok(cel_pubsub_ensure(ps, NULL));
    int64_t now = clock_monotonic_ns();
    assert_ok(cel_pubsub_check(ps, now, NS_PER_SEC, &next, NULL));
    assert_true(next <= now + NS_PER_SEC && next > now);
    assert_ok(cel_pubsub_check(ps, now + NS_PER_SEC / 2, NS_PER_SEC, &next, NULL));
    assert_true(next <= now + NS_PER_SEC && next > now);
    /* Silent for most of a second: a PING goes out, and its answer is heard. */
    int64_t early = now + CEL_PUBSUB_EARLY(NS_PER_SEC);
    assert_ok(cel_pubsub_check(ps, early, NS_PER_SEC, &next, NULL));
    assert_true(next == early + PATIENT_MS * NS_PER_MS);
    struct pollfd answer = {.fd = cel_conn_fd(cel_pubsub_conn(ps)), .events = POLLIN};
    assert_int_equal(poll(&answer, 1, PATIENT_MS), 1);
    assert_ok(cel_pubsub_read(ps, NULL, NULL));
    assert_ok(cel_pubsub_check(ps, now + 2 * NS_PER_SEC, 10 * NS_PER_SEC, &next, NULL));
    assert_int_equal(a.count, 0);
    /* A frozen server does not answer. */
    redis_server_freeze(f->server);
    now += 20 * NS_PER_SEC;
    assert_ok(cel_pubsub_check(ps, now, NS_PER_SEC, &next, NULL));
    assert_int_equal(cel_pubsub_check(ps, next, NS_PER_SEC, &next, NULL), CELERIAC_ERR_UNAVAILABLE);
    redis_server_thaw(f->server);
    assert_ok(cel_pubsub_ensure(ps, NULL));
    cel_pubsub_destroy(ps);
}

/* Until so many bytes wait unread. */
static void await_bytes(const struct cel_conn *conn, int count)
{
    int there = 0;
    for (int ms = 0; ms < PATIENT_MS && there < count; ms++) {
        assert_int_equal(ioctl(cel_conn_fd(conn), FIONREAD, &there), 0);
        (void)usleep(1000);
    }
    assert_int_equal(there, count);
}

/* An answer that nobody has read is none that is missing; news beside it lets the caller not sleep.
 */
static void an_old_answer_is_read_with_its_news(void **state)
{
    static const char waiting[] = "*2\r\n$4\r\npong\r\n$0\r\n\r\n"
                                  "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$3\r\none\r\n";
    struct fixture *f = *state;
    struct heard a = {0};
    struct cel_pubsub *ps = patient_pubsub(f);
    int64_t next = 0;
    assert_ok(cel_pubsub_add(ps, SPAN("news"), false, hear, &a));
    assert_ok(cel_pubsub_ensure(ps, NULL));
    int64_t now = clock_monotonic_ns() + NS_PER_SEC;
    assert_ok(cel_pubsub_check(ps, now, NS_PER_SEC, &next, NULL));
    assert_true(next == now + PATIENT_MS * NS_PER_MS);
    assert_int_equal(RUN_INT(f, "PUBLISH", "news", "one"), 1);
    await_bytes(cel_pubsub_conn(ps), (int)sizeof waiting - 1);
    now = next;
    assert_ok(cel_pubsub_check(ps, now, 1000 * NS_PER_SEC, &next, NULL));
    assert_int_equal(a.count, 1);
    assert_true(next == now);
    /* Once: then there is nothing to be done until the next PING. */
    assert_ok(cel_pubsub_check(ps, now, 1000 * NS_PER_SEC, &next, NULL));
    assert_true(next > now);
    cel_pubsub_destroy(ps);
}

static void names_bad_options(void **state)
{
    struct fixture *f = *state;
    struct cel_conn *conn = NULL;
    struct cel_conn_options options = {.url = f->url, .client_name = "with space"};
    assert_int_equal(cel_conn_create(&options, &conn, NULL), CELERIAC_ERR_VALUE);
    options = (struct cel_conn_options){0};
    assert_int_equal(cel_conn_create(&options, &conn, NULL), CELERIAC_ERR_VALUE);
    options = (struct cel_conn_options){.url = f->url, .client_name = "name"};
    for (size_t n = 1; n <= 2; n++) {
        mem_fail_at(n);
        assert_int_equal(cel_conn_create(&options, &conn, NULL), CELERIAC_ERR_MEMORY);
        mem_fail_at(0);
    }
    assert_null(conn);
    cel_conn_destroy(NULL);
}

static void reports_lack_of_memory(void **state)
{
    struct fixture *f = *state;
    enum celeriac_err code = CELERIAC_ERR_MEMORY;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct cel_pipeline p;
        cel_pipeline_init(&p);
        mem_fail_at(n);
        CEL_COMMAND(&p, SPAN("PING"));
        code = cel_pipeline_run(&p, f->conn, NULL);
        bool failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code == CELERIAC_ERR_MEMORY, failed);
        cel_pipeline_close(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(logs_in_and_selects, fixture_clear),
        cmocka_unit_test_setup(checklist_33_speaks_over_a_unix_socket, fixture_clear),
        cmocka_unit_test_setup(refuses_a_database_that_is_not_there, fixture_clear),
        cmocka_unit_test_setup(carries_any_bytes, fixture_clear),
        cmocka_unit_test_setup(checklist_31_notices_a_killed_server_and_comes_back, fixture_clear),
        cmocka_unit_test_setup(notices_a_frozen_server, fixture_clear),
        cmocka_unit_test_setup(checklist_34_fails_over_in_turn, fixture_clear),
        cmocka_unit_test_setup(pauses_until_woken, fixture_clear),
        cmocka_unit_test_setup(checklist_33_speaks_tls_and_verifies, fixture_clear),
        cmocka_unit_test_setup(subscribes_and_subscribes_again, fixture_clear),
        cmocka_unit_test_setup(a_silent_subscription_is_asked, fixture_clear),
        cmocka_unit_test_setup(an_old_answer_is_read_with_its_news, fixture_clear),
        cmocka_unit_test_setup(names_bad_options, fixture_clear),
        cmocka_unit_test_setup(reports_lack_of_memory, fixture_clear),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
