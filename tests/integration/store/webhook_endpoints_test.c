/* Webhooks as the API makes and changes them, against a real database. */
#include "tests/integration/store/stage.h"

#include "notify/store/webhook_endpoints.h"

#define BOTH 3U

/* Makes a webhook of that tenant; its id goes to *id. */
static enum celeriac_err create(struct store *s, const struct uuid *owner, const char *secret,
                                struct uuid *id)
{
    struct store_put_webhook put;
    enum celeriac_err rc;
    store_create_webhook_init(&put, owner);
    put.url = SPAN("https://example.com/hook");
    put.description = SPAN("a description");
    put.events = BOTH;
    put.secret = span_of(secret);
    rc = store_run(s, &put.call);
    if (rc == CELERIAC_OK) {
        assert_memory_equal(&put.row.id, &put.id, sizeof put.id);
        *id = put.id;
    }
    store_call_release(&put.call);
    return rc;
}

static size_t count_of(const struct uuid *owner)
{
    struct store_get_webhooks get;
    store_get_webhooks_init(&get, owner, NULL);
    assert_int_equal(store_run(store, &get.call), CELERIAC_OK);
    size_t count = get.count;
    store_call_release(&get.call);
    return count;
}

static void what_is_made_is_shown(void **state)
{
    struct uuid owner = database_tenant(), other = database_tenant(), first, second;
    struct store_get_webhooks get;
    (void)state;
    assert_int_equal(create(store, &owner, "whsec_a", &first), CELERIAC_OK);
    assert_int_equal(create(store, &owner, "whsec_b", &second), CELERIAC_OK);
    assert_int_equal(count_of(&owner), 2);
    assert_int_equal(count_of(&other), 0);
    store_get_webhooks_init(&get, &owner, &first);
    assert_int_equal(store_run(store, &get.call), CELERIAC_OK);
    assert_int_equal(get.count, 1);
    assert_true(span_is(get.rows[0].url, "https://example.com/hook"));
    assert_true(span_is(get.rows[0].description, "a description"));
    assert_int_equal(get.rows[0].events, BOTH);
    assert_true(get.rows[0].is_active);
    assert_null(get.rows[0].disabled_reason.ptr);
    assert_true(get.rows[0].failing_since_us == STORE_NO_TIME);
    assert_true(get.rows[0].paused_until_us == STORE_NO_TIME);
    assert_true(get.rows[0].old_secret_until_us == STORE_NO_TIME);
    store_call_release(&get.call);
    /* Another's is like none. */
    store_get_webhooks_init(&get, &other, &first);
    assert_int_equal(store_run(store, &get.call), CELERIAC_ERR_NOT_FOUND);
    store_call_release(&get.call);
}

static void changes_leave_what_is_not_given(void **state)
{
    struct uuid owner = database_tenant(), other = database_tenant(), id;
    struct store_put_webhook put;
    (void)state;
    assert_int_equal(create(store, &owner, "whsec_c", &id), CELERIAC_OK);
    store_update_webhook_init(&put, &owner, &id);
    put.events = 1U << STORE_WEBHOOK_FAILED;
    put.sets_active = true;
    assert_int_equal(store_run(store, &put.call), CELERIAC_OK);
    assert_int_equal(put.row.events, 2);
    assert_false(put.row.is_active);
    assert_true(span_is(put.row.url, "https://example.com/hook"));
    store_call_release(&put.call);
    store_update_webhook_init(&put, &owner, &id);
    put.url = SPAN("https://example.org/");
    put.description = SPAN("");
    assert_int_equal(store_run(store, &put.call), CELERIAC_OK);
    assert_int_equal(put.row.events, 2);
    assert_false(put.row.is_active);
    assert_true(span_is(put.row.url, "https://example.org/"));
    assert_int_equal(put.row.description.len, 0);
    store_call_release(&put.call);
    store_update_webhook_init(&put, &other, &id);
    put.url = SPAN("https://thief.example/");
    assert_int_equal(store_run(store, &put.call), CELERIAC_ERR_NOT_FOUND);
    store_call_release(&put.call);
    assert_string_equal(
        database_text("SELECT url FROM celeriac.webhooks WHERE id = '%s'", database_show(&id)),
        "https://example.org/");
}

/* What the worker has noted of a webhook that fails. */
static void let_fail(const struct uuid *id)
{
    database_run("UPDATE celeriac.webhooks SET is_active = false, disabled_reason = 'it failed',"
                 " failing_since = now() - interval '5 days', failures = 40,"
                 " paused_until = now() + interval '1 hour' WHERE id = '%s'",
                 database_show(id));
}

