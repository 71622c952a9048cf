/* Accepting, showing and listing notifications, against a real database. */
#include "tests/integration/store/stage.h"

#include <stdlib.h>
#include <string.h>

#include "notify/store/insert.h"
#include "notify/store/notifications.h"

/* A request that is in order. */
static struct store_insert_notification request(void)
{
    struct store_insert_notification in;
    store_insert_notification_init(&in);
    in.row.id = database_uuid();
    in.row.task_id = database_uuid();
    in.tenant_id = tenant;
    in.row.created_at_us = CREATED;
    in.row.channel = SPAN("email");
    in.row.to = SPAN("user@example.com");
    in.row.data = SPAN("{\"template_data\": {\"name\": \"J\xc3\xb6rg\"}, \"inline_body\": \"Hi\"}");
    return in;
}

static int64_t outbox_rows(const struct uuid *id)
{
    return database_number("SELECT count(*) FROM celeriac.outbox WHERE notification_id = '%s'",
                           database_show(id));
}

static void insert_writes_notification_and_outbox(void **state)
{
    (void)state;
    int64_t template_id = database_template(&tenant, "insert", "body");
    struct store_insert_notification in = request();
    in.row.template_id = template_id;
    assert_int_equal(store_run(store, &in.call), CELERIAC_OK);
    store_call_release(&in.call);
    assert_string_equal(
        database_text("SELECT concat_ws('|', channel, \"to\", data, status, provider_response,"
                      " coalesce(error_message, 'null'), created_at = updated_at, created_at AT"
                      " TIME ZONE 'UTC', coalesce(sent_at::text, 'null'), template_id = %lld)"
                      " FROM notifications WHERE id = '%s' AND tenant_id = '%s'",
                      (long long)template_id, database_show(&in.row.id), database_show(&tenant)),
        "email|user@example.com|{\"inline_body\": \"Hi\", \"template_data\": {\"name\": "
        "\"J\xc3\xb6rg\"}}|pending|{}|null|t|2026-11-22 20:26:26.823977|null|t");
    assert_string_equal(database_text("SELECT task_id = '%s' AND claimed_until > now() AND"
                                      " claimed_until < now() + '6 s' FROM celeriac.outbox"
                                      " WHERE notification_id = '%s'",
                                      database_show(&in.row.task_id), database_show(&in.row.id)),
                        "t");
}

static void repeated_insert_changes_nothing(void **state)
{
    (void)state;
    struct store_insert_notification in = request();
    assert_int_equal(store_run(store, &in.call), CELERIAC_OK);
    database_run("DELETE FROM celeriac.outbox WHERE notification_id = '%s'",
                 database_show(&in.row.id));
    database_run("UPDATE notifications SET status = 'sent' WHERE id = '%s'",
                 database_show(&in.row.id));
    assert_int_equal(store_run(store, &in.call), CELERIAC_OK);
    assert_int_equal(outbox_rows(&in.row.id), 0);
    assert_string_equal(database_text("SELECT status FROM notifications WHERE id = '%s'",
                                      database_show(&in.row.id)),
                        "sent");
}

/* Runs a request that must be refused, with the field's name. */
static void assert_refused(struct store_insert_notification *in, const char *field)
{
    assert_int_equal(store_run(store, &in->call), CELERIAC_ERR_VALUE);
    if (!strstr(in->call.error.text, field))
        fail_msg("%s: %s", field, in->call.error.text);
    assert_int_equal(outbox_rows(&in->row.id), 0);
    store_call_release(&in->call);
}

