/* worker/main/file_name.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "worker/main/file_name.h"

static void expect(const char *pattern, const char *nodename, const char *wanted)
{
    struct strbuf out;

    strbuf_init(&out, FILE_NAME_MAX);
    assert_int_equal(file_name_expand(span_of(pattern), span_of(nodename), &out), CELERIAC_OK);
    assert_string_equal(strbuf_text(&out), wanted);
    strbuf_close(&out);
}

static void checklist_95_letters(void **state)
{
    (void)state;
    expect("/var/log/%n%I.log", "w1@a.example.com", "/var/log/w1.log");
    expect("%h-%d-%p-%i", "w1@a.example.com", "a.example.com-example.com-w1@a.example.com-0");
    expect("%d|%h", "w1@box", "|box");
    expect("100%% %x %", "w1@box", "100% %x %");
    expect("", "w1@box", "");
}

static void too_long_or_no_memory(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 4);
    assert_int_equal(file_name_expand(SPAN("abcd"), SPAN("n@h"), &out), CELERIAC_OK);
    assert_int_equal(file_name_expand(SPAN("e"), SPAN("n@h"), &out), CELERIAC_ERR_LIMIT);
    strbuf_close(&out);
    mem_fail_at(1);
    assert_int_equal(file_name_expand(SPAN("e"), SPAN("n@h"), &out), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    strbuf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(checklist_95_letters),
                                       cmocka_unit_test(too_long_or_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