static int64_t clean(const struct uuid *id)
{
    return database_number("SELECT count(*) FROM celeriac.webhooks WHERE id = '%s' AND failures = 0"
                           " AND failing_since IS NULL AND paused_until IS NULL",
                           database_show(id));
}

static void what_is_switched_on_begins_anew(void **state)
{
    struct uuid owner = database_tenant(), id;
    struct store_put_webhook put;
    (void)state;
    assert_int_equal(create(store, &owner, "whsec_d", &id), CELERIAC_OK);
    let_fail(&id);
    store_update_webhook_init(&put, &owner, &id);
    put.description = SPAN("noted");
    assert_int_equal(store_run(store, &put.call), CELERIAC_OK);
    assert_true(span_is(put.row.disabled_reason, "it failed"));
    assert_true(put.row.failing_since_us > 0);
    assert_true(put.row.paused_until_us > put.row.failing_since_us);
    store_call_release(&put.call);
    store_update_webhook_init(&put, &owner, &id);
    put.sets_active = true;
    put.is_active = true;
    assert_int_equal(store_run(store, &put.call), CELERIAC_OK);
    assert_true(put.row.is_active);
    assert_null(put.row.disabled_reason.ptr);
    store_call_release(&put.call);
    assert_int_equal(clean(&id), 1);
    /* Another address has not failed, but it stays off until it is switched on. */
    let_fail(&id);
    store_update_webhook_init(&put, &owner, &id);
    put.url = SPAN("https://example.net/");
    assert_int_equal(store_run(store, &put.call), CELERIAC_OK);
    assert_false(put.row.is_active);
    assert_true(span_is(put.row.disabled_reason, "it failed"));
    store_call_release(&put.call);
    assert_int_equal(clean(&id), 1);
    let_fail(&id);
    store_update_webhook_init(&put, &owner, &id);
    put.url = SPAN("https://example.net/");
    assert_int_equal(store_run(store, &put.call), CELERIAC_OK);
    store_call_release(&put.call);
    assert_int_equal(clean(&id), 0);
}

static void their_number_is_bounded(void **state)
{
    struct uuid owner = database_tenant(), other = database_tenant(), id;
    (void)state;
    for (int i = 0; i < STORE_WEBHOOKS_MAX; i++)
        assert_int_equal(create(store, &owner, "whsec_e", &id), CELERIAC_OK);
    assert_int_equal(create(store, &owner, "whsec_e", &id), CELERIAC_ERR_EXISTS);
    assert_int_equal(count_of(&owner), STORE_WEBHOOKS_MAX);
    assert_int_equal(create(store, &other, "whsec_e", &id), CELERIAC_OK);
}

/* Two at once, where there is room for one. */
static void their_number_is_bounded_in_a_race(void **state)
{
    struct store *second = database_store(NULL);
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct uuid owner = database_tenant(), id;
        struct store_put_webhook puts[2];
        enum celeriac_err rcs[2];
        for (int i = 1; i < STORE_WEBHOOKS_MAX; i++)
            assert_int_equal(create(store, &owner, "whsec_f", &id), CELERIAC_OK);
        for (int i = 0; i < 2; i++) {
            store_create_webhook_init(&puts[i], &owner);
            puts[i].url = SPAN("https://example.com/hook");
            puts[i].events = BOTH;
            puts[i].secret = SPAN("whsec_g");
        }
        database_race(store, &puts[0].call, second, &puts[1].call, rcs);
        assert_true((rcs[0] == CELERIAC_OK && rcs[1] == CELERIAC_ERR_EXISTS) ||
                    (rcs[1] == CELERIAC_OK && rcs[0] == CELERIAC_ERR_EXISTS));
        assert_int_equal(count_of(&owner), STORE_WEBHOOKS_MAX);
        store_call_release(&puts[0].call);
        store_call_release(&puts[1].call);
    }
    store_destroy(second);
}

