/* worker/registry.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "worker/registry.h"

static void run(struct celeriac_task *task, void *user)
{
    (void)task;
    (void)user;
}

static void finds_what_was_added(void **state)
{
    struct cel_registry *registry = NULL;
    char name[] = "shop.tasks.add";
    struct celeriac_task_options options = {.name = name, .run = run, .acks_late = true};
    const struct cel_task_definition *found;

    (void)state;
    assert_int_equal(cel_registry_create(&registry), CELERIAC_OK);
    assert_int_equal(cel_registry_add(registry, &options, NULL), CELERIAC_OK);
    name[0] = 'x'; /* the registry holds a copy */
    found = cel_registry_find(registry, SPAN("shop.tasks.add"));
    assert_non_null(found);
    assert_true(found->acks_late);
    assert_ptr_equal(found->run, run);
    assert_int_equal(found->retry.max_retries, 3);
    assert_null(cel_registry_find(registry, SPAN("shop.tasks")));
    assert_int_equal(cel_registry_count(registry), 1);
    assert_true(span_is(cel_registry_names(registry)[0], "shop.tasks.add"));
    cel_registry_destroy(registry);
    cel_registry_destroy(NULL);
}

static void refuses_bad_options_by_name(void **state)
{
    struct cel_registry *registry = NULL;
    char longest[CEL_TASK_NAME_MAX + 2];
    struct celeriac_error err = {0};
    struct celeriac_task_options options = {.name = longest, .run = run};

    (void)state;
    assert_int_equal(cel_registry_create(&registry), CELERIAC_OK);
    memset(longest, 'a', sizeof longest);
    longest[CEL_TASK_NAME_MAX + 1] = '\0';
    assert_int_equal(cel_registry_add(registry, &options, &err), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(err.text, "task name"));
    longest[CEL_TASK_NAME_MAX] = '\0';
    assert_int_equal(cel_registry_add(registry, &options, NULL), CELERIAC_OK);
    assert_int_equal(cel_registry_add(registry, &options, NULL), CELERIAC_ERR_EXISTS);
    options.name = "";
    assert_int_equal(cel_registry_add(registry, &options, NULL), CELERIAC_ERR_VALUE);
    options.name = NULL;
    assert_int_equal(cel_registry_add(registry, &options, NULL), CELERIAC_ERR_VALUE);
    options = (struct celeriac_task_options){.name = "t", .run = NULL};
    assert_int_equal(cel_registry_add(registry, &options, NULL), CELERIAC_ERR_VALUE);
    options = (struct celeriac_task_options){.name = "t", .run = run, .max_retries = -3};
    assert_int_equal(cel_registry_add(registry, &options, NULL), CELERIAC_ERR_VALUE);
    assert_int_equal(cel_registry_count(registry), 1);
    cel_registry_destroy(registry);
}

/* A task's own word counts, also when it is no. */
static void tasks_take_the_defaults_that_they_do_not_override(void **state)
{
    const struct celeriac_task_defaults all = {.acks_late = true,
                                               .ignore_result = true,
                                               .track_started = true,
                                               .store_errors_even_if_ignored = true,
                                               .requeue_on_timeout = true,
                                               .reject_on_worker_lost = true,
                                               .rate_limit = "2/s"};
    const struct celeriac_task_options silent = {.name = "silent", .run = run};
    const struct celeriac_task_options no = {.name = "no",
                                             .run = run,
                                             .acks_late = CELERIAC_NO,
                                             .ignore_result = CELERIAC_NO,
                                             .track_started = CELERIAC_NO,
                                             .store_errors_even_if_ignored = CELERIAC_NO,
                                             .requeue_on_timeout = CELERIAC_NO,
                                             .reject_on_worker_lost = CELERIAC_NO,
                                             .rate_limit = ""};
    const struct celeriac_task_options own = {.name = "own", .run = run, .rate_limit = "5/s"};
    struct cel_registry *registry = NULL;
    const struct cel_task_definition *d;

    (void)state;
    assert_int_equal(cel_registry_create(&registry), CELERIAC_OK);
    assert_int_equal(cel_registry_set_defaults(registry, &all, NULL), CELERIAC_OK);
    assert_int_equal(cel_registry_add(registry, &silent, NULL), CELERIAC_OK);
    assert_int_equal(cel_registry_add(registry, &no, NULL), CELERIAC_OK);
    assert_int_equal(cel_registry_add(registry, &own, NULL), CELERIAC_OK);
    d = cel_registry_find(registry, SPAN("silent"));
    assert_true(d->acks_late && d->ignore_result && d->track_started && d->store_errors &&
                d->requeue_on_timeout && d->reject_on_worker_lost);
    assert_true(d->rate_limit == 2);
    d = cel_registry_find(registry, SPAN("no"));
    assert_false(d->acks_late || d->ignore_result || d->track_started || d->store_errors ||
                 d->requeue_on_timeout || d->reject_on_worker_lost);
    assert_true(d->rate_limit == 0);
    assert_true(cel_registry_find(registry, SPAN("own"))->rate_limit == 5);
    cel_registry_destroy(registry);
}

static void a_bad_default_is_named(void **state)
{
    const struct celeriac_task_defaults often = {.rate_limit = "often"};
    struct cel_registry *registry = NULL;
    struct celeriac_error err = {0};

    (void)state;
    assert_int_equal(cel_registry_create(&registry), CELERIAC_OK);
    assert_int_equal(cel_registry_set_defaults(registry, &often, &err), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(err.text, "task_defaults.rate_limit: rate limit"));
    cel_registry_destroy(registry);
}

static void survives_every_failing_allocation(void **state)
{
    struct celeriac_task_options options = {.name = "t", .run = run};
    enum celeriac_err code = CELERIAC_ERR_MEMORY;

    (void)state;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct cel_registry *registry = NULL;

        assert_true(n < 20);
        mem_fail_at(n);
        code = cel_registry_create(&registry);
        if (code == CELERIAC_OK)
            code = cel_registry_add(registry, &options, NULL);
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
        cel_registry_destroy(registry);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_added),
        cmocka_unit_test(refuses_bad_options_by_name),
        cmocka_unit_test(tasks_take_the_defaults_that_they_do_not_override),
        cmocka_unit_test(a_bad_default_is_named),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
