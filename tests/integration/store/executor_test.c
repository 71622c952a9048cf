/* Servers that restart, die, freeze or refuse, with many calls in flight. */
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
#include "notify/store/notifications.h"
#include "notify/store/sends.h"
#include "tests/integration/store/database.h"

#define THREADS 200

/* Shortest patience there is, so that a frozen server is given up soon. */
#define PATIENCE_NS (2 * NS_PER_SEC)

static struct uuid tenant;

static int set_up(void **state)
{
    (void)database_set_up(state);
    tenant = database_tenant();
    return 0;
}

/* Threads that send until they are told to stop, each notification once. */
struct crowd {
    struct store *store;
    struct uuid *ids;
    int count;
    atomic_int next;
    atomic_int sent;
    atomic_int troubles;
    atomic_bool stop;
    pthread_t threads[THREADS];
};

static void send_one(struct crowd *c, const struct uuid *id)
{
    struct store_begin_send begin;
    enum celeriac_err rc = store_begin_send(c->store, id, &begin);
    bool is_ours = rc == CELERIAC_OK && begin.state == STORE_SEND_READY;
    store_call_release(&begin.call);
    if (is_ours && store_mark_sent(c->store, id, clock_wall_us(), SPAN("{}"), NULL) == CELERIAC_OK)
        atomic_fetch_add(&c->sent, 1);
    else
        atomic_fetch_add(&c->troubles, 1);
}

static void *send_many(void *crowd)
{
    struct crowd *c = crowd;
    int i;
    while (!atomic_load(&c->stop) && (i = atomic_fetch_add(&c->next, 1)) < c->count)
        send_one(c, &c->ids[i]);
    return NULL;
}

static struct crowd *start_crowd(int count)
{
    struct crowd *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->store = database_sender(&(struct store_options){.statement_timeout_ns = PATIENCE_NS}, NULL);
    c->count = count;
    c->ids = calloc((size_t)count, sizeof *c->ids);
    assert_non_null(c->ids);
    database_notifications(&tenant, 0, c->ids, (size_t)count);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&c->threads[i], NULL, send_many, c), 0);
    return c;
}

/* Waits until that many more were sent than at the call: the crowd works again. */
static void await_progress(struct crowd *c, int more)
{
    int goal = atomic_load(&c->sent) + more;
    for (int i = 0; i < 6000 && atomic_load(&c->sent) < goal; i++)
        database_sleep_ms(5);
    assert_true(atomic_load(&c->sent) >= goal);
}

/* Lets the crowd finish and checks that nothing was lost or done twice. */
static void end_crowd(struct crowd *c)
{
    atomic_store(&c->stop, true);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(c->threads[i], NULL), 0);
    assert_int_equal(atomic_load(&c->troubles), 0);
    assert_int_equal(database_number("SELECT count(*) FROM notifications WHERE status = 'sent'"
                                     " AND sent_at IS NOT NULL"),
                     atomic_load(&c->sent));
    assert_int_equal(database_number("SELECT count(*) FROM notifications WHERE status ="
                                     " 'processing'"),
                     0);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.send_claims"), 0);
    store_destroy(c->store);
    free(c->ids);
    free(c);
    database_run("TRUNCATE notifications CASCADE");
}

static void server_restarts(void **state)
{
    (void)state;
    struct crowd *c = start_crowd(100000);
    for (int i = 0; i < 3; i++) {
        await_progress(c, 300);
        database_tell("restart");
    }
    await_progress(c, 300);
    end_crowd(c);
}

static void server_is_killed(void **state)
{
    (void)state;
    struct crowd *c = start_crowd(100000);
    for (int i = 0; i < 3; i++) {
        await_progress(c, 300);
        database_tell("kill");
        database_sleep_ms(300);
        database_tell("start");
    }
    await_progress(c, 300);
    end_crowd(c);
}

static void sessions_are_ended(void **state)
{
    (void)state;
    struct crowd *c = start_crowd(100000);
    struct store_stats stats;
    for (int i = 0; i < 20; i++) {
        await_progress(c, 50);
        database_run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                     " WHERE application_name = 'celeriac'");
    }
    await_progress(c, 300);
    store_get_stats(c->store, &stats);
    assert_in_range(stats.connects, 20, 42);
    end_crowd(c);
}

