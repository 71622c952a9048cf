#include "notify/providers/answer_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/alloc.h"

static void test_texts(void **state)
{
    struct json_doc doc;
    struct strbuf out;

    (void)state;
    json_init(&doc);
    strbuf_init(&out, 6);
    assert_int_equal(
        json_parse(&doc, SPAN("{\"a\": \"b\\u0063\", \"n\": 1, \"z\": null}"), NULL, NULL),
        CELERIAC_OK);
    assert_true(notify_answer_text(json_root(&doc), "n", &out));
    assert_true(notify_answer_text(json_root(&doc), "z", &out));
    assert_true(notify_answer_text(json_root(&doc), "x", &out));
    assert_true(notify_answer_text(NULL, "a", &out));
    assert_string_equal(strbuf_text(&out), "");
    mem_fail_at(1);
    assert_false(notify_answer_text(json_root(&doc), "a", &out));
    mem_fail_at(0);
    strbuf_clear(&out);
    assert_true(notify_answer_text(json_root(&doc), "a", &out));
    assert_string_equal(strbuf_text(&out), "bc");
    strbuf_close(&out);
    json_close(&doc);
}

/* What is too long is no want of memory. */
static void test_too_long(void **state)
{
    struct json_doc doc;
    struct strbuf out;

    (void)state;
    json_init(&doc);
    strbuf_init(&out, 3);
    assert_int_equal(json_parse(&doc, SPAN("{\"a\": \"1234\"}"), NULL, NULL), CELERIAC_OK);
    assert_true(notify_answer_text(json_root(&doc), "a", &out));
    assert_in_range(strbuf_span(&out).len, 0, 3);
    strbuf_close(&out);
    json_close(&doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
