#include "celery_proto/codec/result_doc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"

#define TEXT_MAX 100000

static void assert_written(const struct cel_result *result, const char *wanted)
{
    struct strbuf out;

    strbuf_init(&out, TEXT_MAX);
    assert_int_equal(cel_result_write(result, &out), CELERIAC_OK);
    assert_string_equal(strbuf_text(&out), wanted);
    strbuf_close(&out);
}

/* 2026-11-22T20:34:59.134672+00:00 */
static const struct cel_time done = {.set = true, .us = INT64_C(1795379699134672)};

static void test_checklist_61_order_of_keys(void **state)
{
    struct cel_result r = {
        .state = CEL_STATE_SUCCESS, .task_id = SPAN("i"), .result = SPAN("3"), .date_done = done};

    (void)state;
    assert_written(&r,
                   "{\"status\": \"SUCCESS\", \"result\": 3, \"traceback\": null, \"children\": "
                   "[], \"date_done\": \"2026-11-22T20:34:59.134672+00:00\", \"task_id\": \"i\"}");
    r.group_id = SPAN("g");
    r.parent_id = SPAN("p");
    r.children_null = true;
    r.traceback = SPAN("");
    assert_written(
        &r, "{\"status\": \"SUCCESS\", \"result\": 3, \"traceback\": \"\", \"children\": "
            "null, \"date_done\": \"2026-11-22T20:34:59.134672+00:00\", \"group_id\": \"g\", "
            "\"parent_id\": \"p\", \"task_id\": \"i\"}");
}

static void test_checklist_67_started_extended_and_custom(void **state)
{
    struct cel_result_extended extended = {.name = SPAN("t.slow"),
                                           .args = SPAN("[1.5]"),
                                           .kwargs = SPAN("{}"),
                                           .worker = SPAN("celery@host1"),
                                           .retries = 2,
                                           .queue = SPAN("a")};
    struct cel_result r = {.state = CEL_STATE_STARTED,
                           .task_id = SPAN("i"),
                           .result = SPAN("{\"pid\": 20492, \"hostname\": \"celery@host1\"}"),
                           /* Not written: the task is not done. */
                           .date_done = done,
                           .extended = &extended};

    (void)state;
    assert_written(&r,
                   "{\"status\": \"STARTED\", \"result\": {\"pid\": 20492, \"hostname\": "
                   "\"celery@host1\"}, \"traceback\": null, \"children\": [], \"date_done\": null, "
                   "\"name\": \"t.slow\", \"args\": [1.5], \"kwargs\": {}, \"worker\": "
                   "\"celery@host1\", \"retries\": 2, \"queue\": \"a\", \"task_id\": \"i\"}");
    extended = (struct cel_result_extended){.stamped_headers = SPAN("[\"m\"]"),
                                            .stamps = SPAN("{\"m\": [\"x\"]}")};
    r = (struct cel_result){.state = CEL_STATE_CUSTOM,
                            .status = SPAN("PROGRESS"),
                            .task_id = SPAN("i"),
                            .extended = &extended};
    assert_written(&r, "{\"status\": \"PROGRESS\", \"result\": null, \"traceback\": null, "
                       "\"children\": [], \"date_done\": null, \"name\": null, \"args\": null, "
                       "\"kwargs\": null, \"worker\": null, \"retries\": 0, \"queue\": null, "
                       "\"stamped_headers\": [\"m\"], \"m\": [\"x\"], \"task_id\": \"i\"}");
    /* Celery adds stamps only when there are any. */
    extended.stamps = SPAN("{ }");
    r = (struct cel_result){.state = CEL_STATE_RETRY, .task_id = SPAN("i"), .extended = &extended};
    assert_written(&r,
                   "{\"status\": \"RETRY\", \"result\": null, \"traceback\": null, \"children\": "
                   "[], \"date_done\": null, \"name\": null, \"args\": null, \"kwargs\": null, "
                   "\"worker\": null, \"retries\": 0, \"queue\": null, \"task_id\": \"i\"}");
}

static void test_checklist_68_tuple_of_a_task(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, TEXT_MAX);
    cel_result_tuple_write(SPAN("i\""), &out);
    assert_string_equal(strbuf_text(&out), "[[\"i\\\"\", null], null]");
    strbuf_close(&out);
}

static void test_refuses_incomplete_records(void **state)
{
    const struct cel_result bad[] = {
        {.state = CEL_STATE_STARTED},
        {.state = CEL_STATE_CUSTOM, .task_id = SPAN("i")},
        {.state = CEL_STATE_SUCCESS, .task_id = SPAN("i")},
    };
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 50);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(cel_result_write(&bad[i], &out), CELERIAC_ERR_VALUE);
    assert_int_equal(
        cel_result_write(&(struct cel_result){.state = CEL_STATE_RETRY, .task_id = SPAN("i")},
                         &out),
        CELERIAC_ERR_LIMIT);
    assert_int_equal(out.len, 0);
    strbuf_close(&out);
}

