#include "tests/integration/redis/rounds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"

static struct cel_maintainer *make_watcher(struct fixture *f, const char *id, uint32_t timeout)
{
    struct cel_maintainer *m = NULL;
    const struct cel_maintainer_options options = {.conn = {.url = f->url},
                                                   .keys = f->keys,
                                                   .worker_id = id,
                                                   .worker_name = "celery@watcher",
                                                   .visibility_timeout = timeout};
    assert_ok(cel_maintainer_create(&options, &m, NULL));
    return m;
}

/* The redelivered form of a message of make_message(). */
static void redelivered(char out[MESSAGE_MAX], struct span message)
{
    char text[MESSAGE_MAX];
    (void)snprintf(text, sizeof text, "%.*s", SPAN_PRINTF(message));
    char *headers_end = strstr(text, "}, \"properties\"");
    char *info_end = strstr(text, "\"routing_key\": \"celery\"}");
    assert_non_null(headers_end);
    assert_non_null(info_end);
    info_end += strlen("\"routing_key\": \"celery\"");
    (void)snprintf(out, MESSAGE_MAX, "%.*s, \"redelivered\": true%.*s, \"redelivered\": true%s",
                   (int)(headers_end - text), text, (int)(info_end - headers_end), headers_end,
                   info_end);
}

static void restores_a_dead_workers_messages(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *dead = make_maintainer(f, "dead");
    struct cel_claimer *c = make_claimer(f, "dead", NULL, 0, NULL, 0);
    struct cel_maintainer *m = make_maintainer(f, "w1");
    struct sum sum = {0};
    char buf[MESSAGE_MAX];
    char expected[MESSAGE_MAX];
    enroll(dead);
    push_messages(f, "t.add", 0, 700);
    assert_int_equal(claim(c, 300).count, 300);
    assert_int_equal(claim(c, 300).count, 300);
    cel_claimer_destroy(c);
    cel_maintainer_destroy(dead);

    int64_t now = clock_monotonic_ns();
    now = rounds(f, m, now, CEL_LEASE_DEAD_MS - CEL_LEASE_BEAT_MS, &sum);
    assert_int_equal(sum.restored, 0);
    now = rounds(f, m, now, 2 * CEL_LEASE_BEAT_MS, &sum);
    assert_int_equal(sum.restored, 600);
    assert_int_equal(sum.dead_workers, 1);
    assert_int_equal(sum.quarantined, 0);
    assert_false(sum.evicted);
    assert_int_equal(RUN_INT(f, "EXISTS", "unacked", "unacked_index", "celeriac.own.dead",
                             "celeriac.claim.dead"),
                     0);
    assert_int_equal(RUN_INT(f, "HEXISTS", "celeriac.workers", "dead"), 0);
    assert_int_equal(RUN_INT(f, "HEXISTS", "celeriac.workers", "w1"), 1);
    /* The oldest is consumed first, all before what was never claimed; each marked and whole. */
    const struct redisReply *list = run(f, "LRANGE", "celery", "0", "-1", NULL);
    assert_int_equal(cel_reply_count(list), 700);
    for (unsigned i = 0; i < 700; i++) {
        char tag[16];
        (void)snprintf(tag, sizeof tag, "tag-%u", i);
        struct span message = make_message(buf, "t.add", tag, 0, 100);
        redelivered(expected, message);
        struct span got = cel_reply_span(cel_reply_at(list, 699 - i));
        assert_true(i < 600 ? span_is(got, expected) : span_equal(got, message));
    }
    cel_maintainer_destroy(m);
}

