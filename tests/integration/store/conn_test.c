/* What a session is before it gets its first call. */
#include "notify/store/conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/parse_num.h"
#include "notify/store/row.h"
#include "notify/store/schema.h"
#include "tests/integration/store/database.h"

#define TIMEOUT_NS (3 * NS_PER_SEC)

static const struct store_backend nobody = {0};
static struct store_login *login;

static int set_up(void **state)
{
    struct store_server server = database_server();
    (void)database_set_up(state);
    assert_int_equal(store_login_create(&server, "conn_test", &login, NULL), CELERIAC_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_login_destroy(login);
    return 0;
}

static struct store_conn *open_conn(const struct store_backend *former)
{
    struct store_conn *conn = NULL;
    struct celeriac_error err = {0};
    if (store_conn_open(login, TIMEOUT_NS, former, &conn, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    return conn;
}

/* Asks the session itself; the text is copied. */
static void ask(struct store_conn *conn, const char *sql, char *text, size_t size)
{
    struct store_params p;
    struct store_failure failure;
    PGresult *result = NULL;
    store_params_init(&p);
    assert_true(store_pipeline_send_once(store_conn_pipeline(conn), sql, &p));
    if (store_pipeline_receive(store_conn_pipeline(conn), &result, &failure) != STORE_OUTCOME_OK)
        fail_msg("%s", failure.text);
    struct span value = store_row_span((struct store_row){result, 0}, 0);
    assert_in_range(value.len, 0, size - 1);
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    PQclear(result);
}

static void session_has_its_settings(void **state)
{
    char text[256];
    struct store_conn *conn = open_conn(&nobody);
    (void)state;
    ask(conn,
        "SELECT concat_ws(' ', current_setting('statement_timeout'),"
        " current_setting('lock_timeout'), current_setting('search_path'),"
        " current_setting('client_encoding'), current_setting('application_name'),"
        " current_setting('plan_cache_mode'))",
        text, sizeof text);
    /* The server gives up a second before we give it up. */
    assert_string_equal(text, "2s 1s pg_catalog UTF8 conn_test force_generic_plan");
    ask(conn, "SELECT pg_backend_pid()::text", text, sizeof text);
    int64_t pid = 0;
    assert_int_equal(parse_int64(span_of(text), 1, INT32_MAX, &pid), CELERIAC_OK);
    assert_int_equal(store_conn_backend(conn).pid, pid);
    store_conn_close(conn);
    store_conn_close(NULL);
}

/* A session that was lost to us may still work at what we sent it; the next one ends it. */
static void former_session_is_ended(void **state)
{
    struct store_conn *first = open_conn(&nobody);
    struct store_backend former = store_conn_backend(first);
    (void)state;
    assert_true(former.pid > 0);
    struct store_conn *second = open_conn(&former);
    assert_int_equal(
        database_number("SELECT count(*) FROM pg_stat_activity WHERE pid = %d", (int)former.pid),
        0);
    assert_true(store_pipeline_is_dead(store_conn_pipeline(first)));
    assert_false(store_pipeline_is_dead(store_conn_pipeline(second)));
    /* Once it is gone that is no reason not to connect. */
    store_conn_close(open_conn(&former));
    store_conn_close(second);
    store_conn_close(first);
}

/* Process numbers are used again: another's session is left alone. */
static void session_with_the_formers_number_is_spared(void **state)
{
    struct store_conn *first = open_conn(&nobody);
    struct store_backend former = store_conn_backend(first);
    (void)state;
    former.start_us--;
    store_conn_close(open_conn(&former));
    assert_false(store_pipeline_is_dead(store_conn_pipeline(first)));
    store_conn_close(first);
}

static void assert_unsupported(const char *words)
{
    struct store_conn *conn = NULL;
    struct celeriac_error err = {0};
    assert_int_equal(store_conn_open(login, TIMEOUT_NS, &nobody, &conn, &err),
                     CELERIAC_ERR_UNSUPPORTED);
    assert_null(conn);
    if (!strstr(err.text, words))
        fail_msg("%s", err.text);
}

static void schema_is_judged(void **state)
{
    (void)state;
    database_run("DELETE FROM celeriac.schema_migrations WHERE version < %d", STORE_SCHEMA_VERSION);
    database_run("UPDATE celeriac.schema_migrations SET version = %d", STORE_SCHEMA_VERSION - 1);
    assert_unsupported(STORE_MIGRATE_COMMAND);
    database_run("UPDATE celeriac.schema_migrations SET version = %d, readable_from = %d",
                 STORE_SCHEMA_VERSION + 1, STORE_SCHEMA_VERSION + 1);
    assert_unsupported("upgrade it");
    database_run("UPDATE celeriac.schema_migrations SET readable_from = %d", STORE_SCHEMA_VERSION);
    store_conn_close(open_conn(&nobody));
    database_clear();
    assert_unsupported(STORE_MIGRATE_COMMAND);
    (void)database_set_up(NULL);
}

static void want_of_memory_is_told(void **state)
{
    struct store_conn *conn = NULL;
    size_t n = 1;
    (void)state;
    for (;; n++) {
        struct celeriac_error err = {0};
        mem_fail_at(n);
        enum celeriac_err rc = store_conn_open(login, TIMEOUT_NS, &nobody, &conn, &err);
        mem_fail_at(0);
        if (rc == CELERIAC_OK)
            break;
        assert_int_equal(rc, CELERIAC_ERR_MEMORY);
        assert_null(conn);
    }
    assert_true(n > 2);
    store_conn_close(conn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_has_its_settings),
        cmocka_unit_test(former_session_is_ended),
        cmocka_unit_test(session_with_the_formers_number_is_spared),
        cmocka_unit_test(schema_is_judged),
        cmocka_unit_test(want_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
