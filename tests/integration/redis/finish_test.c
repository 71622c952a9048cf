#include "tests/integration/redis/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "celery_proto/redis/result_store.h"

#define SUCCESS(n) SPAN("{\"status\": \"SUCCESS\", \"result\": " #n "}")

struct worker {
    struct cel_maintainer *maintainer;
    struct cel_claimer *claimer;
    struct cel_finisher *finisher;
};

static struct worker start_worker(struct fixture *f, const char *id, bool with_results)
{
    struct worker w = {make_maintainer(f, id), make_claimer(f, id, NULL, 0, NULL, 0),
                       make_finisher(f, id, with_results)};
    enroll(w.maintainer);
    return w;
}

static void stop_worker(struct worker *w)
{
    cel_finisher_destroy(w->finisher);
    cel_claimer_destroy(w->claimer);
    cel_maintainer_destroy(w->maintainer);
}

static void finish(struct cel_finisher *finisher, struct cel_finish_item *items, size_t count)
{
    struct celeriac_error err = {0};
    if (cel_finish(finisher, items, count, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
}

static void assert_nothing_held(struct fixture *f)
{
    assert_int_equal(RUN_INT(f, "EXISTS", "unacked", "unacked_index") + held_by(f, "w1"), 0);
}

static void checklist_22_acknowledges(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, "w1", false);
    struct cel_finish_item items[3] = {
        {.tag = SPAN("tag-0")}, {.tag = SPAN("tag-2")}, {.tag = SPAN("unknown")}};
    push_messages(f, "t.add", 0, 3);
    assert_int_equal(claim(w.claimer, 10).count, 3);
    finish(w.finisher, items, 3);
    assert_true(items[0].held);
    assert_true(items[1].held);
    assert_false(items[2].held);
    assert_int_equal(RUN_INT(f, "HLEN", "unacked"), 1);
    assert_int_equal(RUN_INT(f, "ZCARD", "unacked_index"), 1);
    assert_int_equal(RUN_INT(f, "HEXISTS", "unacked", "tag-1"), 1);
    items[0].tag = SPAN("tag-1");
    finish(w.finisher, items, 1);
    assert_nothing_held(f);
    finish(w.finisher, items, 0);
    stop_worker(&w);
}

static void checklist_22_23_retries_and_requeues(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, "w1", false);
    char buf[MESSAGE_MAX];
    push_messages(f, "t.add", 0, 2);
    assert_int_equal(claim(w.claimer, 10).count, 2);
    push_messages(f, "t.add", 9, 1);
    struct cel_finish_item items[2] = {
        {.tag = SPAN("tag-0"),
         .to = CEL_FINISH_BACK,
         .queue = SPAN("celery"),
         .message = make_message(buf, "t.add", "retry", 0, 5)},
        {.tag = SPAN("tag-1"),
         .to = CEL_FINISH_BACK,
         .queue = SPAN("celery"),
         .priority = 7,
         .message = SPAN("seven")},
    };
    finish(w.finisher, items, 2);
    assert_nothing_held(f);
    /* The back of the queue is the left end of the list. */
    assert_int_equal(RUN_INT(f, "LLEN", "celery"), 2);
    assert_true(span_equal(cel_reply_span(run(f, "LINDEX", "celery", "0", NULL)),
                           make_message(buf, "t.add", "retry", 0, 5)));
    assert_reply(run(f, "LINDEX",
                     "celery\x06\x16"
                     "6",
                     "0", NULL),
                 "seven");
    stop_worker(&w);
}

static void what_follows_goes_only_with_what_was_held(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, "w1", false);
    push_messages(f, "t.add", 0, 2);
    assert_int_equal(claim(w.claimer, 10).count, 2);
    /* A peer has taken the second. */
    assert_int_equal(RUN_INT(f, "ZADD", "unacked_index", "17.5", "tag-1"), 0);
    struct cel_finish_item items[6] = {
        {.tag = SPAN("tag-0")},
        {.to = CEL_FINISH_FOLLOW, .queue = SPAN("next"), .message = SPAN("a")},
        {.result = {.task_id = SPAN("other"), .document = SPAN("{\"status\": \"FAILURE\"}")}},
        {.to = CEL_FINISH_FOLLOW, .queue = SPAN("next"), .priority = 3, .message = SPAN("b")},
        {.tag = SPAN("tag-1")},
        {.to = CEL_FINISH_FOLLOW, .queue = SPAN("next"), .message = SPAN("c")},
    };
    finish(w.finisher, items, 6);
    assert_true(items[0].held && items[1].held && items[3].held);
    assert_false(items[4].held || items[5].held);
    assert_int_equal(RUN_INT(f, "LLEN", "next"), 1);
    assert_reply(run(f, "LINDEX", "next", "0", NULL), "a");
    assert_reply(run(f, "LINDEX",
                     "next\x06\x16"
                     "3",
                     "0", NULL),
                 "b");
    stop_worker(&w);
}

