/* How calls are combined, split, held and ended, against a real database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "notify/store/insert.h"
#include "notify/store/notifications.h"
#include "notify/store/sends.h"
#include "tests/integration/store/blocker.h"
#include "tests/integration/store/database.h"

#define CALLS 100

static struct uuid tenant;

static int set_up(void **state)
{
    (void)database_set_up(state);
    tenant = database_tenant();
    return 0;
}

/* Calls that were submitted and are not complete. */
static atomic_int pending;

static void count_done(struct store_call *call)
{
    (void)call;
    atomic_fetch_sub(&pending, 1);
}

static void submit(struct store *s, struct store_call *call)
{
    call->done = count_done;
    atomic_fetch_add(&pending, 1);
    assert_int_equal(store_submit(s, call), CELERIAC_OK);
}

static void await_all(void)
{
    for (int i = 0; i < 4000 && atomic_load(&pending) > 0; i++)
        database_sleep_ms(5);
    assert_int_equal(atomic_load(&pending), 0);
}

static void fill_insert(struct store_insert_notification *in)
{
    store_insert_notification_init(in);
    in->row.id = database_uuid();
    in->row.task_id = database_uuid();
    in->tenant_id = tenant;
    in->row.created_at_us = clock_wall_us();
    in->row.channel = SPAN("email");
    in->row.to = SPAN("user@example.com");
    in->row.data = SPAN("{}");
}

static struct store_stats stats_of(struct store *s)
{
    struct store_stats stats;
    store_get_stats(s, &stats);
    return stats;
}

/* One connection, so that what waits behind a blocked call is taken together. */
static struct store *single_connection(void)
{
    return database_store(&(struct store_options){.connections = 1});
}

/* Submits calls behind one that waits for a lock, then lets them all run. False when this machine
 * was so slow that the first gave the lock up meanwhile, so that nothing can be said. */
static bool run_behind_a_lock(struct store *s, struct store_insert_notification *calls)
{
    struct store_stats before = stats_of(s);
    struct blocker *lock = blocker_start("LOCK TABLE notifications IN EXCLUSIVE MODE");
    for (int i = 0; i <= CALLS; i++) {
        submit(s, &calls[i].call);
        if (i == 0)
            blocker_await(1);
    }
    assert_int_equal(stats_of(s).waiting, CALLS + 1);
    blocker_end(lock);
    await_all();
    return stats_of(s).held == before.held;
}

static void calls_that_wait_become_one_statement(void **state)
{
    static struct store_insert_notification calls[CALLS + 1];
    struct store *s = single_connection();
    struct store_stats before;
    int64_t transactions;
    (void)state;
    do {
        before = stats_of(s);
        transactions = database_number("SELECT xact_commit + xact_rollback FROM pg_stat_database"
                                       " WHERE datname = current_database()");
        for (int i = 0; i <= CALLS; i++)
            fill_insert(&calls[i]);
    } while (!run_behind_a_lock(s, calls));
    assert_int_equal(stats_of(s).statements - before.statements, 2);
    assert_int_equal(stats_of(s).calls - before.calls, CALLS + 1);
    for (int i = 0; i <= CALLS; i++)
        assert_int_equal(calls[i].call.error.code, CELERIAC_OK);
    for (int i = 0; i < 10; i++)
        assert_int_equal(database_number("SELECT count(*) FROM celeriac.outbox"
                                         " WHERE notification_id = '%s'",
                                         database_show(&calls[i].row.id)),
                         1);
    store_destroy(s);
    /* The server counts the same: a few transactions, some of them the test's own. */
    int64_t later = database_number("SELECT xact_commit + xact_rollback FROM pg_stat_database"
                                    " WHERE datname = current_database()");
    assert_in_range(later - transactions, 0, CALLS / 2);
}

static void bad_rows_fail_alone(void **state)
{
    static struct store_insert_notification calls[CALLS + 1];
    struct store *s = single_connection();
    struct store_stats before;
    (void)state;
    do {
        before = stats_of(s);
        for (int i = 0; i <= CALLS; i++)
            fill_insert(&calls[i]);
        calls[10].row.data = SPAN("{\"unfinished\": ");
        calls[20].row.template_id = INT64_C(123456789);
    } while (!run_behind_a_lock(s, calls));
    for (int i = 0; i <= CALLS; i++) {
        bool is_bad = i == 10 || i == 20;
        assert_int_equal(calls[i].call.error.code, is_bad ? CELERIAC_ERR_VALUE : CELERIAC_OK);
        if (is_bad || i % 10 == 0)
            assert_int_equal(database_number("SELECT count(*) FROM notifications WHERE id = '%s'",
                                             database_show(&calls[i].row.id)),
                             is_bad ? 0 : 1);
    }
    assert_non_null(strstr(calls[10].call.error.text, "data"));
    assert_int_equal(stats_of(s).split - before.split, 1);
    assert_int_equal(stats_of(s).failed - before.failed, 2);
    store_destroy(s);
}

