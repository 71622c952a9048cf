#include "notify/providers/google_grant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

static void assert_grant(const char *answer, const char *token, int64_t life_s, const char *problem)
{
    struct notify_google_grant grant;

    notify_google_grant_init(&grant);
    assert_int_equal(notify_google_grant_read(&grant, span_of(answer)), CELERIAC_OK);
    assert_string_equal(strbuf_text(&grant.token), token);
    assert_int_equal(grant.life_s, life_s);
    assert_string_equal(strbuf_text(&grant.problem), problem);
    notify_google_grant_close(&grant);
}

static void test_given(void **state)
{
    (void)state;
    assert_grant("{\"access_token\": \"ya29.a-b_c~\", \"expires_in\": 3599, "
                 "\"token_type\": \"Bearer\"}",
                 "ya29.a-b_c~", 3599, "");
    assert_grant("{\"access_token\": \"a\\u0062\"}", "ab", 1, "");
}

static void test_refused(void **state)
{
    (void)state;
    assert_grant("{\"error\": \"invalid_grant\", \"error_description\": \"Invalid JWT\"}", "", 1,
                 "Invalid JWT");
    assert_grant("{\"error\": \"invalid_grant\", \"error_description\": \"\"}", "", 1,
                 "invalid_grant");
    assert_grant("{\"error\": \"a\\ud800\\u0000b\"}", "", 1, "a?b");
    assert_grant("<html>", "", 1, "");
    assert_grant("", "", 1, "");
    assert_grant("[{\"access_token\": \"t\"}]", "", 1, "");
}

/* None of these can stand in a header. */
static void test_odd_tokens(void **state)
{
    (void)state;
    assert_grant("{\"access_token\": \"\"}", "", 1, "");
    assert_grant("{\"access_token\": 5}", "", 1, "");
    assert_grant("{\"access_token\": \"a b\"}", "", 1, "");
    assert_grant("{\"access_token\": \"a\\r\\nX: y\"}", "", 1, "");
    assert_grant("{\"access_token\": \"a\\u0000\"}", "", 1, "");
    assert_grant("{\"access_token\": \"a\\u007f\"}", "", 1, "");
    assert_grant("{\"access_token\": \"\xc3\xbc\"}", "", 1, "");
}

static void test_lives(void **state)
{
    (void)state;
    assert_grant("{\"expires_in\": 0}", "", 1, "");
    assert_grant("{\"expires_in\": -5}", "", 1, "");
    assert_grant("{\"expires_in\": \"3599\"}", "", 1, "");
    assert_grant("{\"expires_in\": 3599.5}", "", 1, "");
    assert_grant("{\"expires_in\": 86400}", "", 86400, "");
    assert_grant("{\"expires_in\": 86401}", "", 86400, "");
    assert_grant("{\"expires_in\": 9223372036854775807}", "", 86400, "");
}

/* The longest token is taken whole, a longer one not at all. */
static void test_long_tokens(void **state)
{
    struct notify_google_grant grant;
    struct strbuf answer;

    (void)state;
    for (size_t more = 0; more < 2; more++) {
        strbuf_init(&answer, NOTIFY_GOOGLE_TOKEN_MAX + 100);
        strbuf_add_text(&answer, "{\"access_token\": \"");
        for (size_t i = 0; i < NOTIFY_GOOGLE_TOKEN_MAX + more; i++)
            strbuf_add_char(&answer, 'x');
        strbuf_add_text(&answer, "\", \"error\": \"e\"}");
        notify_google_grant_init(&grant);
        assert_int_equal(notify_google_grant_read(&grant, strbuf_span(&answer)), CELERIAC_OK);
        assert_int_equal(strbuf_span(&grant.token).len, more == 0 ? NOTIFY_GOOGLE_TOKEN_MAX : 0);
        assert_string_equal(strbuf_text(&grant.problem), "e");
        notify_google_grant_close(&grant);
        strbuf_close(&answer);
    }
}

static void test_every_length(void **state)
{
    const char whole[] = "{\"access_token\": \"t\", \"expires_in\": 9}";

    (void)state;
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        struct notify_google_grant grant;

        notify_google_grant_init(&grant);
        assert_int_equal(notify_google_grant_read(&grant, (struct span){whole, len}), CELERIAC_OK);
        assert_int_equal(strbuf_span(&grant.token).len, 0);
        notify_google_grant_close(&grant);
    }
}

static void test_memory(void **state)
{
    enum celeriac_err code = CELERIAC_ERR_MEMORY;
    size_t n = 1;

    (void)state;
    for (; code != CELERIAC_OK; n++) {
        struct notify_google_grant grant;

        notify_google_grant_init(&grant);
        mem_fail_at(n);
        code = notify_google_grant_read(
            &grant,
            SPAN("{\"access_token\": \"t\", \"error_description\": \"\", \"error\": \"e\"}"));
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
        notify_google_grant_close(&grant);
        assert_true(n < 100);
    }
    assert_true(n > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_given),       cmocka_unit_test(test_refused),
        cmocka_unit_test(test_odd_tokens),  cmocka_unit_test(test_lives),
        cmocka_unit_test(test_long_tokens), cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