static void checklist_27_hands_back_to_the_front_in_order(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, "w1", false);
    struct cel_finish_item items[4];
    static char bytes[4][MESSAGE_MAX];
    char tags[4][16];
    push_messages(f, "t.add", 0, 6);
    assert_int_equal(claim(w.claimer, 4).count, 4);
    for (unsigned i = 0; i < 4; i++) {
        (void)snprintf(tags[i], sizeof tags[i], "tag-%u", i);
        items[i] =
            (struct cel_finish_item){.tag = span_of(tags[i]),
                                     .to = CEL_FINISH_FRONT,
                                     .queue = SPAN("celery"),
                                     .message = make_message(bytes[i], "t.add", tags[i], 0, 100)};
    }
    finish(w.finisher, items, 4);
    struct cel_claim_batch batch = claim(w.claimer, 10);
    assert_int_equal(batch.count, 6);
    for (unsigned i = 0; i < 6; i++) {
        char tag[16];
        (void)snprintf(tag, sizeof tag, "tag-%u", i);
        assert_true(span_is(batch.messages[i].tag, tag));
    }
    stop_worker(&w);
}

static void quarantines_whole(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, "w1", false);
    char buf[MESSAGE_MAX];
    struct json_doc doc;
    struct strbuf text;
    push_messages(f, "t.add", 0, 1);
    assert_int_equal(claim(w.claimer, 10).count, 1);
    struct cel_finish_item item = {.tag = SPAN("tag-0"),
                                   .to = CEL_FINISH_QUARANTINE,
                                   .reason = "bad-eta",
                                   .queue = SPAN("celery"),
                                   .message = make_message(buf, "t.add", "tag-0", 0, 100)};
    finish(w.finisher, &item, 1);
    assert_true(item.held);
    assert_nothing_held(f);
    json_init(&doc);
    strbuf_init(&text, MESSAGE_MAX);
    const struct redisReply *entry = run(f, "LINDEX", "celeriac.quarantine", "0", NULL);
    assert_ok(json_parse(&doc, cel_reply_span(entry), NULL, NULL));
    assert_true(json_string_is(json_get(json_root(&doc), "reason"), "bad-eta"));
    assert_ok(json_decode_string(json_get(json_root(&doc), "message"), &text));
    assert_true(span_equal(strbuf_span(&text), item.message));
    json_close(&doc);
    strbuf_close(&text);
    stop_worker(&w);
}

static void leaves_alone_what_is_not_held(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, "w1", false);
    struct cel_finish_item item = {.tag = SPAN("tag-0"),
                                   .to = CEL_FINISH_BACK,
                                   .queue = SPAN("celery"),
                                   .message = SPAN("retry")};
    push_messages(f, "t.add", 0, 1);
    assert_int_equal(claim(w.claimer, 10).count, 1);
    /* A Python worker took it over, with a score of its own. */
    run(f, "ZADD", "unacked_index", "1795379699.128789", "tag-0", NULL);
    finish(w.finisher, &item, 1);
    assert_false(item.held);
    assert_int_equal(RUN_INT(f, "EXISTS", "celery"), 0);
    assert_int_equal(RUN_INT(f, "HEXISTS", "unacked", "tag-0"), 1);
    assert_int_equal(RUN_INT(f, "ZCARD", "unacked_index"), 1);
    assert_int_equal(held_by(f, "w1"), 0);
    stop_worker(&w);
}

