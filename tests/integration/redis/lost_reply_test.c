/*
 * Replies that never arrive: the server carries commands out after their sender has given up.
 * Nothing may be lost by that, delivered twice, or left lying under an owner who does not know.
 */
#include "tests/integration/redis/fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hashmap.h"

/* Shorter than the times for which the server is frozen. */
#define IMPATIENT_MS 30

/* Without a single message for as long, one was lost. */
#define PATIENCE_NS (30 * NS_PER_SEC)

static struct cel_claimer *make_impatient(struct fixture *f, uint32_t timeout_ms)
{
    static const char *const queues[] = {"celery"};
    static const char *const tasks[] = {"t.add"};
    struct cel_claimer *claimer = NULL;
    const struct cel_claimer_options options = {
        .conn = {.url = f->url, .connect_timeout_ms = timeout_ms, .io_timeout_ms = timeout_ms},
        .keys = f->keys,
        .worker_id = "w1",
        .queues = queues,
        .queue_count = 1,
        .tasks = tasks,
        .task_count = 1};
    assert_ok(cel_claimer_create(&options, &claimer, NULL));
    return claimer;
}

static void an_abandoned_claim_is_answered_again(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *m = make_maintainer(f, "w1");
    struct cel_claimer *c = make_impatient(f, 200);
    struct cel_claim_batch batch;
    enroll(m);
    /* The connection and the script are there before anything freezes. */
    assert_int_equal(claim(c, 10).count, 0);
    for (unsigned round = 0; round < 5; round++) {
        push_messages(f, "t.add", 10 * round, 6);
        redis_server_freeze(f->server);
        assert_int_equal(cel_claim(c, 4, &batch, NULL), CELERIAC_ERR_UNAVAILABLE);
        redis_server_thaw(f->server);
        /* Whether the first attempt was carried out or not: four, and the same four. */
        batch = claim(c, 4);
        assert_int_equal(batch.count, 4);
        for (unsigned i = 0; i < 4; i++) {
            char tag[16];
            (void)snprintf(tag, sizeof tag, "tag-%u", 10 * round + i);
            assert_true(span_is(batch.messages[i].tag, tag));
        }
        assert_int_equal(claim(c, 4).count, 2);
        assert_int_equal(RUN_INT(f, "LLEN", "celery"), 0);
        assert_int_equal(RUN_INT(f, "HLEN", "unacked"), 6 * (round + 1));
    }
    cel_claimer_destroy(c);
    cel_maintainer_destroy(m);
}

static void an_answer_leaves_out_what_was_taken_away(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *m = make_maintainer(f, "w1");
    struct cel_claimer *c = make_impatient(f, 200);
    struct cel_claim_batch batch;
    enroll(m);
    assert_int_equal(claim(c, 10).count, 0);
    push_messages(f, "t.add", 0, 3);
    redis_server_freeze(f->server);
    assert_int_equal(cel_claim(c, 10, &batch, NULL), CELERIAC_ERR_UNAVAILABLE);
    redis_server_thaw(f->server);
    /* The abandoned script has run by the time somebody else is served. */
    for (int i = 0; i < 2000 && RUN_INT(f, "HLEN", "unacked") < 3; i++)
        (void)usleep(1000);
    size_t restored = 0;
    assert_ok(cel_maintain_leave(m, &restored, NULL));
    assert_int_equal(restored, 3);
    assert_int_equal(cel_claim(c, 10, &batch, NULL), CELERIAC_ERR_NOT_FOUND);
    enroll(m);
    assert_int_equal(claim(c, 10).count, 3);
    cel_claimer_destroy(c);
    cel_maintainer_destroy(m);
}

static void what_a_lost_reply_claimed_wakes(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *m = make_maintainer(f, "w1");
    struct cel_claimer *c = make_impatient(f, 1000);
    struct cel_claim_batch batch;
    enum cel_wake why = CEL_WAKE_DEADLINE;
    enroll(m);
    assert_int_equal(claim(c, 10).count, 0);
    push_messages(f, "t.add", 0, 1);
    redis_server_freeze(f->server);
    assert_int_equal(cel_claim(c, 10, &batch, NULL), CELERIAC_ERR_UNAVAILABLE);
    redis_server_thaw(f->server);
    for (int i = 0; i < 20000 && RUN_INT(f, "HLEN", "unacked") < 1; i++)
        (void)usleep(1000);
    /* No list has anything now, and nobody will push. */
    assert_int_equal(RUN_INT(f, "EXISTS", "celery"), 0);
    while (cel_claim_wait(c, true, clock_monotonic_ns() + PATIENCE_NS, -1, &why, NULL) !=
           CELERIAC_OK)
        assert_ok(cel_claim_pause(c, -1));
    assert_int_equal(why, CEL_WAKE_MESSAGES);
    assert_int_equal(claim(c, 10).count, 1);
    cel_claimer_destroy(c);
    cel_maintainer_destroy(m);
}