/* As after a commit whose answer was lost: the very same call once more. */
static void calls_can_be_repeated(void **state)
{
    struct uuid owner = database_tenant(), id;
    struct store_put_webhook put;
    struct store_rotate_webhook rotate;
    (void)state;
    for (int i = 1; i < STORE_WEBHOOKS_MAX; i++)
        assert_int_equal(create(store, &owner, "whsec_h", &id), CELERIAC_OK);
    store_create_webhook_init(&put, &owner);
    put.url = SPAN("https://example.com/hook");
    put.events = BOTH;
    put.secret = SPAN("whsec_i");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_run(store, &put.call), CELERIAC_OK);
        assert_memory_equal(&put.row.id, &put.id, sizeof put.id);
        store_call_release(&put.call);
    }
    assert_int_equal(count_of(&owner), STORE_WEBHOOKS_MAX);
    store_rotate_webhook_init(&rotate, &owner, &put.id, SPAN("whsec_j"), 60);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_run(store, &rotate.call), CELERIAC_OK);
        assert_true(rotate.row.old_secret_until_us > 0);
        store_call_release(&rotate.call);
    }
    assert_string_equal(database_text("SELECT concat(secret, ' ', old_secret)"
                                      " FROM celeriac.webhooks WHERE id = '%s'",
                                      database_show(&put.id)),
                        "whsec_j whsec_i");
}

static void secrets_are_replaced(void **state)
{
    struct uuid owner = database_tenant(), other = database_tenant(), id;
    struct store_rotate_webhook rotate;
    (void)state;
    assert_int_equal(create(store, &owner, "whsec_k", &id), CELERIAC_OK);
    store_rotate_webhook_init(&rotate, &other, &id, SPAN("whsec_l"), 60);
    assert_int_equal(store_run(store, &rotate.call), CELERIAC_ERR_NOT_FOUND);
    store_call_release(&rotate.call);
    store_rotate_webhook_init(&rotate, &owner, &id, SPAN("whsec_l"), STORE_WEBHOOK_GRACE_MAX);
    assert_int_equal(store_run(store, &rotate.call), CELERIAC_OK);
    assert_true(rotate.row.old_secret_until_us - rotate.row.updated_at_us ==
                STORE_WEBHOOK_GRACE_MAX * 1000000);
    store_call_release(&rotate.call);
    /* Without a time of grace the old one is forgotten. */
    store_rotate_webhook_init(&rotate, &owner, &id, SPAN("whsec_m"), 0);
    assert_int_equal(store_run(store, &rotate.call), CELERIAC_OK);
    assert_true(rotate.row.old_secret_until_us == STORE_NO_TIME);
    store_call_release(&rotate.call);
    assert_string_equal(database_text("SELECT concat(secret, ' ', old_secret, old_secret_until)"
                                      " FROM celeriac.webhooks WHERE id = '%s'",
                                      database_show(&id)),
                        "whsec_m ");
}

static void deleted_by_their_tenant(void **state)
{
    struct uuid owner = database_tenant(), other = database_tenant(), id;
    struct store_delete_webhook del;
    struct store_get_webhooks get;
    (void)state;
    assert_int_equal(create(store, &owner, "whsec_n", &id), CELERIAC_OK);
    store_delete_webhook_init(&del, &other, &id);
    assert_int_equal(store_run(store, &del.call), CELERIAC_ERR_NOT_FOUND);
    store_call_release(&del.call);
    store_delete_webhook_init(&del, &owner, &id);
    assert_int_equal(store_run(store, &del.call), CELERIAC_OK);
    store_call_release(&del.call);
    store_get_webhooks_init(&get, &owner, &id);
    assert_int_equal(store_run(store, &get.call), CELERIAC_ERR_NOT_FOUND);
    store_call_release(&get.call);
    store_delete_webhook_init(&del, &owner, &id);
    assert_int_equal(store_run(store, &del.call), CELERIAC_ERR_NOT_FOUND);
    store_call_release(&del.call);
}

/* Asks for a webhook with that key; what came of it is in put, to be released. */
static enum celeriac_err create_once(struct store_put_webhook *put, const struct uuid *owner,
                                     const char *key, uint8_t digest)
{
    store_create_webhook_init(put, owner);
    put->url = SPAN("https://example.com/hook");
    put->events = BOTH;
    put->secret = SPAN("whsec_once");
    put->idempotency.key = span_of(key);
    put->idempotency.digest.bytes[0] = digest;
    return store_run(store, &put->call);
}