/* Short timeouts, so that a frozen server is given up quickly. */
static struct cel_finisher *make_impatient(struct fixture *f, const char *id)
{
    struct cel_finisher *finisher = NULL;
    const struct cel_finisher_options options = {
        .conn = {.url = f->url, .connect_timeout_ms = 200, .io_timeout_ms = 200},
        .keys = f->keys,
        .worker_id = id,
        .results = {.conn = {.url = f->url}, .keys = f->keys}};
    assert_ok(cel_finisher_create(&options, &finisher, NULL));
    return finisher;
}

static void a_lost_reply_publishes_no_retry_twice(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, "w1", false);
    struct cel_finisher *finisher = make_impatient(f, "w1");
    for (unsigned round = 0; round < 5; round++) {
        char tag[16];
        (void)snprintf(tag, sizeof tag, "tag-%u", round);
        push_messages(f, "t.add", round, 1);
        assert_int_equal(claim(w.claimer, 1).count, 1);
        struct cel_finish_item items[2] = {
            {.tag = span_of(tag),
             .to = CEL_FINISH_BACK,
             .queue = SPAN("retries"),
             .message = SPAN("retry"),
             .result = {.task_id = span_of(tag), .document = SUCCESS(1)}},
            {.tag = SPAN("not ours")}};
        /* The connection is up; the command arrives, and is carried out when we have given up. */
        redis_server_freeze(f->server);
        assert_int_equal(cel_finish(finisher, items, 2, NULL), CELERIAC_ERR_UNAVAILABLE);
        redis_server_thaw(f->server);
        finish(finisher, items, 2);
        assert_true(items[0].held);
        assert_false(items[1].held);
        assert_int_equal(RUN_INT(f, "LLEN", "retries"), round + 1);
        assert_nothing_held(f);
    }
    /* Something else after giving up is no repeat. */
    push_messages(f, "t.add", 90, 2);
    assert_int_equal(claim(w.claimer, 10).count, 2);
    struct cel_finish_item item = {.tag = SPAN("tag-90")};
    redis_server_freeze(f->server);
    assert_int_equal(cel_finish(finisher, &item, 1, NULL), CELERIAC_ERR_UNAVAILABLE);
    redis_server_thaw(f->server);
    item.tag = SPAN("tag-91");
    finish(finisher, &item, 1);
    assert_true(item.held);
    assert_int_equal(RUN_INT(f, "HEXISTS", "unacked", "tag-91"), 0);
    cel_finisher_destroy(finisher);
    stop_worker(&w);
}

static void checklist_61_62_stores_results(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, "w1", true);
    push_messages(f, "t.add", 0, 1);
    assert_int_equal(claim(w.claimer, 10).count, 1);
    struct cel_finish_item items[2] = {
        {.tag = SPAN("tag-0"), .result = {.task_id = SPAN("id-0"), .document = SUCCESS(3)}},
        {.result = {.task_id = SPAN("id-1"),
                    .document = SPAN("{\"status\": \"STARTED\", \"result\": null}")}}};
    finish(w.finisher, items, 2);
    assert_true(items[0].held);
    assert_nothing_held(f);
    assert_reply(run(f, "GET", "celery-task-meta-id-0", NULL),
                 "{\"status\": \"SUCCESS\", \"result\": 3}");
    assert_in_range(RUN_INT(f, "TTL", "celery-task-meta-id-0"), 86000, 86400);
    assert_int_equal(RUN_INT(f, "EXISTS", "celery-task-meta-id-1"), 1);
    assert_int_equal(cel_finish_results_dropped(w.finisher), 0);
    stop_worker(&w);
}

static void a_bad_result_key_stops_nothing(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, "w1", true);
    run(f, "LPUSH", "celery-task-meta-id-0", "x", NULL);
    push_messages(f, "t.add", 0, 2);
    assert_int_equal(claim(w.claimer, 10).count, 2);
    struct cel_finish_item items[2] = {
        {.tag = SPAN("tag-0"), .result = {.task_id = SPAN("id-0"), .document = SUCCESS(3)}},
        {.tag = SPAN("tag-1"), .result = {.task_id = SPAN("id-1"), .document = SUCCESS(4)}}};
    finish(w.finisher, items, 2);
    assert_true(items[0].held && items[1].held);
    assert_nothing_held(f);
    assert_int_equal(cel_finish_results_dropped(w.finisher), 1);
    assert_int_equal(RUN_INT(f, "EXISTS", "celery-task-meta-id-1"), 1);
    /* So does one that is too large. */
    push_messages(f, "t.add", 2, 1);
    assert_int_equal(claim(w.claimer, 10).count, 1);
    char *big = calloc(1, CEL_RESULT_MAX + 1);
    assert_non_null(big);
    items[0] = (struct cel_finish_item){
        .tag = SPAN("tag-2"),
        .result = {.task_id = SPAN("big"), .document = {big, CEL_RESULT_MAX + 1}}};
    finish(w.finisher, items, 1);
    assert_true(items[0].held);
    assert_int_equal(cel_finish_results_dropped(w.finisher), 2);
    free(big);
    stop_worker(&w);
}