static void bad_values_name_the_field(void **state)
{
    (void)state;
    char long_text[256 * 2 + 1];
    for (size_t i = 0; i < 256; i++)
        memcpy(long_text + 2 * i, "\xc3\xa4", 2);
    struct store_insert_notification in = request();
    in.row.to = (struct span){long_text, 2 * STORE_TO_MAX};
    assert_int_equal(store_run(store, &in.call), CELERIAC_OK);
    in = request();
    in.row.to = (struct span){long_text, 2 * (STORE_TO_MAX + 1)};
    assert_refused(&in, "to: more than 255 characters");
    in = request();
    in.row.to = SPAN("a\0b");
    assert_refused(&in, "to: has a NUL");
    in = request();
    in.row.to = SPAN("\xed\xa0\x80");
    assert_refused(&in, "to: is not valid UTF-8");
    in = request();
    in.row.channel = SPAN("");
    assert_refused(&in, "channel: fewer than 1");
    in = request();
    in.row.channel = SPAN("123456789012345678901");
    assert_refused(&in, "channel: more than 20");
    in = request();
    in.row.data = SPAN("{\"a\": \"\\u0000\"}");
    assert_refused(&in, "data");
    in = request();
    in.row.data = SPAN("{\"a\": \"\\ud800\"}");
    assert_refused(&in, "data");
    in = request();
    in.row.data = SPAN("{\"a\": ");
    assert_refused(&in, "data");
    in = request();
    in.row.created_at_us = STORE_NO_TIME;
    assert_refused(&in, "created_at");
}

static void dangling_references_are_refused(void **state)
{
    (void)state;
    struct store_insert_notification in = request();
    in.row.template_id = INT64_C(999999999);
    assert_refused(&in, "does not exist");
    in = request();
    in.tenant_id = database_uuid();
    assert_refused(&in, "does not exist");
}

static void get_shows_the_row(void **state)
{
    (void)state;
    int64_t template_id = database_template(&tenant, "shown", "body");
    struct store_insert_notification in = request();
    in.row.template_id = template_id;
    assert_int_equal(store_run(store, &in.call), CELERIAC_OK);
    struct store_get_notification get;
    store_get_notification_init(&get, &tenant, &in.row.id);
    assert_int_equal(store_run(store, &get.call), CELERIAC_OK);
    assert_memory_equal(&get.row.id, &in.row.id, sizeof in.row.id);
    assert_true(span_is(get.row.channel, "email"));
    assert_true(span_is(get.row.to, "user@example.com"));
    assert_true(get.row.template_id == template_id);
    assert_true(span_is(get.row.template_name, "shown"));
    assert_true(span_starts(get.row.data, SPAN("{\"inline_body\"")));
    assert_true(span_is(get.row.status, "pending"));
    assert_null(get.row.error_message.ptr);
    assert_true(get.row.created_at_us == CREATED);
    assert_true(get.row.updated_at_us == CREATED);
    assert_true(get.row.sent_at_us == STORE_NO_TIME);
    store_call_release(&get.call);
}

static void get_is_bound_to_the_tenant(void **state)
{
    (void)state;
    struct uuid other = database_tenant();
    struct uuid id = database_notification(&tenant, "failed", 0);
    struct store_get_notification get;
    store_get_notification_init(&get, &other, &id);
    assert_int_equal(store_run(store, &get.call), CELERIAC_ERR_NOT_FOUND);
    store_call_release(&get.call);
    store_get_notification_init(&get, &tenant, &id);
    assert_int_equal(store_run(store, &get.call), CELERIAC_OK);
    assert_int_equal(get.row.template_id, 0);
    assert_null(get.row.template_name.ptr);
    store_call_release(&get.call);
}

/* Twelve notifications, one a minute, alternating in channel and status. */
static struct uuid tenant_with_list(void)
{
    struct uuid owner = database_tenant();
    database_run(
        "INSERT INTO notifications SELECT gen_random_uuid(), (ARRAY['email', 'sms'])[n %% 2"
        " + 1], 'n' || n, '{}', (ARRAY['sent', 'failed', 'pending'])[n %% 3 + 1], '{}',"
        " 'e' || n, timestamptz '2026-01-01 00:00Z' + n * interval '1 min', now(), NULL,"
        " '%s', NULL FROM generate_series(0, 11) n",
        database_show(&owner));
    return owner;
}

static void assert_listed(struct store_list_notifications *list, const char *expected)
{
    char text[512] = "";
    assert_int_equal(store_run(store, &list->call), CELERIAC_OK);
    for (size_t i = 0; i < list->count; i++) {
        size_t len = strlen(text);
        assert_true(list->rows[i].to.len < sizeof text - len - 2);
        memcpy(text + len, list->rows[i].to.ptr, list->rows[i].to.len + 1);
        memcpy(text + strlen(text), " ", 2);
    }
    assert_string_equal(text, expected);
}