static void server_freezes(void **state)
{
    (void)state;
    struct crowd *c = start_crowd(100000);
    await_progress(c, 300);
    database_tell("freeze");
    database_sleep_ms(6000);
    database_tell("thaw");
    await_progress(c, 300);
    end_crowd(c);
}

static void deadline_holds_while_the_server_is_frozen(void **state)
{
    (void)state;
    struct store *s = database_store(&(struct store_options){.statement_timeout_ns = PATIENCE_NS});
    struct uuid id = database_notification(&tenant, "pending", 0);
    struct store_get_notification get;
    database_tell("freeze");
    store_get_notification_init(&get, &tenant, &id);
    get.call.deadline_ns = clock_monotonic_ns() + 500 * NS_PER_MS;
    assert_int_equal(store_run(s, &get.call), CELERIAC_ERR_TIMEOUT);
    store_call_release(&get.call);
    database_tell("thaw");
    store_get_notification_init(&get, &tenant, &id);
    assert_int_equal(store_run(s, &get.call), CELERIAC_OK);
    store_call_release(&get.call);
    store_destroy(s);
}

static void idle_connection_that_was_ended_is_replaced(void **state)
{
    (void)state;
    struct store *s = database_store(&(struct store_options){.connections = 1});
    struct uuid id = database_notification(&tenant, "pending", 0);
    struct store_get_notification get;
    database_run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                 " WHERE application_name = 'celeriac'");
    store_get_notification_init(&get, &tenant, &id);
    assert_int_equal(store_run(s, &get.call), CELERIAC_OK);
    /* It was noticed before anything was sent. */
    assert_int_equal(get.call.own.attempts, 1);
    store_call_release(&get.call);
    store_destroy(s);
}

static void stop_does_not_wait_for_a_server_that_is_away(void **state)
{
    (void)state;
    struct store *s = database_sender(NULL, NULL);
    struct uuid id = database_notification(&tenant, "pending", 0);
    database_tell("stop");
    struct store_begin_send begin;
    store_begin_send_init(&begin, &id);
    begin.call.deadline_ns = clock_monotonic_ns() + 300 * NS_PER_MS;
    assert_int_equal(store_run(s, &begin.call), CELERIAC_ERR_TIMEOUT);
    store_call_release(&begin.call);
    store_destroy(s);
    database_tell("start");
}

static void reasons_are_told_without_secrets(void **state)
{
    (void)state;
    static const char *const keywords[] = {"dbname", "password", NULL};
    const char *values[] = {database_server().values[0], "wrong-secret", NULL};
    struct store_options options = {.server = {keywords, values}};
    struct celeriac_error err = {0};
    struct store *s = NULL;
    assert_int_equal(store_create(&options, &s, &err), CELERIAC_OK);
    database_await_reason(s, "password authentication failed", &err);
    assert_null(strstr(err.text, "wrong-secret"));
    store_destroy(s);
}

static void server_without_room_is_waited_for(void **state)
{
    (void)state;
    database_run_as_admin("ALTER ROLE notification_user CONNECTION LIMIT 0");
    struct store_options options = {.server = database_server()};
    struct celeriac_error err = {0};
    struct store *s = NULL;
    assert_int_equal(store_create(&options, &s, &err), CELERIAC_OK);
    database_await_reason(s, "too many connections", &err);
    database_run_as_admin("ALTER ROLE notification_user CONNECTION LIMIT -1");
    assert_int_equal(store_wait_ready(s, 60 * NS_PER_SEC, NULL), CELERIAC_OK);
    store_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_restarts),
        cmocka_unit_test(server_is_killed),
        cmocka_unit_test(sessions_are_ended),
        cmocka_unit_test(server_freezes),
        cmocka_unit_test(deadline_holds_while_the_server_is_frozen),
        cmocka_unit_test(idle_connection_that_was_ended_is_replaced),
        cmocka_unit_test(stop_does_not_wait_for_a_server_that_is_away),
        cmocka_unit_test(reasons_are_told_without_secrets),
        cmocka_unit_test(server_without_room_is_waited_for),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
