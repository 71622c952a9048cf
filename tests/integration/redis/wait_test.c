#include "tests/integration/redis/fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

/* A wait that ends by itself only when something is broken. */
#define LONG_NS (20 * NS_PER_SEC)

/* A wait long enough that a change would have been noticed. */
#define SHORT_NS (200 * NS_PER_MS)

struct worker {
    struct cel_maintainer *maintainer;
    struct cel_claimer *claimer;
};

static struct worker start_worker(struct fixture *f, const char *const *queues, size_t queue_count,
                                  const char *const *tasks, size_t task_count)
{
    struct worker w = {make_maintainer(f, "w1"),
                       make_claimer(f, "w1", queues, queue_count, tasks, task_count)};
    enroll(w.maintainer);
    return w;
}

static void stop_worker(struct worker *w)
{
    cel_claimer_destroy(w->claimer);
    cel_maintainer_destroy(w->maintainer);
}

static enum cel_wake wait_for(struct cel_claimer *c, bool for_messages, int64_t ns, int fd)
{
    enum cel_wake why = CEL_WAKE_DEADLINE;
    struct celeriac_error err = {0};
    if (cel_claim_wait(c, for_messages, clock_monotonic_ns() + ns, fd, &why, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    return why;
}

/* Waits as a worker does: a change may be told although there is nothing to claim. */
static struct cel_claim_batch wait_and_claim(struct cel_claimer *c)
{
    int64_t deadline = clock_monotonic_ns() + LONG_NS;
    for (;;) {
        struct cel_claim_batch batch = claim(c, 64);
        if (batch.count > 0)
            return batch;
        assert_int_equal(wait_for(c, true, deadline - clock_monotonic_ns(), -1), CEL_WAKE_MESSAGES);
    }
}

/* Something that happens while the claimer waits. */
struct later {
    pthread_t thread;
    struct fixture *f;
    void (*act)(struct fixture *f);
};

static void *act_later(void *context)
{
    struct later *later = context;
    (void)usleep(50000);
    later->act(later->f);
    return NULL;
}

/* Waits while act() happens; it must wake the claimer and leave one message. */
static void assert_wakes(struct fixture *f, struct cel_claimer *c, void (*act)(struct fixture *f))
{
    struct later later = {.f = f, .act = act};
    assert_int_equal(claim(c, 64).count, 0);
    /* Nothing there, and the server is told to speak up. */
    assert_int_equal(wait_for(c, true, 20 * NS_PER_MS, -1), CEL_WAKE_DEADLINE);
    assert_int_equal(pthread_create(&later.thread, NULL, act_later, &later), 0);
    int64_t start = clock_monotonic_ns();
    struct cel_claim_batch batch = wait_and_claim(c);
    assert_int_equal(batch.count, 1);
    assert_true(clock_monotonic_ns() - start < LONG_NS / 2);
    assert_int_equal(pthread_join(later.thread, NULL), 0);
    assert_false(cel_claimer_is_polling(c));
}

static void push_plainly(struct fixture *f)
{
    push_messages(f, "t.add", (unsigned)RUN_INT(f, "INCR", "tags"), 1);
}

static void push_in_transaction(struct fixture *f)
{
    char buf[MESSAGE_MAX];
    cel_pipeline_clear(&f->pipeline);
    CEL_COMMAND(&f->pipeline, SPAN("MULTI"));
    CEL_COMMAND(&f->pipeline, SPAN("LPUSH"), SPAN("celery"),
                make_message(buf, "t.add", "multi", 0, 10));
    CEL_COMMAND(&f->pipeline, SPAN("SET"), SPAN("other"), SPAN("1"));
    CEL_COMMAND(&f->pipeline, SPAN("EXEC"));
    assert_ok(cel_pipeline_run(&f->pipeline, f->conn, NULL));
}

static void push_by_script(struct fixture *f)
{
    char buf[MESSAGE_MAX];
    cel_pipeline_clear(&f->pipeline);
    CEL_COMMAND(&f->pipeline, SPAN("EVAL"), SPAN("redis.call('LPUSH', KEYS[1], ARGV[1]) return 1"),
                SPAN("1"), SPAN("celery"), make_message(buf, "t.add", "lua", 0, 10));
    assert_ok(cel_pipeline_run(&f->pipeline, f->conn, NULL));
}

static void push_low_priority(struct fixture *f)
{
    char buf[MESSAGE_MAX];
    cel_pipeline_clear(&f->pipeline);
    CEL_COMMAND(&f->pipeline, SPAN("RPUSH"),
                SPAN("celery\x06\x16"
                     "9"),
                make_message(buf, "t.add", "nine", 9, 10));
    assert_ok(cel_pipeline_run(&f->pipeline, f->conn, NULL));
}

static void rename_a_list(struct fixture *f)
{
    char buf[MESSAGE_MAX];
    cel_pipeline_clear(&f->pipeline);
    CEL_COMMAND(&f->pipeline, SPAN("LPUSH"), SPAN("elsewhere"),
                make_message(buf, "t.add", "renamed", 0, 10));
    CEL_COMMAND(&f->pipeline, SPAN("RENAME"), SPAN("elsewhere"), SPAN("celery"));
    assert_ok(cel_pipeline_run(&f->pipeline, f->conn, NULL));
}

static void flush_and_push(struct fixture *f)
{
    cel_pipeline_clear(&f->pipeline);
    CEL_COMMAND(&f->pipeline, SPAN("HGETALL"), SPAN("celeriac.workers"));
    assert_ok(cel_pipeline_run(&f->pipeline, f->conn, NULL));
    run(f, "FLUSHALL", NULL);
    run(f, "HSET", "celeriac.workers", "w1", "1 back", NULL);
    push_messages(f, "t.add", 77, 1);
}

static void wakes_for_every_way_of_pushing(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, NULL, 0, NULL, 0);
    assert_wakes(f, w.claimer, push_plainly);
    assert_wakes(f, w.claimer, push_in_transaction);
    assert_wakes(f, w.claimer, push_by_script);
    assert_wakes(f, w.claimer, push_low_priority);
    assert_wakes(f, w.claimer, rename_a_list);
    assert_wakes(f, w.claimer, push_plainly);
    assert_wakes(f, w.claimer, flush_and_push);
    assert_wakes(f, w.claimer, push_plainly);
    stop_worker(&w);
}

static void wakes_with_a_prefix(void **state)
{
    struct fixture *shared = *state;
    struct fixture f = {0};
    fixture_open(&f, shared->server, "pfx:");
    struct worker w = start_worker(&f, NULL, 0, NULL, 0);
    assert_wakes(&f, w.claimer, push_plainly);
    assert_wakes(&f, w.claimer, push_plainly);
    stop_worker(&w);
    fixture_close(&f);
}

static void push_to_the_last_queue(struct fixture *f)
{
    char buf[MESSAGE_MAX];
    char tag[32];
    (void)snprintf(tag, sizeof tag, "last-%d", (int)RUN_INT(f, "INCR", "tags"));
    cel_pipeline_clear(&f->pipeline);
    CEL_COMMAND(&f->pipeline, SPAN("LPUSH"), SPAN("q49"), make_message(buf, "t.add", tag, 0, 10));
    assert_ok(cel_pipeline_run(&f->pipeline, f->conn, NULL));
}

static void watches_many_queues(void **state)
{
    struct fixture *f = *state;
    static char names[50][16];
    const char *queues[50];
    for (int i = 0; i < 50; i++) {
        (void)snprintf(names[i], sizeof names[i], "q%d", i);
        queues[i] = names[i];
    }
    struct worker w = start_worker(f, queues, 50, NULL, 0);
    assert_wakes(f, w.claimer, push_to_the_last_queue);
    assert_wakes(f, w.claimer, push_to_the_last_queue);
    stop_worker(&w);
}

static void kill_subscription(struct fixture *f)
{
    run(f, "CLIENT", "KILL", "TYPE", "pubsub", NULL);
}

static void kill_everybody_else(struct fixture *f)
{
    run(f, "CLIENT", "KILL", "TYPE", "pubsub", NULL);
    run(f, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes", NULL);
}

/* The wait reports the loss; after it the claimer is told of changes again. */
static void recovers_from(struct fixture *f, void (*harm)(struct fixture *f))
{
    struct worker w = start_worker(f, NULL, 0, NULL, 0);
    assert_int_equal(claim(w.claimer, 64).count, 0);
    assert_int_equal(wait_for(w.claimer, true, 20 * NS_PER_MS, -1), CEL_WAKE_DEADLINE);
    struct later later = {.f = f, .act = harm};
    enum cel_wake why;
    assert_int_equal(pthread_create(&later.thread, NULL, act_later, &later), 0);
    assert_int_equal(
        cel_claim_wait(w.claimer, true, clock_monotonic_ns() + LONG_NS, -1, &why, NULL),
        CELERIAC_ERR_UNAVAILABLE);
    assert_int_equal(pthread_join(later.thread, NULL), 0);
    assert_ok(cel_claim_pause(w.claimer, -1));
    struct cel_claim_batch batch;
    while (cel_claim(w.claimer, 64, &batch, NULL) != CELERIAC_OK)
        assert_ok(cel_claim_pause(w.claimer, -1));
    assert_wakes(f, w.claimer, push_plainly);
    assert_wakes(f, w.claimer, push_plainly);
    stop_worker(&w);
}

static void recovers_from_lost_connections(void **state)
{
    recovers_from(*state, kill_subscription);
    recovers_from(*state, kill_everybody_else);
}

static void restart_server(struct fixture *f)
{
    redis_server_kill(f->server);
    redis_server_revive(f->server);
}

static void recovers_from_a_restart(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, NULL, 0, NULL, 0);
    enum cel_wake why;
    assert_int_equal(wait_for(w.claimer, true, 20 * NS_PER_MS, -1), CEL_WAKE_DEADLINE);
    restart_server(f);
    assert_int_equal(
        cel_claim_wait(w.claimer, true, clock_monotonic_ns() + LONG_NS, -1, &why, NULL),
        CELERIAC_ERR_UNAVAILABLE);
    cel_conn_disconnect(f->conn);
    run(f, "HSET", "celeriac.workers", "w1", "1 back", NULL);
    struct cel_claim_batch batch;
    while (cel_claim(w.claimer, 64, &batch, NULL) != CELERIAC_OK)
        assert_ok(cel_claim_pause(w.claimer, -1));
    assert_wakes(f, w.claimer, push_plainly);
    stop_worker(&w);
}

static void notices_a_frozen_server_while_idle(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, NULL, 0, NULL, 0);
    enum cel_wake why;
    assert_int_equal(wait_for(w.claimer, true, 20 * NS_PER_MS, -1), CEL_WAKE_DEADLINE);
    redis_server_freeze(f->server);
    int64_t start = clock_monotonic_ns();
    enum celeriac_err code =
        cel_claim_wait(w.claimer, true, clock_monotonic_ns() + LONG_NS, -1, &why, NULL);
    int64_t spent = clock_monotonic_ns() - start;
    redis_server_thaw(f->server);
    assert_int_equal(code, CELERIAC_ERR_UNAVAILABLE);
    assert_true(spent < 10 * NS_PER_SEC);
    assert_ok(cel_claim_pause(w.claimer, -1));
    assert_wakes(f, w.claimer, push_plainly);
    stop_worker(&w);
}