static void list_is_newest_first_and_filtered(void **state)
{
    (void)state;
    struct uuid owner = tenant_with_list();
    struct store_list_notifications list;
    store_list_notifications_init(&list, &owner, newest(100));
    assert_listed(&list, "n11 n10 n9 n8 n7 n6 n5 n4 n3 n2 n1 n0 ");
    assert_true(list.next.created_at_us == STORE_NO_TIME);
    assert_true(span_is(list.rows[0].error_message, "e11"));
    store_call_release(&list.call);
    store_list_notifications_init(&list, &owner, newest(2));
    list.channel = SPAN("email");
    list.status = SPAN("pending");
    assert_listed(&list, "n8 n2 ");
    store_call_release(&list.call);
    store_list_notifications_init(&list, &owner, newest(1));
    list.channel = SPAN("sms");
    assert_listed(&list, "n11 ");
    assert_true(list.next.created_at_us == list.rows[0].created_at_us);
    store_call_release(&list.call);
    store_list_notifications_init(&list, &owner, newest(100));
    list.status = SPAN("processing");
    assert_listed(&list, "");
    assert_true(list.next.created_at_us == STORE_NO_TIME);
    store_call_release(&list.call);
    store_list_notifications_init(&list, &owner, newest(0));
    assert_listed(&list, "");
    store_call_release(&list.call);
}

static void list_is_cut_by_time(void **state)
{
    (void)state;
    struct uuid owner = tenant_with_list();
    struct store_list_notifications list;
    database_run("UPDATE notifications SET created_at = timestamptz '2026-11-22 20:26:26.823977Z'"
                 " + substr(\"to\", 2)::int * interval '1 s' WHERE tenant_id = '%s'",
                 database_show(&owner));
    store_list_notifications_init(&list, &owner, newest(100));
    list.page.created_after_us = CREATED + 9000000;
    assert_listed(&list, "n11 n10 n9 ");
    store_call_release(&list.call);
    store_list_notifications_init(&list, &owner, newest(100));
    list.page.created_before_us = CREATED + 2000000;
    assert_listed(&list, "n1 n0 ");
    store_call_release(&list.call);
    store_list_notifications_init(&list, &owner, newest(100));
    list.page.created_after_us = CREATED + 4000000;
    list.page.created_before_us = CREATED + 6000000;
    assert_listed(&list, "n5 n4 ");
    store_call_release(&list.call);
}

static void list_goes_on_from_its_cursor(void **state)
{
    (void)state;
    struct uuid owner = tenant_with_list();
    /* Equal times: the id decides, and no row is shown twice or left out. */
    database_run("UPDATE notifications SET created_at = '2026-01-01' WHERE tenant_id = '%s'",
                 database_show(&owner));
    struct store_list_notifications list;
    struct store_page page = *newest(5);
    struct uuid last = {0};
    size_t seen = 0;
    do {
        store_list_notifications_init(&list, &owner, &page);
        assert_int_equal(store_run(store, &list.call), CELERIAC_OK);
        for (size_t i = 0; i < list.count; i++) {
            if (seen > 0)
                assert_true(memcmp(&list.rows[i].id, &last, sizeof last) < 0);
            last = list.rows[i].id;
            seen++;
        }
        page.after = list.next;
        store_call_release(&list.call);
    } while (page.after.created_at_us != STORE_NO_TIME);
    assert_int_equal(seen, 12);
}

/* Two statements give the list from its beginning: one for all, one for what filters leave. */
static void list_is_the_same_with_filters_that_all_pass(void **state)
{
    (void)state;
    struct uuid owner = tenant_with_list();
    struct store_list_notifications all;
    struct store_list_notifications passed;
    /* Equal times, so that the order of ids shows. */
    database_run("UPDATE notifications SET created_at = '2026-01-01' WHERE tenant_id = '%s'"
                 " AND status = 'sent'",
                 database_show(&owner));
    store_list_notifications_init(&all, &owner, newest(10));
    store_list_notifications_init(&passed, &owner, newest(10));
    passed.page.created_after_us = 0;
    assert_int_equal(store_run(store, &all.call), CELERIAC_OK);
    assert_int_equal(store_run(store, &passed.call), CELERIAC_OK);
    assert_int_equal(all.count, 10);
    assert_int_equal(passed.count, 10);
    assert_true(all.next.created_at_us == passed.next.created_at_us);
    assert_memory_equal(&all.next.id, &passed.next.id, sizeof all.next.id);
    for (size_t i = 0; i < all.count; i++) {
        assert_memory_equal(&all.rows[i].id, &passed.rows[i].id, sizeof all.rows[i].id);
        assert_true(span_equal(all.rows[i].error_message, passed.rows[i].error_message));
        assert_true(all.rows[i].updated_at_us == passed.rows[i].updated_at_us);
    }
    store_call_release(&all.call);
    store_call_release(&passed.call);
}

