/* What store_begin_send() makes of an answer; see tests/integration/store/sends_test.c for claims.
 */
#include "notify/store/sends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "notify/store/kinds.h"
#include "tests/unit/notify/store/answer.h"

/* Columns of sql/begin_send.sql. */
enum { ID, STATE, AGE, TENANT, CHANNEL, TO, DATA, TEMPLATE, SUBJECT, BODY, COLUMNS };

#define COUNT 4

static struct store_begin_send begins[COUNT];
static struct store_call *calls[COUNT];
static PGresult *answer;

static struct uuid id_of(uint8_t number)
{
    struct uuid id = {{0}};
    id.bytes[15] = number;
    return id;
}

/* Calls for ids 1, 1, 2, 3, as binding has sorted them. */
static int set_up(void **state)
{
    static const uint8_t numbers[COUNT] = {1, 1, 2, 3};
    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        struct uuid id = id_of(numbers[i]);
        store_begin_send_init(&begins[i], &id);
        calls[i] = &begins[i].call;
    }
    answer = answer_create(COLUMNS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT; i++)
        store_call_release(calls[i]);
    PQclear(answer);
    return 0;
}

static void put_row(int row, uint8_t number, enum store_send_state state)
{
    struct uuid id = id_of(number);
    answer_put(answer, row, ID, (struct span){(const char *)id.bytes, sizeof id.bytes});
    answer_put_int4(answer, row, STATE, (int32_t)state);
}

static void put_ready(int row, uint8_t number, int64_t template_id, const char *body)
{
    put_row(row, number, STORE_SEND_READY);
    answer_put(answer, row, CHANNEL, SPAN("email"));
    answer_put(answer, row, TO, SPAN("user@example.com"));
    answer_put(answer, row, DATA, SPAN("{}"));
    if (template_id)
        answer_put_int8(answer, row, TEMPLATE, template_id);
    if (body)
        answer_put(answer, row, BODY, span_of(body));
}

static void take(void)
{
    store_kind_begin_send.take(calls, COUNT, answer);
}

/* Two calls for one id in one batch: it is given once. */
static void one_of_equal_calls_gets_it(void **state)
{
    (void)state;
    put_ready(0, 1, 0, NULL);
    put_row(1, 3, STORE_SEND_DONE);
    take();
    assert_int_equal(begins[0].state, STORE_SEND_READY);
    assert_int_equal(begins[1].state, STORE_SEND_BUSY);
    assert_int_equal(begins[1].look_again_ns, NS_PER_SEC);
    assert_int_equal(begins[2].state, STORE_SEND_MISSING);
    assert_int_equal(begins[3].state, STORE_SEND_DONE);
    assert_string_equal(begins[0].send.to.ptr, "user@example.com");
    assert_null(begins[0].send.template);
    assert_null(begins[1].send.to.ptr);
}

static void template_is_shared_by_those_that_use_it(void **state)
{
    (void)state;
    put_ready(0, 1, 7, "Hello");
    put_ready(1, 2, 7, NULL);
    put_ready(2, 3, 8, "Bye");
    answer_put(answer, 2, SUBJECT, SPAN("S"));
    take();
    const struct store_template_text *seven = begins[0].send.template;
    assert_int_equal(seven->id, 7);
    assert_string_equal(seven->body.ptr, "Hello");
    assert_null(seven->subject.ptr);
    assert_ptr_equal(begins[2].send.template, seven);
    assert_string_equal(begins[3].send.template->body.ptr, "Bye");
    assert_string_equal(begins[3].send.template->subject.ptr, "S");
    /* It lives as long as the last one that uses it. */
    store_call_release(calls[0]);
    assert_string_equal(begins[2].send.template->body.ptr, "Hello");
}

/* A row that names a template whose text did not come is not sent with another's. */
static void template_without_text_is_no_other(void **state)
{
    (void)state;
    put_ready(0, 1, 7, "Hello");
    put_ready(1, 2, 8, NULL);
    take();
    assert_int_equal(begins[0].call.error.code, CELERIAC_OK);
    assert_int_equal(begins[2].call.error.code, CELERIAC_ERR_MEMORY);
    assert_null(begins[2].send.template);
}

static void busy_tells_when_to_look_again(void **state)
{
    static const struct {
        int64_t age_us;
        int64_t again_ns;
    } cases[] = {
        {0, NS_PER_SEC},
        {1999999, NS_PER_SEC},
        {2000000, NS_PER_SEC},
        {2400000, 600 * NS_PER_MS},
        {2750000, 250 * NS_PER_MS},
        {2900000, 250 * NS_PER_MS},
        {3000000, 250 * NS_PER_MS},
        {INT64_C(3600000000), 250 * NS_PER_MS},
        {-5, NS_PER_SEC},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_row(0, 2, STORE_SEND_BUSY);
        answer_put_int8(answer, 0, AGE, cases[i].age_us);
        take();
        assert_int_equal(begins[2].state, STORE_SEND_BUSY);
        assert_int_equal(begins[2].look_again_ns, cases[i].again_ns);
    }
    answer_put_null(answer, 0, AGE);
    take();
    assert_int_equal(begins[2].look_again_ns, NS_PER_SEC);
}

/* A row for nobody, such as one of an id that was never asked for, touches nothing. */
static void row_of_nobody_is_ignored(void **state)
{
    (void)state;
    put_ready(0, 0, 0, NULL);
    put_ready(1, 9, 0, NULL);
    take();
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(begins[i].state, STORE_SEND_MISSING);
}

/* Whoever cannot have its content must know that its claim stands. */
static void want_of_memory_fails_the_call(void **state)
{
    bool failed = true;
    (void)state;
    put_ready(0, 1, 7, "Hello");
    put_ready(1, 2, 7, NULL);
    for (size_t n = 1; failed; n++) {
        mem_fail_at(n);
        take();
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(begins[0].state, STORE_SEND_READY);
        assert_int_equal(begins[2].state, STORE_SEND_READY);
        assert_int_equal(begins[2].call.error.code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        assert_int_equal(begins[1].call.error.code, CELERIAC_OK);
        for (unsigned i = 0; i < COUNT; i++) {
            store_call_release(calls[i]);
            celeriac_error_clear(&calls[i]->error);
        }
    }
}

static void each_begin_has_its_own_token(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        for (unsigned j = 0; j < i; j++)
            assert_true(begins[i].token != begins[j].token);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_of_equal_calls_gets_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(template_is_shared_by_those_that_use_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(template_without_text_is_no_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(busy_tells_when_to_look_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(row_of_nobody_is_ignored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(want_of_memory_fails_the_call, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_begin_has_its_own_token, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