static void wakes_for_the_caller(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, NULL, 0, NULL, 0);
    int fd = eventfd(0, EFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(eventfd_write(fd, 1), 0);
    assert_int_equal(wait_for(w.claimer, true, LONG_NS, fd), CEL_WAKE_CALLER);
    assert_int_equal(wait_for(w.claimer, false, LONG_NS, fd), CEL_WAKE_CALLER);
    eventfd_t n = 0;
    assert_int_equal(eventfd_read(fd, &n), 0);
    /* Without room, messages do not wake; with room they do at once. */
    push_plainly(f);
    assert_int_equal(wait_for(w.claimer, false, SHORT_NS, fd), CEL_WAKE_DEADLINE);
    assert_int_equal(wait_for(w.claimer, true, LONG_NS, fd), CEL_WAKE_MESSAGES);
    assert_int_equal(claim(w.claimer, 64).count, 1);
    assert_int_equal(wait_for(w.claimer, true, 0, fd), CEL_WAKE_DEADLINE);
    (void)close(fd);
    stop_worker(&w);
}

/* The server refuses the claim that follows a wake; nobody pushes again. */
static void a_refused_claim_is_no_look(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, NULL, 0, NULL, 0);
    struct cel_claim_batch batch;
    assert_int_equal(claim(w.claimer, 64).count, 0);
    assert_int_equal(wait_for(w.claimer, true, 20 * NS_PER_MS, -1), CEL_WAKE_DEADLINE);
    push_plainly(f);
    assert_int_equal(wait_for(w.claimer, true, LONG_NS, -1), CEL_WAKE_MESSAGES);
    run(f, "ACL", "SETUSER", "default", "-evalsha", NULL);
    assert_int_not_equal(cel_claim(w.claimer, 64, &batch, NULL), CELERIAC_OK);
    run(f, "ACL", "SETUSER", "default", "+evalsha", NULL);
    assert_int_equal(wait_for(w.claimer, true, LONG_NS, -1), CEL_WAKE_MESSAGES);
    assert_int_equal(claim(w.claimer, 64).count, 1);
    stop_worker(&w);
}

