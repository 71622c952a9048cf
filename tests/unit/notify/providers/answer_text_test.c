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

static void assert_text(const char *json, size_t max, const char *want)
{
    struct json_doc doc;
    struct strbuf out;

    json_init(&doc);
    strbuf_init(&out, max);
    assert_int_equal(json_parse(&doc, span_of(json), NULL, NULL), CELERIAC_OK);
    assert_true(notify_answer_text(json_root(&doc), "a", &out));
    assert_string_equal(strbuf_text(&out), want);
    strbuf_close(&out);
    json_close(&doc);
}

/* What is too long is no want of memory, and its beginning is worth having. */
static void test_too_long(void **state)
{
    (void)state;
    assert_text("{\"a\": \"123\"}", 3, "123");
    assert_text("{\"a\": \"1234\"}", 3, "123");
    assert_text("{\"a\": \"\\u00fc\\u00fc\"}", 3, "\xc3\xbc");
    assert_text("{\"a\": \"12\xf0\x9f\x98\x80\"}", 5, "12");
    assert_text("{\"a\": \"12\xf0\x9f\x98\x80\"}", 6, "12\xf0\x9f\x98\x80");
    assert_text("{\"a\": \"1\"}", 0, "");
}

/* JSON can spell what no text of PostgreSQL holds. */
static void test_unstorable(void **state)
{
    (void)state;
    assert_text("{\"a\": \"S\\ud800M\\udc00\"}", 9, "S?M?");
    assert_text("{\"a\": \"\\u0000S\\u0000M\\u0000\"}", 2, "SM");
    assert_text("{\"a\": \"\\ud83d\\ude00\"}", 9, "\xf0\x9f\x98\x80");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_unstorable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