static void checklist_23_restores_into_the_priority_lists(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *dead = make_maintainer(f, "dead");
    struct cel_claimer *c = make_claimer(f, "dead", NULL, 0, NULL, 0);
    struct cel_maintainer *m = make_maintainer(f, "w1");
    struct sum sum = {0};
    char buf[MESSAGE_MAX];
    enroll(dead);
    static const int priorities[] = {0, 4, 6, 9};
    static const char *const lists[] = {"celery",
                                        "celery\x06\x16"
                                        "3",
                                        "celery\x06\x16"
                                        "6",
                                        "celery\x06\x16"
                                        "9"};
    for (int i = 0; i < 4; i++) {
        char tag[8] = {'p', (char)('0' + i), 0};
        cel_pipeline_clear(&f->pipeline);
        CEL_COMMAND(&f->pipeline, SPAN("LPUSH"), span_of(lists[i]),
                    make_message(buf, "t.add", tag, priorities[i], 10));
        assert_ok(cel_pipeline_run(&f->pipeline, f->conn, NULL));
    }
    assert_int_equal(claim(c, 10).count, 4);
    cel_claimer_destroy(c);
    cel_maintainer_destroy(dead);
    (void)rounds(f, m, clock_monotonic_ns(), CEL_LEASE_DEAD_MS + 2 * CEL_LEASE_BEAT_MS, &sum);
    assert_int_equal(sum.restored, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(RUN_INT(f, "LLEN", lists[i]), 1);
    cel_maintainer_destroy(m);
}

static void two_watchers_restore_once(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *dead = make_maintainer(f, "dead");
    struct cel_claimer *c = make_claimer(f, "dead", NULL, 0, NULL, 0);
    struct cel_maintainer *a = make_maintainer(f, "a");
    struct cel_maintainer *b = make_maintainer(f, "b");
    struct sum sum_a = {0};
    struct sum sum_b = {0};
    enroll(dead);
    push_messages(f, "t.add", 0, 600);
    assert_int_equal(claim(c, 600).count, 600);
    cel_claimer_destroy(c);
    cel_maintainer_destroy(dead);
    int64_t now = clock_monotonic_ns();
    for (int64_t ms = 0; ms < CEL_LEASE_DEAD_MS + 2 * CEL_LEASE_BEAT_MS; ms += 100) {
        let_time_pass(f, 50);
        (void)round_at(a, now + ms * NS_PER_MS, &sum_a);
        let_time_pass(f, 50);
        (void)round_at(b, now + ms * NS_PER_MS, &sum_b);
    }
    assert_int_equal(RUN_INT(f, "LLEN", "celery"), 600);
    assert_int_equal(sum_a.dead_workers + sum_b.dead_workers, 1);
    assert_int_equal(RUN_INT(f, "EXISTS", "unacked", "unacked_index", "celeriac.own.dead"), 0);
    cel_maintainer_destroy(a);
    cel_maintainer_destroy(b);
}

static void checklist_29_refreshes_what_it_holds(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *m = make_watcher(f, "w1", 40);
    struct cel_claimer *c = make_claimer(f, "w1", NULL, 0, NULL, 0);
    struct sum sum = {0};
    int64_t now = clock_monotonic_ns();
    (void)round_at(m, now, &sum);
    push_messages(f, "t.add", 0, 1000);
    assert_int_equal(claim(c, 1000).count, 1000);
    /* Ten minutes pass: both sides are set back, as if claimed then. */
    cel_pipeline_clear(&f->pipeline);
    CEL_COMMAND(&f->pipeline, SPAN("EVAL"),
                SPAN("for _, tag in ipairs(redis.call('HKEYS', KEYS[1])) do "
                     "local s, rest = redis.call('HGET', KEYS[1], tag):match('^(%d+)( .*)') "
                     "if tag ~= '' then s = string.format('%d', s - 600) "
                     "redis.call('HSET', KEYS[1], tag, s .. rest) "
                     "redis.call('ZADD', KEYS[2], s, tag) end end"),
                SPAN("2"), SPAN("celeriac.own.w1"), SPAN("unacked_index"));
    assert_ok(cel_pipeline_run(&f->pipeline, f->conn, NULL));
    assert_ok(cel_reply_check(cel_pipeline_reply(&f->pipeline, 0), NULL));
    int64_t before = RUN_INT(f, "ZSCORE", "unacked_index", "tag-5");
    /* One was restored by somebody, one was taken over. */
    run(f, "ZREM", "unacked_index", "tag-7", NULL);
    char fresh[32];
    (void)snprintf(fresh, sizeof fresh, "%lld.5", (long long)(before + 600));
    run(f, "ZADD", "unacked_index", fresh, "tag-8", NULL);
    /* A quarter of the timeout later the scores are renewed. */
    now = rounds(f, m, now, 9000, &sum);
    assert_int_equal(RUN_INT(f, "ZSCORE", "unacked_index", "tag-5"), before);
    (void)rounds(f, m, now, 2000, &sum);
    assert_true(RUN_INT(f, "ZSCORE", "unacked_index", "tag-5") >= before + 600);
    char since[32];
    (void)snprintf(since, sizeof since, "%lld", (long long)(before + 600));
    assert_int_equal(RUN_INT(f, "ZCOUNT", "unacked_index", since, "+inf"), 999);
    assert_int_equal(sum.lost, 2);
    assert_non_null(strstr(sum.lost_tags, "tag-7 "));
    assert_non_null(strstr(sum.lost_tags, "tag-8 "));
    assert_int_equal(held_by(f, "w1"), 998);
    /* They are still ours to end, in the order in which they came. */
    size_t restored = 0;
    assert_ok(cel_maintain_leave(m, &restored, NULL));
    assert_int_equal(restored, 998);
    struct cel_maintainer *next = make_maintainer(f, "w2");
    struct cel_claimer *c2 = make_claimer(f, "w2", NULL, 0, NULL, 0);
    enroll(next);
    struct cel_claim_batch batch = claim(c2, 3);
    assert_true(span_is(batch.messages[0].tag, "tag-0"));
    assert_true(span_is(batch.messages[2].tag, "tag-2"));
    cel_claimer_destroy(c);
    cel_claimer_destroy(c2);
    cel_maintainer_destroy(m);
    cel_maintainer_destroy(next);
}

/* An entry of a Python worker in `unacked`, delivered `age` seconds ago. */
static void deliver_to_python(struct fixture *f, const char *tag, struct span entry, int age)
{
    char score[64];
    long long now = cel_reply_int(cel_reply_at(run(f, "TIME", NULL), 0));
    (void)snprintf(score, sizeof score, "%lld.128789", now - age);
    cel_pipeline_clear(&f->pipeline);
    CEL_COMMAND(&f->pipeline, SPAN("ZADD"), SPAN("unacked_index"), span_of(score), span_of(tag));
    if (entry.len > 0)
        CEL_COMMAND(&f->pipeline, SPAN("HSET"), SPAN("unacked"), span_of(tag), entry);
    assert_ok(cel_pipeline_run(&f->pipeline, f->conn, NULL));
}

static struct span make_entry(char buf[MESSAGE_MAX * 2], const char *tag, const char *exchange,
                              const char *routing_key)
{
    char message[MESSAGE_MAX];
    int n =
        snprintf(buf, (size_t)MESSAGE_MAX * 2, "[%.*s, \"%s\", \"%s\"]",
                 SPAN_PRINTF(make_message(message, "t.add", tag, 3, 10)), exchange, routing_key);
    assert_true(n > 0);
    return (struct span){buf, (size_t)n};
}

static void checklist_25_26_restores_by_visibility_timeout(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *m = make_watcher(f, "w1", 60);
    struct sum sum = {0};
    char buf[MESSAGE_MAX * 2];
    deliver_to_python(f, "old-1", make_entry(buf, "old-1", "", "celery"), 100);
    deliver_to_python(f, "old-2", make_entry(buf, "old-2", "", "celery"), 90);
    deliver_to_python(f, "young", make_entry(buf, "young", "", "celery"), 30);
    deliver_to_python(f, "orphan", (struct span){0}, 100);
    deliver_to_python(f, "lost", make_entry(buf, "lost", "gone", "key"), 100);
    deliver_to_python(f, "bad", SPAN("[1, 2"), 100);
    deliver_to_python(f, "odd", SPAN("[{\"properties\": 1}, \"\", \"celery\"]"), 100);
    deliver_to_python(f, "bound", make_entry(buf, "bound", "ex", "key"), 100);
    deliver_to_python(f, "topic", make_entry(buf, "topic", "top", "a.b"), 100);
    run(f, "SADD", "_kombu.binding.ex",
        "key\x06\x16\x06\x16"
        "q1",
        "key\x06\x16\x06\x16"
        "q2",
        "other\x06\x16\x06\x16"
        "q3",
        NULL);
    run(f, "SADD", "_kombu.binding.top",
        "a.*\x06\x16^a\\.[^\\.]+$\x06\x16"
        "q4",
        NULL);
    int64_t now = clock_monotonic_ns();
    (void)round_at(m, now, &sum);
    assert_int_equal(sum.restored, 5);
    assert_int_equal(sum.quarantined, 3);
    assert_int_equal(sum.orphans, 1);
    assert_int_equal(RUN_INT(f, "ZCARD", "unacked_index"), 1);
    assert_int_equal(RUN_INT(f, "HLEN", "unacked"), 1);
    assert_int_equal(RUN_INT(f, "HEXISTS", "unacked", "young"), 1);
    assert_int_equal(RUN_INT(f, "LLEN", "celeriac.quarantine"), 3);
    assert_int_equal(RUN_INT(f, "LLEN",
                             "celery\x06\x16"
                             "3"),
                     2);
    assert_int_equal(RUN_INT(f, "LLEN",
                             "q1\x06\x16"
                             "3"),
                     1);
    assert_int_equal(RUN_INT(f, "LLEN",
                             "q2\x06\x16"
                             "3"),
                     1);
    assert_int_equal(RUN_INT(f, "LLEN",
                             "q3\x06\x16"
                             "3"),
                     0);
    assert_int_equal(RUN_INT(f, "LLEN",
                             "q4\x06\x16"
                             "3"),
                     1);
    char first[MESSAGE_MAX];
    (void)snprintf(first, sizeof first, "%.*s",
                   SPAN_PRINTF(cel_reply_span(run(f, "LINDEX",
                                                  "q1\x06\x16"
                                                  "3",
                                                  "0", NULL))));
    struct span second = cel_reply_span(run(f, "LINDEX",
                                            "q2\x06\x16"
                                            "3",
                                            "0", NULL));
    /* The two copies do not share their tag. */
    assert_false(span_is(second, first));
    /* The older one is consumed first. */
    assert_true(cel_reply_span(run(f, "LINDEX",
                                   "celery\x06\x16"
                                   "3",
                                   "-1", NULL))
                    .len > 0);
    assert_non_null(strstr(cel_reply_span(run(f, "LINDEX",
                                              "celery\x06\x16"
                                              "3",
                                              "-1", NULL))
                               .ptr,
                           "old-1"));
    /* The lock is free again. */
    assert_int_equal(RUN_INT(f, "EXISTS", "unacked_mutex"), 0);
    /* The next search comes after kombu's interval. */
    sum = (struct sum){0};
    deliver_to_python(f, "later", make_entry(buf, "later", "", "celery"), 100);
    now = rounds(f, m, now + NS_PER_SEC, (CEL_RESTORE_INTERVAL_S - 3) * 1000, &sum);
    assert_int_equal(sum.restored, 0);
    (void)rounds(f, m, now, 4000, &sum);
    assert_int_equal(sum.restored, 1);
    cel_maintainer_destroy(m);
}

static void checklist_25_respects_kombus_lock(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *m = make_watcher(f, "w1", 60);
    struct sum sum = {0};
    char buf[MESSAGE_MAX * 2];
    deliver_to_python(f, "old", make_entry(buf, "old", "", "celery"), 100);
    run(f, "SET", "unacked_mutex", "somebody", NULL);
    (void)round_at(m, clock_monotonic_ns(), &sum);
    assert_int_equal(sum.restored, 0);
    assert_reply(run(f, "GET", "unacked_mutex", NULL), "somebody");
    cel_maintainer_destroy(m);
}

static void checklist_27_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *m = make_maintainer(f, "w1");
    struct cel_claimer *c = make_claimer(f, "w1", NULL, 0, NULL, 0);
    size_t restored = 0;
    enroll(m);
    push_messages(f, "t.add", 0, 600);
    assert_int_equal(claim(c, 555).count, 555);
    cel_claimer_destroy(c);
    assert_ok(cel_maintain_leave(m, &restored, NULL));
    assert_int_equal(restored, 555);
    assert_int_equal(RUN_INT(f, "LLEN", "celery"), 600);
    assert_int_equal(RUN_INT(f, "DBSIZE"), 2); /* the queue and its binding */
    assert_ok(cel_maintain_leave(m, &restored, NULL));
    assert_int_equal(restored, 0);
    cel_maintainer_destroy(m);
}