/*
 * A change that was told while nobody read, beside the answer to a PING that is old by now: it must
 * not be taken for news of the connection alone.
 */
static void a_change_beside_an_old_answer_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, NULL, 0, NULL, 0);
    int fd = eventfd(1, EFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(claim(w.claimer, 64).count, 0);
    assert_int_equal(wait_for(w.claimer, true, 20 * NS_PER_MS, -1), CEL_WAKE_DEADLINE);
    (void)usleep(1600000);
    /* Asks, and does not wait for the answer. */
    assert_int_equal(wait_for(w.claimer, true, 0, -1), CEL_WAKE_DEADLINE);
    push_plainly(f);
    (void)usleep((CEL_CONN_IO_TIMEOUT_MS + 10) * 1000);
    /* The descriptor ends a sleep before it begins. */
    assert_int_equal(wait_for(w.claimer, true, LONG_NS, fd), CEL_WAKE_MESSAGES);
    assert_int_equal(claim(w.claimer, 64).count, 1);
    (void)close(fd);
    stop_worker(&w);
}

static void strangers_do_not_keep_it_awake(void **state)
{
    struct fixture *f = *state;
    static const char *const tasks[] = {"t.mine"};
    struct worker w = start_worker(f, NULL, 0, tasks, 1);
    push_messages(f, "t.theirs", 0, 3);
    /* Arming, then one more look, then sleep, although the list is not empty. */
    int wakes = 0;
    while (wait_for(w.claimer, true, SHORT_NS, -1) == CEL_WAKE_MESSAGES) {
        assert_int_equal(claim(w.claimer, 64).count, 0);
        assert_true(++wakes < 3);
    }
    push_messages(f, "t.mine", 10, 1);
    struct cel_claim_batch batch = wait_and_claim(w.claimer);
    assert_int_equal(batch.count, 1);
    assert_true(span_is(batch.messages[0].tag, "tag-10"));
    stop_worker(&w);
}

