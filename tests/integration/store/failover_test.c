/* Several servers of which one can be written to, as libpq's multi-host strings name them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "notify/store/sends.h"
#include "tests/integration/store/database.h"

/* Runs one statement on the standby and returns whether its first value is 't'. */
static bool ask_standby(const char *sql)
{
    PGconn *pg = PQconnectdb(getenv("PG_STANDBY_ADMIN_CONNINFO"));
    PGresult *result = PQexec(pg, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(pg));
    bool answer = strcmp(PQgetvalue(result, 0, 0), "t") == 0;
    PQclear(result);
    PQfinish(pg);
    return answer;
}

/* A store on these hosts, which must be given up as soon as possible. */
static struct store *store_of(const char *hosts, const char *ports)
{
    static const char *const names[] = {"dbname", "host", "port", NULL};
    const char *const values[] = {getenv("PG_CONNINFO"), hosts, ports, NULL};
    struct celeriac_error err = {0};
    struct store *s = NULL;
    const struct store_options options = {.server = {names, values},
                                          .statement_timeout_ns = 2 * NS_PER_SEC};
    if (store_create(&options, &s, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    return s;
}

static struct store *store_of_both(void)
{
    char ports[32];
    (void)snprintf(ports, sizeof ports, "%s,%s", getenv("PG_STANDBY_PORT"), getenv("DB_PORT"));
    return store_of("127.0.0.1,127.0.0.1", ports);
}

static void begin(struct store *s, const struct uuid *id)
{
    struct store_begin_send begin;
    assert_int_equal(store_begin_send(s, id, &begin), CELERIAC_OK);
    assert_int_equal(begin.state, STORE_SEND_READY);
    store_call_release(&begin.call);
}

static void standby_alone_is_of_no_use(void **state)
{
    struct celeriac_error err = {0};
    struct store *s = store_of("127.0.0.1", getenv("PG_STANDBY_PORT"));
    (void)state;
    database_await_reason(s, "read-only", &err);
    store_destroy(s);
}

/* The primary is given up while its sessions live, as by an operator: they must not be kept. */
static void primary_that_becomes_read_only_is_waited_for(void **state)
{
    struct uuid tenant = database_tenant();
    struct uuid id = database_notification(&tenant, "pending", 0);
    struct uuid sender = database_uuid();
    struct store_begin_send call;
    struct celeriac_error err = {0};
    struct store *s = store_of_both();
    (void)state;
    if (store_start_sender(s, &sender, clock_monotonic_ns() + 20 * NS_PER_SEC, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    database_run_as_admin("ALTER SYSTEM SET default_transaction_read_only = on");
    database_run_as_admin("SELECT pg_reload_conf()");
    database_sleep_ms(300);
    store_begin_send_init(&call, &id);
    call.call.deadline_ns = clock_monotonic_ns() + 2 * NS_PER_SEC;
    assert_int_equal(store_run(s, &call.call), CELERIAC_ERR_TIMEOUT);
    store_call_release(&call.call);
    database_run_as_admin("ALTER SYSTEM RESET default_transaction_read_only");
    database_run_as_admin("SELECT pg_reload_conf()");
    begin(s, &id);
    store_destroy(s);
}

static void promoted_standby_takes_over(void **state)
{
    struct uuid tenant = database_tenant();
    struct uuid first = database_notification(&tenant, "pending", 0);
    struct uuid second = database_notification(&tenant, "pending", 0);
    struct uuid sender = database_uuid();
    struct celeriac_error err = {0};
    char sql[128];
    struct store *s = store_of_both();
    (void)state;
    if (store_start_sender(s, &sender, clock_monotonic_ns() + 20 * NS_PER_SEC, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    begin(s, &first);
    (void)snprintf(sql, sizeof sql, "SELECT pg_last_wal_replay_lsn() >= '%s'::pg_lsn",
                   database_text("SELECT pg_current_wal_lsn()"));
    for (int i = 0; i < 2000 && !ask_standby(sql); i++)
        database_sleep_ms(10);
    assert_true(ask_standby(sql));
    database_tell("kill");
    assert_true(ask_standby("SELECT pg_promote()"));
    /* What was begun there is ended here, and nothing has failed in between. */
    assert_int_equal(store_mark_sent(s, &first, clock_wall_us(), SPAN("{}"), &err), CELERIAC_OK);
    begin(s, &second);
    assert_true(ask_standby("SELECT count(*) = 1 FROM notifications WHERE status = 'sent'"));
    assert_true(ask_standby("SELECT count(*) = 1 FROM celeriac.send_claims"));
    store_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standby_alone_is_of_no_use),
        cmocka_unit_test(primary_that_becomes_read_only_is_waited_for),
        cmocka_unit_test(promoted_standby_takes_over),
    };
    return cmocka_run_group_tests(tests, database_set_up, NULL);
}
