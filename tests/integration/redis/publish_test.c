#include "tests/integration/redis/fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "celery_proto/redis/pubsub.h"
#include "celery_proto/redis/queue_info.h"
#include "celery_proto/redis/result_store.h"

static enum cel_publish_outcome publish(struct cel_publisher *p, struct cel_outgoing message)
{
    enum cel_publish_outcome outcome = CEL_PUBLISH_UNKNOWN;
    struct celeriac_error err = {0};
    if (cel_publish(p, &message, 1, &outcome, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    return outcome;
}

static void checklist_7_pushes_into_the_list_of_the_priority(void **state)
{
    struct fixture *f = *state;
    struct cel_publisher *p = make_publisher(f);
    static const struct {
        int priority;
        const char *list;
    } cases[] = {
        {-5, "q"},
        {0, "q"},
        {2, "q"},
        {3, "q\x06\x16"
            "3"},
        {5, "q\x06\x16"
            "3"},
        {6, "q\x06\x16"
            "6"},
        {8, "q\x06\x16"
            "6"},
        {9, "q\x06\x16"
            "9"},
        {10, "q\x06\x16"
             "9"},
        {999, "q\x06\x16"
              "9"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "m%zu", i);
        assert_int_equal(publish(p, (struct cel_outgoing){.message = span_of(text),
                                                          .queue = SPAN("q"),
                                                          .priority = cases[i].priority}),
                         CEL_PUBLISHED);
        assert_reply(run(f, "LINDEX", cases[i].list, "0", NULL), text);
    }
    assert_int_equal(RUN_INT(f, "SISMEMBER", "_kombu.binding.q",
                             "q\x06\x16\x06\x16"
                             "q"),
                     1);
    cel_publisher_destroy(p);
}

static void checklist_8_declares_once_per_connection_and_queue(void **state)
{
    struct fixture *f = *state;
    struct cel_publisher *p = make_publisher(f);
    const struct cel_outgoing a = {.message = SPAN("m"), .queue = SPAN("a")};
    const struct cel_outgoing b = {.message = SPAN("m"), .queue = SPAN("b")};
    (void)publish(p, a);
    run(f, "DEL", "_kombu.binding.a", NULL);
    (void)publish(p, a);
    assert_int_equal(RUN_INT(f, "EXISTS", "_kombu.binding.a"), 0);
    (void)publish(p, b);
    assert_int_equal(RUN_INT(f, "EXISTS", "_kombu.binding.b"), 1);
    run(f, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes", NULL);
    (void)publish(p, a);
    assert_int_equal(RUN_INT(f, "EXISTS", "_kombu.binding.a"), 1);
    cel_publisher_destroy(p);
}

static void checklist_12_routes_by_exchange(void **state)
{
    struct fixture *f = *state;
    struct cel_publisher *p = make_publisher(f);
    char buf[MESSAGE_MAX];
    struct span message = make_message(buf, "t.add", "tag", 0, 10);
    run(f, "SADD", "_kombu.binding.media",
        "media.video.#\x06\x16^media\\.video\\..*?$\x06\x16"
        "video",
        "media.*\x06\x16^media\\.[^\\.]+$\x06\x16"
        "one",
        "#\x06\x16^.*?$\x06\x16"
        "all",
        NULL);
    run(f, "SADD", "_kombu.binding.direct",
        "k1\x06\x16\x06\x16"
        "d1",
        "k2\x06\x16\x06\x16"
        "d2",
        "k1\x06\x16\x06\x16"
        "d3",
        NULL);
    struct cel_outgoing out = {.message = message,
                               .exchange = SPAN("media"),
                               .exchange_type = CEL_EXCHANGE_TOPIC,
                               .routing_key = SPAN("media.video.x")};
    assert_int_equal(publish(p, out), CEL_PUBLISHED);
    assert_int_equal(RUN_INT(f, "LLEN", "video"), 1);
    assert_int_equal(RUN_INT(f, "LLEN", "one"), 0);
    assert_int_equal(RUN_INT(f, "LLEN", "all"), 1);
    /* One copy is the message itself, the other differs in its tag only. */
    struct span a = cel_reply_span(run(f, "LINDEX", "video", "0", NULL));
    bool is_first = span_equal(a, message);
    struct span b = cel_reply_span(run(f, "LINDEX", "all", "0", NULL));
    assert_true(is_first != span_equal(b, message));
    out.exchange = SPAN("direct");
    out.exchange_type = CEL_EXCHANGE_DIRECT;
    out.routing_key = SPAN("k1");
    assert_int_equal(publish(p, out), CEL_PUBLISHED);
    assert_int_equal(RUN_INT(f, "LLEN", "d1"), 1);
    assert_int_equal(RUN_INT(f, "LLEN", "d2"), 0);
    assert_int_equal(RUN_INT(f, "LLEN", "d3"), 1);
    out.routing_key = SPAN("k");
    assert_int_equal(publish(p, out), CEL_PUBLISH_UNROUTED);
    out.exchange = SPAN("nobody");
    assert_int_equal(publish(p, out), CEL_PUBLISH_UNROUTED);
    /* The anonymous exchange is a queue. */
    out = (struct cel_outgoing){.message = message, .routing_key = SPAN("plain")};
    assert_int_equal(publish(p, out), CEL_PUBLISHED);
    assert_int_equal(RUN_INT(f, "LLEN", "plain"), 1);
    cel_publisher_destroy(p);
}

/* What a subscriber heard. */
struct heard {
    char text[512];
};

static void hear(void *context, struct span subscription, struct span channel, struct span payload)
{
    struct heard *heard = context;
    size_t len = strlen(heard->text);
    (void)subscription;
    (void)snprintf(heard->text + len, sizeof heard->text - len, "%.*s=%.*s ", SPAN_PRINTF(channel),
                   SPAN_PRINTF(payload));
}

static void checklist_13_broadcasts(void **state)
{
    struct fixture *f = *state;
    struct cel_publisher *p = make_publisher(f);
    struct cel_pubsub *ps = NULL;
    struct heard heard = {{0}};
    const struct cel_conn_options options = {.url = f->url};
    assert_ok(cel_pubsub_create(&options, &ps, NULL));
    assert_ok(cel_pubsub_add(ps, SPAN("/0.*"), true, hear, &heard));
    assert_ok(cel_pubsub_ensure(ps, NULL));
    struct cel_outgoing out = {.message = SPAN("m1"),
                               .exchange = SPAN("celery.pidbox"),
                               .exchange_type = CEL_EXCHANGE_FANOUT};
    assert_int_equal(publish(p, out), CEL_PUBLISHED);
    out = (struct cel_outgoing){.message = SPAN("m2"),
                                .exchange = SPAN("celeryev"),
                                .routing_key = SPAN("worker.online"),
                                .exchange_type = CEL_EXCHANGE_FANOUT};
    assert_int_equal(publish(p, out), CEL_PUBLISHED);
    for (int i = 0; i < 2000 && strstr(heard.text, "m2") == NULL; i++) {
        assert_ok(cel_pubsub_read(ps, NULL, NULL));
        (void)usleep(1000);
    }
    assert_string_equal(heard.text, "/0.celery.pidbox=m1 /0.celeryev/worker.online=m2 ");
    cel_pubsub_destroy(ps);
    cel_publisher_destroy(p);
}

static void prefixes_everything(void **state)
{
    struct fixture *shared = *state;
    struct fixture f = {0};
    fixture_open(&f, shared->server, "pfx:");
    struct cel_publisher *p = make_publisher(&f);
    assert_int_equal(publish(p, (struct cel_outgoing){.message = SPAN("m"),
                                                      .queue = SPAN("q"),
                                                      .once_key = SPAN("k")}),
                     CEL_PUBLISHED);
    const struct redisReply *keys = run(&f, "KEYS", "*", NULL);
    assert_int_equal(cel_reply_count(keys), 3);
    for (size_t i = 0; i < cel_reply_count(keys); i++)
        assert_true(span_starts(cel_reply_span(cel_reply_at(keys, i)), SPAN("pfx:")));
    assert_int_equal(RUN_INT(&f, "SISMEMBER", "pfx:_kombu.binding.q",
                             "q\x06\x16\x06\x16"
                             "q"),
                     1);
    cel_publisher_destroy(p);
    fixture_close(&f);
}

static void publishes_once(void **state)
{
    struct fixture *f = *state;
    struct cel_publisher *p = make_publisher(f);
    enum cel_publish_outcome outcomes[4];
    const struct cel_outgoing batch[4] = {
        {.message = SPAN("m1"), .queue = SPAN("q"), .once_key = SPAN("k1")},
        {.message = SPAN("m2"), .queue = SPAN("q")},
        {.message = SPAN("m1"), .queue = SPAN("q"), .once_key = SPAN("k1")},
        {.message = SPAN("m3"), .queue = SPAN("q"), .once_key = SPAN("k3"), .once_seconds = 7},
    };
    assert_ok(cel_publish(p, batch, 4, outcomes, NULL));
    assert_int_equal(outcomes[0], CEL_PUBLISHED);
    assert_int_equal(outcomes[1], CEL_PUBLISHED);
    assert_int_equal(outcomes[2], CEL_PUBLISH_DUPLICATE);
    assert_int_equal(outcomes[3], CEL_PUBLISHED);
    assert_int_equal(RUN_INT(f, "LLEN", "q"), 3);
    assert_in_range(RUN_INT(f, "TTL", "celeriac.once.k1"), CEL_ONCE_SECONDS - 60, CEL_ONCE_SECONDS);
    assert_in_range(RUN_INT(f, "TTL", "celeriac.once.k3"), 1, 7);
    /* The server forgets its scripts; nobody notices. */
    run(f, "SCRIPT", "FLUSH", NULL);
    assert_int_equal(publish(p, batch[0]), CEL_PUBLISH_DUPLICATE);
    const struct span keys[] = {SPAN("k1"), SPAN("k3")};
    assert_ok(cel_publish_forget(p, keys, 2, NULL));
    assert_int_equal(publish(p, batch[0]), CEL_PUBLISHED);
    cel_publisher_destroy(p);
}

/* Thaws or revives the server after a while. */
static void *bring_back(void *context)
{
    struct redis_server *server = context;
    (void)usleep(500000);
    redis_server_thaw(server);
    return NULL;
}

static void tries_again_without_publishing_twice(void **state)
{
    struct fixture *f = *state;
    struct cel_publisher *p = NULL;
    const struct cel_publisher_options options = {
        .conn = {.url = f->url, .connect_timeout_ms = 200, .io_timeout_ms = 200},
        .keys = f->keys,
        .retry = {.max_retries = 20}};
    assert_ok(cel_publisher_create(&options, &p, NULL));
    struct cel_outgoing out = {.message = SPAN("m"), .queue = SPAN("q"), .once_key = SPAN("k")};
    assert_int_equal(publish(p, out), CEL_PUBLISHED);
    pthread_t thread;
    redis_server_freeze(f->server);
    assert_int_equal(pthread_create(&thread, NULL, bring_back, f->server), 0);
    out.once_key = SPAN("k2");
    /* The abandoned attempt is carried out when the server thaws; the repeat may say so. */
    assert_int_not_equal(publish(p, out), CEL_PUBLISH_UNKNOWN);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(RUN_INT(f, "LLEN", "q"), 2);
    cel_publisher_destroy(p);
}

static void checklist_18_gives_up_after_the_policys_tries(void **state)
{
    struct fixture *f = *state;
    struct cel_publisher *p = make_publisher(f);
    enum cel_publish_outcome outcome;
    const struct cel_outgoing out = {.message = SPAN("m"), .queue = SPAN("q")};
    redis_server_kill(f->server);
    int64_t start = clock_monotonic_ns();
    assert_int_equal(cel_publish(p, &out, 1, &outcome, NULL), CELERIAC_ERR_UNAVAILABLE);
    int64_t spent = clock_monotonic_ns() - start;
    assert_int_equal(outcome, CEL_PUBLISH_UNKNOWN);
    /* Pauses of 0, 0.2 and 0.4 s. */
    assert_true(spent >= 600 * NS_PER_MS);
    cel_publisher_destroy(p);
    const struct cel_publisher_options options = {
        .conn = {.url = f->url}, .keys = f->keys, .retry = {.never = true}};
    assert_ok(cel_publisher_create(&options, &p, NULL));
    assert_int_equal(cel_publish(p, &out, 1, NULL, NULL), CELERIAC_ERR_UNAVAILABLE);
    redis_server_revive(f->server);
    assert_ok(cel_publish(p, &out, 1, &outcome, NULL));
    assert_int_equal(outcome, CEL_PUBLISHED);
    cel_publisher_destroy(p);
}

static void one_bad_list_does_not_stop_the_others(void **state)
{
    struct fixture *f = *state;
    struct cel_publisher *p = make_publisher(f);
    enum cel_publish_outcome outcomes[3];
    run(f, "SET", "bad", "no list", NULL);
    const struct cel_outgoing batch[3] = {{.message = SPAN("m"), .queue = SPAN("q")},
                                          {.message = SPAN("m"), .queue = SPAN("bad")},
                                          {.message = SPAN("m"), .queue = SPAN("q")}};
    struct celeriac_error err = {0};
    assert_int_equal(cel_publish(p, batch, 3, outcomes, &err), CELERIAC_ERR_PROTOCOL);
    assert_int_equal(outcomes[0], CEL_PUBLISHED);
    assert_int_equal(outcomes[1], CEL_PUBLISH_UNKNOWN);
    assert_int_equal(outcomes[2], CEL_PUBLISHED);
    assert_int_equal(RUN_INT(f, "LLEN", "q"), 2);
    cel_publisher_destroy(p);
}

static void names_bad_fields(void **state)
{
    struct fixture *f = *state;
    struct cel_publisher *p = make_publisher(f);
    char name[CEL_NAME_MAX + 1];
    memset(name, 'q', sizeof name);
    const struct {
        struct cel_outgoing message;
        enum celeriac_err code;
        const char *mentions;
    } cases[] = {
        {{.queue = SPAN("q")}, CELERIAC_ERR_VALUE, "message"},
        {{.message = SPAN("m")}, CELERIAC_ERR_VALUE, "queue"},
        {{.message = SPAN("m"), .queue = {name, CEL_NAME_MAX + 1}}, CELERIAC_ERR_LIMIT, "queue"},
        {{.message = {name, CEL_MESSAGE_MAX + 1}, .queue = SPAN("q")},
         CELERIAC_ERR_LIMIT,
         "message"},
        {{.message = SPAN("m"), .exchange = SPAN("e"), .once_key = SPAN("k")},
         CELERIAC_ERR_VALUE,
         "once_key"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct celeriac_error err = {0};
        assert_int_equal(cel_publish(p, &cases[i].message, 1, NULL, &err), cases[i].code);
        assert_non_null(strstr(err.text, cases[i].mentions));
    }
    assert_int_equal(
        publish(p, (struct cel_outgoing){.message = SPAN("m"), .queue = {name, CEL_NAME_MAX}}),
        CEL_PUBLISHED);
    assert_ok(cel_publish(p, NULL, 0, NULL, NULL));
    cel_publisher_destroy(p);
    cel_publisher_destroy(NULL);
}

static void reports_lack_of_memory(void **state)
{
    struct fixture *f = *state;
    enum celeriac_err code = CELERIAC_ERR_MEMORY;
    char buf[MESSAGE_MAX];
    run(f, "SADD", "_kombu.binding.ex",
        "k\x06\x16\x06\x16"
        "a",
        "k\x06\x16\x06\x16"
        "b",
        NULL);
    const struct cel_outgoing batch[2] = {
        {.message = make_message(buf, "t", "x", 0, 10),
         .exchange = SPAN("ex"),
         .routing_key = SPAN("k")},
        {.message = SPAN("m"), .queue = SPAN("q"), .once_key = SPAN("k")}};
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct cel_publisher *p = NULL;
        const struct cel_publisher_options options = {.conn = {.url = f->url}, .keys = f->keys};
        mem_fail_at(n);
        code = cel_publisher_create(&options, &p, NULL);
        if (code == CELERIAC_OK)
            code = cel_publish(p, batch, 2, NULL, NULL);
        bool failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code == CELERIAC_ERR_MEMORY, failed);
        cel_publisher_destroy(p);
    }
    assert_int_equal(RUN_INT(f, "LLEN", "q"), 1);
}

static void counts_and_purges_queues(void **state)
{
    struct fixture *f = *state;
    const struct span queues[] = {SPAN("a"), SPAN("b"), SPAN("c")};
    uint64_t waiting = 0;
    uint64_t unacked = 0;
    uint64_t purged = 0;
    run(f, "LPUSH", "a", "1", "2", NULL);
    run(f, "LPUSH",
        "a\x06\x16"
        "9",
        "3", NULL);
    run(f, "LPUSH",
        "c\x06\x16"
        "3",
        "4", NULL);
    run(f, "HSET", "unacked", "tag", "message", NULL);
    assert_ok(cel_queue_backlog(f->conn, f->keys, queues[0], &waiting, &unacked, NULL));
    assert_int_equal(waiting, 3);
    assert_int_equal(unacked, 1);
    assert_ok(cel_queue_purge(f->conn, f->keys, queues, 2, &purged, NULL));
    assert_int_equal(purged, 3);
    assert_ok(cel_queue_backlog(f->conn, f->keys, queues[0], &waiting, &unacked, NULL));
    assert_int_equal(waiting, 0);
    assert_ok(cel_queue_backlog(f->conn, f->keys, queues[2], &waiting, &unacked, NULL));
    assert_int_equal(waiting, 1);
    const struct span bad = {0};
    assert_int_equal(cel_queue_purge(f->conn, f->keys, &bad, 1, &purged, NULL), CELERIAC_ERR_VALUE);
    assert_int_equal(cel_queue_backlog(f->conn, f->keys, bad, &waiting, &unacked, NULL),
                     CELERIAC_ERR_VALUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(checklist_7_pushes_into_the_list_of_the_priority, fixture_clear),
        cmocka_unit_test_setup(checklist_8_declares_once_per_connection_and_queue, fixture_clear),
        cmocka_unit_test_setup(checklist_12_routes_by_exchange, fixture_clear),
        cmocka_unit_test_setup(checklist_13_broadcasts, fixture_clear),
        cmocka_unit_test_setup(prefixes_everything, fixture_clear),
        cmocka_unit_test_setup(publishes_once, fixture_clear),
        cmocka_unit_test_setup(tries_again_without_publishing_twice, fixture_clear),
        cmocka_unit_test_setup(checklist_18_gives_up_after_the_policys_tries, fixture_clear),
        cmocka_unit_test_setup(one_bad_list_does_not_stop_the_others, fixture_clear),
        cmocka_unit_test_setup(names_bad_fields, fixture_clear),
        cmocka_unit_test_setup(reports_lack_of_memory, fixture_clear),
        cmocka_unit_test_setup(counts_and_purges_queues, fixture_clear),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
