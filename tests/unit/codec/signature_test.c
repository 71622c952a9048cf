#include "celery_proto/codec/signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TEXT_MAX 10000

static struct json_doc doc;

static int close_doc(void **state)
{
    (void)state;
    json_close(&doc);
    return 0;
}

static const struct json_node *node(const char *json)
{
    assert_int_equal(json_parse(&doc, span_of(json), NULL, NULL), CELERIAC_OK);
    return json_root(&doc);
}

static void test_checklist_47_unknown_fields_stay(void **state)
{
    static const char json[] =
        "{\"task\": \"t.add\", \"args\": [1], \"kwargs\": {\"k\": 2}, \"options\": {\"task_id\": "
        "\"i\", "
        "\"from_2040\": [NaN]}, \"subtask_type\": null, \"immutable\": true, \"new\": 1e400}";
    struct cel_signature s;

    (void)state;
    assert_int_equal(cel_signature_read(node(json), &s, NULL), CELERIAC_OK);
    assert_true(span_is(s.raw, json));
    assert_true(json_string_is(s.task, "t.add"));
    assert_true(span_is(json_raw(s.args), "[1]"));
    assert_true(span_is(json_raw(s.kwargs), "{\"k\": 2}"));
    assert_int_equal(s.type, CEL_SUBTASK_TASK);
    assert_true(s.immutable);
    assert_false(s.has_chord_size);
    assert_true(json_string_is(json_get(s.options, "task_id"), "i"));
    assert_true(span_is(json_raw(json_get(s.options, "from_2040")), "[NaN]"));
    assert_null(json_get(s.options, "queue"));
}

static void test_types_and_sizes(void **state)
{
    const struct {
        const char *json;
        enum cel_subtask_type type;
    } cases[] = {
        {"{\"task\": \"t\"}", CEL_SUBTASK_TASK},
        {"{\"task\": \"t\", \"subtask_type\": \"chain\"}", CEL_SUBTASK_CHAIN},
        {"{\"task\": \"t\", \"subtask_type\": \"group\"}", CEL_SUBTASK_GROUP},
        {"{\"task\": \"t\", \"subtask_type\": \"chord\"}", CEL_SUBTASK_CHORD},
        {"{\"task\": \"t\", \"subtask_type\": \"xmap\"}", CEL_SUBTASK_XMAP},
        {"{\"task\": \"t\", \"subtask_type\": \"xstarmap\"}", CEL_SUBTASK_XSTARMAP},
        {"{\"task\": \"t\", \"subtask_type\": \"chunks\"}", CEL_SUBTASK_CHUNKS},
        {"{\"task\": \"t\", \"subtask_type\": \"loop\"}", CEL_SUBTASK_OTHER},
        {"{\"task\": \"t\", \"subtask_type\": 5}", CEL_SUBTASK_OTHER},
    };
    struct cel_signature s;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(cel_signature_read(node(cases[i].json), &s, NULL), CELERIAC_OK);
        assert_int_equal(s.type, cases[i].type);
    }
    assert_null(s.args);
    assert_null(s.options);
    assert_null(json_get(s.options, "queue"));
    assert_int_equal(cel_signature_read(node("{\"task\": \"t\", \"chord_size\": 3}"), &s, NULL),
                     CELERIAC_OK);
    assert_true(s.has_chord_size && s.chord_size == 3);
    assert_int_equal(cel_signature_read(node("{\"task\": \"t\", \"chord_size\": null, \"args\": "
                                             "null, \"immutable\": null}"),
                                        &s, NULL),
                     CELERIAC_OK);
    assert_false(s.has_chord_size || s.immutable);
    assert_null(s.args);
}

static void test_refuses_what_is_none(void **state)
{
    const struct {
        const char *json;
        const char *text;
    } cases[] = {
        {"[]", "signature: not an object"},
        {"{}", "signature: task is missing"},
        {"{\"task\": null}", "signature: task is missing"},
        {"{\"task\": \"\"}", "signature: task is missing"},
        {"{\"task\": 5}", "signature: task has a wrong type"},
        {"{\"task\": \"t\", \"args\": {}}", "signature: args has a wrong type"},
        {"{\"task\": \"t\", \"kwargs\": []}", "signature: kwargs has a wrong type"},
        {"{\"task\": \"t\", \"options\": \"x\"}", "signature: options has a wrong type"},
    };
    struct cel_signature s = {.chord_size = 77};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct celeriac_error err = {.code = CELERIAC_OK};

        assert_int_equal(cel_signature_read(node(cases[i].json), &s, &err), CELERIAC_ERR_VALUE);
        assert_string_equal(err.text, cases[i].text);
    }
    assert_int_equal(cel_signature_read(NULL, &s, NULL), CELERIAC_ERR_VALUE);
    assert_int_equal(s.chord_size, 77);
}

static void test_writes_one_as_celery_does(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, TEXT_MAX);
    cel_signature_write(SPAN("t\xc3\xa9"), SPAN("[1]"), (struct span){NULL, 0},
                        SPAN("{\"queue\": \"q\"}"), false, &out);
    assert_string_equal(strbuf_text(&out),
                        "{\"task\": \"t\\u00e9\", \"args\": [1], \"kwargs\": {}, \"options\": "
                        "{\"queue\": \"q\"}, \"subtask_type\": null, \"immutable\": false}");
    strbuf_clear(&out);
    cel_signature_write(SPAN("t"), SPAN(""), SPAN("{}"), SPAN(""), true, &out);
    assert_string_equal(strbuf_text(&out),
                        "{\"task\": \"t\", \"args\": [], \"kwargs\": {}, "
                        "\"options\": {}, \"subtask_type\": null, \"immutable\": "
                        "true}");
    strbuf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checklist_47_unknown_fields_stay),
        cmocka_unit_test(test_types_and_sizes),
        cmocka_unit_test(test_refuses_what_is_none),
        cmocka_unit_test(test_writes_one_as_celery_does),
    };

    return cmocka_run_group_tests(tests, NULL, close_doc);
}
