#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "notify/store/kinds.h"
#include "notify/store/sends.h"

static const struct uuid some_id = {{1}};
static struct store_end_send end;

static enum celeriac_err check(void)
{
    celeriac_error_clear(&end.call.error);
    return end.call.own.kind->check(&end.call);
}

static void response_up_to_its_limit(void **state)
{
    char *text = mem_alloc(STORE_PROVIDER_RESPONSE_MAX + 1);
    (void)state;
    assert_non_null(text);
    memset(text, ' ', STORE_PROVIDER_RESPONSE_MAX + 1);
    store_mark_sent_init(&end, &some_id, 1, (struct span){text, STORE_PROVIDER_RESPONSE_MAX});
    assert_int_equal(check(), CELERIAC_OK);
    assert_int_equal(end.call.own.bytes, sizeof some_id + STORE_PROVIDER_RESPONSE_MAX);
    end.response.len++;
    assert_int_equal(check(), CELERIAC_ERR_VALUE);
    assert_string_equal(end.call.error.text, "provider_response: more than 65536 bytes");
    end.response.len = 0;
    assert_int_equal(check(), CELERIAC_ERR_VALUE);
    end.response = SPAN("\"\\u0000\"");
    assert_int_equal(check(), CELERIAC_ERR_VALUE);
    mem_free(text);
}

static void time_of_sending_is_needed(void **state)
{
    (void)state;
    store_mark_sent_init(&end, &some_id, STORE_NO_TIME, SPAN("{}"));
    assert_int_equal(check(), CELERIAC_ERR_VALUE);
    assert_string_equal(end.call.error.text, "sent_at: is missing");
    end.sent_at_us = 0;
    assert_int_equal(check(), CELERIAC_OK);
}

/* Texts of others are cut, not refused; what they count for in a batch is what is sent. */
static void any_error_text_is_taken(void **state)
{
    (void)state;
    store_record_failure_init(&end, &some_id, SPAN("\0\xff"));
    assert_int_equal(check(), CELERIAC_OK);
    assert_int_equal(end.call.own.bytes, sizeof some_id + 2);
    store_record_failure_init(&end, &some_id, (struct span){"x", SIZE_MAX});
    assert_int_equal(check(), CELERIAC_OK);
    assert_int_equal(end.call.own.bytes, sizeof some_id + STORE_ERROR_TEXT_MAX);
    store_record_failure_init(&end, &some_id, (struct span){0});
    assert_int_equal(check(), CELERIAC_OK);
}

static void count_of_retries_is_not_negative(void **state)
{
    (void)state;
    store_dead_letter_init(&end, &some_id, SPAN("x"), -1);
    assert_int_equal(check(), CELERIAC_ERR_VALUE);
    assert_string_equal(end.call.error.text, "retry_count: is negative");
    store_dead_letter_init(&end, &some_id, SPAN("x"), INT32_MAX);
    assert_int_equal(check(), CELERIAC_OK);
}

static void rows_have_ids_of_their_own(void **state)
{
    struct uuid first;
    (void)state;
    store_dead_letter_init(&end, &some_id, SPAN("x"), 3);
    first = end.record_id;
    assert_int_equal(first.bytes[6] >> 4, 4);
    store_dead_letter_init(&end, &some_id, SPAN("x"), 3);
    assert_memory_not_equal(&first, &end.record_id, sizeof first);
    first = end.record_id;
    store_record_failure_init(&end, &some_id, SPAN("x"));
    assert_int_equal(end.record_id.bytes[6] >> 4, 4);
    assert_memory_not_equal(&first, &end.record_id, sizeof first);
}

/* The text's last character is not cut in two, whatever the limit. */
static void text_is_cut_when_it_is_bound(void **state)
{
    struct store_context context = {{{9}}};
    struct store_call *calls[] = {&end.call};
    struct store_params params;
    struct store_params_view view;
    size_t len = STORE_ERROR_TEXT_MAX + 1;
    char *text = mem_alloc(len);
    (void)state;
    assert_non_null(text);
    memset(text, 'x', len);
    text[len - 3] = '\xe2';
    text[len - 2] = '\x82';
    text[len - 1] = '\xac';
    store_dead_letter_init(&end, &some_id, (struct span){text, len}, 3);
    store_params_init(&params);
    end.call.own.kind->bind(&params, calls, 1, &context);
    assert_int_equal(store_params_status(&params), CELERIAC_OK);
    store_params_view(&params, &view);
    assert_int_equal(view.count, 5);
    assert_int_equal(view.lengths[1], 20 + 4 + STORE_ERROR_TEXT_MAX - 2);
    assert_memory_equal(view.values[4], &context.sender, sizeof context.sender);
    store_params_close(&params);
    mem_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(response_up_to_its_limit),
        cmocka_unit_test(time_of_sending_is_needed),
        cmocka_unit_test(any_error_text_is_taken),
        cmocka_unit_test(count_of_retries_is_not_negative),
        cmocka_unit_test(rows_have_ids_of_their_own),
        cmocka_unit_test(text_is_cut_when_it_is_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
