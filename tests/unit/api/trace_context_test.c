/* The grammar of https://www.w3.org/TR/trace-context/, sections 3.2 and 3.3. */
#include "api/trace_context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"
#define GOOD "00-" TRACE "-" PARENT "-01"

/* What is made of two headers; "" when nothing. */
static const char *written(const char *traceparent, const char *tracestate)
{
    static struct strbuf out;
    bool made;

    strbuf_close(&out);
    strbuf_init(&out, TRACE_HEADERS_MAX);
    made = trace_context_write(span_of(traceparent), span_of(tracestate), &out);
    assert_int_equal(made, out.len > 0);
    assert_int_equal(strbuf_status(&out), CELERIAC_OK);
    return strbuf_text(&out);
}

static void good_ones_are_passed_on(void **state)
{
    (void)state;
    assert_string_equal(written(GOOD, ""), "{\"traceparent\": \"" GOOD "\"}");
    assert_string_equal(written(GOOD, "congo=t61rcWkgMzE, rojo=00f067aa0ba902b7"),
                        "{\"traceparent\": \"" GOOD
                        "\", \"tracestate\": \"congo=t61rcWkgMzE, rojo=00f067aa0ba902b7\"}");
    /* Flags are passed on as they are; a later version as what it has of ours. */
    assert_string_equal(written("00-" TRACE "-" PARENT "-ff", ""),
                        "{\"traceparent\": \"00-" TRACE "-" PARENT "-ff\"}");
    assert_string_equal(written("cc-" TRACE "-" PARENT "-01-what-the-future-brings", ""),
                        "{\"traceparent\": \"" GOOD "\"}");
    assert_string_equal(written("cc-" TRACE "-" PARENT "-01", ""),
                        "{\"traceparent\": \"" GOOD "\"}");
}

static void bad_parents_are_dropped_with_their_state(void **state)
{
    static const char *const bad[] = {
        "",
        "00",
        "ff-" TRACE "-" PARENT "-01",
        "0g-" TRACE "-" PARENT "-01",
        "0A-" TRACE "-" PARENT "-01",
        "00-00000000000000000000000000000000-" PARENT "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01",
        "00-" TRACE "-b7ad6b716920333g-01",
        "00-" TRACE "-" PARENT "-0",
        "00-" TRACE "-" PARENT "-0G",
        "00-" TRACE "-" PARENT "-01-",
        "00-" TRACE "-" PARENT "-01 ",
        "cc-" TRACE "-" PARENT "-01.more",
        "00_" TRACE "-" PARENT "-01",
        "00-" TRACE "_" PARENT "-01",
        "00-" TRACE "-" PARENT "_01",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_string_equal(written(bad[i], "a=1"), "");
    for (size_t len = 0; len < TRACEPARENT_LEN; len++) {
        struct strbuf out;

        strbuf_init(&out, TRACE_HEADERS_MAX);
        assert_false(trace_context_write((struct span){GOOD, len}, SPAN(""), &out));
        strbuf_close(&out);
    }
}

static void states_are_judged_by_their_grammar(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"a=1", true},
        {"a=1,b=2", true},
        {"a=1 \t,\t b=2", true},
        {"a=1,,b=2", true},
        {"a=1,\v", false},
        {"\fa=1", false},
        {"a=1\r", false},
        {"a=1,\n,b=2", false},
        {",", false}, /* there is nothing to pass on */
        {"a=1,a=2", false},
        {"a", false},
        {"a=", false},
        {"=1", false},
        {"A=1", false},
        {"1a=1", false},
        {"1a@b=1", true},
        {"tenant@system=1", true},
        {"tenant@=1", false},
        {"@system=1", false},
        {"a@b@c=1", false},
        {"a@1b=1", false},
        {"tenant@abcdefghijklmn=1", true},
        {"tenant@abcdefghijklmno=1", false},
        {"a_-*/9=1", true},
        {"a.b=1", false},
        {"a=x y", true},
        {"a=x=y", false},
        {"a=\x7f", false},
        {"a=\xc3\xa4", false},
        {"a=\"\\~", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool found = strstr(written(GOOD, cases[i].text), "tracestate");

        if (found != cases[i].good)
            fail_msg("%s", cases[i].text);
    }
    assert_string_equal(written(GOOD, "a=\"\\~"),
                        "{\"traceparent\": \"" GOOD "\", \"tracestate\": \"a=\\\"\\\\~\"}");
}

/* A state of `len` characters: one key with a value, and another. */
static bool passes_length(size_t len)
{
    char text[TRACESTATE_MAX + 2];

    memset(text, 'x', len);
    text[1] = '=';
    text[255] = ',';
    text[256] = 'y';
    text[257] = '=';
    text[len] = '\0';
    return strstr(written(GOOD, text), "tracestate");
}

static bool passes_members(unsigned count)
{
    char text[TRACESTATE_MAX];
    size_t at = 0;

    for (unsigned i = 0; i < count; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%sk%u=1", i ? "," : "", i);
    return strstr(written(GOOD, text), "tracestate");
}

static bool passes_key(size_t len)
{
    char text[TRACESTATE_MAX];

    memset(text, 'k', len);
    memcpy(text + len, "=1", 3);
    return strstr(written(GOOD, text), "tracestate");
}

static bool passes_value(size_t len)
{
    char text[TRACESTATE_MAX] = "k=";

    memset(text + 2, 'v', len);
    text[2 + len] = '\0';
    return strstr(written(GOOD, text), "tracestate");
}

static void limits_hold(void **state)
{
    (void)state;
    assert_true(passes_length(TRACESTATE_MAX));
    assert_false(passes_length(TRACESTATE_MAX + 1));
    assert_true(passes_members(TRACESTATE_MEMBERS_MAX));
    assert_false(passes_members(TRACESTATE_MEMBERS_MAX + 1));
    assert_true(passes_key(256));
    assert_false(passes_key(257));
    assert_true(passes_value(256));
    assert_false(passes_value(257));
}

/* The longest that can be written fits. */
static void the_buffer_is_large_enough(void **state)
{
    char text[TRACESTATE_MAX + 1];

    (void)state;
    memset(text, '"', TRACESTATE_MAX);
    memcpy(text, "k=", 2);
    memcpy(text + 256, ",l=", 3);
    text[TRACESTATE_MAX] = '\0';
    assert_non_null(strstr(written(GOOD, text), "tracestate"));
}

static void want_of_memory_shows_in_the_buffer(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, TRACE_HEADERS_MAX);
    mem_fail_at(1);
    (void)trace_context_write(SPAN(GOOD), SPAN("a=1"), &out);
    mem_fail_at(0);
    assert_int_equal(strbuf_status(&out), CELERIAC_ERR_MEMORY);
    strbuf_close(&out);
    (void)written("", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_are_passed_on),
        cmocka_unit_test(bad_parents_are_dropped_with_their_state),
        cmocka_unit_test(states_are_judged_by_their_grammar),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(the_buffer_is_large_enough),
        cmocka_unit_test(want_of_memory_shows_in_the_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
