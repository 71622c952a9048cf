/* What all kinds of call have in common, and what each must do when memory is short. */
#include "notify/store/kind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "notify/store/insert.h"
#include "notify/store/kinds.h"
#include "notify/store/notifications.h"
#include "notify/store/sends.h"
#include "notify/store/touch.h"
#include "tests/unit/notify/store/answer.h"

/* Room for a call of any kind. */
union any {
    struct store_call call;
    struct store_touch_keys keys;
    struct store_insert_notification insert;
    char room[64 * 1024];
};

static union any any;

static struct store_call *fresh(const struct store_kind *kind)
{
    memset(&any, 0, sizeof any);
    store_call_init(&any.call, kind);
    return &any.call;
}

static void table_is_complete(void **state)
{
    (void)state;
    for (unsigned id = 0; id < STORE_KIND_COUNT; id++) {
        const struct store_kind *kind = store_kinds[id];
        assert_non_null(kind);
        assert_int_equal(kind->id, id);
        assert_non_null(kind->sql);
        assert_non_null(kind->bind);
        assert_true(kind->prelude || kind->prelude_params == 0);
        for (unsigned other = 0; other < id; other++)
            assert_string_not_equal(kind->name, store_kinds[other]->name);
    }
}

static void init_leaves_nothing_of_before(void **state)
{
    struct store_call call;
    (void)state;
    memset(&call, 0xaa, sizeof call);
    store_call_init(&call, &store_kind_get_tenant);
    assert_ptr_equal(call.own.kind, &store_kind_get_tenant);
    assert_int_equal(call.error.code, CELERIAC_OK);
    assert_int_equal(call.deadline_ns, 0);
    assert_null(call.own.block);
    assert_null(call.done);
    store_call_release(&call);
    /* A call that was never prepared, all zero, may be released too. */
    memset(&call, 0, sizeof call);
    store_call_release(&call);
}

static struct celeriac_error refuse(const struct store_kind *kind, const char *sqlstate)
{
    struct store_complaint complaint = {sqlstate, "message", "", ""};
    struct store_failure failure;
    struct store_call *call = fresh(kind);
    store_failure_judge(&complaint, &failure);
    store_call_refuse(call, &failure);
    return call->error;
}

static void refusals_have_the_kinds_code(void **state)
{
    (void)state;
    assert_int_equal(refuse(&store_kind_create_template, "23505").code, CELERIAC_ERR_EXISTS);
    assert_int_equal(refuse(&store_kind_create_template, "23503").code, CELERIAC_ERR_NOT_FOUND);
    assert_int_equal(refuse(&store_kind_update_template, "23503").code, CELERIAC_ERR_VALUE);
    assert_int_equal(refuse(&store_kind_create_key, "23505").code, CELERIAC_ERR_VALUE);
    assert_int_equal(refuse(&store_kind_create_key, "23503").code, CELERIAC_ERR_NOT_FOUND);
    assert_int_equal(refuse(&store_kind_insert_notification, "23503").code, CELERIAC_ERR_VALUE);
    assert_int_equal(refuse(&store_kind_insert_notification, "P0001").code, CELERIAC_ERR_VALUE);
}

static void refusals_name_the_json_field(void **state)
{
    (void)state;
    assert_memory_equal(refuse(&store_kind_insert_notification, "22P02").text, "data: ", 6);
    assert_memory_equal(refuse(&store_kind_mark_sent, "22P05").text, "provider_response: ", 19);
    assert_memory_equal(refuse(&store_kind_create_template, "22P02").text, "variables: ", 11);
    assert_memory_equal(refuse(&store_kind_create_key, "22001").text, "row: ", 5);
    assert_memory_equal(refuse(&store_kind_insert_notification, "23502").text, "row: ", 5);
}

/* An answer whose every cell is an integer of 8 bytes, 1: right for the numbers of calls and rows.
 */
