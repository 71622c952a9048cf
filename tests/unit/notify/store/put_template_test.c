#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "notify/store/kinds.h"
#include "notify/store/notifications.h"
#include "notify/store/templates.h"
#include "tests/unit/notify/store/answer.h"

static const struct uuid tenant = {{1}};
static struct store_put_template put;

static void fill(void)
{
    put.row.name = SPAN("welcome");
    put.row.channel = SPAN("email");
    put.row.body = SPAN("");
    put.row.variables = SPAN("[]");
    put.row.updated_at_us = 1;
}

static int set_up(void **state)
{
    (void)state;
    store_create_template_init(&put, &tenant);
    fill();
    put.row.created_at_us = 1;
    return 0;
}

static enum celeriac_err check(void)
{
    celeriac_error_clear(&put.call.error);
    return put.call.own.kind->check(&put.call);
}

/* A field of characters is taken at its limit and refused above it, by name. */
static void assert_limit(struct span *field, size_t max, const char *complaint)
{
    struct span before = *field;
    char *text = mem_alloc(max + 1);
    assert_non_null(text);
    memset(text, ' ', max + 1);
    *field = (struct span){text, max};
    assert_int_equal(check(), CELERIAC_OK);
    field->len++;
    assert_int_equal(check(), CELERIAC_ERR_VALUE);
    assert_string_equal(put.call.error.text, complaint);
    *field = before;
    mem_free(text);
}

static void fields_up_to_their_limits(void **state)
{
    (void)state;
    assert_int_equal(check(), CELERIAC_OK);
    assert_limit(&put.row.name, STORE_TEMPLATE_NAME_MAX, "name: more than 255 characters");
    assert_limit(&put.row.channel, STORE_CHANNEL_MAX, "channel: more than 20 characters");
    assert_limit(&put.row.subject, STORE_TEMPLATE_SUBJECT_MAX, "subject: more than 255 characters");
    assert_limit(&put.row.body, STORE_TEMPLATE_BODY_MAX, "body: more than 8388608 bytes");
    assert_limit(&put.row.variables, STORE_TEMPLATE_VARIABLES_MAX,
                 "variables: more than 8388608 bytes");
    put.row.name.len = 0;
    assert_int_equal(check(), CELERIAC_ERR_VALUE);
}

static void times_are_needed(void **state)
{
    (void)state;
    put.row.created_at_us = STORE_NO_TIME;
    assert_int_equal(check(), CELERIAC_ERR_VALUE);
    assert_string_equal(put.call.error.text, "created_at: is missing");
    store_update_template_init(&put, &tenant, 5);
    fill();
    /* An update leaves it as it is. */
    put.row.created_at_us = STORE_NO_TIME;
    assert_int_equal(check(), CELERIAC_OK);
    put.row.updated_at_us = STORE_NO_TIME;
    assert_int_equal(check(), CELERIAC_ERR_VALUE);
    assert_string_equal(put.call.error.text, "updated_at: is missing");
}

static void bind(struct store_params *p, struct store_params_view *view)
{
    struct store_call *calls[] = {&put.call};
    store_params_init(p);
    put.call.own.kind->bind(p, calls, 1, NULL);
    assert_int_equal(store_params_status(p), CELERIAC_OK);
    store_params_view(p, view);
    assert_int_equal(view->count, 9);
}

/* Creating writes created_at where updating names the row. */
static void subject_may_be_null_and_body_not(void **state)
{
    struct store_params p;
    struct store_params_view view;
    (void)state;
    put.row.body = (struct span){0};
    bind(&p, &view);
    assert_null(view.values[3]);
    assert_non_null(view.values[4]);
    assert_int_equal(view.lengths[4], 0);
    assert_memory_equal(view.values[7], "\xff\xfc\xa2\xfe\xc4\xc8\x20\x01", 8);
    store_params_close(&p);
    store_update_template_init(&put, &tenant, 5);
    fill();
    put.row.subject = SPAN("");
    bind(&p, &view);
    assert_non_null(view.values[4]);
    assert_int_equal(view.lengths[4], 0);
    assert_memory_equal(view.values[1], "\0\0\0\0\0\0\0\5", 8);
    store_params_close(&p);
}

static void no_row_means_another_thing_for_each(void **state)
{
    struct store_delete_template del;
    PGresult *none = answer_create(2);
    struct store_call *calls[] = {&put.call};
    struct store_call *deletes[] = {&del.call};
    (void)state;
    store_kind_create_template.take(calls, 1, none);
    assert_int_equal(put.call.error.code, CELERIAC_ERR_EXISTS);
    store_update_template_init(&put, &tenant, 5);
    store_kind_update_template.take(calls, 1, none);
    assert_int_equal(put.call.error.code, CELERIAC_ERR_NOT_FOUND);
    store_delete_template_init(&del, &tenant, 5);
    del.call.own.attempts = 1;
    store_kind_delete_template.take(deletes, 1, none);
    assert_int_equal(del.call.error.code, CELERIAC_ERR_NOT_FOUND);
    /* Sent twice, it may have been this very call that deleted it. */
    store_delete_template_init(&del, &tenant, 5);
    del.call.own.attempts = 2;
    store_kind_delete_template.take(deletes, 1, none);
    assert_int_equal(del.call.error.code, CELERIAC_OK);
    PQclear(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(fields_up_to_their_limits, set_up),
        cmocka_unit_test_setup(times_are_needed, set_up),
        cmocka_unit_test_setup(subject_may_be_null_and_body_not, set_up),
        cmocka_unit_test_setup(no_row_means_another_thing_for_each, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
