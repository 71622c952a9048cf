/* Bringing databases to our schema: empty ones, Django's, and those that forbid it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "notify/store/migrate.h"
#include "notify/store/notifications.h"
#include "notify/store/schema.h"
#include "notify/store/templates.h"
#include "tests/integration/store/database.h"

/* Processes that migrate at once. */
#define RIVALS 8

static enum celeriac_err migrate(struct store_migration *result, struct celeriac_error *err)
{
    struct store_server server = database_server();
    return store_migrate(&server, result, err);
}

/* An existing deployment: tables as Django 3.2 left them. */
static void make_django_tables(void)
{
    static char sql[32 * 1024];
    FILE *file = fopen(STORE_TEST_DATA "/schema.sql", "r");
    assert_non_null(file);
    size_t len = fread(sql, 1, sizeof sql - 1, file);
    assert_true(len > 0 && len < sizeof sql - 1);
    sql[len] = '\0';
    (void)fclose(file);
    database_run_long(sql);
}

/* Everything about the public tables that Django's migrations look at, but how ids are made. */
static const char *fingerprint(void)
{
    return database_text(
        "SELECT string_agg(line, E'\\n' ORDER BY line) FROM ("
        " SELECT concat_ws(' ', 'column', a.attrelid::regclass, a.attnum, a.attname,"
        " format_type(a.atttypid, a.atttypmod), a.attnotnull) AS line FROM pg_attribute a"
        " JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace"
        " AND c.relkind = 'r' AND a.attnum > 0"
        " UNION ALL SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname,"
        " pg_get_constraintdef(oid)) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace"
        " UNION ALL SELECT concat_ws(' ', 'index', indexdef) FROM pg_indexes"
        " WHERE schemaname = 'public'"
        " UNION ALL SELECT concat_ws(' ', 'sequence', relname) FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind = 'S') lines");
}

static void empty_database_gets_djangos_tables(void **state)
{
    struct store_migration result = {0};
    struct celeriac_error err = {0};
    (void)state;
    database_clear();
    make_django_tables();
    char *djangos = strdup(fingerprint());
    assert_non_null(djangos);
    assert_non_null(strstr(djangos, "constraint templates templates_tenant_id_name_7c8d1fca_uniq"));
    database_clear();
    assert_int_equal(migrate(&result, &err), CELERIAC_OK);
    assert_true(result.made_tables);
    assert_int_equal(result.from, 0);
    assert_int_equal(result.to, STORE_SCHEMA_VERSION);
    assert_string_equal(fingerprint(), djangos);
    assert_int_equal(
        database_number("SELECT count(*) FROM pg_attribute WHERE attidentity = 'd'"
                        " AND attrelid IN ('api_keys'::regclass, 'templates'::regclass)"),
        2);
    free(djangos);
}

static void second_run_changes_nothing(void **state)
{
    struct store_migration result = {0};
    (void)state;
    (void)database_set_up(NULL);
    struct uuid tenant = database_tenant();
    assert_int_equal(migrate(&result, NULL), CELERIAC_OK);
    assert_false(result.made_tables);
    assert_int_equal(result.from, STORE_SCHEMA_VERSION);
    assert_int_equal(result.to, STORE_SCHEMA_VERSION);
    assert_int_equal(database_number("SELECT count(*) FROM business_tenants WHERE tenant_id = '%s'",
                                     database_show(&tenant)),
                     1);
}

static void djangos_tables_stay_as_they_are(void **state)
{
    struct store_migration result = {0};
    (void)state;
    database_clear();
    make_django_tables();
    char *before = strdup(fingerprint());
    assert_non_null(before);
    assert_int_equal(migrate(&result, NULL), CELERIAC_OK);
    assert_false(result.made_tables);
    assert_string_equal(fingerprint(), before);
    assert_int_equal(database_number("SELECT count(*) FROM pg_trigger t JOIN pg_class c ON"
                                     " c.oid = tgrelid WHERE NOT tgisinternal"),
                     0);
    free(before);
    /* Ids that a sequence gives, not an identity. */
    struct store *store = database_store(NULL);
    struct store_put_template put;
    struct uuid tenant = database_tenant();
    for (int i = 1; i <= 2; i++) {
        store_create_template_init(&put, &tenant);
        put.row.name = i == 1 ? SPAN("one") : SPAN("two");
        put.row.channel = SPAN("sms");
        put.row.variables = SPAN("{}");
        put.row.created_at_us = put.row.updated_at_us = clock_wall_us();
        assert_int_equal(store_run(store, &put.call), CELERIAC_OK);
        assert_true(put.row.id == i);
        store_call_release(&put.call);
    }
    store_destroy(store);
}

static void *migrate_thread(void *rc)
{
    struct celeriac_error err = {0};
    *(enum celeriac_err *)rc = migrate(NULL, &err);
    return NULL;
}

static void rivals_wait_for_each_other(void **state)
{
    pthread_t threads[RIVALS];
    enum celeriac_err rcs[RIVALS];
    (void)state;
    database_clear();
    for (int i = 0; i < RIVALS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, migrate_thread, &rcs[i]), 0);
    for (int i = 0; i < RIVALS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(rcs[i], CELERIAC_OK);
    }
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.schema_migrations"),
                     STORE_SCHEMA_VERSION);
}

