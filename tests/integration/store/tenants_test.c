/* Registering and showing tenants, against a real database. */
#include "tests/integration/store/stage.h"

#include <stdio.h>
#include <string.h>

#include "notify/store/api_keys.h"
#include "notify/store/tenants.h"

/* A request whose key hash and digest are unique; `hash` is its memory. */
static struct store_register_tenant request(const char *email, char hash[64])
{
    struct store_register_tenant reg;
    store_register_tenant_init(&reg);
    reg.tenant_id = database_uuid();
    reg.name = SPAN("Acme Corp");
    reg.email = span_of(email);
    reg.key_name = SPAN("Initial API Key");
    (void)snprintf(hash, 64, "pbkdf2$%s", database_show(&reg.tenant_id));
    reg.key_hash = span_of(hash);
    memcpy(reg.digest.bytes, &reg.tenant_id, sizeof reg.tenant_id);
    reg.created_at_us = CREATED;
    return reg;
}

static void register_makes_tenant_key_and_digest(void **state)
{
    (void)state;
    char hash[64];
    struct store_register_tenant reg = request("admin@acme.example", hash);
    assert_int_equal(store_run(store, &reg.call), CELERIAC_OK);
    store_call_release(&reg.call);
    struct store_find_key find;
    store_find_key_init(&find, &reg.digest);
    assert_int_equal(store_run(store, &find.call), CELERIAC_OK);
    assert_true(find.key_id == reg.key_id);
    assert_true(find.key_is_active);
    assert_memory_equal(&find.tenant.id, &reg.tenant_id, sizeof reg.tenant_id);
    assert_true(span_is(find.tenant.name, "Acme Corp"));
    assert_true(span_is(find.tenant.email, "admin@acme.example"));
    assert_true(find.tenant.is_active);
    assert_true(find.tenant.created_at_us == CREATED && find.tenant.updated_at_us == CREATED);
    store_call_release(&find.call);
    assert_string_equal(database_text("SELECT name || ' ' || is_active || ' ' || key_hash"
                                      " FROM api_keys WHERE id = %lld AND last_used_at IS NULL"
                                      " AND tenant_id = '%s'",
                                      (long long)reg.key_id, database_show(&reg.tenant_id)) +
                            strlen("Initial API Key true "),
                        hash);
}

static void email_is_unique_as_written(void **state)
{
    (void)state;
    char hash[64];
    char other_hash[64];
    struct store_register_tenant reg = request("one@acme.example", hash);
    assert_int_equal(store_run(store, &reg.call), CELERIAC_OK);
    int64_t key_id = reg.key_id;
    /* The same call again, as after a commit of unknown outcome. */
    assert_int_equal(store_run(store, &reg.call), CELERIAC_OK);
    assert_true(reg.key_id == key_id);
    struct store_register_tenant other = request("one@acme.example", other_hash);
    assert_int_equal(store_run(store, &other.call), CELERIAC_ERR_EXISTS);
    assert_non_null(strstr(other.call.error.text, "email"));
    other = request("ONE@acme.example", other_hash);
    assert_int_equal(store_run(store, &other.call), CELERIAC_OK);
    assert_int_equal(
        database_number("SELECT count(*) FROM business_tenants WHERE email ILIKE 'one@acme%%'"), 2);
}

/* One of two registrations that run at once. */
struct race {
    struct store_register_tenant reg;
    char hash[64];
};

static void registrations_at_once_make_one_tenant(void **state)
{
    (void)state;
    struct store *other = database_store(NULL);
    for (int round = 0; round < 20; round++) {
        struct race racers[2];
        char email[64];
        (void)snprintf(email, sizeof email, "race%d@acme.example", round);
        racers[0].reg = request(email, racers[0].hash);
        racers[1].reg = request(email, racers[1].hash);
        enum celeriac_err rcs[2];
        database_race(store, &racers[0].reg.call, other, &racers[1].reg.call, rcs);
        assert_true((rcs[0] == CELERIAC_OK && rcs[1] == CELERIAC_ERR_EXISTS) ||
                    (rcs[1] == CELERIAC_OK && rcs[0] == CELERIAC_ERR_EXISTS));
    }
    store_destroy(other);
}

static void bad_values_name_the_field(void **state)
{
    (void)state;
    char hash[64];
    char text[300];
    memset(text, 'x', sizeof text);
    struct store_register_tenant reg = request("limit@acme.example", hash);
    reg.name = (struct span){text, STORE_TENANT_NAME_MAX + 1};
    assert_int_equal(store_run(store, &reg.call), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(reg.call.error.text, "name"));
    reg.name = (struct span){text, STORE_TENANT_NAME_MAX};
    reg.email = (struct span){text, STORE_TENANT_EMAIL_MAX + 1};
    assert_int_equal(store_run(store, &reg.call), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(reg.call.error.text, "email"));
    reg.email = (struct span){text, STORE_TENANT_EMAIL_MAX};
    reg.key_name = (struct span){text, STORE_KEY_NAME_MAX + 1};
    assert_int_equal(store_run(store, &reg.call), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(reg.call.error.text, "key_name"));
    reg.key_name = (struct span){text, STORE_KEY_NAME_MAX};
    assert_int_equal(store_run(store, &reg.call), CELERIAC_OK);
}

static void get_shows_the_tenant(void **state)
{
    (void)state;
    struct uuid id = database_tenant();
    struct uuid nobody = database_uuid();
    struct store_get_tenant get;
    database_run("UPDATE business_tenants SET is_active = false WHERE tenant_id = '%s'",
                 database_show(&id));
    store_get_tenant_init(&get, &id);
    assert_int_equal(store_run(store, &get.call), CELERIAC_OK);
    assert_memory_equal(&get.row.id, &id, sizeof id);
    assert_true(span_is(get.row.name, "Acme"));
    assert_false(get.row.is_active);
    store_call_release(&get.call);
    store_get_tenant_init(&get, &nobody);
    assert_int_equal(store_run(store, &get.call), CELERIAC_ERR_NOT_FOUND);
    store_call_release(&get.call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(register_makes_tenant_key_and_digest),
        cmocka_unit_test(email_is_unique_as_written),
        cmocka_unit_test(registrations_at_once_make_one_tenant),
        cmocka_unit_test(bad_values_name_the_field),
        cmocka_unit_test(get_shows_the_tenant),
    };
    return cmocka_run_group_tests(tests, stage_set_up, stage_tear_down);
}
