/* A tenant's templates, against a real database. */
#include "tests/integration/store/stage.h"

#include <stdlib.h>
#include <string.h>

#include "notify/store/notifications.h"
#include "notify/store/templates.h"

static struct store_put_template new_template(const char *name)
{
    struct store_put_template put;
    store_create_template_init(&put, &tenant);
    put.row.name = span_of(name);
    put.row.channel = SPAN("email");
    put.row.subject = SPAN("Welcome, {{ name }}");
    put.row.body = SPAN("Hi {{ name }}");
    put.row.variables = SPAN("{\"name\": \"string\"}");
    put.row.is_active = true;
    put.row.created_at_us = CREATED;
    put.row.updated_at_us = CREATED + 1;
    return put;
}

static int64_t create(const char *name)
{
    struct store_put_template put = new_template(name);
    assert_int_equal(store_run(store, &put.call), CELERIAC_OK);
    store_call_release(&put.call);
    assert_true(put.row.id > 0);
    return put.row.id;
}

static void create_and_get(void **state)
{
    (void)state;
    int64_t id = create("welcome");
    struct store_get_template get;
    store_get_template_init(&get, &tenant, id);
    assert_int_equal(store_run(store, &get.call), CELERIAC_OK);
    assert_true(get.row.id == id);
    assert_true(span_is(get.row.name, "welcome"));
    assert_true(span_is(get.row.channel, "email"));
    assert_true(span_is(get.row.subject, "Welcome, {{ name }}"));
    assert_true(span_is(get.row.body, "Hi {{ name }}"));
    assert_true(span_is(get.row.variables, "{\"name\": \"string\"}"));
    assert_true(get.row.is_active);
    assert_true(get.row.created_at_us == CREATED);
    assert_true(get.row.updated_at_us == CREATED + 1);
    store_call_release(&get.call);
    struct uuid other = database_tenant();
    store_get_template_init(&get, &other, id);
    assert_int_equal(store_run(store, &get.call), CELERIAC_ERR_NOT_FOUND);
    store_call_release(&get.call);
}

static void name_is_unique_within_the_tenant(void **state)
{
    (void)state;
    int64_t id = create("unique");
    /* The same call again, as after a commit of unknown outcome. */
    assert_true(create("unique") == id);
    struct store_put_template put = new_template("unique");
    put.row.created_at_us = CREATED + 5;
    assert_int_equal(store_run(store, &put.call), CELERIAC_ERR_EXISTS);
    assert_non_null(strstr(put.call.error.text, "name"));
    store_call_release(&put.call);
    put = new_template("unique");
    put.tenant_id = database_tenant();
    assert_int_equal(store_run(store, &put.call), CELERIAC_OK);
    put = new_template("unique");
    put.tenant_id = database_uuid();
    assert_int_equal(store_run(store, &put.call), CELERIAC_ERR_NOT_FOUND);
}

static void update_writes_all_but_created_at(void **state)
{
    (void)state;
    int64_t id = create("before");
    int64_t taken = create("taken");
    struct store_put_template put = new_template("after");
    struct store_template row = put.row;
    store_update_template_init(&put, &tenant, id);
    row.id = id;
    row.created_at_us = 0;
    row.subject = (struct span){0};
    row.body = SPAN("");
    row.is_active = false;
    row.updated_at_us = CREATED + 9;
    put.row = row;
    assert_int_equal(store_run(store, &put.call), CELERIAC_OK);
    assert_true(put.row.created_at_us == CREATED);
    assert_string_equal(database_text("SELECT concat_ws('|', name, coalesce(subject, 'null'), body,"
                                      " is_active, updated_at - created_at) FROM templates"
                                      " WHERE id = %lld",
                                      (long long)id),
                        "after|null||f|00:00:00.000009");
    put.row.name = SPAN("taken");
    assert_int_equal(store_run(store, &put.call), CELERIAC_ERR_EXISTS);
    store_call_release(&put.call);
    struct uuid other = database_tenant();
    store_update_template_init(&put, &other, taken);
    put.row = row;
    put.row.id = taken;
    assert_int_equal(store_run(store, &put.call), CELERIAC_ERR_NOT_FOUND);
    store_call_release(&put.call);
}

static void assert_refused(struct store_put_template *put, const char *field)
{
    assert_int_equal(store_run(store, &put->call), CELERIAC_ERR_VALUE);
    if (!strstr(put->call.error.text, field))
        fail_msg("%s: %s", field, put->call.error.text);
    store_call_release(&put->call);
}

