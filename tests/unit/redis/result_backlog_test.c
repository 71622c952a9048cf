#include "celery_proto/redis/result_backlog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

static struct result_backlog *make(void)
{
    struct result_backlog *backlog = NULL;
    assert_int_equal(result_backlog_create(&backlog), CELERIAC_OK);
    return backlog;
}

static void add(struct result_backlog *backlog, const char *id, struct span document)
{
    const struct cel_result_record record = {.task_id = span_of(id), .document = document};
    result_backlog_add(backlog, &record);
}

static void gives_the_oldest_first(void **state)
{
    (void)state;
    struct result_backlog *backlog = make();
    struct cel_result_record records[4];
    add(backlog, "a", SPAN("1"));
    add(backlog, "b", SPAN("22"));
    add(backlog, "c", SPAN(""));
    assert_int_equal(result_backlog_peek(backlog, records, 2), 2);
    assert_true(span_is(records[0].task_id, "a"));
    assert_true(span_is(records[1].document, "22"));
    result_backlog_remove(backlog, 1);
    assert_int_equal(result_backlog_peek(backlog, records, 4), 2);
    assert_true(span_is(records[0].task_id, "b"));
    assert_true(span_is(records[1].task_id, "c"));
    result_backlog_remove(backlog, 99);
    assert_int_equal(result_backlog_count(backlog), 0);
    add(backlog, "d", SPAN("4"));
    assert_int_equal(result_backlog_count(backlog), 1);
    assert_int_equal(result_backlog_dropped(backlog), 0);
    result_backlog_destroy(backlog);
}

static void is_bounded_in_number(void **state)
{
    (void)state;
    struct result_backlog *backlog = make();
    struct cel_result_record record;
    add(backlog, "first", SPAN("x"));
    for (size_t i = 1; i < CEL_RESULT_BACKLOG_COUNT; i++)
        add(backlog, "more", SPAN("x"));
    assert_int_equal(result_backlog_dropped(backlog), 0);
    assert_int_equal(result_backlog_peek(backlog, &record, 1), 1);
    assert_true(span_is(record.task_id, "first"));
    add(backlog, "last", SPAN("x"));
    assert_int_equal(result_backlog_dropped(backlog), 1);
    assert_int_equal(result_backlog_count(backlog), CEL_RESULT_BACKLOG_COUNT);
    assert_int_equal(result_backlog_peek(backlog, &record, 1), 1);
    assert_true(span_is(record.task_id, "more"));
    result_backlog_destroy(backlog);
}

static void is_bounded_in_bytes(void **state)
{
    (void)state;
    struct result_backlog *backlog = make();
    size_t quarter = CEL_RESULT_BACKLOG_BYTES / 4;
    char *bytes = mem_calloc(1, CEL_RESULT_BACKLOG_BYTES);
    assert_non_null(bytes);
    for (int i = 0; i < 3; i++)
        add(backlog, "x", (struct span){bytes, quarter});
    assert_int_equal(result_backlog_dropped(backlog), 0);
    add(backlog, "x", (struct span){bytes, quarter});
    /* Its own bookkeeping makes the fourth one too many. */
    assert_int_equal(result_backlog_count(backlog), 3);
    assert_int_equal(result_backlog_dropped(backlog), 1);
    add(backlog, "x", (struct span){bytes, CEL_RESULT_BACKLOG_BYTES});
    assert_int_equal(result_backlog_count(backlog), 3);
    assert_int_equal(result_backlog_dropped(backlog), 2);
    mem_free(bytes);
    result_backlog_destroy(backlog);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    struct result_backlog *backlog = NULL;
    mem_fail_at(1);
    assert_int_equal(result_backlog_create(&backlog), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    backlog = make();
    mem_fail_at(1);
    add(backlog, "a", SPAN("1"));
    mem_fail_at(0);
    assert_int_equal(result_backlog_count(backlog), 0);
    assert_int_equal(result_backlog_dropped(backlog), 1);
    result_backlog_destroy(backlog);
    result_backlog_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_oldest_first),
        cmocka_unit_test(is_bounded_in_number),
        cmocka_unit_test(is_bounded_in_bytes),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
