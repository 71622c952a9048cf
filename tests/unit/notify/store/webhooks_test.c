/* What calls for webhooks refuse, and what they make of answers; the statements are tested in
 * tests/integration/worker/webhooks_test.py. */
#include "notify/store/webhooks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "notify/store/kinds.h"
#include "tests/unit/notify/store/answer.h"

static const struct uuid id = {{1}};
static const struct uuid webhook = {{2}};

static void take(struct store_call *call, PGresult *answer)
{
    call->own.kind->take(&call, 1, answer);
}

static void put_bool(PGresult *answer, int row, int column, bool value)
{
    answer_put(answer, row, column, value ? SPAN("\1") : (struct span){"", 1});
}

/* ---- what is to be published --------------------------------------------------------------- */

/* Columns of sql/take_webhooks.sql. */
enum { ID, WEBHOOK, TURN, PUBLISH, TAKEN_COLUMNS };

static void put_taken(PGresult *answer, int row, int32_t turn, bool publish)
{
    answer_put(answer, row, ID, (struct span){(const char *)id.bytes, sizeof id.bytes});
    answer_put(answer, row, WEBHOOK,
               (struct span){(const char *)webhook.bytes, sizeof webhook.bytes});
    answer_put_int4(answer, row, TURN, turn);
    put_bool(answer, row, PUBLISH, publish);
}

static void takes_have_limits(void **state)
{
    struct store_take_webhooks call;

    (void)state;
    store_take_webhooks_init(&call, 0);
    assert_int_equal(call.call.own.kind->check(&call.call), CELERIAC_ERR_VALUE);
    store_take_webhooks_init(&call, STORE_WEBHOOKS_TAKE_MAX);
    assert_int_equal(call.call.own.kind->check(&call.call), CELERIAC_OK);
    store_take_webhooks_init(&call, STORE_WEBHOOKS_TAKE_MAX + 1);
    assert_int_equal(call.call.own.kind->check(&call.call), CELERIAC_ERR_VALUE);
    assert_string_equal(call.call.error.text, "limit: not between 1 and 1000");
}

/* What belongs to an endpoint with enough on the broker is only put off. */
static void what_is_put_off_is_not_published(void **state)
{
    PGresult *answer = answer_create(TAKEN_COLUMNS);
    struct store_take_webhooks call;

    (void)state;
    put_taken(answer, 0, 1, true);
    put_taken(answer, 1, 2, false);
    put_taken(answer, 2, 3, true);
    store_take_webhooks_init(&call, 4);
    take(&call.call, answer);
    assert_int_equal(call.count, 2);
    assert_memory_equal(&call.rows[0].id, &id, sizeof id);
    assert_memory_equal(&call.rows[0].webhook_id, &webhook, sizeof webhook);
    assert_int_equal(call.rows[0].turn, 1);
    assert_int_equal(call.rows[1].turn, 3);
    assert_false(call.more);
    store_call_release(&call.call);

    /* As many as were asked for were found, though not all are published. */
    store_take_webhooks_init(&call, 3);
    take(&call.call, answer);
    assert_true(call.more);
    store_call_release(&call.call);
    PQclear(answer);
}

static void nothing_is_due(void **state)
{
    PGresult *answer = answer_create(TAKEN_COLUMNS);
    struct store_take_webhooks call;

    (void)state;
    store_take_webhooks_init(&call, 1);
    take(&call.call, answer);
    assert_int_equal(call.call.error.code, CELERIAC_OK);
    assert_int_equal(call.count, 0);
    assert_false(call.more);
    store_call_release(&call.call);
    PQclear(answer);
}

/* ---- attempts ------------------------------------------------------------------------------ */

/* Columns of sql/begin_webhook.sql. */
enum { STATE, ATTEMPTS, PAYLOAD, URL, SECRET, OLD_SECRET, BEGUN_COLUMNS };

static PGresult *begun(enum store_webhook_state state)
{
    PGresult *answer = answer_create(BEGUN_COLUMNS);

    answer_put_int4(answer, 0, STATE, (int32_t)state);
    answer_put_int4(answer, 0, ATTEMPTS, 3);
    if (state == STORE_WEBHOOK_READY) {
        answer_put(answer, 0, PAYLOAD, SPAN("{}"));
        answer_put(answer, 0, URL, SPAN("https://example.com/"));
        answer_put(answer, 0, SECRET, SPAN("whsec_a"));
    }
    return answer;
}

static void attempt_has_what_it_needs(void **state)
{
    PGresult *answer = begun(STORE_WEBHOOK_READY);
    struct store_begin_webhook call;

    (void)state;
    store_begin_webhook_init(&call, &id, 20);
    take(&call.call, answer);
    assert_int_equal(call.state, STORE_WEBHOOK_READY);
    assert_int_equal(call.attempts, 3);
    assert_string_equal(call.payload.ptr, "{}");
    assert_string_equal(call.url.ptr, "https://example.com/");
    assert_string_equal(call.secret.ptr, "whsec_a");
    assert_null(call.old_secret.ptr);
    store_call_release(&call.call);
    answer_put(answer, 0, OLD_SECRET, SPAN("whsec_b"));
    store_begin_webhook_init(&call, &id, 20);
    take(&call.call, answer);
    assert_string_equal(call.old_secret.ptr, "whsec_b");
    store_call_release(&call.call);
    PQclear(answer);
}

