/* worker/settings.c: every option's default and limits, and that no text of the caller is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "base/alloc.h"
#include "celery_proto/redis/claim.h"
#include "worker/pool.h"
#include "worker/settings.h"

static void nothing_given_means_defaults(void **state)
{
    struct celeriac_worker_options none = {0};
    struct cel_settings s = {0};

    (void)state;
    assert_int_equal(cel_settings_open(&none, &s, NULL), CELERIAC_OK);
    assert_true(s.options.concurrency >= 1);
    assert_int_equal(s.options.prefetch_multiplier, 4);
    assert_true(s.options.heartbeat_interval == 2.0);
    assert_true(s.options.autoscale_keepalive == 30.0);
    assert_true(s.options.child_start_timeout == 60.0);
    assert_int_equal(strncmp(s.options.hostname, "celery@", 7), 0);
    assert_int_equal(s.queue_count, 1);
    assert_string_equal(s.queues[0], "celery");
    assert_null(s.options.global_keyprefix);
    assert_null(s.options.default_queue);
    assert_null(s.options.state_db);
    assert_non_null(s.addresses.broker);
    assert_int_equal(cel_settings_window(&s, 3), 12);
    cel_settings_close(&s);
    cel_settings_close(&s);
}

/* Each bad one with the word that its message names it by. */
static void bad_options_are_named(void **state)
{
    static char many[2 * (CEL_CLAIM_QUEUES_MAX + 1)];
    const struct {
        const char *word;
        struct celeriac_worker_options options;
    } bad[] = {
        {"concurrency", {.concurrency = CEL_POOL_THREADS_MAX + 1}},
        {"pool", {.pool = (enum celeriac_pool)2}},
        {"autoscale", {.autoscale_max = CEL_POOL_THREADS_MAX + 1}},
        {"autoscale", {.autoscale_max = 1, .autoscale_min = 2}},
        {"autoscale_keepalive", {.autoscale_keepalive = -1}},
        {"autoscale_keepalive", {.autoscale_keepalive = 86401}},
        {"autoscale_keepalive", {.autoscale_keepalive = (double)NAN}},
        {"child_start_timeout", {.child_start_timeout = -1}},
        {"child_start_timeout", {.child_start_timeout = 86401}},
        {"child_start_timeout", {.child_start_timeout = (double)NAN}},
        {"time_limit", {.time_limit = -1}},
        {"time_limit", {.time_limit = (double)NAN}},
        {"soft_time_limit", {.soft_time_limit = (double)INFINITY}},
        {"prefetch_multiplier", {.prefetch_multiplier = 1025}},
        {"heartbeat_interval", {.heartbeat_interval = 0.05}},
        {"heartbeat_interval", {.heartbeat_interval = 3601}},
        {"heartbeat_interval", {.heartbeat_interval = (double)NAN}},
        {"queues", {.queues = " , ,"}},
        {"queues", {.queues = many}},
        {"hostname", {.hostname = "%x@h"}},
        {"amqp", {.broker_url = "amqp://h"}},
    };

    (void)state;
    for (size_t i = 0; i < CEL_CLAIM_QUEUES_MAX + 1; i++)
        memcpy(many + 2 * i, i == CEL_CLAIM_QUEUES_MAX ? "q" : "q,", 2);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct celeriac_error err = {0};
        struct cel_settings s = {0};

        if (cel_settings_open(&bad[i].options, &s, &err) == CELERIAC_OK)
            fail_msg("%zu: %s was taken", i, bad[i].word);
        if (!strstr(err.text, bad[i].word))
            fail_msg("%zu: no '%s' in: %s", i, bad[i].word, err.text);
        cel_settings_close(&s);
    }
}

static void limits_are_reached(void **state)
{
    static char many[2 * CEL_CLAIM_QUEUES_MAX];
    const struct celeriac_worker_options most = {.concurrency = CEL_POOL_THREADS_MAX,
                                                 .autoscale_keepalive = 86400,
                                                 .child_start_timeout = 86400,
                                                 .prefetch_multiplier = 1024,
                                                 .heartbeat_interval = 3600,
                                                 .queues = many};
    struct cel_settings s = {0};

    (void)state;
    for (size_t i = 0; i < CEL_CLAIM_QUEUES_MAX; i++)
        memcpy(many + 2 * i, i + 1 == CEL_CLAIM_QUEUES_MAX ? "q" : "q,", 2);
    assert_int_equal(cel_settings_open(&most, &s, NULL), CELERIAC_OK);
    assert_int_equal(s.queue_count, CEL_CLAIM_QUEUES_MAX);
    /* However many threads: no more than Celery calls unlimited. */
    assert_int_equal(cel_settings_window(&s, CEL_POOL_THREADS_MAX), 65536);
    cel_settings_close(&s);
}

static void bounds_decide_how_many_threads_there_are(void **state)
{
    const struct celeriac_worker_options options = {
        .concurrency = 9, .autoscale_max = 4, .prefetch_unlimited = true};
    struct cel_settings s = {0};

    (void)state;
    assert_int_equal(cel_settings_open(&options, &s, NULL), CELERIAC_OK);
    assert_int_equal(s.options.concurrency, 1);
    assert_int_equal(s.options.autoscale_min, 1);
    assert_int_equal(cel_settings_window(&s, 1), 65536);
    cel_settings_close(&s);
}

/* What the caller does with its own texts afterwards is seen by nobody. */
static void texts_are_copied(void **state)
{
    char prefix[] = "prefix", queue[] = "default", db[] = "/a/db", host[] = "w@h";
    char queues[] = " one,, two ", url[] = "redis://127.0.0.1:1/2";
    const struct celeriac_worker_options options = {.global_keyprefix = prefix,
                                                    .default_queue = queue,
                                                    .state_db = db,
                                                    .hostname = host,
                                                    .queues = queues,
                                                    .broker_url = url};
    struct cel_settings s = {0};

    (void)state;
    assert_int_equal(cel_settings_open(&options, &s, NULL), CELERIAC_OK);
    memset(prefix, 'x', strlen(prefix));
    memset(queue, 'x', strlen(queue));
    memset(db, 'x', strlen(db));
    memset(host, 'x', strlen(host));
    memset(queues, 'x', strlen(queues));
    memset(url, 'x', strlen(url));
    assert_string_equal(s.options.global_keyprefix, "prefix");
    assert_string_equal(s.options.default_queue, "default");
    assert_string_equal(s.options.state_db, "/a/db");
    assert_string_equal(s.options.hostname, "w@h");
    assert_int_equal(s.queue_count, 2);
    assert_string_equal(s.queues[0], "one");
    assert_string_equal(s.queues[1], "two");
    assert_null(s.options.queues);
    assert_null(s.options.broker_url);
    cel_settings_close(&s);
}

static void survives_every_failing_allocation(void **state)
{
    const struct celeriac_worker_options options = {.global_keyprefix = "p",
                                                    .default_queue = "d",
                                                    .state_db = "/a/db",
                                                    .hostname = "w@h",
                                                    .queues = "one,two"};
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        struct cel_settings s = {0};
        enum celeriac_err code;

        mem_fail_at(n);
        code = cel_settings_open(&options, &s, NULL);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        cel_settings_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_given_means_defaults),
        cmocka_unit_test(bad_options_are_named),
        cmocka_unit_test(limits_are_reached),
        cmocka_unit_test(bounds_decide_how_many_threads_there_are),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