static void locked_row_holds_up_only_itself(void **state)
{
    struct store *s = database_sender(&(struct store_options){.connections = 1}, NULL);
    static struct store_end_send ends[10];
    (void)state;
    struct uuid ids[10];
    for (int i = 0; i < 10; i++)
        ids[i] = database_notification(&tenant, "processing", 0);
    struct blocker *lock = blocker_start("SELECT FROM notifications WHERE id = '%s' FOR UPDATE",
                                         database_show(&ids[3]));
    for (int i = 0; i < 10; i++) {
        store_mark_sent_init(&ends[i], &ids[i], clock_wall_us(), SPAN("{}"));
        submit(s, &ends[i].call);
    }
    for (int i = 0; i < 2000 && atomic_load(&pending) > 1; i++)
        database_sleep_ms(5);
    assert_int_equal(atomic_load(&pending), 1);
    assert_int_equal(database_number("SELECT count(*) FROM notifications WHERE status = 'sent'"
                                     " AND sent_at IS NOT NULL"),
                     9);
    blocker_end(lock);
    await_all();
    assert_int_equal(ends[3].call.error.code, CELERIAC_OK);
    assert_true(stats_of(s).held > 0);
    store_destroy(s);
}

/* The notification is sent: that somebody deletes an endpoint meanwhile must not refuse its end. */
static void deleted_webhook_is_passed_over(void **state)
{
    struct store *s = database_sender(&(struct store_options){.connections = 1}, NULL);
    static struct store_end_send end;
    struct uuid id = database_notification(&tenant, "processing", 0), webhook = database_uuid();
    (void)state;
    database_run("INSERT INTO celeriac.webhooks (id, tenant_id, url, secret)"
                 " VALUES ('%s', '%s', 'https://example.com/', 'whsec_')",
                 database_show(&webhook), database_show(&tenant));
    struct blocker *other =
        blocker_start("DELETE FROM celeriac.webhooks WHERE id = '%s'", database_show(&webhook));
    store_mark_sent_init(&end, &id, clock_wall_us(), SPAN("{}"));
    submit(s, &end.call);
    blocker_await(1);
    blocker_commit(other);
    await_all();
    assert_int_equal(end.call.error.code, CELERIAC_OK);
    assert_int_equal(database_number("SELECT count(*) FROM notifications WHERE id = '%s'"
                                     " AND status = 'sent'",
                                     database_show(&id)),
                     1);
    store_destroy(s);
}

static void deadline_ends_what_waits(void **state)
{
    struct store *s = single_connection();
    static struct store_insert_notification calls[3];
    (void)state;
    struct blocker *lock = blocker_start("LOCK TABLE notifications IN EXCLUSIVE MODE");
    for (int i = 0; i < 3; i++) {
        fill_insert(&calls[i]);
        if (i < 2)
            calls[i].call.deadline_ns = clock_monotonic_ns() + 200 * NS_PER_MS;
        submit(s, &calls[i].call);
        if (i == 0)
            blocker_await(1);
    }
    for (int i = 0; i < 2000 && atomic_load(&pending) > 1; i++)
        database_sleep_ms(5);
    assert_int_equal(calls[0].call.error.code, CELERIAC_ERR_TIMEOUT);
    assert_int_equal(calls[1].call.error.code, CELERIAC_ERR_TIMEOUT);
    assert_int_equal(atomic_load(&pending), 1);
    blocker_end(lock);
    await_all();
    assert_int_equal(calls[2].call.error.code, CELERIAC_OK);
    store_destroy(s);
}

static void no_more_calls_than_allowed_wait(void **state)
{
    struct store *s = database_store(&(struct store_options){.connections = 1, .waiting = 2});
    static struct store_insert_notification calls[3];
    (void)state;
    struct blocker *lock = blocker_start("LOCK TABLE notifications IN EXCLUSIVE MODE");
    for (int i = 0; i < 3; i++)
        fill_insert(&calls[i]);
    submit(s, &calls[0].call);
    submit(s, &calls[1].call);
    assert_int_equal(store_submit(s, &calls[2].call), CELERIAC_ERR_LIMIT);
    assert_int_equal(store_run(s, &calls[2].call), CELERIAC_ERR_LIMIT);
    blocker_end(lock);
    await_all();
    assert_int_equal(store_run(s, &calls[2].call), CELERIAC_OK);
    store_destroy(s);
}

