#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/problems.h"

static void nothing_is_written_without_problems(void **state)
{
    struct problems p;
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 1000);
    problems_init(&p, &out);
    assert_false(problems_found(&p));
    problems_end(&p);
    assert_string_equal(strbuf_text(&out), "");
    strbuf_close(&out);
}

static void messages_of_a_field_share_a_list(void **state)
{
    struct problems p;
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 1000);
    problems_init(&p, &out);
    problems_add(&p, "name", "first");
    problems_add_span(&p, "name", SPAN("second \"quoted\""));
    problems_add(&p, "email", "third");
    assert_true(problems_found(&p));
    problems_end(&p);
    assert_string_equal(strbuf_text(&out),
                        "{\"name\":[\"first\",\"second \\\"quoted\\\"\"],\"email\":[\"third\"]}");
    strbuf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_written_without_problems),
        cmocka_unit_test(messages_of_a_field_share_a_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
