#include "celery_proto/codec/task_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/iso8601.h"

#define TEXT_MAX 10000

static struct json_doc doc;
static struct strbuf text;
static struct cel_task_message m;
static struct celeriac_error err;

static int setup(void **state)
{
    (void)state;
    json_init(&doc);
    strbuf_init(&text, TEXT_MAX);
    m = (struct cel_task_message){.refuse = CEL_REFUSE_NONE};
    celeriac_error_clear(&err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_close(&doc);
    strbuf_close(&text);
    return 0;
}

static enum celeriac_err read_object(const char *json)
{
    assert_int_equal(json_parse(&doc, span_of(json), NULL, NULL), CELERIAC_OK);
    assert_non_null(strbuf_reserve(&text, TEXT_MAX / 2));
    return cel_task_fields_read(json_root(&doc), &text, &m, &err);
}

static void test_reads_all_metadata(void **state)
{
    (void)state;
    assert_int_equal(
        read_object(
            "{\"lang\": \"py\", \"task\": \"t\", \"id\": \"i\", \"shadow\": \"s\", \"eta\": "
            "\"1970-01-01T00:00:01+00:00\", \"expires\": \"1970-01-01T01:00:00+01:00\", \"group\": "
            "\"g\", \"group_index\": 3, \"retries\": 2, \"timelimit\": [30, 20.5], \"root_id\": "
            "\"r\", \"parent_id\": \"p\", \"argsrepr\": \"(1,)\", \"kwargsrepr\": \"{}\", "
            "\"origin\": \"o\", \"ignore_result\": true, \"replaced_task_nesting\": 1, "
            "\"stamped_headers\": [\"m\"], \"stamps\": {\"m\": 1}, \"unknown\": {}}"),
        CELERIAC_OK);
    assert_true(span_is(m.task, "t") && span_is(m.id, "i") && span_is(m.shadow, "s"));
    assert_true(m.eta.set && m.eta.us == 1000000 && m.expires.set && m.expires.us == 0);
    assert_true(span_is(m.expires_text, "1970-01-01T01:00:00+01:00"));
    assert_true(span_is(m.group, "g") && m.has_group_index && m.group_index == 3);
    assert_int_equal(m.retries, 2);
    assert_true(m.time_limit > 29.9 && m.time_limit < 30.1);
    assert_true(m.soft_time_limit > 20.4 && m.soft_time_limit < 20.6);
    assert_true(span_is(m.timelimit, "[30, 20.5]"));
    assert_true(span_is(m.root_id, "r") && span_is(m.parent_id, "p") && span_is(m.origin, "o"));
    assert_true(span_is(m.argsrepr, "(1,)") && span_is(m.kwargsrepr, "{}"));
    assert_int_equal(m.ignore_result, CEL_TRUE);
    assert_int_equal(m.replaced_task_nesting, 1);
    assert_true(span_is(m.stamped_headers, "[\"m\"]") && span_is(m.stamps, "{\"m\": 1}"));
}

static void test_null_resets_what_was_read_before(void **state)
{
    (void)state;
    test_reads_all_metadata(state);
    assert_int_equal(
        read_object(
            "{\"task\": null, \"id\": null, \"shadow\": null, \"eta\": null, \"expires\": null, "
            "\"group\": null, \"group_index\": null, \"retries\": null, \"timelimit\": null, "
            "\"root_id\": null, \"parent_id\": null, \"argsrepr\": null, \"kwargsrepr\": null, "
            "\"origin\": null, \"ignore_result\": null, \"replaced_task_nesting\": null, "
            "\"stamped_headers\": null, \"stamps\": null}"),
        CELERIAC_OK);
    assert_null(m.task.ptr);
    assert_null(m.id.ptr);
    assert_false(m.eta.set || m.expires.set || m.has_group_index);
    assert_null(m.eta_text.ptr);
    assert_null(m.expires_text.ptr);
    assert_null(m.timelimit.ptr);
    assert_null(m.group.ptr);
    assert_int_equal(m.retries, 0);
    assert_int_equal(m.ignore_result, CEL_UNSET);
    assert_int_equal(m.replaced_task_nesting, 0);
    assert_false(m.time_limit > 0 || m.soft_time_limit > 0);
}

static void test_taskset_is_the_old_name_of_group(void **state)
{
    (void)state;
    assert_int_equal(read_object("{\"taskset\": \"old\"}"), CELERIAC_OK);
    assert_true(span_is(m.group, "old"));
    assert_int_equal(read_object("{\"group\": \"new\", \"taskset\": \"old\"}"), CELERIAC_OK);
    assert_true(span_is(m.group, "new"));
}

static void test_decodes_escapes(void **state)
{
    (void)state;
    assert_int_equal(read_object("{\"task\": \"t\\u00e9\", \"id\": \"\\ud83d\\ude00\", \"eta\": "
                                 "\"1970\\u002d01-01\", \"origin\": \"\\ud800\"}"),
                     CELERIAC_OK);
    assert_true(span_is(m.task, "t\xc3\xa9"));
    assert_true(span_is(m.id, "\xf0\x9f\x98\x80"));
    assert_true(span_is(m.origin, "\xed\xa0\x80"));
    assert_true(m.eta.set && m.eta.us == 0);
}

/* Labels are for logs: whatever Python would carry along without looking is not worth a refusal. */
static void test_odd_labels_are_ignored(void **state)
{
    (void)state;
    assert_int_equal(
        read_object("{\"shadow\": 5, \"argsrepr\": [], \"kwargsrepr\": {}, \"origin\": true, "
                    "\"replaced_task_nesting\": \"x\", \"stamped_headers\": \"x\", "
                    "\"stamps\": 5}"),
        CELERIAC_OK);
    assert_null(m.shadow.ptr);
    assert_null(m.argsrepr.ptr);
    assert_null(m.origin.ptr);
    assert_null(m.stamps.ptr);
    assert_int_equal(m.replaced_task_nesting, 0);
}

static void test_truth_of_ignore_result(void **state)
{
    const char *const yes[] = {"true", "1", "-0.5", "\"x\"", "[0]", "{\"a\": 0}", "NaN"};
    const char *const no[] = {"false", "0", "0.0", "-0", "\"\"", "[]", "{}"};
    char json[100];

    (void)state;
    for (size_t i = 0; i < 7; i++) {
        assert_in_range(snprintf(json, sizeof(json), "{\"ignore_result\": %s}", yes[i]), 1, 99);
        assert_int_equal(read_object(json), CELERIAC_OK);
        assert_int_equal(m.ignore_result, CEL_TRUE);
        assert_in_range(snprintf(json, sizeof(json), "{\"ignore_result\": %s}", no[i]), 1, 99);
        assert_int_equal(read_object(json), CELERIAC_OK);
        assert_int_equal(m.ignore_result, CEL_FALSE);
    }
}

static void test_refuses_impossible_values(void **state)
{
    const struct {
        const char *json;
        enum cel_refuse cause;
        const char *field;
    } cases[] = {
        {"{\"task\": 5}", CEL_REFUSE_TASK, "task: "},
        {"{\"task\": \"\"}", CEL_REFUSE_TASK, "task: "},
        {"{\"id\": 5}", CEL_REFUSE_ID, "id: "},
        {"{\"id\": \"\"}", CEL_REFUSE_ID, "id: "},
        {"{\"eta\": \"soon\"}", CEL_REFUSE_ETA, "eta: "},
        {"{\"eta\": 5}", CEL_REFUSE_ETA, "eta: "},
        {"{\"eta\": \"10000-01-01\"}", CEL_REFUSE_ETA, "eta: "},
        {"{\"expires\": \"2024-13-01\"}", CEL_REFUSE_EXPIRES, "expires: "},
        {"{\"expires\": {}}", CEL_REFUSE_EXPIRES, "expires: "},
        {"{\"group\": 5}", CEL_REFUSE_HEADER, "group: "},
        {"{\"root_id\": []}", CEL_REFUSE_HEADER, "root_id: "},
        {"{\"parent_id\": 1.5}", CEL_REFUSE_HEADER, "parent_id: "},
        {"{\"group_index\": \"1\"}", CEL_REFUSE_HEADER, "group_index: "},
        {"{\"group_index\": 9223372036854775808}", CEL_REFUSE_HEADER, "group_index: "},
        {"{\"retries\": -1}", CEL_REFUSE_HEADER, "retries: "},
        {"{\"retries\": 2147483648}", CEL_REFUSE_HEADER, "retries: "},
        {"{\"retries\": 1.0}", CEL_REFUSE_HEADER, "retries: "},
        {"{\"retries\": \"1\"}", CEL_REFUSE_HEADER, "retries: "},
        {"{\"timelimit\": 5}", CEL_REFUSE_HEADER, "timelimit: "},
        {"{\"timelimit\": [1]}", CEL_REFUSE_HEADER, "timelimit: "},
        {"{\"timelimit\": [1, 2, 3]}", CEL_REFUSE_HEADER, "timelimit: "},
        {"{\"timelimit\": [\"1\", null]}", CEL_REFUSE_HEADER, "timelimit: "},
        {"{\"timelimit\": [null, -1]}", CEL_REFUSE_HEADER, "timelimit: "},
        {"{\"timelimit\": [NaN, null]}", CEL_REFUSE_HEADER, "timelimit: "},
        {"{\"timelimit\": [1e999, null]}", CEL_REFUSE_HEADER, "timelimit: "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        m.refuse = CEL_REFUSE_NONE;
        celeriac_error_clear(&err);
        assert_int_equal(read_object(cases[i].json), CELERIAC_ERR_VALUE);
        assert_int_equal(m.refuse, cases[i].cause);
        assert_true(span_starts(span_of(err.text), span_of(cases[i].field)));
    }
}

/* What one field lacks does not hide the others: a log should still name the task. */
static void test_reads_on_after_a_bad_field(void **state)
{
    (void)state;
    assert_int_equal(
        read_object("{\"eta\": \"soon\", \"retries\": -1, \"task\": \"t\", \"id\": \"i\", "
                    "\"root_id\": \"r\"}"),
        CELERIAC_ERR_VALUE);
    assert_int_equal(m.refuse, CEL_REFUSE_ETA);
    assert_string_equal(err.text, "eta: impossible value");
    assert_true(span_is(m.task, "t") && span_is(m.id, "i") && span_is(m.root_id, "r"));
}

static void test_bounds(void **state)
{
    (void)state;
    assert_int_equal(read_object("{\"retries\": 2147483647, \"group_index\": -9223372036854775808, "
                                 "\"timelimit\": [0, null], \"eta\": \"\", \"expires\": "
                                 "\"9999-12-31T23:59:59.999999+00:00\"}"),
                     CELERIAC_OK);
    assert_int_equal(m.retries, CEL_RETRIES_MAX);
    assert_true(m.has_group_index && m.group_index == INT64_MIN);
    assert_false(m.time_limit > 0 || m.eta.set);
    assert_true(m.expires.us == ISO8601_MAX_US);
    assert_int_equal(read_object("{\"timelimit\": []}"), CELERIAC_OK);
}

/* Strings with escapes need memory, which may be short. */
static void test_tells_of_short_memory(void **state)
{
    struct strbuf small;

    (void)state;
    strbuf_init(&small, TEXT_MAX);
    assert_int_equal(json_parse(&doc, SPAN("{\"task\": \"\\u00e9\"}"), NULL, NULL), CELERIAC_OK);
    mem_fail_at(1);
    assert_int_equal(cel_task_fields_read(json_root(&doc), &small, &m, &err), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_int_equal(m.refuse, CEL_REFUSE_NONE);
    strbuf_close(&small);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_reads_all_metadata),
        TEST(test_null_resets_what_was_read_before),
        TEST(test_taskset_is_the_old_name_of_group),
        TEST(test_decodes_escapes),
        TEST(test_odd_labels_are_ignored),
        TEST(test_truth_of_ignore_result),
        TEST(test_refuses_impossible_values),
        TEST(test_reads_on_after_a_bad_field),
        TEST(test_bounds),
        TEST(test_tells_of_short_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