static void a_results_server_that_is_away_delays_nothing(void **state)
{
    struct fixture *f = *state;
    struct redis_server *second = redis_server_start(NULL);
    struct cel_broker_url *results = NULL;
    struct fixture other = {0};
    fixture_open(&other, second, NULL);
    assert_ok(
        cel_broker_url_parse(span_of(redis_server_url(second)), CEL_URL_RESULTS, &results, NULL));
    struct cel_finisher *finisher = NULL;
    const struct cel_finisher_options options = {
        .conn = {.url = f->url},
        .keys = f->keys,
        .worker_id = "w1",
        .results = {.conn = {.url = results, .connect_timeout_ms = 300, .io_timeout_ms = 300},
                    .keys = f->keys,
                    .keep = true}};
    assert_ok(cel_finisher_create(&options, &finisher, NULL));
    struct worker w = start_worker(f, "w1", false);
    push_messages(f, "t.add", 0, 40);
    assert_int_equal(claim(w.claimer, 40).count, 40);
    int64_t slow = 0;
    for (unsigned i = 0; i < 40; i++) {
        char tag[16];
        (void)snprintf(tag, sizeof tag, "tag-%u", i);
        if (i == 10)
            redis_server_freeze(second);
        if (i == 25) {
            redis_server_thaw(second);
            redis_server_kill(second);
        }
        struct cel_finish_item item = {.tag = span_of(tag),
                                       .result = {.task_id = span_of(tag), .document = SUCCESS(1)}};
        int64_t start = clock_monotonic_ns();
        finish(finisher, &item, 1);
        assert_true(item.held);
        slow += clock_monotonic_ns() - start >= 300 * NS_PER_MS ? 1 : 0;
    }
    /* Not each of the 15 calls paid for finding out that the server was away. */
    assert_in_range(slow, 1, 10);
    assert_nothing_held(f);
    redis_server_revive(second);
    int64_t next = 0;
    for (int i = 0; i < 1000 && next >= 0; i++) {
        cel_finish_flush_results(finisher, &next);
        (void)usleep(20000);
    }
    assert_int_equal(next, -1);
    cel_conn_disconnect(other.conn);
    /* What was stored before the kill is gone with the server; everything since is there. */
    for (unsigned i = 10; i < 40; i++) {
        char key[64];
        (void)snprintf(key, sizeof key, "celery-task-meta-tag-%u", i);
        assert_int_equal(RUN_INT(&other, "EXISTS", key), 1);
        assert_int_equal(RUN_INT(&other, "TTL", key), -1);
    }
    assert_int_equal(cel_finish_results_dropped(finisher), 0);
    cel_finisher_destroy(finisher);
    stop_worker(&w);
    fixture_close(&other);
    cel_broker_url_destroy(results);
    redis_server_stop(second);
}

static void a_full_server_refuses_results_only(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, "w1", true);
    push_messages(f, "t.add", 0, 2);
    assert_int_equal(claim(w.claimer, 10).count, 2);
    struct cel_finish_item items[2] = {
        {.tag = SPAN("tag-0"), .result = {.task_id = SPAN("id-0"), .document = SUCCESS(3)}},
        {.tag = SPAN("tag-1"),
         .to = CEL_FINISH_BACK,
         .queue = SPAN("celery"),
         .message = SPAN("retry")}};
    run(f, "CONFIG", "SET", "maxmemory", "1", NULL);
    finish(w.finisher, items, 2);
    assert_true(items[0].held && items[1].held);
    assert_nothing_held(f);
    assert_int_equal(RUN_INT(f, "LLEN", "celery"), 1);
    assert_int_equal(RUN_INT(f, "EXISTS", "celery-task-meta-id-0"), 0);
    /* It waits for better times. */
    run(f, "CONFIG", "SET", "maxmemory", "0", NULL);
    for (int64_t next = 0; next >= 0;)
        cel_finish_flush_results(w.finisher, &next);
    assert_int_equal(RUN_INT(f, "EXISTS", "celery-task-meta-id-0"), 1);
    assert_int_equal(cel_finish_results_dropped(w.finisher), 0);
    stop_worker(&w);
}