static void no_row_is_nothing_to_do(void **state)
{
    PGresult *answer = answer_create(BEGUN_COLUMNS);
    struct store_begin_webhook call;

    (void)state;
    store_begin_webhook_init(&call, &id, 20);
    take(&call.call, answer);
    assert_int_equal(call.call.error.code, CELERIAC_OK);
    assert_int_equal(call.state, STORE_WEBHOOK_DONE);
    store_call_release(&call.call);
    PQclear(answer);
    answer = begun(STORE_WEBHOOK_PUT_OFF);
    store_begin_webhook_init(&call, &id, 20);
    take(&call.call, answer);
    assert_int_equal(call.state, STORE_WEBHOOK_PUT_OFF);
    assert_null(call.url.ptr);
    store_call_release(&call.call);
    PQclear(answer);
}

static void ends_are_checked(void **state)
{
    struct store_end_webhook call;

    (void)state;
    store_end_webhook_init(&call, &id);
    assert_int_equal(call.call.own.kind->check(&call.call), CELERIAC_ERR_VALUE);
    assert_string_equal(call.call.error.text, "end: is none");
    store_end_webhook_init(&call, &id);
    call.end = STORE_WEBHOOK_AGAIN;
    call.delay_s = STORE_WEBHOOKS_DELAY_MAX_S;
    assert_int_equal(call.call.own.kind->check(&call.call), CELERIAC_OK);
    call.delay_s++;
    assert_int_equal(call.call.own.kind->check(&call.call), CELERIAC_ERR_VALUE);
    assert_string_equal(call.call.error.text, "delay: more than 604800");
}

static void a_row_says_that_the_endpoint_is_off(void **state)
{
    PGresult *answer = answer_create(1);
    struct store_end_webhook call;

    (void)state;
    store_end_webhook_init(&call, &id);
    take(&call.call, answer);
    assert_false(call.switched_off);
    answer_put_int4(answer, 0, 0, 1);
    take(&call.call, answer);
    assert_true(call.switched_off);
    PQclear(answer);
}

/* ---- what others did, and what is over ----------------------------------------------------- */

static void duties_read_their_figures(void **state)
{
    PGresult *answer = answer_create(3);
    struct store_scan_webhooks scan;
    struct store_measure_webhooks measure;

    (void)state;
    store_scan_webhooks_init(&scan);
    take(&scan.call, answer);
    assert_false(scan.looked);
    assert_int_equal(scan.made, 0);
    assert_false(scan.more);
    store_measure_webhooks_init(&measure);
    take(&measure.call, answer);
    assert_int_equal(measure.rows, 0);
    assert_int_equal(measure.oldest_us, STORE_NO_TIME);
    answer_put_int8(answer, 0, 0, 7);
    put_bool(answer, 0, 1, true);
    put_bool(answer, 0, 2, true);
    take(&scan.call, answer);
    assert_true(scan.looked);
    assert_int_equal(scan.made, 7);
    assert_true(scan.more);
    assert_true(scan.has_webhooks);
    PQclear(answer);
}

/* A call fails whole when memory is short, and has nothing to release then. */
static void memory_is_short(void **state)
{
    PGresult *taken = answer_create(TAKEN_COLUMNS);
    PGresult *ready = begun(STORE_WEBHOOK_READY);
    struct store_take_webhooks take_call;
    struct store_begin_webhook begin;

    (void)state;
    put_taken(taken, 0, 1, true);
    store_take_webhooks_init(&take_call, 1);
    store_begin_webhook_init(&begin, &id, 20);
    mem_fail_at(1);
    take(&take_call.call, taken);
    take(&begin.call, ready);
    mem_fail_at(0);
    assert_int_equal(take_call.call.error.code, CELERIAC_ERR_MEMORY);
    assert_int_equal(take_call.count, 0);
    assert_int_equal(begin.call.error.code, CELERIAC_ERR_MEMORY);
    assert_int_not_equal(begin.state, STORE_WEBHOOK_READY);
    store_call_release(&take_call.call);
    store_call_release(&begin.call);
    PQclear(taken);
    PQclear(ready);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_have_limits),
        cmocka_unit_test(what_is_put_off_is_not_published),
        cmocka_unit_test(nothing_is_due),
        cmocka_unit_test(attempt_has_what_it_needs),
        cmocka_unit_test(no_row_is_nothing_to_do),
        cmocka_unit_test(ends_are_checked),
        cmocka_unit_test(a_row_says_that_the_endpoint_is_off),
        cmocka_unit_test(duties_read_their_figures),
        cmocka_unit_test(memory_is_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
