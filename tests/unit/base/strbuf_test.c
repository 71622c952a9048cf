#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/strbuf.h"

static void builds_text(void **state)
{
    (void)state;
    struct strbuf b;
    strbuf_init(&b, 1000);
    assert_string_equal(strbuf_text(&b), "");
    assert_int_equal(strbuf_span(&b).len, 0);
    strbuf_add_text(&b, "a");
    strbuf_add_char(&b, 'b');
    strbuf_add_span(&b, SPAN("c\0d"));
    strbuf_add_span(&b, (struct span){NULL, 0});
    strbuf_printf(&b, "[%d %s]", 42, "x");
    assert_int_equal(strbuf_status(&b), CELERIAC_OK);
    assert_true(span_equal(strbuf_span(&b), SPAN("abc\0d[42 x]")));
    assert_int_equal(strbuf_text(&b)[strbuf_span(&b).len], '\0');
    strbuf_close(&b);
    assert_int_equal(b.max, 1000);
    assert_string_equal(strbuf_text(&b), "");
}

static void writes_integers(void **state)
{
    (void)state;
    static const struct {
        int64_t n;
        const char *text;
    } cases[] = {
        {0, "0"},
        {7, "7"},
        {-10, "-10"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    struct strbuf b;
    strbuf_init(&b, 100);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        strbuf_clear(&b);
        strbuf_add_int(&b, cases[i].n);
        assert_string_equal(strbuf_text(&b), cases[i].text);
    }
    strbuf_close(&b);
}

static void grows_far_beyond_the_first_block(void **state)
{
    (void)state;
    struct strbuf b;
    strbuf_init(&b, 1 << 20);
    for (int i = 0; i < 100000; i++)
        strbuf_printf(&b, "%d,", i % 10);
    assert_int_equal(strbuf_status(&b), CELERIAC_OK);
    assert_int_equal(b.len, 200000);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(b.ptr[(size_t)i * 2], '0' + i % 10);
    strbuf_close(&b);
}

static void stops_at_the_maximum(void **state)
{
    (void)state;
    struct strbuf b;
    strbuf_init(&b, 5);
    strbuf_add(&b, "12345", 5);
    assert_int_equal(strbuf_status(&b), CELERIAC_OK);
    strbuf_add(&b, "", 0);
    assert_int_equal(strbuf_status(&b), CELERIAC_OK);
    strbuf_add_char(&b, '6');
    assert_int_equal(strbuf_status(&b), CELERIAC_ERR_LIMIT);
    assert_string_equal(strbuf_text(&b), "12345");
    assert_null(strbuf_reserve(&b, 0));
    char *text = NULL;
    size_t len = 99;
    assert_int_equal(strbuf_take(&b, &text, &len), CELERIAC_ERR_LIMIT);
    assert_null(text);
    assert_int_equal(len, 99);
    strbuf_clear(&b);
    assert_int_equal(strbuf_status(&b), CELERIAC_OK);
    strbuf_printf(&b, "%s", "123456");
    assert_int_equal(strbuf_status(&b), CELERIAC_ERR_LIMIT);
    strbuf_printf(&b, "x");
    assert_int_equal(b.len, 0);
    strbuf_close(&b);
}

static void refuses_sizes_that_overflow(void **state)
{
    (void)state;
    struct strbuf b;
    strbuf_init(&b, SIZE_MAX);
    strbuf_add_char(&b, 'x');
    assert_null(strbuf_reserve(&b, SIZE_MAX));
    assert_int_equal(strbuf_status(&b), CELERIAC_ERR_LIMIT);
    strbuf_close(&b);
}

static void lets_encoders_write_in_place(void **state)
{
    (void)state;
    struct strbuf b;
    strbuf_init(&b, 100);
    char *to = strbuf_reserve(&b, 10);
    assert_non_null(to);
    memset(to, 'h', 5);
    strbuf_grow(&b, 5);
    assert_string_equal(strbuf_text(&b), "hhhhh");
    strbuf_truncate(&b, 9);
    assert_string_equal(strbuf_text(&b), "hhhhh");
    strbuf_truncate(&b, 2);
    assert_string_equal(strbuf_text(&b), "hh");
    strbuf_close(&b);
}

static void gives_the_text_away(void **state)
{
    (void)state;
    struct strbuf b;
    char *text = NULL;
    size_t len = 99;
    strbuf_init(&b, 100);
    assert_int_equal(strbuf_take(&b, &text, &len), CELERIAC_OK);
    assert_string_equal(text, "");
    assert_int_equal(len, 0);
    mem_free(text);
    strbuf_add_text(&b, "moved");
    assert_int_equal(strbuf_take(&b, &text, NULL), CELERIAC_OK);
    assert_string_equal(text, "moved");
    mem_free(text);
    assert_int_equal(b.len, 0);
    assert_int_equal(b.max, 100);
}

static enum celeriac_err build_and_take(char **text)
{
    struct strbuf b;
    strbuf_init(&b, 10000);
    for (int i = 0; i < 100; i++) {
        strbuf_add_text(&b, "some text ");
        strbuf_printf(&b, "%d", i % 10);
    }
    enum celeriac_err err = strbuf_take(&b, text, NULL);
    strbuf_close(&b);
    return err;
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        char *text = NULL;
        mem_fail_at(n);
        enum celeriac_err err = build_and_take(&text);
        bool failed = mem_has_failed();
        mem_fail_at(0);
        if (!failed) {
            assert_true(n > 3);
            assert_int_equal(err, CELERIAC_OK);
            assert_int_equal(strlen(text), 1100);
            mem_free(text);
            break;
        }
        assert_int_equal(err, CELERIAC_ERR_MEMORY);
        assert_null(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_text),
        cmocka_unit_test(writes_integers),
        cmocka_unit_test(grows_far_beyond_the_first_block),
        cmocka_unit_test(stops_at_the_maximum),
        cmocka_unit_test(refuses_sizes_that_overflow),
        cmocka_unit_test(lets_encoders_write_in_place),
        cmocka_unit_test(gives_the_text_away),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