/* What the pushing thread of the stress test does. */
struct pusher {
    struct fixture f;
    unsigned total;
    atomic_uint pushed;
};

static void *push_many(void *context)
{
    struct pusher *p = context;
    unsigned seed = 7;
    while (atomic_load(&p->pushed) < p->total) {
        unsigned burst = 1 + (unsigned)rand_r(&seed) % 4;
        unsigned first = atomic_load(&p->pushed);
        if (burst > p->total - first)
            burst = p->total - first;
        push_messages(&p->f, "t.add", first, burst);
        atomic_fetch_add(&p->pushed, burst);
        if (rand_r(&seed) % 3 == 0)
            (void)usleep((unsigned)rand_r(&seed) % 2000);
    }
    return NULL;
}

static void loses_no_wake_up(void **state)
{
    struct fixture *f = *state;
    struct pusher pusher = {.total = 20000};
    struct worker w = start_worker(f, NULL, 0, NULL, 0);
    pthread_t thread;
    fixture_open(&pusher.f, f->server, NULL);
    assert_int_equal(pthread_create(&thread, NULL, push_many, &pusher), 0);
    for (unsigned claimed = 0; claimed < pusher.total;) {
        struct cel_claim_batch batch = claim(w.claimer, 1 + claimed % 3);
        claimed += (unsigned)batch.count;
        if (batch.count > 0)
            continue;
        /* The deadline is far beyond the pusher's pauses: reaching it means a lost wake-up. */
        if (claimed < pusher.total)
            assert_int_equal(wait_for(w.claimer, true, LONG_NS, -1), CEL_WAKE_MESSAGES);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(cel_claimer_is_polling(w.claimer));
    fixture_close(&pusher.f);
    stop_worker(&w);
}

static void polls_where_it_must(void **state)
{
    struct fixture *f = *state;
    run(f, "ACL", "SETUSER", "poor", "on", ">pw", "~*", "&*", "+@all", "-client|tracking", NULL);
    struct cel_broker_url *url = NULL;
    char text[128];
    (void)snprintf(text, sizeof text, "redis://poor:pw@127.0.0.1:%u/0",
                   redis_server_port(f->server));
    assert_ok(cel_broker_url_parse(span_of(text), CEL_URL_BROKER, &url, NULL));
    struct cel_broker_url *usual = f->url;
    f->url = url;
    struct worker w = start_worker(f, NULL, 0, NULL, 0);
    f->url = usual;
    assert_int_equal(claim(w.claimer, 64).count, 0);
    assert_int_equal(wait_for(w.claimer, true, SHORT_NS, -1), CEL_WAKE_DEADLINE);
    assert_true(cel_claimer_is_polling(w.claimer));
    struct later later = {.f = f, .act = push_plainly};
    assert_int_equal(pthread_create(&later.thread, NULL, act_later, &later), 0);
    assert_int_equal(wait_and_claim(w.claimer).count, 1);
    assert_int_equal(pthread_join(later.thread, NULL), 0);
    stop_worker(&w);
    run(f, "ACL", "DELUSER", "poor", NULL);
    /* The same for a user who may not subscribe to the channel. */
    run(f, "ACL", "SETUSER", "poor", "on", ">pw", "~*", "resetchannels", "+@all", NULL);
    f->url = url;
    w = start_worker(f, NULL, 0, NULL, 0);
    f->url = usual;
    assert_int_equal(wait_for(w.claimer, true, SHORT_NS, -1), CEL_WAKE_DEADLINE);
    assert_true(cel_claimer_is_polling(w.claimer));
    push_messages(f, "t.add", 500, 1);
    assert_int_equal(wait_and_claim(w.claimer).count, 1);
    stop_worker(&w);
    run(f, "ACL", "DELUSER", "poor", NULL);
    cel_broker_url_destroy(url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(wakes_for_every_way_of_pushing, fixture_clear),
        cmocka_unit_test_setup(wakes_with_a_prefix, fixture_clear),
        cmocka_unit_test_setup(watches_many_queues, fixture_clear),
        cmocka_unit_test_setup(recovers_from_lost_connections, fixture_clear),
        cmocka_unit_test_setup(recovers_from_a_restart, fixture_clear),
        cmocka_unit_test_setup(notices_a_frozen_server_while_idle, fixture_clear),
        cmocka_unit_test_setup(wakes_for_the_caller, fixture_clear),
        cmocka_unit_test_setup(a_refused_claim_is_no_look, fixture_clear),
        cmocka_unit_test_setup(a_change_beside_an_old_answer_is_noticed, fixture_clear),
        cmocka_unit_test_setup(strangers_do_not_keep_it_awake, fixture_clear),
        cmocka_unit_test_setup(loses_no_wake_up, fixture_clear),
        cmocka_unit_test_setup(polls_where_it_must, fixture_clear),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