/* Freezes and thaws the server at random. */
struct weather {
    struct redis_server *server;
    atomic_bool stop;
    unsigned freezes;
};

static void *blow(void *context)
{
    struct weather *w = context;
    unsigned seed = 42;
    while (!atomic_load(&w->stop)) {
        (void)usleep(500 + (unsigned)rand_r(&seed) % 8000);
        redis_server_freeze(w->server);
        (void)usleep(1000 * (IMPATIENT_MS / 2 + (unsigned)rand_r(&seed) % (2 * IMPATIENT_MS)));
        redis_server_thaw(w->server);
        w->freezes++;
    }
    return NULL;
}

/* A message that only a JSON parser reads. */
static void push_odd(struct fixture *f, unsigned number)
{
    char text[512];
    int n = snprintf(text, sizeof text,
                     "{ \"headers\": {\"task\": \"t.add\", \"id\": \"%u\"}, \"properties\": "
                     "{\"delivery_info\" : {\"routing_key\": \"celery\", \"exchange\": \"\"}, "
                     "\"delivery_tag\" : \"odd-%u\"}}",
                     number, number);
    assert_true(n > 0 && (size_t)n < sizeof text);
    run(f, "LPUSH", "celery", text, NULL);
}

static void every_message_is_delivered_exactly_once(void **state)
{
    struct fixture *f = *state;
    const unsigned plain = 1200;
    const unsigned odd = 400;
    struct cel_maintainer *m = make_maintainer(f, "w1");
    struct cel_claimer *c = make_impatient(f, IMPATIENT_MS);
    struct weather weather = {.server = f->server};
    struct hashmap *seen = NULL;
    pthread_t thread;
    enroll(m);
    assert_ok(hashmap_create(&seen));
    for (unsigned i = 0; i < odd; i++) {
        push_messages(f, "t.add", i * (plain / odd), plain / odd);
        push_odd(f, i);
    }
    assert_int_equal(pthread_create(&thread, NULL, blow, &weather), 0);
    unsigned failures = 0;
    unsigned seed = 1;
    int64_t progress = clock_monotonic_ns();
    while (hashmap_count(seen) < plain + odd && clock_monotonic_ns() < progress + PATIENCE_NS) {
        struct cel_claim_batch batch;
        if (cel_claim(c, 1 + (unsigned)rand_r(&seed) % 12, &batch, NULL) != CELERIAC_OK) {
            failures++;
            continue;
        }
        if (batch.count > 0)
            progress = clock_monotonic_ns();
        for (size_t i = 0; i < batch.count; i++) {
            void *old = NULL;
            assert_ok(hashmap_set(seen, batch.messages[i].tag, f, &old));
            assert_null(old);
        }
    }
    atomic_store(&weather.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    print_message("%u freezes, %u abandoned attempts\n", weather.freezes, failures);
    cel_conn_disconnect(f->conn);
    assert_int_equal(hashmap_count(seen), plain + odd);
    assert_int_equal(RUN_INT(f, "EXISTS", "celery"), 0);
    assert_int_equal(RUN_INT(f, "HLEN", "unacked"), plain + odd);
    assert_int_equal(RUN_INT(f, "ZCARD", "unacked_index"), plain + odd);
    assert_int_equal(held_by(f, "w1"), plain + odd);
    hashmap_destroy(seen, NULL);
    cel_claimer_destroy(c);
    cel_maintainer_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_abandoned_claim_is_answered_again, fixture_clear),
        cmocka_unit_test_setup(an_answer_leaves_out_what_was_taken_away, fixture_clear),
        cmocka_unit_test_setup(what_a_lost_reply_claimed_wakes, fixture_clear),
        cmocka_unit_test_setup(every_message_is_delivered_exactly_once, fixture_clear),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