static void names_bad_items(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, "w1", false);
    static struct cel_finish_item many[CEL_FINISH_ITEMS_MAX + 1];
    struct celeriac_error err = {0};
    struct cel_finish_item item = {.tag = SPAN("a"), .to = CEL_FINISH_BACK, .message = SPAN("m")};
    assert_int_equal(cel_finish(w.finisher, &item, 1, &err), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(err.text, "queue"));
    celeriac_error_clear(&err);
    item = (struct cel_finish_item){.tag = SPAN("a"), .to = CEL_FINISH_FRONT, .queue = SPAN("q")};
    assert_int_equal(cel_finish(w.finisher, &item, 1, &err), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(err.text, "message"));
    celeriac_error_clear(&err);
    item =
        (struct cel_finish_item){.to = CEL_FINISH_FRONT, .queue = SPAN("q"), .message = SPAN("m")};
    assert_int_equal(cel_finish(w.finisher, &item, 1, &err), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(err.text, "tag"));
    for (size_t i = 0; i <= CEL_FINISH_ITEMS_MAX; i++)
        many[i].tag = SPAN("x");
    finish(w.finisher, many, CEL_FINISH_ITEMS_MAX);
    assert_int_equal(cel_finish(w.finisher, many, CEL_FINISH_ITEMS_MAX + 1, NULL),
                     CELERIAC_ERR_LIMIT);
    stop_worker(&w);
}

static void reports_lack_of_memory(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, "w1", false);
    enum celeriac_err code = CELERIAC_ERR_MEMORY;
    push_messages(f, "t.add", 0, 1);
    assert_int_equal(claim(w.claimer, 1).count, 1);
    struct cel_finish_item item = {.tag = SPAN("tag-0"),
                                   .to = CEL_FINISH_QUARANTINE,
                                   .reason = "x",
                                   .message = SPAN("m"),
                                   .result = {.task_id = SPAN("id"), .document = SUCCESS(1)}};
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct cel_finisher *finisher = NULL;
        const struct cel_finisher_options options = {
            .conn = {.url = f->url},
            .keys = f->keys,
            .worker_id = "w1",
            .results = {.conn = {.url = f->url}, .keys = f->keys}};
        mem_fail_at(n);
        code = cel_finisher_create(&options, &finisher, NULL);
        if (code == CELERIAC_OK)
            code = cel_finish(finisher, &item, 1, NULL);
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
        cel_finisher_destroy(finisher);
    }
    assert_int_equal(RUN_INT(f, "LLEN", "celeriac.quarantine"), 1);
    assert_nothing_held(f);
    cel_finisher_destroy(NULL);
    stop_worker(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(checklist_22_acknowledges, fixture_clear),
        cmocka_unit_test_setup(checklist_22_23_retries_and_requeues, fixture_clear),
        cmocka_unit_test_setup(what_follows_goes_only_with_what_was_held, fixture_clear),
        cmocka_unit_test_setup(checklist_27_hands_back_to_the_front_in_order, fixture_clear),
        cmocka_unit_test_setup(quarantines_whole, fixture_clear),
        cmocka_unit_test_setup(leaves_alone_what_is_not_held, fixture_clear),
        cmocka_unit_test_setup(a_lost_reply_publishes_no_retry_twice, fixture_clear),
        cmocka_unit_test_setup(checklist_61_62_stores_results, fixture_clear),
        cmocka_unit_test_setup(a_bad_result_key_stops_nothing, fixture_clear),
        cmocka_unit_test_setup(a_results_server_that_is_away_delays_nothing, fixture_clear),
        cmocka_unit_test_setup(a_full_server_refuses_results_only, fixture_clear),
        cmocka_unit_test_setup(names_bad_items, fixture_clear),
        cmocka_unit_test_setup(reports_lack_of_memory, fixture_clear),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