static PGresult *make_answer(void)
{
    PGresult *answer = answer_create(13);
    for (int column = 0; column < 13; column++)
        answer_put_int8(answer, 0, column, 1);
    return answer;
}

/* begin_send knows its row by the id and judges it by its state. */
static PGresult *make_answer_for(const struct store_kind *kind)
{
    PGresult *answer = make_answer();
    if (kind->id == STORE_KIND_BEGIN_SEND) {
        answer_put(answer, 0, 0, SPAN("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
        answer_put_int4(answer, 0, 1, STORE_SEND_READY);
    }
    return answer;
}

/* No result is half taken: a call is complete, or fails for want of memory, and leaks nothing. */
static void results_survive_want_of_memory(void **state)
{
    unsigned allocating = 0;
    (void)state;
    for (unsigned id = 0; id < STORE_KIND_COUNT; id++) {
        const struct store_kind *kind = store_kinds[id];
        if (!kind->take)
            continue;
        PGresult *answer = make_answer_for(kind);
        bool failed = true;
        for (size_t n = 1; failed; n++) {
            struct store_call *call = fresh(kind);
            call->own.attempts = 1;
            mem_fail_at(n);
            kind->take(&call, 1, answer);
            failed = mem_has_failed();
            mem_fail_at(0);
            if (call->error.code != (failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK))
                fail_msg("%s: %s", kind->name, celeriac_err_name(call->error.code));
            allocating += n == 1 && failed;
            store_call_release(call);
            store_call_release(call);
        }
        PQclear(answer);
    }
    assert_in_range(allocating, 10, STORE_KIND_COUNT);
}

/* An answer without rows is no reason to read one. */
static void results_without_rows(void **state)
{
    (void)state;
    for (unsigned id = 0; id < STORE_KIND_COUNT; id++) {
        const struct store_kind *kind = store_kinds[id];
        PGresult *answer = answer_create(13);
        struct store_call *call = fresh(kind);
        call->own.attempts = 1;
        if (kind->take)
            kind->take(&call, 1, answer);
        assert_true(call->error.code == CELERIAC_OK || call->error.code == CELERIAC_ERR_NOT_FOUND ||
                    call->error.code == CELERIAC_ERR_EXISTS);
        store_call_release(call);
        PQclear(answer);
    }
}

/* Every kind writes as many parameters as its statement has, and tells when it cannot. */
static void requests_survive_want_of_memory(void **state)
{
    (void)state;
    for (unsigned id = 0; id < STORE_KIND_COUNT; id++) {
        const struct store_kind *kind = store_kinds[id];
        struct store_call *call = fresh(kind);
        struct store_context context = {0};
        struct store_params params;
        struct store_params_view view;
        int highest = 0;
        store_params_init(&params);
        kind->bind(&params, &call, 1, &context);
        assert_int_equal(store_params_status(&params), CELERIAC_OK);
        store_params_view(&params, &view);
        for (int n = 1; n <= STORE_PARAMS_MAX; n++) {
            char name[] = "$0";
            char next[] = "$10";
            name[1] = (char)('0' + n % 10);
            next[2] = (char)('0' + n % 10);
            if (strstr(kind->sql, n < 10 ? name : next))
                highest = n;
        }
        if (view.count != highest)
            fail_msg("%s: %d parameters for %d", kind->name, view.count, highest);
        assert_true(kind->prelude_params <= view.count);
        store_params_close(&params);
        mem_fail_at(1);
        kind->bind(&params, &call, 1, &context);
        bool failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(store_params_status(&params), failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        store_params_close(&params);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_complete),
        cmocka_unit_test(init_leaves_nothing_of_before),
        cmocka_unit_test(refusals_have_the_kinds_code),
        cmocka_unit_test(refusals_name_the_json_field),
        cmocka_unit_test(results_survive_want_of_memory),
        cmocka_unit_test(results_without_rows),
        cmocka_unit_test(requests_survive_want_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
