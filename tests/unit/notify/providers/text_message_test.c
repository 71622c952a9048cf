#include "notify/providers/text_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static char long_text[NOTIFY_TEXT_MAX + 1];

static void refuse(struct span subject, struct span body, const char *error)
{
    const struct notify_message message = {.subject = subject, .body = body};
    struct notify_outcome outcome;

    assert_false(notify_text_check(&message, "SMS", &outcome));
    assert_int_equal(outcome.kind, NOTIFY_OUTCOME_NEVER);
    assert_string_equal(outcome.error, error);
}

static void test_checks(void **state)
{
    const struct notify_message plain = {.body = SPAN("\xc3\xbc")};
    const struct notify_message longest = {.subject = {long_text, NOTIFY_TEXT_MAX},
                                           .body = {long_text, NOTIFY_TEXT_MAX}};
    struct notify_outcome outcome;

    (void)state;
    memset(long_text, 'x', sizeof long_text);
    assert_true(notify_text_check(&plain, "SMS", &outcome));
    assert_true(notify_text_check(&longest, "SMS", &outcome));
    refuse(SPAN("s"), SPAN(""), "SMS body is required");
    refuse(SPAN(""), (struct span){long_text, sizeof long_text}, "SMS text is longer than 64 KiB");
    refuse((struct span){long_text, sizeof long_text}, SPAN("b"), "SMS text is longer than 64 KiB");
    refuse(SPAN(""), SPAN("\xff"), "SMS text is not valid UTF-8");
    refuse(SPAN("\xed\xa0\x80"), SPAN("b"), "SMS text is not valid UTF-8");
}

static void test_form(void **state)
{
    struct strbuf form;

    (void)state;
    strbuf_init(&form, 1000);
    notify_form_add(&form, "To", SPAN("+1 (2)"));
    notify_form_add(&form, "Body", SPAN("a&b=c%\n\xc3\xbc-._~Zz09"));
    notify_form_add(&form, "Empty", SPAN(""));
    notify_form_add(&form, "Nul", (struct span){"\0", 1});
    assert_string_equal(strbuf_text(&form), "To=%2B1%20%282%29&Body=a%26b%3Dc%25%0A%C3%BC-._~Zz09"
                                            "&Empty=&Nul=%00");
    strbuf_close(&form);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checks),
        cmocka_unit_test(test_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