static void *stop(void *store)
{
    store_stop(store);
    return NULL;
}

static void stop_finishes_what_runs_and_fails_what_waits(void **state)
{
    struct store *s = single_connection();
    static struct store_insert_notification calls[5];
    pthread_t thread;
    (void)state;
    struct blocker *lock = blocker_start("LOCK TABLE notifications IN EXCLUSIVE MODE");
    for (int i = 0; i < 5; i++) {
        fill_insert(&calls[i]);
        submit(s, &calls[i].call);
        if (i == 0)
            blocker_await(1);
    }
    assert_int_equal(pthread_create(&thread, NULL, stop, s), 0);
    for (int i = 0; i < 2000 && atomic_load(&pending) > 1; i++)
        database_sleep_ms(1);
    blocker_end(lock);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(atomic_load(&pending), 0);
    /* Unless a slow machine made it wait for the lock too long. */
    assert_true(calls[0].call.error.code == CELERIAC_OK ||
                calls[0].call.error.code == CELERIAC_ERR_SHUTDOWN);
    for (int i = 1; i < 5; i++)
        assert_int_equal(calls[i].call.error.code, CELERIAC_ERR_SHUTDOWN);
    assert_int_equal(store_submit(s, &calls[1].call), CELERIAC_ERR_SHUTDOWN);
    store_stop(s);
    store_destroy(s);
    store_destroy(NULL);
}

/* A callback that frees its call and submits the next one. */
struct chain {
    struct store_get_notification get;
    struct store *store;
    int left;
};

static void next_link(struct store_call *call)
{
    struct chain *old = call->context;
    struct chain *link = NULL;
    if (old->left > 0 && (link = malloc(sizeof *link))) {
        store_get_notification_init(&link->get, &old->get.tenant_id, &old->get.id);
        link->store = old->store;
        link->left = old->left - 1;
        link->get.call.done = next_link;
        link->get.call.context = link;
    }
    store_call_release(call);
    free(old);
    if (!link || store_submit(link->store, &link->get.call) != CELERIAC_OK)
        atomic_fetch_sub(&pending, 1);
}

static void callback_may_submit_and_free(void **state)
{
    struct store *s = database_store(NULL);
    struct uuid id = database_notification(&tenant, "pending", 0);
    struct chain *first = malloc(sizeof *first);
    (void)state;
    assert_non_null(first);
    store_get_notification_init(&first->get, &tenant, &id);
    first->store = s;
    first->left = 20;
    first->get.call.done = next_link;
    first->get.call.context = first;
    uint64_t before = stats_of(s).calls;
    atomic_store(&pending, 1);
    assert_int_equal(store_submit(s, &first->get.call), CELERIAC_OK);
    await_all();
    assert_int_equal(stats_of(s).calls - before, 21);
    store_destroy(s);
}

static void one_batch_with_the_same_id_gives_it_once(void **state)
{
    struct store *s = database_sender(&(struct store_options){.connections = 1}, NULL);
    static struct store_begin_send begins[CALLS];
    struct uuid id = database_notification(&tenant, "pending", 0);
    struct uuid other = database_notification(&tenant, "pending", 0);
    (void)state;
    struct blocker *lock = blocker_start("LOCK TABLE notifications IN EXCLUSIVE MODE");
    for (int i = 0; i < CALLS; i++) {
        store_begin_send_init(&begins[i], i == 0 ? &other : &id);
        submit(s, &begins[i].call);
        if (i == 0)
            blocker_await(1);
    }
    blocker_end(lock);
    await_all();
    int ready = 0;
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(begins[i].call.error.code, CELERIAC_OK);
        if (i > 0 && begins[i].state == STORE_SEND_READY)
            ready++;
        else if (i > 0)
            assert_int_equal(begins[i].state, STORE_SEND_BUSY);
        store_call_release(&begins[i].call);
    }
    assert_int_equal(ready, 1);
    store_destroy(s);
}

/* Threads of two processes that all want the same notifications. */
#define RIVALS 16
#define WANTED 200
static struct uuid wanted[WANTED];
static atomic_int winners[WANTED];
static atomic_int troubles;

struct rival {
    struct store *store;
    int number;
};