static void half_a_deployment_is_refused(void **state)
{
    struct celeriac_error err = {0};
    (void)state;
    database_clear();
    make_django_tables();
    database_run("DROP TABLE dead_letters");
    assert_int_equal(migrate(NULL, &err), CELERIAC_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "4 of the service's 5"));
    assert_string_equal(database_text("SELECT to_regnamespace('celeriac')"), "NULL");
}

static void newer_schema_is_judged_by_its_own_word(void **state)
{
    struct celeriac_error err = {0};
    struct store_migration result = {0};
    (void)state;
    (void)database_set_up(NULL);
    database_run("INSERT INTO celeriac.schema_migrations VALUES (99, 1)");
    assert_int_equal(migrate(&result, NULL), CELERIAC_OK);
    assert_int_equal(result.to, 99);
    store_destroy(database_store(NULL));
    database_run("UPDATE celeriac.schema_migrations SET readable_from = 99 WHERE version = 99");
    assert_int_equal(migrate(NULL, &err), CELERIAC_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "upgrade"));
    struct store *store = NULL;
    struct store_options options = {.server = database_server()};
    assert_int_equal(store_create(&options, &store, NULL), CELERIAC_OK);
    celeriac_error_clear(&err);
    assert_int_equal(store_wait_ready(store, 60 * NS_PER_SEC, &err), CELERIAC_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "upgrade"));
    store_destroy(store);
}

static void daemon_names_the_command(void **state)
{
    struct celeriac_error err = {0};
    struct store *store = NULL;
    struct store_options options = {.server = database_server()};
    (void)state;
    database_clear();
    assert_int_equal(store_create(&options, &store, NULL), CELERIAC_OK);
    assert_int_equal(store_wait_ready(store, 60 * NS_PER_SEC, &err), CELERIAC_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "celeriac-api migrate"));
    /* It goes on trying, so a migration afterwards is enough. */
    assert_int_equal(migrate(NULL, NULL), CELERIAC_OK);
    enum celeriac_err rc = CELERIAC_ERR_UNSUPPORTED;
    for (int i = 0; i < 100 && rc == CELERIAC_ERR_UNSUPPORTED; i++) {
        rc = store_wait_ready(store, 60 * NS_PER_SEC, NULL);
        database_sleep_ms(50);
    }
    assert_int_equal(rc, CELERIAC_OK);
    store_destroy(store);
}

/* Runs the SQL that an error's text names between backquotes, as the superuser. */
static void run_named_sql(const char *text)
{
    char sql[CELERIAC_ERROR_TEXT_MAX];
    const char *from = strchr(text, '`');
    assert_non_null(from);
    (void)snprintf(sql, sizeof sql, "%.*s", (int)strcspn(from + 1, "`"), from + 1);
    database_run_as_admin("%s", sql);
}

static void missing_privileges_are_named(void **state)
{
    static const char *const keywords[] = {"dbname", "user", "password", NULL};
    const char *values[] = {database_server().values[0], "gu\"est", "secret", NULL};
    struct store_server guest = {keywords, values};
    struct celeriac_error err = {0};
    (void)state;
    database_clear();
    database_run_as_admin("DROP ROLE IF EXISTS \"gu\"\"est\";"
                          "CREATE ROLE \"gu\"\"est\" LOGIN PASSWORD 'secret'");
    assert_int_equal(store_migrate(&guest, NULL, &err), CELERIAC_ERR_AUTH);
    assert_non_null(strstr(err.text, "GRANT CREATE ON SCHEMA \"public\""));
    run_named_sql(err.text);
    celeriac_error_clear(&err);
    assert_int_equal(store_migrate(&guest, NULL, &err), CELERIAC_ERR_AUTH);
    assert_non_null(strstr(err.text, "GRANT CREATE ON DATABASE \"notification_service\""));
    assert_null(strstr(err.text, "secret"));
    /* Nothing was left half done. */
    assert_string_equal(database_text("SELECT to_regclass('public.notifications')"), "NULL");
    run_named_sql(err.text);
    assert_int_equal(store_migrate(&guest, NULL, NULL), CELERIAC_OK);
    database_run_as_admin("DROP OWNED BY \"gu\"\"est\" CASCADE; DROP ROLE \"gu\"\"est\"");
}

static void server_that_is_away_is_unavailable(void **state)
{
    static const char *const keywords[] = {"host", "port", "dbname", "password", NULL};
    static const char *const values[] = {"127.0.0.1", "1", "x", "secret", NULL};
    struct store_server nobody = {keywords, values};
    struct celeriac_error err = {0};
    (void)state;
    assert_int_equal(store_migrate(&nobody, NULL, &err), CELERIAC_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "127.0.0.1"));
    assert_null(strstr(err.text, "secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_database_gets_djangos_tables),
        cmocka_unit_test(second_run_changes_nothing),
        cmocka_unit_test(djangos_tables_stay_as_they_are),
        cmocka_unit_test(rivals_wait_for_each_other),
        cmocka_unit_test(half_a_deployment_is_refused),
        cmocka_unit_test(newer_schema_is_judged_by_its_own_word),
        cmocka_unit_test(daemon_names_the_command),
        cmocka_unit_test(missing_privileges_are_named),
        cmocka_unit_test(server_that_is_away_is_unavailable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
