/* Servers that are spoken to by TLS only, as operators configure it for libpq. */
#include "notify/store/login.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "notify/store/tenants.h"
#include "tests/integration/store/database.h"

/* A store on the test's server with further libpq keywords, as a connection string. */
static struct store *store_with(const char *keywords)
{
    char dbname[1024];
    const char *const names[] = {"dbname", NULL};
    const char *const values[] = {dbname, NULL};
    struct celeriac_error err = {0};
    struct store *s = NULL;
    int len = snprintf(dbname, sizeof dbname, "%s %s", getenv("PG_CONNINFO"), keywords);
    assert_in_range(len, 1, sizeof dbname - 1);
    if (store_create(&(struct store_options){.server = {names, values}}, &s, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    return s;
}

/* The keywords with one file's path. */
static const char *with_path(const char *format, const char *variable)
{
    static char text[512];
    const char *path = getenv(variable);
    assert_non_null(path);
    int len = snprintf(text, sizeof text, "sslmode=verify-full %s=%s", format, path);
    assert_in_range(len, 1, sizeof text - 1);
    return text;
}

static void assert_refused(const char *keywords, const char *reason)
{
    struct celeriac_error err = {0};
    struct store *s = store_with(keywords);
    database_await_reason(s, reason, &err);
    assert_null(strstr(err.text, "notif_pass"));
    store_destroy(s);
}

static void verified_server_is_used(void **state)
{
    struct celeriac_error err = {0};
    struct store *s = store_with(with_path("sslrootcert", "PG_CA"));
    (void)state;
    if (store_wait_ready(s, 60 * NS_PER_SEC, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    assert_true(database_number("SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity"
                                " USING (pid) WHERE application_name = 'celeriac' AND ssl") > 0);
    assert_int_equal(database_number("SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity"
                                     " USING (pid) WHERE application_name = 'celeriac'"
                                     " AND NOT ssl"),
                     0);
    store_destroy(s);
}

static void server_with_another_name_is_refused(void **state)
{
    char keywords[600];
    (void)state;
    (void)snprintf(keywords, sizeof keywords, "%s host=database.example hostaddr=127.0.0.1",
                   with_path("sslrootcert", "PG_CA"));
    assert_refused(keywords, "does not match host name \"database.example\"");
}

static void server_of_another_authority_is_refused(void **state)
{
    (void)state;
    assert_refused(with_path("sslrootcert", "PG_OTHER_CA"), "certificate verify failed");
}

static void authority_that_is_missing_is_told(void **state)
{
    (void)state;
    assert_refused("sslmode=verify-full sslrootcert=/nowhere/ca.pem", "/nowhere/ca.pem");
}

static void server_that_wants_tls_gets_nothing_else(void **state)
{
    (void)state;
    assert_refused("sslmode=disable", "no encryption");
}

/* The daemons have no setting for TLS: operators use libpq's own variables. */
static void variables_of_libpq_count(void **state)
{
    struct celeriac_error err = {0};
    (void)state;
    assert_int_equal(setenv("PGSSLMODE", "verify-full", 1), 0);
    assert_int_equal(setenv("PGSSLROOTCERT", "/nowhere/ca.pem", 1), 0);
    assert_refused("", "/nowhere/ca.pem");
    const char *ca = getenv("PG_CA");
    assert_non_null(ca);
    assert_int_equal(setenv("PGSSLROOTCERT", ca, 1), 0);
    struct store *s = store_with("");
    assert_int_equal(store_wait_ready(s, 60 * NS_PER_SEC, &err), CELERIAC_OK);
    store_destroy(s);
    assert_int_equal(unsetenv("PGSSLMODE"), 0);
    assert_int_equal(unsetenv("PGSSLROOTCERT"), 0);
}

/* A server that restarts is found again, by TLS. */
static void restarted_server_is_verified_again(void **state)
{
    struct celeriac_error err = {0};
    struct store *s = store_with(with_path("sslrootcert", "PG_CA"));
    struct uuid tenant = database_tenant();
    struct store_get_tenant get;
    (void)state;
    assert_int_equal(store_wait_ready(s, 60 * NS_PER_SEC, &err), CELERIAC_OK);
    database_tell("restart");
    for (int i = 0; i < 4; i++) {
        store_get_tenant_init(&get, &tenant);
        assert_int_equal(store_run(s, &get.call), CELERIAC_OK);
        store_call_release(&get.call);
    }
    assert_int_equal(database_number("SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity"
                                     " USING (pid) WHERE application_name = 'celeriac'"
                                     " AND NOT ssl"),
                     0);
    store_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verified_server_is_used),
        cmocka_unit_test(server_with_another_name_is_refused),
        cmocka_unit_test(server_of_another_authority_is_refused),
        cmocka_unit_test(authority_that_is_missing_is_told),
        cmocka_unit_test(server_that_wants_tls_gets_nothing_else),
        cmocka_unit_test(variables_of_libpq_count),
        cmocka_unit_test(restarted_server_is_verified_again),
    };
    return cmocka_run_group_tests(tests, database_set_up, NULL);
}
