/* worker/worker.c, as far as it goes without a broker; the rest is in tests/integration/worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "celeriac/worker.h"

static const struct celeriac_worker_options options = {.hostname = "w@h", .concurrency = 2};

static void run(struct celeriac_task *task, void *user)
{
    (void)task;
    (void)user;
}

static void refuses_bad_options(void **state)
{
    const struct celeriac_worker_options bad = {.prefetch_multiplier = 5000};
    struct celeriac_worker *worker = NULL;
    struct celeriac_error err = {0};

    (void)state;
    assert_int_equal(celeriac_worker_create(&bad, &worker, &err), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(err.text, "prefetch_multiplier"));
    assert_null(worker);
    celeriac_worker_destroy(NULL);
}

static void runs_with_a_task_only(void **state)
{
    const struct celeriac_task_options task = {.name = "t", .run = run};
    struct celeriac_worker *worker = NULL;
    struct celeriac_error err = {0};

    (void)state;
    assert_int_equal(celeriac_worker_create(&options, &worker, NULL), CELERIAC_OK);
    assert_int_equal(celeriac_worker_run(worker, &err), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(err.text, "no task"));
    assert_int_equal(celeriac_worker_register(worker, &task, NULL), CELERIAC_OK);
    assert_int_equal(celeriac_worker_register(worker, &task, NULL), CELERIAC_ERR_EXISTS);
    celeriac_worker_destroy(worker);
}

static void counts_nothing_before_it_runs(void **state)
{
    const struct celeriac_worker_stats none = {0};
    struct celeriac_worker_stats stats;
    struct celeriac_worker *worker = NULL;

    (void)state;
    memset(&stats, 0xff, sizeof stats);
    assert_int_equal(celeriac_worker_create(&options, &worker, NULL), CELERIAC_OK);
    celeriac_worker_get_stats(worker, &stats);
    assert_int_equal(stats.received, none.received);
    assert_int_equal(stats.results_dropped, none.results_dropped);
    assert_int_equal(stats.active, none.active);
    assert_int_equal(stats.waiting, none.waiting);
    assert_int_equal(stats.threads, none.threads);
    /* Stopped before it runs, it is destroyed like any other. */
    celeriac_worker_stop(worker, CELERIAC_STOP_WARM);
    celeriac_worker_stop(worker, CELERIAC_STOP_COLD);
    celeriac_worker_destroy(worker);
}

static void survives_every_failing_allocation(void **state)
{
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        struct celeriac_worker *worker = NULL;
        enum celeriac_err code;

        mem_fail_at(n);
        code = celeriac_worker_create(&options, &worker, NULL);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        assert_int_equal(worker == NULL, failed);
        celeriac_worker_destroy(worker);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_bad_options),
        cmocka_unit_test(runs_with_a_task_only),
        cmocka_unit_test(counts_nothing_before_it_runs),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
