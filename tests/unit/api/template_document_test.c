#include "api/template_document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "tests/unit/api/hand_call.h"

static struct api api;

static const struct store_template row = {.id = 7,
                                          .name = {"welcome", 7},
                                          .channel = {"email", 5},
                                          .subject = {"Hi \"you\"", 8},
                                          .body = {"a\nb", 3},
                                          .variables = {"[\"a\"]", 5},
                                          .is_active = true,
                                          .created_at_us = INT64_C(1700000000123456),
                                          .updated_at_us = INT64_C(1700000001000000)};

static int tear_down(void **state)
{
    (void)state;
    hand_call_destroy();
    return 0;
}

static void fields_are_drfs(void **state)
{
    (void)state;
    reply_template(hand_call_create(&api, ""), 201, &row);
    assert_int_equal(hand_call_status(), 201);
    assert_string_equal(hand_call_body(),
                        "{\"id\":7,\"name\":\"welcome\",\"channel\":\"email\",\"subject\":\"Hi "
                        "\\\"you\\\"\",\"body\":\"a\\nb\",\"variables\":[\"a\"],\"is_active\":true,"
                        "\"created_at\":\"2023-11-14T22:13:20.123456Z\","
                        "\"updated_at\":\"2023-11-14T22:13:21Z\"}");
}

/* SMS has no subject, and an empty one is not the same. */
static void subject_may_be_null(void **state)
{
    struct store_template sms = row;
    (void)state;
    sms.subject = (struct span){0};
    sms.body = (struct span){"", 0};
    sms.is_active = false;
    reply_template(hand_call_create(&api, ""), 200, &sms);
    assert_non_null(strstr(hand_call_body(), "\"subject\":null,\"body\":\"\""));
    assert_non_null(strstr(hand_call_body(), "\"is_active\":false"));
    sms.subject = (struct span){"", 0};
    reply_template(hand_call_create(&api, ""), 200, &sms);
    assert_non_null(strstr(hand_call_body(), "\"subject\":\"\""));
}

static void failures_have_drfs_words(void **state)
{
    static const struct {
        enum celeriac_err code;
        unsigned status;
        const char *body;
    } cases[] = {
        {CELERIAC_ERR_NOT_FOUND, 404, "{\"detail\":\"Not found.\"}"},
        {CELERIAC_ERR_EXISTS, 400, "{\"name\":[\"This field must be unique.\"]}"},
        {CELERIAC_ERR_TIMEOUT, 503,
         "{\"detail\":\"Service temporarily unavailable, try again later.\"}"},
        {CELERIAC_ERR_VALUE, 500, "{\"detail\":\"A server error occurred.\"}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct celeriac_error error = {.code = cases[i].code};
        reply_template_failure(hand_call_create(&api, ""), &error);
        assert_int_equal(hand_call_status(), cases[i].status);
        assert_string_equal(hand_call_body(), cases[i].body);
    }
}

/* Half a document never leaves the house. */
static void want_of_memory_is_told(void **state)
{
    size_t n = 1;
    (void)state;
    for (;; n++) {
        struct api_call *call = hand_call_create(&api, "");
        mem_fail_at(n);
        reply_template(call, 200, &row);
        bool failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(hand_call_status(), failed ? 503 : 200);
        if (!failed)
            break;
        assert_string_equal(hand_call_header("Retry-After"), "2");
        assert_null(strstr(hand_call_body(), "welcome"));
    }
    assert_true(n > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(fields_are_drfs, tear_down),
        cmocka_unit_test_teardown(subject_may_be_null, tear_down),
        cmocka_unit_test_teardown(failures_have_drfs_words, tear_down),
        cmocka_unit_test_teardown(want_of_memory_is_told, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