/* Gives a tenant's notifications data of that size; the server need not try to compress them. */
static void set_data(const struct uuid *owner, int bytes)
{
    database_run("ALTER TABLE notifications ALTER COLUMN data SET STORAGE EXTERNAL");
    database_run("UPDATE notifications SET data = to_jsonb((SELECT left(string_agg("
                 "md5(random()::text), ''), %d) FROM generate_series(0, %d / 32)))"
                 " WHERE tenant_id = '%s'",
                 bytes, bytes, database_show(owner));
}

static void list_is_cut_by_size(void **state)
{
    (void)state;
    struct uuid owner = tenant_with_list();
    set_data(&owner, 1500000);
    struct store_list_notifications list;
    store_list_notifications_init(&list, &owner, newest(100));
    assert_listed(&list, "n11 n10 ");
    assert_true(list.next.created_at_us == list.rows[list.count - 1].created_at_us);
    store_call_release(&list.call);
    /* One row alone may be larger than a page. */
    set_data(&owner, STORE_LIST_BYTES_MAX + 1);
    store_list_notifications_init(&list, &owner, newest(100));
    assert_listed(&list, "n11 ");
    assert_true(list.next.created_at_us == list.rows[list.count - 1].created_at_us);
    store_call_release(&list.call);
}

/* Four megabytes of one letter take up 46 KiB, but as much memory as any others. */
static void list_is_cut_by_what_compressed_rows_may_be(void **state)
{
    (void)state;
    struct uuid owner = tenant_with_list();
    database_run("ALTER TABLE notifications ALTER COLUMN data SET STORAGE EXTENDED");
    database_run("UPDATE notifications SET data = to_jsonb(repeat('a', 4000000))"
                 " WHERE tenant_id = '%s'",
                 database_show(&owner));
    struct store_list_notifications list;
    store_list_notifications_init(&list, &owner, newest(100));
    assert_listed(&list, "n11 n10 n9 ");
    assert_true(list.next.created_at_us == list.rows[list.count - 1].created_at_us);
    store_call_release(&list.call);
}

static void list_limits_are_checked(void **state)
{
    (void)state;
    struct store_list_notifications list;
    store_list_notifications_init(&list, &tenant, newest(STORE_LIST_MAX));
    assert_int_equal(store_run(store, &list.call), CELERIAC_OK);
    store_call_release(&list.call);
    store_list_notifications_init(&list, &tenant, newest(STORE_LIST_MAX + 1));
    assert_int_equal(store_run(store, &list.call), CELERIAC_ERR_VALUE);
    store_list_notifications_init(&list, &tenant, newest(1));
    list.status = SPAN("a\0");
    assert_int_equal(store_run(store, &list.call), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(list.call.error.text, "status"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(insert_writes_notification_and_outbox),
        cmocka_unit_test(repeated_insert_changes_nothing),
        cmocka_unit_test(bad_values_name_the_field),
        cmocka_unit_test(dangling_references_are_refused),
        cmocka_unit_test(get_shows_the_row),
        cmocka_unit_test(get_is_bound_to_the_tenant),
        cmocka_unit_test(list_is_newest_first_and_filtered),
        cmocka_unit_test(list_is_cut_by_time),
        cmocka_unit_test(list_goes_on_from_its_cursor),
        cmocka_unit_test(list_is_cut_by_size),
        cmocka_unit_test(list_is_cut_by_what_compressed_rows_may_be),
        cmocka_unit_test(list_is_the_same_with_filters_that_all_pass),
        cmocka_unit_test(list_limits_are_checked),
    };
    return cmocka_run_group_tests(tests, stage_set_up, stage_tear_down);
}
