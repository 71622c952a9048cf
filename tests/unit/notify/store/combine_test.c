/*
 * Which calls become a batch, and what becomes of them afterwards: the queues of a store without
 * its threads. See tests/integration/store/combine_test.c for batches against a server.
 */
#include "notify/store/combine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "notify/store/kinds.h"

#define CALLS 40
#define BATCH_MAX 32

static struct store *store;
static struct store_call calls[CALLS];
static struct store_call *taken[BATCH_MAX];
static enum store_call_state states[BATCH_MAX];
static struct store_batch batch = {.calls = taken, .states = states};
static unsigned done_count;

static int set_up(void **state)
{
    (void)state;
    store = mem_calloc(1, sizeof *store);
    if (!store)
        return -1;
    store->thread_count = 2;
    store->batch_max = BATCH_MAX;
    store->waiting_max = CALLS;
    store->keeper_next_ns = INT64_MAX;
    done_count = 0;
    return pthread_mutex_init(&store->lock, NULL) || pthread_cond_init(&store->work, NULL) ||
           pthread_cond_init(&store->keeper, NULL) || pthread_cond_init(&store->change, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    pthread_cond_destroy(&store->change);
    pthread_cond_destroy(&store->keeper);
    pthread_cond_destroy(&store->work);
    pthread_mutex_destroy(&store->lock);
    mem_free(store);
    return 0;
}

static void on_done(struct store_call *call)
{
    (void)call;
    done_count++;
}

/* Submits call i as one of that kind, without its check. */
static void push(unsigned i, const struct store_kind *kind, size_t bytes)
{
    store_call_init(&calls[i], kind);
    calls[i].done = on_done;
    calls[i].own.bytes = bytes;
    pthread_mutex_lock(&store->lock);
    store_push(store, &calls[i]);
    pthread_mutex_unlock(&store->lock);
}

/* The next batch is of that kind and has calls first to first + count - 1. */
static void assert_batch(const struct store_kind *kind, unsigned first, unsigned count)
{
    assert_true(store_next_batch(store, &batch));
    assert_ptr_equal(batch.kind, kind);
    assert_int_equal(batch.count, count);
    for (unsigned i = 0; i < count; i++)
        assert_ptr_equal(batch.calls[i], &calls[first + i]);
}

/* Ends the batch with that state for all calls. */
static void finish(enum store_call_state with, enum store_outcome outcome)
{
    struct store_run run = {.outcome = outcome};
    for (size_t i = 0; i < batch.count; i++)
        batch.states[i] = with;
    store_finish_batch(store, &batch, &run, 1);
}

static void oldest_call_decides_the_kind(void **state)
{
    (void)state;
    push(0, &store_kind_get_tenant, 1);
    push(1, &store_kind_find_key, 1);
    push(2, &store_kind_get_tenant, 1);
    push(3, &store_kind_find_key, 1);
    assert_true(store_next_batch(store, &batch));
    assert_ptr_equal(batch.kind, &store_kind_get_tenant);
    assert_int_equal(batch.count, 2);
    finish(STORE_CALL_DONE, STORE_OUTCOME_OK);
    assert_true(store_next_batch(store, &batch));
    assert_ptr_equal(batch.kind, &store_kind_find_key);
    assert_int_equal(batch.count, 2);
    finish(STORE_CALL_DONE, STORE_OUTCOME_OK);
    assert_int_equal(done_count, 4);
    assert_int_equal(store->stats.waiting, 0);
    assert_int_equal(store->stats.calls, 4);
}

/* Others judge us by our signs of life. */
static void sign_of_life_goes_first(void **state)
{
    (void)state;
    push(0, &store_kind_get_tenant, 1);
    push(1, &store_kind_beat, 0);
    assert_batch(&store_kind_beat, 1, 1);
    assert_batch(&store_kind_get_tenant, 0, 1);
}

static void batches_are_limited_in_number(void **state)
{
    (void)state;
    for (unsigned i = 0; i < BATCH_MAX + 1; i++)
        push(i, &store_kind_get_tenant, 1);
    assert_batch(&store_kind_get_tenant, 0, BATCH_MAX);
    assert_batch(&store_kind_get_tenant, BATCH_MAX, 1);
    for (unsigned i = 0; i < STORE_PIPELINE_MAX + 1; i++)
        push(i, &store_kind_get_template, 1);
    assert_batch(&store_kind_get_template, 0, STORE_PIPELINE_MAX);
    assert_batch(&store_kind_get_template, STORE_PIPELINE_MAX, 1);
}

static void batches_are_limited_in_bytes(void **state)
{
    size_t half = STORE_BATCH_BYTES_MAX / 2;
    (void)state;
    push(0, &store_kind_insert_notification, half);
    push(1, &store_kind_insert_notification, half);
    push(2, &store_kind_insert_notification, 1);
    assert_batch(&store_kind_insert_notification, 0, 2);
    /* One that is larger than the limit goes alone, and whatever size is claimed. */
    push(3, &store_kind_insert_notification, SIZE_MAX);
    push(4, &store_kind_insert_notification, SIZE_MAX);
    assert_batch(&store_kind_insert_notification, 2, 1);
    assert_batch(&store_kind_insert_notification, 3, 1);
    assert_batch(&store_kind_insert_notification, 4, 1);
}

/* A call that may be what kills the server does not take the others with it. */
static void suspect_is_sent_alone(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        push(i, &store_kind_get_tenant, 1);
    calls[0].own.attempts = STORE_SUSPECT_ATTEMPTS;
    assert_batch(&store_kind_get_tenant, 0, 1);
    assert_batch(&store_kind_get_tenant, 1, 3);
}

/* Of two connections one is left to calls that are quick. */
static void slow_calls_leave_a_connection(void **state)
{
    (void)state;
    push(0, &store_kind_delete_template, 1);
    push(1, &store_kind_delete_template, 1);
    push(2, &store_kind_get_tenant, 1);
    assert_batch(&store_kind_delete_template, 0, 1);
    assert_batch(&store_kind_get_tenant, 2, 1);
    struct store_batch first = {&store_kind_delete_template, taken, states, 1};
    taken[0] = &calls[0];
    batch = first;
    finish(STORE_CALL_DONE, STORE_OUTCOME_OK);
    assert_batch(&store_kind_delete_template, 1, 1);
    assert_int_equal(store->slow_running, 1);
}

static void lost_calls_keep_their_age(void **state)
{
    (void)state;
    push(0, &store_kind_get_tenant, 1);
    push(1, &store_kind_get_tenant, 1);
    assert_batch(&store_kind_get_tenant, 0, 2);
    push(2, &store_kind_get_tenant, 1);
    finish(STORE_CALL_OPEN, STORE_OUTCOME_LOST);
    assert_batch(&store_kind_get_tenant, 0, 3);
    assert_int_equal(done_count, 0);
    assert_int_equal(store->stats.held, 2);
}

/* What a silent server may still do must not be done again before its session has ended. */
static void silent_calls_wait_for_their_connection(void **state)
{
    (void)state;
    push(0, &store_kind_mark_sent, 1);
    assert_batch(&store_kind_mark_sent, 0, 1);
    finish(STORE_CALL_OPEN, STORE_OUTCOME_SILENT);
    push(1, &store_kind_mark_sent, 1);
    assert_batch(&store_kind_mark_sent, 1, 1);
    finish(STORE_CALL_DONE, STORE_OUTCOME_OK);
    pthread_mutex_lock(&store->lock);
    store_release_held(store, 2);
    assert_null(store->queues[STORE_KIND_MARK_SENT].head);
    store_release_held(store, 1);
    pthread_mutex_unlock(&store->lock);
    assert_batch(&store_kind_mark_sent, 0, 1);
}

static void refused_calls_wait_a_while(void **state)
{
    int64_t now = clock_monotonic_ns();
    (void)state;
    push(0, &store_kind_mark_sent, 1);
    assert_batch(&store_kind_mark_sent, 0, 1);
    calls[0].own.attempts = 1;
    finish(STORE_CALL_RETRY, STORE_OUTCOME_OK);
    assert_ptr_equal(store->held.head, &calls[0]);
    assert_true(calls[0].own.due_ns > now);
    assert_int_equal(store->keeper_next_ns, calls[0].own.due_ns);
}

/* A store that stops does not begin anew. */
static void closing_ends_what_is_open(void **state)
{
    (void)state;
    push(0, &store_kind_get_tenant, 1);
    push(1, &store_kind_get_tenant, 1);
    assert_batch(&store_kind_get_tenant, 0, 2);
    store->closing = true;
    struct store_run run = {.outcome = STORE_OUTCOME_LOST};
    batch.states[0] = STORE_CALL_DONE;
    batch.states[1] = STORE_CALL_OPEN;
    store_finish_batch(store, &batch, &run, 1);
    assert_int_equal(calls[0].error.code, CELERIAC_OK);
    assert_int_equal(calls[1].error.code, CELERIAC_ERR_SHUTDOWN);
    assert_int_equal(done_count, 2);
    store->stopping = true;
    assert_false(store_next_batch(store, &batch));
}

static void waits_grow_to_the_longest(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 100; n++) {
        int64_t middle = n < 5 ? STORE_BACKOFF_MIN_NS << n : STORE_BACKOFF_MAX_NS;
        if (middle > STORE_BACKOFF_MAX_NS)
            middle = STORE_BACKOFF_MAX_NS;
        int64_t wait = store_backoff_ns(n);
        assert_true(wait >= middle - middle / 4 - 1);
        assert_true(wait <= middle + middle / 4 + 1);
    }
    assert_true(store_backoff_ns(UINT32_MAX) <= STORE_BACKOFF_MAX_NS + STORE_BACKOFF_MAX_NS / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(oldest_call_decides_the_kind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sign_of_life_goes_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(batches_are_limited_in_number, set_up, tear_down),
        cmocka_unit_test_setup_teardown(batches_are_limited_in_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(suspect_is_sent_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(slow_calls_leave_a_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lost_calls_keep_their_age, set_up, tear_down),
        cmocka_unit_test_setup_teardown(silent_calls_wait_for_their_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refused_calls_wait_a_while, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_ends_what_is_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(waits_grow_to_the_longest, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
