#include "celery_proto/codec/task_body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TEXT_MAX 10000

static struct json_doc docs[3];

static int close_docs(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        json_close(&docs[i]);
    return 0;
}

/* A value to take from; NULL text gives no node. */
static const struct json_node *node(size_t which, const char *json)
{
    if (json == NULL)
        return NULL;
    assert_int_equal(json_parse(&docs[which], span_of(json), NULL, NULL), CELERIAC_OK);
    return json_root(&docs[which]);
}

static void test_checklist_5_body_of_three_elements(void **state)
{
    const struct cel_task_body full = {.args = SPAN("[1, 2]"),
                                       .kwargs = SPAN("{\"a\": 1}"),
                                       .callbacks = SPAN("[{\"task\": \"c\"}]"),
                                       .errbacks = SPAN("[{\"task\": \"e\"}]"),
                                       .chain = SPAN("[{\"task\": \"n\"}]"),
                                       .chord = SPAN("{\"task\": \"b\"}")};
    const struct cel_task_body empty = {.args = {NULL, 0}};
    struct strbuf out;

    (void)state;
    strbuf_init(&out, TEXT_MAX);
    cel_task_body_write(&empty, &out);
    assert_string_equal(strbuf_text(&out), "[[], {}, {\"callbacks\": null, \"errbacks\": null, "
                                           "\"chain\": null, \"chord\": null}]");
    strbuf_clear(&out);
    cel_task_body_write(&full, &out);
    assert_string_equal(strbuf_text(&out),
                        "[[1, 2], {\"a\": 1}, {\"callbacks\": [{\"task\": \"c\"}], \"errbacks\": "
                        "[{\"task\": \"e\"}], "
                        "\"chain\": [{\"task\": \"n\"}], \"chord\": {\"task\": \"b\"}}]");
    strbuf_close(&out);
}

static enum celeriac_err take(const char *args, const char *kwargs, const char *embed,
                              struct cel_task_body *body, enum cel_refuse *cause)
{
    return cel_task_body_take(node(0, args), node(1, kwargs), node(2, embed), body, cause, NULL);
}

static void test_takes_what_is_there(void **state)
{
    enum cel_refuse cause = CEL_REFUSE_NONE;
    struct cel_task_body b;

    (void)state;
    assert_int_equal(
        take("[1 ]", "{\"a\":1}",
             "{\"chord\": {\"c\": 1}, \"chain\": [2], \"errbacks\": [3], \"callbacks\": "
             "[4], \"x\": 5}",
             &b, &cause),
        CELERIAC_OK);
    assert_true(span_is(b.args, "[1 ]"));
    assert_true(span_is(b.kwargs, "{\"a\":1}"));
    assert_true(span_is(b.callbacks, "[4]"));
    assert_true(span_is(b.errbacks, "[3]"));
    assert_true(span_is(b.chain, "[2]"));
    assert_true(span_is(b.chord, "{\"c\": 1}"));
    /* Checklist 36: nothing, null and empty are one. */
    assert_int_equal(take(NULL, NULL, NULL, &b, &cause), CELERIAC_OK);
    assert_true(span_is(b.args, "[]"));
    assert_true(span_is(b.kwargs, "{}"));
    assert_int_equal(take("[]", "{}", "null", &b, &cause), CELERIAC_OK);
    assert_int_equal(take("[]", "{}",
                          "{\"callbacks\": [], \"errbacks\": null, \"chain\": {}, \"chord\": {}}",
                          &b, &cause),
                     CELERIAC_OK);
    assert_null(b.callbacks.ptr);
    assert_null(b.errbacks.ptr);
    assert_null(b.chain.ptr);
    assert_null(b.chord.ptr);
    assert_int_equal(cause, CEL_REFUSE_NONE);
}

static void test_refuses_wrong_types(void **state)
{
    const struct {
        const char *args, *kwargs, *embed;
        enum cel_refuse cause;
    } cases[] = {
        {"{}", "{}", "{}", CEL_REFUSE_ARGS},
        {"null", "{}", "{}", CEL_REFUSE_ARGS},
        {"[]", "[]", "{}", CEL_REFUSE_KWARGS},
        {"[]", "null", "{}", CEL_REFUSE_KWARGS},
        {"[]", "{}", "[]", CEL_REFUSE_EMBED},
        {"[]", "{}", "5", CEL_REFUSE_EMBED},
        {"[]", "{}", "{\"callbacks\": {\"task\": \"t\"}}", CEL_REFUSE_EMBED},
        {"[]", "{}", "{\"errbacks\": \"x\"}", CEL_REFUSE_EMBED},
        {"[]", "{}", "{\"chain\": 5}", CEL_REFUSE_EMBED},
        {"[]", "{}", "{\"chord\": [1]}", CEL_REFUSE_EMBED},
    };
    struct cel_task_body b = {.args = SPAN("untouched")};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum cel_refuse cause = CEL_REFUSE_NONE;

        assert_int_equal(take(cases[i].args, cases[i].kwargs, cases[i].embed, &b, &cause),
                         CELERIAC_ERR_VALUE);
        assert_int_equal(cause, cases[i].cause);
        assert_true(span_is(b.args, "untouched"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checklist_5_body_of_three_elements),
        cmocka_unit_test(test_takes_what_is_there),
        cmocka_unit_test(test_refuses_wrong_types),
    };

    return cmocka_run_group_tests(tests, NULL, close_docs);
}