static void names_bad_options(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *m = NULL;
    char name[300];
    memset(name, 'n', sizeof name);
    name[256] = '\0';
    struct cel_maintainer_options options = {.conn = {.url = f->url}, .keys = f->keys};
    assert_int_equal(cel_maintainer_create(&options, &m, NULL), CELERIAC_ERR_VALUE);
    options.worker_id = "w";
    options.worker_name = name;
    assert_int_equal(cel_maintainer_create(&options, &m, NULL), CELERIAC_ERR_VALUE);
    assert_null(m);
    cel_maintainer_destroy(NULL);
    options.worker_name = NULL;
    enum celeriac_err code = CELERIAC_ERR_MEMORY;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        mem_fail_at(n);
        code = cel_maintainer_create(&options, &m, NULL);
        bool failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code == CELERIAC_ERR_MEMORY, failed);
    }
    cel_maintainer_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(restores_a_dead_workers_messages, fixture_clear),
        cmocka_unit_test_setup(checklist_23_restores_into_the_priority_lists, fixture_clear),
        cmocka_unit_test_setup(two_watchers_restore_once, fixture_clear),
        cmocka_unit_test_setup(checklist_29_refreshes_what_it_holds, fixture_clear),
        cmocka_unit_test_setup(checklist_25_26_restores_by_visibility_timeout, fixture_clear),
        cmocka_unit_test_setup(checklist_25_respects_kombus_lock, fixture_clear),
        cmocka_unit_test_setup(checklist_27_leaves_nothing_behind, fixture_clear),
        cmocka_unit_test_setup(names_bad_options, fixture_clear),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