static void bad_values_name_the_field(void **state)
{
    (void)state;
    char *text = malloc(STORE_TEMPLATE_BODY_MAX + 1);
    assert_non_null(text);
    memset(text, 'x', STORE_TEMPLATE_BODY_MAX + 1);
    struct store_put_template put = new_template("");
    assert_refused(&put, "name");
    put = new_template("long");
    put.row.subject = (struct span){text, STORE_TEMPLATE_SUBJECT_MAX + 1};
    assert_refused(&put, "subject");
    put = new_template("long");
    put.row.name = (struct span){text, STORE_TEMPLATE_NAME_MAX + 1};
    assert_refused(&put, "name");
    put = new_template("long");
    put.row.body = (struct span){text, STORE_TEMPLATE_BODY_MAX + 1};
    assert_refused(&put, "body");
    put = new_template("long");
    put.row.variables = (struct span){text, STORE_TEMPLATE_VARIABLES_MAX + 1};
    assert_refused(&put, "variables");
    put = new_template("json");
    put.row.variables = SPAN("{");
    assert_refused(&put, "variables");
    put = new_template("time");
    put.row.updated_at_us = STORE_NO_TIME;
    assert_refused(&put, "updated_at");
    put = new_template("largest");
    put.row.name = (struct span){text, STORE_TEMPLATE_NAME_MAX};
    put.row.subject = (struct span){text, STORE_TEMPLATE_SUBJECT_MAX};
    put.row.body = (struct span){text, STORE_TEMPLATE_BODY_MAX};
    assert_int_equal(store_run(store, &put.call), CELERIAC_OK);
    free(text);
}

static int64_t find(const struct uuid *owner, struct span name, int64_t id)
{
    struct store_find_template f;
    store_find_template_init(&f, owner, name, id);
    enum celeriac_err rc = store_run(store, &f.call);
    store_call_release(&f.call);
    if (rc == CELERIAC_ERR_NOT_FOUND)
        return 0;
    assert_int_equal(rc, CELERIAC_OK);
    return f.found_id;
}

static void find_by_name_or_id(void **state)
{
    (void)state;
    struct uuid other = database_tenant();
    struct span none = SPAN("");
    int64_t id = create("found");
    assert_true(find(&tenant, SPAN("found"), 0) == id);
    assert_true(find(&tenant, none, id) == id);
    assert_true(find(&tenant, SPAN("nope"), id) == 0);
    assert_true(find(&other, SPAN("found"), 0) == 0);
    assert_true(find(&other, none, id) == 0);
    assert_true(find(&tenant, none, INT64_MAX) == 0);
    assert_true(find(&tenant, SPAN("fo\0nd"), 0) == 0);
    assert_true(find(&tenant, SPAN("\xff"), 0) == 0);
    database_run("UPDATE templates SET is_active = false WHERE id = %lld", (long long)id);
    assert_true(find(&tenant, SPAN("found"), 0) == 0);
    assert_true(find(&tenant, none, id) == 0);
}

static void list_is_newest_first_in_pages(void **state)
{
    (void)state;
    struct uuid owner = database_tenant();
    database_run("INSERT INTO templates (name, channel, body, variables, is_active, created_at,"
                 " updated_at, tenant_id) SELECT 't' || n, 'sms', left(body, 1500000), '{}',"
                 " n %% 2 = 0, '2026-01-01', now(), '%s' FROM generate_series(1, 5) n,"
                 " (SELECT string_agg(md5(random()::text), '') AS body"
                 " FROM generate_series(0, 1500000 / 32)) b",
                 database_show(&owner));
    struct store_list_templates list;
    int64_t before = STORE_NO_TIME;
    int64_t before_id = 0;
    int expected = 5;
    bool complete = false;
    while (!complete) {
        store_list_templates_init(&list, &owner);
        list.before_created_at_us = before;
        list.before_id = before_id;
        assert_int_equal(store_run(store, &list.call), CELERIAC_OK);
        assert_true(list.count > 0);
        for (size_t i = 0; i < list.count; i++, expected--) {
            assert_int_equal(list.rows[i].name.ptr[1], '0' + expected);
            assert_int_equal(list.rows[i].body.len, 1500000);
            before = list.rows[i].created_at_us;
            before_id = list.rows[i].id;
        }
        complete = list.complete;
        store_call_release(&list.call);
    }
    assert_int_equal(expected, 0);
}

static void delete_detaches_notifications(void **state)
{
    (void)state;
    int64_t id = create("deleted");
    struct uuid mail = database_notification(&tenant, "sent", id);
    struct uuid other = database_tenant();
    struct store_delete_template del;
    store_delete_template_init(&del, &other, id);
    assert_int_equal(store_run(store, &del.call), CELERIAC_ERR_NOT_FOUND);
    store_delete_template_init(&del, &tenant, id);
    assert_int_equal(store_run(store, &del.call), CELERIAC_OK);
    store_call_release(&del.call);
    assert_string_equal(database_text("SELECT template_id FROM notifications WHERE id = '%s'",
                                      database_show(&mail)),
                        "NULL");
    store_delete_template_init(&del, &tenant, id);
    assert_int_equal(store_run(store, &del.call), CELERIAC_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_and_get),
        cmocka_unit_test(name_is_unique_within_the_tenant),
        cmocka_unit_test(update_writes_all_but_created_at),
        cmocka_unit_test(bad_values_name_the_field),
        cmocka_unit_test(find_by_name_or_id),
        cmocka_unit_test(list_is_newest_first_in_pages),
        cmocka_unit_test(delete_detaches_notifications),
    };
    return cmocka_run_group_tests(tests, stage_set_up, stage_tear_down);
}
