#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "notify/providers/smtp_reply.h"

static void take(struct smtp_reply *reply, const char *line)
{
    smtp_reply_line(reply, span_of(line));
}

static void test_one_line(void **state)
{
    struct smtp_reply reply = {.code = 0};

    (void)state;
    take(&reply, "550 5.1.1 no such user\r\n");
    assert_int_equal(reply.code, 550);
    assert_true(reply.whole);
    assert_string_equal(reply.text, "5.1.1 no such user");
    take(&reply, "250\r\n");
    assert_int_equal(reply.code, 250);
    assert_true(reply.whole);
    assert_string_equal(reply.text, "");
    take(&reply, "421 bye");
    assert_string_equal(reply.text, "bye");
}

static void test_several_lines(void **state)
{
    struct smtp_reply reply = {.code = 0};

    (void)state;
    take(&reply, "220 hello\r\n");
    take(&reply, "451-4.7.1 first\r\n");
    assert_int_equal(reply.code, 451);
    assert_false(reply.whole);
    take(&reply, "451-\r\n");
    take(&reply, "451 4.7.1 last\r\n");
    assert_true(reply.whole);
    assert_string_equal(reply.text, "4.7.1 first\n\n4.7.1 last");
}

static void test_what_is_no_reply(void **state)
{
    struct smtp_reply reply = {.code = 0};

    (void)state;
    take(&reply, "");
    take(&reply, "\r\n");
    take(&reply, "25");
    take(&reply, "hello there");
    take(&reply, "650 too high");
    take(&reply, "150 too low");
    take(&reply, "2x0 no");
    assert_int_equal(reply.code, 0);
    assert_false(reply.whole);
}

/* What comes from a stranger's server goes into a text column: no control characters. */
static void test_control_characters(void **state)
{
    struct smtp_reply reply = {.code = 0};

    (void)state;
    smtp_reply_line(&reply, SPAN("550 a\x00"
                                 "b\tc\x7f"
                                 "d\re\r\n"));
    assert_string_equal(reply.text, "a?b?c?d?e");
}

static void test_long_reply(void **state)
{
    struct smtp_reply reply = {.code = 0};
    char line[SMTP_REPLY_TEXT_SIZE + 100];

    (void)state;
    memset(line, 'x', sizeof line);
    for (size_t i = 0; i < 4; i++)
        line[i] = "550-"[i];
    smtp_reply_line(&reply, (struct span){line, 4 + SMTP_REPLY_TEXT_SIZE - 1});
    assert_int_equal(strlen(reply.text), SMTP_REPLY_TEXT_SIZE - 1);
    smtp_reply_line(&reply, (struct span){line, sizeof line});
    assert_int_equal(strlen(reply.text), SMTP_REPLY_TEXT_SIZE - 1);
    take(&reply, "550 end");
    assert_true(reply.whole);
    assert_int_equal(strlen(reply.text), SMTP_REPLY_TEXT_SIZE - 1);
    smtp_reply_clear(&reply);
    assert_int_equal(reply.code, 0);
    assert_string_equal(reply.text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_line),         cmocka_unit_test(test_several_lines),
        cmocka_unit_test(test_what_is_no_reply), cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_long_reply),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