static void test_states(void **state)
{
    (void)state;
    for (int s = CEL_STATE_PENDING; s < CEL_STATE_CUSTOM; s++)
        assert_int_equal(cel_state_of(span_of(cel_state_name((enum cel_state)s))), s);
    assert_int_equal(cel_state_of(SPAN("PROGRESS")), CEL_STATE_CUSTOM);
    assert_int_equal(cel_state_of(SPAN("")), CEL_STATE_CUSTOM);
    assert_string_equal(cel_state_name(CEL_STATE_CUSTOM), "");
    assert_true(cel_state_is_ready(CEL_STATE_SUCCESS));
    assert_true(cel_state_is_ready(CEL_STATE_FAILURE));
    assert_true(cel_state_is_ready(CEL_STATE_REVOKED));
    assert_false(cel_state_is_ready(CEL_STATE_RETRY));
    assert_false(cel_state_is_ready(CEL_STATE_STARTED));
    assert_false(cel_state_is_ready(CEL_STATE_PENDING));
    assert_false(cel_state_is_ready(CEL_STATE_CUSTOM));
}

/* What each version writes: naive, UTC with offset, another zone. */
static void test_checklist_66_three_forms_of_date_done(void **state)
{
    const struct {
        const char *json;
        int64_t us;
    } cases[] = {
        {"{\"status\": \"SUCCESS\", \"date_done\": \"2026-11-22T20:34:59.134672\"}", done.us},
        {"{\"status\": \"SUCCESS\", \"date_done\": \"2026-11-22T20:34:59.134672+00:00\"}", done.us},
        {"{\"status\": \"SUCCESS\", \"date_done\": \"2026-11-22T15:34:59.134672-05:00\"}", done.us},
    };
    struct cel_result_reader reader;
    struct cel_result_view v;

    (void)state;
    cel_result_reader_init(&reader);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(cel_result_read(&reader, span_of(cases[i].json), &v, NULL), CELERIAC_OK);
        assert_true(v.date_done.set);
        assert_int_equal(v.date_done.us, cases[i].us);
    }
    assert_int_equal(
        cel_result_read(&reader, SPAN("{\"status\": \"RETRY\", \"date_done\": null}"), &v, NULL),
        CELERIAC_OK);
    assert_false(v.date_done.set);
    cel_result_reader_close(&reader);
}

static void test_reads_every_field(void **state)
{
    struct cel_result_reader reader;
    struct cel_result_view v;

    (void)state;
    cel_result_reader_init(&reader);
    assert_int_equal(
        cel_result_read(
            &reader,
            SPAN("{\"status\": \"PROGR\\u00c9S\", \"result\": {\"a\": 1}, \"traceback\": "
                 "\"x\\ny\", \"children\": [1], \"group_id\": \"g\", \"parent_id\": \"p\", "
                 "\"worker\": \"w\", \"task_id\": \"\\u0069\"}"),
            &v, NULL),
        CELERIAC_OK);
    assert_int_equal(v.state, CEL_STATE_CUSTOM);
    assert_true(span_is(v.status, "PROGR\xc3\x89S"));
    assert_true(span_is(v.traceback, "x\ny"));
    assert_true(span_is(v.task_id, "i"));
    assert_true(span_is(v.group_id, "g"));
    assert_true(span_is(v.parent_id, "p"));
    assert_true(span_is(json_raw(v.result), "{\"a\": 1}"));
    assert_true(span_is(json_raw(v.children), "[1]"));
    assert_true(json_string_is(json_get(v.record, "worker"), "w"));
    cel_result_reader_close(&reader);
}

/* celery.backends.base.compress_payload('{"status": "SUCCESS"}', "gzip") of Celery 5.7. */
static void test_reads_compressed_records(void **state)
{
    static const char record[] = "\0celery-compressed\0application/x-gzip\0"
                                 "\x78\x9c\xab\x56\x2a\x2e\x49\x2c\x29\x2d\x56\xb2\x52\x50\x0a\x0e"
                                 "\x75\x76\x76\x0d\x0e\x56\xaa\x05\x00\x4c\xda\x06\x98";
    const struct span whole = {record, sizeof record - 1};
    const struct span cut = {record, sizeof record - 2};
    struct cel_result_reader reader;
    struct cel_result_view v;

    (void)state;
    cel_result_reader_init(&reader);
    assert_int_equal(cel_result_read(&reader, whole, &v, NULL), CELERIAC_OK);
    assert_int_equal(v.state, CEL_STATE_SUCCESS);
    assert_true(span_is(v.status, "SUCCESS"));
    assert_int_equal(cel_result_peek_state(&reader, whole), CEL_STATE_SUCCESS);
    assert_int_equal(cel_result_read(&reader, cut, &v, NULL), CELERIAC_ERR_SYNTAX);
    assert_int_equal(cel_result_peek_state(&reader, cut), CEL_STATE_PENDING);
    cel_result_reader_close(&reader);
}

