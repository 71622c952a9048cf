/* A store without a database; see tests/integration/store for its work. */
#include "notify/store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "notify/store/insert.h"
#include "notify/store/notifications.h"
#include "notify/store/sends.h"

static const char *const keywords[] = {"host", NULL};
static const char *const values[] = {"/nowhere", NULL};
static const struct uuid some_id = {{1}};

static enum celeriac_err create(struct store_options options, struct store **s,
                                struct celeriac_error *err)
{
    options.server = (struct store_server){keywords, values};
    return store_create(&options, s, err);
}

static struct store *made(struct store_options options)
{
    struct celeriac_error err = {0};
    struct store *s = NULL;
    if (create(options, &s, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    return s;
}

static void options_up_to_their_limits(void **state)
{
    static const struct {
        struct store_options options;
        const char *name;
    } bad[] = {
        {{.connections = STORE_CONNECTIONS_MAX + 1}, "connections"},
        {{.batch = STORE_BATCH_MAX + 1}, "batch"},
        {{.waiting = STORE_WAITING_MAX + 1}, "waiting"},
        {{.statement_timeout_ns = 2 * NS_PER_SEC - 1}, "statement_timeout"},
        {{.statement_timeout_ns = -1}, "statement_timeout"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct store *s = NULL;
        struct celeriac_error err = {0};
        assert_int_equal(create(bad[i].options, &s, &err), CELERIAC_ERR_VALUE);
        assert_memory_equal(err.text, bad[i].name, strlen(bad[i].name));
        assert_null(s);
    }
    store_destroy(made((struct store_options){.connections = STORE_CONNECTIONS_MAX,
                                              .batch = STORE_BATCH_MAX,
                                              .waiting = STORE_WAITING_MAX,
                                              .statement_timeout_ns = 2 * NS_PER_SEC}));
    store_destroy(made((struct store_options){0}));
    store_destroy(NULL);
}

/* Threads start last, so no other thread allocates while requests fail. */
static void want_of_memory_at_the_start(void **state)
{
    struct store *s = NULL;
    size_t n = 1;
    (void)state;
    for (;; n++) {
        struct celeriac_error err = {0};
        mem_fail_at(n);
        enum celeriac_err rc = create((struct store_options){.connections = 2}, &s, &err);
        mem_fail_at(0);
        if (rc == CELERIAC_OK)
            break;
        assert_int_equal(rc, CELERIAC_ERR_MEMORY);
        assert_int_equal(err.code, CELERIAC_ERR_MEMORY);
        assert_null(s);
    }
    assert_true(n > 20);
    store_destroy(s);
}

static void database_that_is_away_is_told(void **state)
{
    struct store *s = made((struct store_options){0});
    struct celeriac_error err = {0};
    (void)state;
    assert_int_equal(store_wait_ready(s, 500 * NS_PER_MS, &err), CELERIAC_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "/nowhere"));
    celeriac_error_clear(&err);
    assert_int_equal(store_start_sender(s, &some_id, clock_monotonic_ns(), &err),
                     CELERIAC_ERR_TIMEOUT);
    celeriac_error_clear(&err);
    assert_int_equal(store_start_sender(s, &some_id, clock_monotonic_ns(), &err),
                     CELERIAC_ERR_EXISTS);
    store_destroy(s);
}

static void deadline_ends_a_call(void **state)
{
    struct store *s = made((struct store_options){0});
    struct store_get_notification get;
    struct store_stats stats;
    (void)state;
    store_get_notification_init(&get, &some_id, &some_id);
    get.call.deadline_ns = clock_monotonic_ns() + 50 * NS_PER_MS;
    assert_int_equal(store_run(s, &get.call), CELERIAC_ERR_TIMEOUT);
    store_call_release(&get.call);
    /* A deadline that has passed is one too. */
    store_get_notification_init(&get, &some_id, &some_id);
    get.call.deadline_ns = 1;
    assert_int_equal(store_run(s, &get.call), CELERIAC_ERR_TIMEOUT);
    store_get_stats(s, &stats);
    assert_int_equal(stats.calls, 2);
    assert_int_equal(stats.failed, 2);
    assert_int_equal(stats.waiting, 0);
    assert_int_equal(stats.connected, 0);
    store_destroy(s);
}

static void note_completion(struct store_call *call)
{
    ++*(int *)call->context;
}

/* Calls up to the limit wait, the next is refused, and all that wait end with the store. */
static void calls_wait_up_to_the_limit(void **state)
{
    struct store *s = made((struct store_options){.waiting = 3});
    struct store_get_notification gets[4];
    int completions = 0;
    (void)state;
    for (int i = 0; i < 4; i++) {
        store_get_notification_init(&gets[i], &some_id, &some_id);
        gets[i].call.done = note_completion;
        gets[i].call.context = &completions;
        assert_int_equal(store_submit(s, &gets[i].call), i < 3 ? CELERIAC_OK : CELERIAC_ERR_LIMIT);
    }
    assert_int_equal(gets[3].call.error.code, CELERIAC_ERR_LIMIT);
    store_stop(s);
    assert_int_equal(completions, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(gets[i].call.error.code, CELERIAC_ERR_SHUTDOWN);
    assert_int_equal(store_submit(s, &gets[3].call), CELERIAC_ERR_SHUTDOWN);
    store_stop(s);
    store_destroy(s);
}

static void bad_calls_are_refused_at_once(void **state)
{
    struct store *s = made((struct store_options){0});
    struct store_insert_notification insert;
    struct store_begin_send begin;
    struct store_stats stats;
    (void)state;
    store_insert_notification_init(&insert);
    assert_int_equal(store_run(s, &insert.call), CELERIAC_ERR_VALUE);
    assert_string_equal(insert.call.error.text, "created_at: is missing");
    assert_int_equal(store_begin_send(s, &some_id, &begin), CELERIAC_ERR_VALUE);
    assert_memory_equal(begin.call.error.text, "sender: ", 8);
    store_get_stats(s, &stats);
    assert_int_equal(stats.calls, 0);
    assert_int_equal(stats.waiting, 0);
    store_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_up_to_their_limits),
        cmocka_unit_test(want_of_memory_at_the_start),
        cmocka_unit_test(database_that_is_away_is_told),
        cmocka_unit_test(deadline_ends_a_call),
        cmocka_unit_test(calls_wait_up_to_the_limit),
        cmocka_unit_test(bad_calls_are_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