static void *want_all(void *arg)
{
    const struct rival *rival = arg;
    for (int i = 0; i < WANTED; i++) {
        /* Each in an order of its own. */
        int at = rival->number % 2 ? (i * 7 + rival->number) % WANTED : WANTED - 1 - i;
        struct store_begin_send begin;
        if (store_begin_send(rival->store, &wanted[at], &begin) != CELERIAC_OK)
            atomic_fetch_add(&troubles, 1);
        if (begin.state == STORE_SEND_READY)
            atomic_fetch_add(&winners[at], 1);
        store_call_release(&begin.call);
    }
    return NULL;
}

static void every_notification_is_given_once(void **state)
{
    struct store *stores[2] = {database_sender(NULL, NULL), database_sender(NULL, NULL)};
    struct rival rivals[RIVALS];
    pthread_t threads[RIVALS];
    (void)state;
    database_notifications(&tenant, 0, wanted, WANTED);
    int64_t deadlocks = database_number("SELECT deadlocks FROM pg_stat_database"
                                        " WHERE datname = current_database()");
    for (int i = 0; i < RIVALS; i++) {
        rivals[i] = (struct rival){stores[i % 2], i / 2};
        assert_int_equal(pthread_create(&threads[i], NULL, want_all, &rivals[i]), 0);
    }
    for (int i = 0; i < RIVALS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&troubles), 0);
    for (int i = 0; i < WANTED; i++)
        assert_int_equal(atomic_load(&winners[i]), 1);
    store_destroy(stores[0]);
    store_destroy(stores[1]);
    assert_int_equal(database_number("SELECT deadlocks FROM pg_stat_database"
                                     " WHERE datname = current_database()") -
                         deadlocks,
                     0);
}

/* Hundreds of threads that work as a worker's tasks do. */
#define TASK_THREADS 300
#define TASKS 3000
static struct uuid *tasks;
static atomic_int next_task;

static void *work(void *store)
{
    int i;
    while ((i = atomic_fetch_add(&next_task, 1)) < TASKS) {
        struct store_begin_send begin;
        enum celeriac_err rc = store_begin_send(store, &tasks[i], &begin);
        bool is_ours = rc == CELERIAC_OK && begin.state == STORE_SEND_READY &&
                       begin.send.template && span_is(begin.send.template->body, "shared text");
        store_call_release(&begin.call);
        if (!is_ours ||
            store_mark_sent(store, &tasks[i], clock_wall_us(), SPAN("{}"), NULL) != CELERIAC_OK)
            atomic_fetch_add(&troubles, 1);
    }
    return NULL;
}

static void hundreds_of_threads_are_served(void **state)
{
    struct store *s = database_sender(NULL, NULL);
    static pthread_t threads[TASK_THREADS];
    int64_t template_id = database_template(&tenant, "shared", "shared text");
    (void)state;
    tasks = calloc(TASKS, sizeof *tasks);
    assert_non_null(tasks);
    database_notifications(&tenant, template_id, tasks, TASKS);
    struct store_stats before = stats_of(s);
    for (int i = 0; i < TASK_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, s), 0);
    for (int i = 0; i < TASK_THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    struct store_stats after = stats_of(s);
    assert_int_equal(atomic_load(&troubles), 0);
    assert_int_equal(database_number("SELECT count(*) FROM notifications WHERE template_id = %lld"
                                     " AND status = 'sent'",
                                     (long long)template_id),
                     TASKS);
    assert_int_equal(
        database_number("SELECT count(*) FROM celeriac.send_claims c JOIN notifications"
                        " x ON x.id = c.notification_id WHERE x.template_id = %lld",
                        (long long)template_id),
        0);
    assert_true((after.calls - before.calls) / (after.statements - before.statements) >= 8);
    free(tasks);
    store_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_that_wait_become_one_statement),
        cmocka_unit_test(bad_rows_fail_alone),
        cmocka_unit_test(locked_row_holds_up_only_itself),
        cmocka_unit_test(deleted_webhook_is_passed_over),
        cmocka_unit_test(deadline_ends_what_waits),
        cmocka_unit_test(no_more_calls_than_allowed_wait),
        cmocka_unit_test(stop_finishes_what_runs_and_fails_what_waits),
        cmocka_unit_test(callback_may_submit_and_free),
        cmocka_unit_test(one_batch_with_the_same_id_gives_it_once),
        cmocka_unit_test(every_notification_is_given_once),
        cmocka_unit_test(hundreds_of_threads_are_served),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
