/* Versions of templates, against a real database. */
#include "tests/integration/store/stage.h"

#include "notify/store/template_versions.h"
#include "notify/store/templates.h"

/* Writes the template with another body, which tells the versions apart. */
static void write_body(int64_t id, const char *name, const char *body)
{
    struct store_put_template put;
    store_update_template_init(&put, &tenant, id);
    put.row.name = span_of(name);
    put.row.channel = SPAN("sms");
    put.row.body = span_of(body);
    put.row.variables = SPAN("{}");
    put.row.is_active = true;
    put.row.updated_at_us = CREATED;
    assert_int_equal(store_run(store, &put.call), CELERIAC_OK);
    store_call_release(&put.call);
}

static int64_t create(const char *name)
{
    struct store_put_template put;
    store_create_template_init(&put, &tenant);
    put.row.name = span_of(name);
    put.row.channel = SPAN("sms");
    put.row.body = SPAN("first");
    put.row.variables = SPAN("{}");
    put.row.is_active = true;
    put.row.created_at_us = CREATED;
    put.row.updated_at_us = CREATED;
    assert_int_equal(store_run(store, &put.call), CELERIAC_OK);
    store_call_release(&put.call);
    return put.row.id;
}

/* The bodies of all versions, the newest first; NULL ends them. */
static void assert_bodies(int64_t id, const char *const *bodies)
{
    struct store_list_template_versions list;
    size_t count = 0;
    store_list_template_versions_init(&list, &tenant, id);
    assert_int_equal(store_run(store, &list.call), CELERIAC_OK);
    for (; bodies[count]; count++) {
        assert_true(count < list.count);
        assert_true(span_is(list.rows[count].body, bodies[count]));
        assert_int_equal(list.rows[count].version, list.rows[0].version - (int)count);
        assert_true(list.rows[count].written_at_us >= CREATED);
    }
    assert_int_equal(list.count, count);
    store_call_release(&list.call);
}

static enum celeriac_err restore(int64_t id, int32_t version)
{
    struct store_restore_template call;
    store_restore_template_init(&call, &tenant, id, version, CREATED + 1);
    enum celeriac_err rc = store_run(store, &call.call);
    store_call_release(&call.call);
    return rc;
}

static void changes_are_kept(void **state)
{
    (void)state;
    int64_t id = create("kept");
    assert_bodies(id, (const char *[]){"first", NULL});
    write_body(id, "kept", "second");
    assert_bodies(id, (const char *[]){"second", "first", NULL});
    /* Nothing has changed: no version, as when a call is repeated. */
    write_body(id, "kept", "second");
    assert_bodies(id, (const char *[]){"second", "first", NULL});
    /* Django knows nothing of versions. */
    database_run("UPDATE templates SET body = 'by Django' WHERE id = %lld", (long long)id);
    write_body(id, "kept", "third");
    assert_bodies(id, (const char *[]){"third", "by Django", "first", NULL});
}

static void a_version_is_restored(void **state)
{
    (void)state;
    int64_t id = create("back");
    write_body(id, "back", "second");
    assert_int_equal(restore(id, 1), CELERIAC_OK);
    assert_bodies(id, (const char *[]){"first", "second", "first", NULL});
    assert_int_equal(restore(id, 1), CELERIAC_OK);
    assert_bodies(id, (const char *[]){"first", "second", "first", NULL});
    assert_int_equal(restore(id, 2), CELERIAC_OK);
    assert_bodies(id, (const char *[]){"second", "first", "second", "first", NULL});
    assert_int_equal(restore(id, 9), CELERIAC_ERR_NOT_FOUND);
    assert_int_equal(restore(id + 1000, 1), CELERIAC_ERR_NOT_FOUND);
}

static void a_taken_name_is_told(void **state)
{
    (void)state;
    int64_t id = create("before");
    write_body(id, "after", "second");
    (void)create("before");
    assert_int_equal(restore(id, 1), CELERIAC_ERR_EXISTS);
    assert_bodies(id, (const char *[]){"second", "first", NULL});
}

static void others_have_none_of_it(void **state)
{
    (void)state;
    struct uuid ours = tenant;
    int64_t id = create("ours");
    struct store_list_template_versions list;
    write_body(id, "ours", "second");
    tenant = database_tenant();
    assert_int_equal(restore(id, 1), CELERIAC_ERR_NOT_FOUND);
    store_list_template_versions_init(&list, &tenant, id);
    assert_int_equal(store_run(store, &list.call), CELERIAC_ERR_NOT_FOUND);
    store_call_release(&list.call);
    tenant = ours;
    assert_bodies(id, (const char *[]){"second", "first", NULL});
}

static void what_is_kept_is_bounded(void **state)
{
    (void)state;
    int64_t id = create("bounded");
    database_run("INSERT INTO celeriac.template_versions SELECT %lld, n, 'bounded', 'sms', NULL,"
                 " n::text, '{}', now() FROM generate_series(1, %d) n",
                 (long long)id, STORE_TEMPLATE_VERSIONS_MAX);
    write_body(id, "bounded", "new");
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.template_versions"
                                     " WHERE template_id = %lld AND version > 1",
                                     (long long)id),
                     STORE_TEMPLATE_VERSIONS_MAX);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.template_versions"
                                     " WHERE template_id = %lld",
                                     (long long)id),
                     STORE_TEMPLATE_VERSIONS_MAX);
}

static void deleted_with_their_template(void **state)
{
    (void)state;
    int64_t id = create("gone");
    struct store_delete_template del;
    write_body(id, "gone", "second");
    store_delete_template_init(&del, &tenant, id);
    assert_int_equal(store_run(store, &del.call), CELERIAC_OK);
    store_call_release(&del.call);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.template_versions"
                                     " WHERE template_id = %lld",
                                     (long long)id),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_kept),        cmocka_unit_test(a_version_is_restored),
        cmocka_unit_test(a_taken_name_is_told),    cmocka_unit_test(others_have_none_of_it),
        cmocka_unit_test(what_is_kept_is_bounded), cmocka_unit_test(deleted_with_their_template),
    };
    return cmocka_run_group_tests(tests, stage_set_up, stage_tear_down);
}
