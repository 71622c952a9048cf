#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/span.h"
#include "celeriac/error.h"

static void keeps_the_first_error(void **state)
{
    (void)state;
    struct celeriac_error e = {0};
    assert_int_equal(celeriac_error_set(&e, CELERIAC_ERR_VALUE, "port %d", 0), CELERIAC_ERR_VALUE);
    assert_int_equal(celeriac_error_set(&e, CELERIAC_ERR_MEMORY, "later"), CELERIAC_ERR_MEMORY);
    assert_int_equal(e.code, CELERIAC_ERR_VALUE);
    assert_string_equal(e.text, "port 0");
    celeriac_error_clear(&e);
    assert_int_equal(e.code, CELERIAC_OK);
    assert_string_equal(e.text, "");
    celeriac_error_set(&e, CELERIAC_ERR_MEMORY, "again");
    assert_string_equal(e.text, "again");
}

static void does_without_a_record(void **state)
{
    (void)state;
    assert_int_equal(celeriac_error_set(NULL, CELERIAC_ERR_LIMIT, "%s", "x"), CELERIAC_ERR_LIMIT);
    celeriac_error_clear(NULL);
}

/* A text of `pad` letters and then four-byte, three-byte and two-byte characters. */
static void cuts_long_texts_between_characters(void **state)
{
    (void)state;
    for (int pad = 0; pad < 12; pad++) {
        char text[1024];
        size_t len = (size_t)pad;
        memset(text, 'x', len);
        while (len < 400) {
            memcpy(text + len, "\xf0\x9f\x98\x80\xe2\x82\xac\xc3\xa9", 9);
            len += 9;
        }
        text[len] = '\0';
        struct celeriac_error e = {0};
        celeriac_error_set(&e, CELERIAC_ERR_VALUE, "%s", text);
        struct span kept = span_of(e.text);
        assert_in_range(kept.len, CELERIAC_ERROR_TEXT_MAX - 4, CELERIAC_ERROR_TEXT_MAX - 1);
        assert_memory_equal(kept.ptr, text, kept.len);
        assert_true(span_is_utf8(kept));
    }
    struct celeriac_error e = {0};
    celeriac_error_set(&e, CELERIAC_ERR_VALUE, "%0300d", 0);
    assert_int_equal(strlen(e.text), CELERIAC_ERROR_TEXT_MAX - 1);
}

static void names_every_code(void **state)
{
    (void)state;
    for (int code = CELERIAC_OK; code <= CELERIAC_ERR_UNSUPPORTED; code++) {
        const char *name = celeriac_err_name((enum celeriac_err)code);
        assert_non_null(name);
        assert_string_not_equal(name, "unknown error");
        for (int other = CELERIAC_OK; other < code; other++)
            assert_string_not_equal(name, celeriac_err_name((enum celeriac_err)other));
    }
    assert_string_equal(celeriac_err_name((enum celeriac_err)14), "unknown error");
    assert_string_equal(celeriac_err_name(CELERIAC_ERR_MEMORY), "out of memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_first_error),
        cmocka_unit_test(does_without_a_record),
        cmocka_unit_test(cuts_long_texts_between_characters),
        cmocka_unit_test(names_every_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
