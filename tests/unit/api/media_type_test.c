#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/media_type.h"

static void names_lose_their_parameters(void **state)
{
    (void)state;
    assert_true(span_is(media_type_name(SPAN("application/json")), "application/json"));
    assert_true(span_is(media_type_name(SPAN(" text/plain ; charset=x")), "text/plain"));
    assert_true(span_is(media_type_name(SPAN("")), ""));
    assert_true(span_is(media_type_name((struct span){NULL, 0}), ""));
    assert_true(span_is(media_type_name(SPAN(";x=1")), ""));
}

static void check_param(const char *header, const char *name, const char *wanted)
{
    char value[MEDIA_PARAM_SIZE] = "untouched";
    bool found = media_type_param(span_of(header), name, value);

    assert_int_equal(found, wanted != NULL);
    if (wanted)
        assert_string_equal(value, wanted);
}

static void parameters_are_unquoted(void **state)
{
    (void)state;
    check_param("a/b; charset=utf-8", "charset", "utf-8");
    check_param("a/b;CharSet=\"utf-8\"", "charset", "utf-8");
    check_param("a/b; x=1; charset = utf-8 ", "charset", "utf-8");
    check_param("a/b; x=\"1;charset=no\"; charset=yes", "charset", "yes");
    check_param("a/b; name=\"a\\\"b\\\\c\"", "name", "a\"b\\c");
    check_param("a/b; name=", "name", "");
    check_param("a/b; name=\"\"", "name", "");
    check_param("a/b; name=\"", "name", "\"");
    check_param("a/b; name", "name", NULL);
    check_param("a/b", "name", NULL);
    check_param("", "name", NULL);
    check_param("name=x", "name", NULL);
}

static void long_parameters_are_none(void **state)
{
    char header[MEDIA_PARAM_SIZE + 10];
    char value[MEDIA_PARAM_SIZE];

    (void)state;
    memset(header, 'x', sizeof header);
    memcpy(header, "a/b; n=", 7);
    header[7 + MEDIA_PARAM_SIZE - 1] = '\0';
    assert_true(media_type_param(span_of(header), "n", value));
    assert_int_equal(strlen(value), MEDIA_PARAM_SIZE - 1);
    header[7 + MEDIA_PARAM_SIZE - 1] = 'x';
    header[7 + MEDIA_PARAM_SIZE] = '\0';
    assert_false(media_type_param(span_of(header), "n", value));
}

/* email.utils.unquote() of Python leaves other backslashes alone: "C:\a.txt" is a path. */
static void only_quotes_and_backslashes_are_escaped(void **state)
{
    (void)state;
    check_param("a/b; name=\"C:\\a.txt\"", "name", "C:\\a.txt");
    check_param("a/b; name=\"a\\\\b\"", "name", "a\\b");
}

static void types_cover_others(void **state)
{
    (void)state;
    assert_true(media_type_covers(SPAN("application/json; x=1"), "application", "json"));
    assert_true(media_type_covers(SPAN("Application/JSON"), "application", "json"));
    assert_true(media_type_covers(SPAN("*/*"), "application", "json"));
    assert_true(media_type_covers(SPAN("*/json"), "application", "json"));
    assert_true(media_type_covers(SPAN("application/*"), "application", "json"));
    assert_false(media_type_covers(SPAN("application/jsonx"), "application", "json"));
    assert_false(media_type_covers(SPAN("application"), "application", "json"));
    assert_false(media_type_covers(SPAN("*"), "application", "json"));
    assert_false(media_type_covers(SPAN(""), "application", "json"));
    assert_false(media_type_covers((struct span){NULL, 0}, "application", "json"));
}

static void accept_headers_are_matched(void **state)
{
    static const char *const yes[] = {
        "*/*",
        "application/json",
        "application/*",
        "text/html",
        "image/png, */*;q=0.1",
        "application/json; indent=4",
        "APPLICATION/JSON",
        "text/*",
        "image/png,application/json",
        " application/json ",
    };
    static const char *const no[] = {
        "", "image/png", "application/xml, image/*", "json", "*", "application", "text/plain"};

    (void)state;
    assert_true(media_type_accepts_us((struct span){NULL, 0}));
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        assert_true(media_type_accepts_us(span_of(yes[i])));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        assert_false(media_type_accepts_us(span_of(no[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lose_their_parameters),
        cmocka_unit_test(parameters_are_unquoted),
        cmocka_unit_test(long_parameters_are_none),
        cmocka_unit_test(only_quotes_and_backslashes_are_escaped),
        cmocka_unit_test(types_cover_others),
        cmocka_unit_test(accept_headers_are_matched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
