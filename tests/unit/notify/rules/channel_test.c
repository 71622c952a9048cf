#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "notify/rules/channel.h"
#include "notify/rules/template.h"
#include "tests/support/case_file.h"

static void check_rule(const struct span columns[3])
{
    static const struct {
        const char *name;
        bool (*ok)(struct span text);
    } rules[] = {
        {"email", notify_address_is_email},
        {"phone", notify_address_is_phone},
        {"name", notify_template_name_ok},
        {"django", notify_address_is_django_email},
    };
    bool known = false;

    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (!span_is(columns[0], rules[i].name))
            continue;
        known = true;
        if (rules[i].ok(columns[1]) != span_is(columns[2], "yes"))
            fail_msg("not as in Django: %s \"%s\"", columns[0].ptr, columns[1].ptr);
    }
    assert_true(known);
}

static void test_rules_as_in_django(void **state)
{
    struct case_file *file = case_file_open("notify/rules.tsv");
    struct span columns[3];

    (void)state;
    while (case_file_next(file, columns, 3))
        check_rule(columns);
    assert_true(case_file_line(file) > 150);
    case_file_close(file);
}

static void test_names(void **state)
{
    enum notify_channel channel = NOTIFY_CHANNEL_PUSH;

    (void)state;
    for (int i = 0; i < NOTIFY_CHANNEL_COUNT; i++) {
        const char *name = notify_channel_name((enum notify_channel)i);

        assert_true(notify_channel_parse(span_of(name), &channel));
        assert_int_equal((int)channel, i);
    }
    channel = NOTIFY_CHANNEL_PUSH;
    assert_false(notify_channel_parse(SPAN("fax"), &channel));
    assert_false(notify_channel_parse(SPAN("Email"), &channel));
    assert_false(notify_channel_parse(SPAN(""), &channel));
    assert_false(notify_channel_parse(SPAN("emails"), &channel));
    assert_int_equal(channel, NOTIFY_CHANNEL_PUSH);
    assert_string_equal(notify_channel_name(NOTIFY_CHANNEL_WHATSAPP), "whatsapp");
}

static void test_problems(void **state)
{
    static const char phone[] =
        "Invalid phone number format. Use E.164 format (e.g., +1234567890).";

    (void)state;
    assert_null(notify_address_problem(NOTIFY_CHANNEL_EMAIL, SPAN("a@b.co")));
    assert_string_equal(notify_address_problem(NOTIFY_CHANNEL_EMAIL, SPAN("nobody")),
                        "Invalid email address format.");
    assert_null(notify_address_problem(NOTIFY_CHANNEL_SMS, SPAN("+15551234567")));
    assert_string_equal(notify_address_problem(NOTIFY_CHANNEL_SMS, SPAN("5551234")), phone);
    assert_null(notify_address_problem(NOTIFY_CHANNEL_WHATSAPP, SPAN("+15551234567")));
    assert_string_equal(notify_address_problem(NOTIFY_CHANNEL_WHATSAPP, SPAN("a@b.co")), phone);
    assert_null(notify_address_problem(NOTIFY_CHANNEL_PUSH, SPAN("any token")));
}

/* The one place where we ask for more than Python: its \d takes the digits of every script. */
static void test_phone_digits_are_ascii(void **state)
{
    (void)state;
    assert_false(
        notify_address_is_phone(SPAN("+1\xd9\xa2\xd9\xa3\xd9\xa4\xd9\xa5\xd9\xa6\xd9\xa7")));
}

static void test_domain(void **state)
{
    (void)state;
    assert_true(span_is(notify_address_domain(SPAN("a@b.co")), "b.co"));
    assert_true(span_is(notify_address_domain(SPAN("\"a@b\"@c")), "c"));
    assert_true(span_is(notify_address_domain(SPAN("a@")), ""));
    assert_int_equal(notify_address_domain(SPAN("+15551234567")).len, 0);
    assert_null(notify_address_domain(SPAN("nobody")).ptr);
}

/* Every prefix of a good address, none read past its end; the whole and a few others are addresses.
 */
static void test_cut_anywhere(void **state)
{
    static const char address[] = "\"a\\\"b\"@ex\xc3\xa4mple.xn--p1ai";
    static const char good[] = "..................x..xxxx";

    (void)state;
    assert_int_equal(sizeof address, strlen(good));
    for (size_t len = 0; len < sizeof address; len++) {
        char *copy = malloc(len + 1);

        assert_non_null(copy);
        memcpy(copy + 1, address, len);
        assert_false(notify_address_is_email((struct span){copy + 1, len}));
        assert_false(notify_address_is_phone((struct span){copy + 1, len}));
        assert_int_equal(notify_address_is_django_email((struct span){copy + 1, len}),
                         good[len] == 'x');
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_as_in_django),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_problems),
        cmocka_unit_test(test_phone_digits_are_ascii),
        cmocka_unit_test(test_domain),
        cmocka_unit_test(test_cut_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
