/* worker/task_stats.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "worker/task_stats.h"

static const struct cel_task_definition first = {.name = SPAN("t.first"), .index = 0};
static const struct cel_task_definition second = {.name = SPAN("t.second"), .index = 1};

static void count_visits(void *user, struct cel_task_stats *stats)
{
    size_t *visits = user;

    assert_non_null(stats->definition);
    (*visits)++;
}

static void one_entry_for_each_task_and_queue(void **state)
{
    struct cel_task_table *table = NULL;
    struct cel_task_stats *stats;
    size_t visits = 0;
    char name[] = "queue";

    (void)state;
    assert_int_equal(cel_task_table_create(&table), CELERIAC_OK);
    stats = cel_task_table_get(table, &first, span_of(name));
    CEL_TASK_COUNT(stats, received);
    name[0] = 'x'; /* it was copied */
    assert_ptr_equal(cel_task_table_get(table, &first, SPAN("queue")), stats);
    assert_ptr_not_equal(cel_task_table_get(table, &first, SPAN("other")), stats);
    assert_ptr_not_equal(cel_task_table_get(table, &second, SPAN("queue")), stats);
    assert_int_equal(atomic_load(&stats->received), 1);
    cel_task_table_each(table, count_visits, &visits);
    assert_int_equal(visits, 3);
    CEL_TASK_COUNT((struct cel_task_stats *)NULL, received);
    cel_task_stats_failed(NULL, SPAN("ValueError"));
    cel_task_table_destroy(table);
    cel_task_table_destroy(NULL);
}

static void at_the_limit_nothing_new_is_counted(void **state)
{
    struct cel_task_table *table = NULL;
    char name[16];

    (void)state;
    assert_int_equal(cel_task_table_create(&table), CELERIAC_OK);
    for (int i = 0; i < CEL_TASK_STATS_MAX; i++) {
        (void)snprintf(name, sizeof name, "q%d", i);
        assert_non_null(cel_task_table_get(table, &first, span_of(name)));
    }
    assert_null(cel_task_table_get(table, &first, SPAN("one more")));
    assert_non_null(cel_task_table_get(table, &first, SPAN("q7")));
    cel_task_table_destroy(table);
}

static void failures_by_exception(void **state)
{
    struct cel_failure_stats failures[CEL_TASK_STATS_EXCEPTIONS];
    struct cel_task_table *table = NULL;
    struct cel_task_stats *stats;
    char longest[CEL_TASK_STATS_NAME_SIZE + 2];
    char name[32];

    (void)state;
    memset(longest, 'E', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(cel_task_table_create(&table), CELERIAC_OK);
    stats = cel_task_table_get(table, &first, SPAN("q"));
    cel_task_stats_failed(stats, SPAN("ValueError"));
    cel_task_stats_failed(stats, span_of(longest));
    cel_task_stats_failed(stats, SPAN("ValueError"));
    cel_task_stats_failed(stats, span_of(longest));
    cel_task_stats_failed(stats, (struct span){0});
    cel_task_stats_failures(stats, failures);
    assert_string_equal(failures[0].exception, "ValueError");
    assert_int_equal(failures[0].count, 2);
    assert_int_equal(strlen(failures[1].exception), CEL_TASK_STATS_NAME_SIZE - 1);
    assert_int_equal(failures[1].count, 2);
    assert_string_equal(failures[2].exception, "Exception");
    assert_int_equal(failures[3].count, 0);
    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof name, "Error%d", i);
        cel_task_stats_failed(stats, span_of(name));
    }
    cel_task_stats_failures(stats, failures);
    assert_string_equal(failures[CEL_TASK_STATS_EXCEPTIONS - 1].exception, "other");
    assert_int_equal(failures[CEL_TASK_STATS_EXCEPTIONS - 1].count,
                     20 - (CEL_TASK_STATS_EXCEPTIONS - 1 - 3));
    cel_task_table_destroy(table);
}

static void survives_want_of_memory(void **state)
{
    struct cel_task_table *table = NULL;

    (void)state;
    mem_fail_at(1);
    assert_int_equal(cel_task_table_create(&table), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_null(table);
    assert_int_equal(cel_task_table_create(&table), CELERIAC_OK);
    mem_fail_at(1);
    assert_null(cel_task_table_get(table, &first, SPAN("q")));
    mem_fail_at(0);
    assert_non_null(cel_task_table_get(table, &first, SPAN("q")));
    cel_task_table_destroy(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_entry_for_each_task_and_queue),
        cmocka_unit_test(at_the_limit_nothing_new_is_counted),
        cmocka_unit_test(failures_by_exception),
        cmocka_unit_test(survives_want_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