static void keys_of_requests_are_kept(void **state)
{
    struct uuid owner = database_tenant(), other = database_tenant(), id;
    struct store_put_webhook put;
    struct store_rotate_webhook rotate;
    (void)state;
    assert_int_equal(create_once(&put, &owner, "k", 1), CELERIAC_OK);
    assert_int_equal(put.idempotency.repeat, STORE_REPEAT_NONE);
    assert_memory_equal(&put.row.id, &put.id, sizeof put.id);
    id = put.id;
    store_call_release(&put.call);
    /* A commit that was not heard of: the same call once more. */
    assert_int_equal(store_run(store, &put.call), CELERIAC_OK);
    assert_int_equal(put.idempotency.repeat, STORE_REPEAT_NONE);
    assert_memory_equal(&put.row.id, &id, sizeof id);
    store_call_release(&put.call);
    store_rotate_webhook_init(&rotate, &owner, &id, SPAN("whsec_now"), 0);
    assert_int_equal(store_run(store, &rotate.call), CELERIAC_OK);
    store_call_release(&rotate.call);
    assert_int_equal(create_once(&put, &owner, "k", 1), CELERIAC_OK);
    assert_int_equal(put.idempotency.repeat, STORE_REPEAT_SAME);
    assert_memory_equal(&put.row.id, &id, sizeof id);
    assert_true(span_is(put.row.url, "https://example.com/hook"));
    assert_string_equal(put.idempotency.answer.ptr, "whsec_now");
    store_call_release(&put.call);
    assert_int_equal(create_once(&put, &owner, "k", 2), CELERIAC_OK);
    assert_int_equal(put.idempotency.repeat, STORE_REPEAT_OTHER);
    store_call_release(&put.call);
    assert_int_equal(create_once(&put, &other, "k", 1), CELERIAC_OK);
    assert_int_equal(put.idempotency.repeat, STORE_REPEAT_NONE);
    store_call_release(&put.call);
    assert_int_equal(count_of(&owner), 1);
    assert_int_equal(count_of(&other), 1);
}

static void keys_outlive_their_webhooks(void **state)
{
    struct uuid owner = database_tenant(), id;
    struct store_put_webhook put;
    struct store_delete_webhook del;
    (void)state;
    assert_int_equal(create_once(&put, &owner, "k", 1), CELERIAC_OK);
    id = put.id;
    store_call_release(&put.call);
    store_delete_webhook_init(&del, &owner, &id);
    assert_int_equal(store_run(store, &del.call), CELERIAC_OK);
    store_call_release(&del.call);
    assert_int_equal(create_once(&put, &owner, "k", 1), CELERIAC_ERR_NOT_FOUND);
    store_call_release(&put.call);
    assert_int_equal(create_once(&put, &owner, "k", 2), CELERIAC_OK);
    assert_int_equal(put.idempotency.repeat, STORE_REPEAT_OTHER);
    store_call_release(&put.call);
    assert_int_equal(count_of(&owner), 0);
}

/* A key that is known is answered at the limit too; what is refused there can be tried again. */
static void keys_at_the_limit(void **state)
{
    struct uuid owner = database_tenant(), id;
    struct store_put_webhook put;
    (void)state;
    for (int i = 0; i < STORE_WEBHOOKS_MAX - 1; i++)
        assert_int_equal(create(store, &owner, "whsec_p", &id), CELERIAC_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(create_once(&put, &owner, "last", 1), CELERIAC_OK);
        assert_int_equal(put.idempotency.repeat, i == 0 ? STORE_REPEAT_NONE : STORE_REPEAT_SAME);
        store_call_release(&put.call);
    }
    assert_int_equal(create_once(&put, &owner, "later", 1), CELERIAC_ERR_EXISTS);
    store_call_release(&put.call);
    database_run("DELETE FROM celeriac.webhooks WHERE id = '%s'", database_show(&id));
    assert_int_equal(create_once(&put, &owner, "later", 1), CELERIAC_OK);
    assert_int_equal(put.idempotency.repeat, STORE_REPEAT_NONE);
    store_call_release(&put.call);
    assert_int_equal(count_of(&owner), STORE_WEBHOOKS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_made_is_shown),
        cmocka_unit_test(changes_leave_what_is_not_given),
        cmocka_unit_test(what_is_switched_on_begins_anew),
        cmocka_unit_test(their_number_is_bounded),
        cmocka_unit_test(their_number_is_bounded_in_a_race),
        cmocka_unit_test(calls_can_be_repeated),
        cmocka_unit_test(secrets_are_replaced),
        cmocka_unit_test(deleted_by_their_tenant),
        cmocka_unit_test(keys_of_requests_are_kept),
        cmocka_unit_test(keys_outlive_their_webhooks),
        cmocka_unit_test(keys_at_the_limit),
    };
    return cmocka_run_group_tests(tests, stage_set_up, stage_tear_down);
}