static void test_refuses_what_is_no_record(void **state)
{
    const struct {
        const char *json;
        enum celeriac_err code;
        const char *text;
    } cases[] = {
        {"x", CELERIAC_ERR_SYNTAX, "Expecting value"},
        {"[]", CELERIAC_ERR_VALUE, "result: not an object"},
        {"{}", CELERIAC_ERR_VALUE, "status: missing"},
        {"{\"status\": null}", CELERIAC_ERR_VALUE, "status: missing"},
        {"{\"status\": 5}", CELERIAC_ERR_VALUE, "status: not a string"},
        {"{\"status\": \"S\", \"traceback\": []}", CELERIAC_ERR_VALUE, "traceback: not a string"},
        {"{\"status\": \"S\", \"date_done\": \"soon\"}", CELERIAC_ERR_VALUE, "date_done: no ISO"},
        {"{\"status\": \"S\", \"task_id\": 1}", CELERIAC_ERR_VALUE, "task_id: not a string"},
    };
    struct cel_result_view v = {.state = CEL_STATE_REVOKED};
    struct cel_result_reader reader;

    (void)state;
    cel_result_reader_init(&reader);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct celeriac_error err = {.code = CELERIAC_OK};

        assert_int_equal(cel_result_read(&reader, span_of(cases[i].json), &v, &err), cases[i].code);
        assert_true(span_starts(span_of(err.text), span_of(cases[i].text)));
        assert_int_equal(v.state, CEL_STATE_REVOKED);
    }
    cel_result_reader_close(&reader);
}

static void test_checklist_62_peeks_the_state(void **state)
{
    static const char json[] =
        "{\"status\": \"SUCCESS\", \"result\": [1, \"\\u00e9\"], \"task_id\": "
        "\"i\"}";
    struct cel_result_reader reader;

    (void)state;
    cel_result_reader_init(&reader);
    assert_int_equal(cel_result_peek_state(&reader, span_of(json)), CEL_STATE_SUCCESS);
    assert_int_equal(cel_result_peek_state(&reader, SPAN("{\"status\": \"MINE\"}")),
                     CEL_STATE_CUSTOM);
    assert_int_equal(cel_result_peek_state(&reader, SPAN("{\"status\": 5}")), CEL_STATE_PENDING);
    assert_int_equal(cel_result_peek_state(&reader, SPAN("[]")), CEL_STATE_PENDING);
    /* Cut anywhere it is no record. */
    for (size_t len = 0; len < sizeof(json) - 1; len++) {
        struct cel_result_view v;

        assert_int_equal(cel_result_peek_state(&reader, (struct span){json, len}),
                         CEL_STATE_PENDING);
        assert_int_equal(cel_result_read(&reader, (struct span){json, len}, &v, NULL),
                         CELERIAC_ERR_SYNTAX);
    }
    cel_result_reader_close(&reader);
}

/* The size alone decides, before a byte is looked at. */
static void test_limit(void **state)
{
    struct cel_result_reader reader;
    struct cel_result_view v;

    (void)state;
    cel_result_reader_init(&reader);
    assert_int_equal(
        cel_result_read(&reader, (struct span){"{", (size_t)64 * 1024 * 1024 + 1}, &v, NULL),
        CELERIAC_ERR_LIMIT);
    cel_result_reader_close(&reader);
}

static void test_survives_every_allocation_failure(void **state)
{
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        const struct cel_result r = {.state = CEL_STATE_RETRY, .task_id = SPAN("i")};
        struct cel_result_reader reader;
        struct cel_result_view v;
        struct strbuf out;
        enum celeriac_err code;

        cel_result_reader_init(&reader);
        strbuf_init(&out, TEXT_MAX);
        mem_fail_at(n);
        code = cel_result_read(&reader, SPAN("{\"status\": \"\\u00e9\"}"), &v, NULL);
        if (code == CELERIAC_OK)
            code = cel_result_write(&r, &out);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        strbuf_close(&out);
        cel_result_reader_close(&reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checklist_61_order_of_keys),
        cmocka_unit_test(test_checklist_67_started_extended_and_custom),
        cmocka_unit_test(test_checklist_68_tuple_of_a_task),
        cmocka_unit_test(test_refuses_incomplete_records),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_checklist_66_three_forms_of_date_done),
        cmocka_unit_test(test_reads_every_field),
        cmocka_unit_test(test_reads_compressed_records),
        cmocka_unit_test(test_refuses_what_is_no_record),
        cmocka_unit_test(test_checklist_62_peeks_the_state),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
