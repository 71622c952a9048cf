/*
 * How PostgreSQL carries the statements out: plans are made once, so one that was made while the
 * tables were empty must not read them whole when they have grown.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notify/store/kind.h"
#include "notify/store/sends.h"
#include "notify/store/sql.h"
#include "tests/integration/store/database.h"

/* Kinds that may read a table whole, and why. */
static const struct {
    enum store_kind_id id;
    const char *reason;
} exempt[] = {
    {STORE_KIND_LIST_NOTIFICATIONS, "planned for its filters each time"},
    {STORE_KIND_LIST_DEAD_LETTERS, "planned each time"},
    {STORE_KIND_LIST_TEMPLATES, "planned each time"},
    {STORE_KIND_RETRY_DEAD_LETTERS, "planned each time"},
    {STORE_KIND_RECONCILE, "planned each time"},
    {STORE_KIND_LIST_WEBHOOK_MESSAGES, "planned for its filters each time"},
    {STORE_KIND_SCAN_WEBHOOKS, "planned each time"},
    {STORE_KIND_REGISTER_TENANT, "Django's table has no index on email"},
    {STORE_KIND_SWEEP_SENDERS, "once a minute, over tables of what is in flight"},
    {STORE_KIND_REMOVE_SENDER, "once in a process' life, over tables of what is in flight"},
};

static bool is_exempt(enum store_kind_id id)
{
    for (size_t i = 0; i < sizeof exempt / sizeof exempt[0]; i++) {
        if (exempt[i].id == id)
            return true;
    }
    return false;
}

static PGresult *expect(PGconn *pg, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s", PQerrorMessage(pg));
    return result;
}

/* A session with the store's own settings. */
static PGconn *open_session(void)
{
    const char *timeout[] = {"4000"};
    PGconn *pg = PQconnectdb(getenv("PG_CONNINFO"));
    assert_int_equal(PQstatus(pg), CONNECTION_OK);
    PQclear(expect(pg, PQexecParams(pg, store_sql_session, 1, NULL, timeout, NULL, NULL, 0)));
    return pg;
}

/* EXPLAIN EXECUTE of a prepared statement with NULL for each parameter: the generic plan. */
static PGresult *explain(PGconn *pg, const struct store_kind *kind)
{
    char sql[256];
    PGresult *described = expect(pg, PQdescribePrepared(pg, kind->name));
    int params = PQnparams(described);
    PQclear(described);
    int len = snprintf(sql, sizeof sql, "EXPLAIN EXECUTE %s", kind->name);
    for (int i = 0; i < params; i++)
        len += snprintf(sql + len, sizeof sql - (size_t)len, "%sNULL", i == 0 ? "(" : ", ");
    if (params > 0)
        (void)snprintf(sql + len, sizeof sql - (size_t)len, ")");
    return expect(pg, PQexec(pg, sql));
}

/* No table is read whole: neither as such nor through an index without a condition. */
static int check_plan(const struct store_kind *kind, const PGresult *plan)
{
    int bad = 0;
    for (int i = 0; i < PQntuples(plan); i++) {
        const char *line = PQgetvalue(plan, i, 0);
        const char *next = i + 1 < PQntuples(plan) ? PQgetvalue(plan, i + 1, 0) : "";
        bool by_index = strstr(line, "Index Scan") || strstr(line, "Index Only Scan");
        /* A walk in the index' own order, cut by LIMIT, needs no condition. */
        bool is_walk = strstr(line, "api_keys_pkey") || strstr(line, "outbox_claimed_until") ||
                       strstr(line, "idempotency_keys_created_at") ||
                       strstr(line, "webhook_messages_due");
        if (strstr(line, "Seq Scan") || (by_index && !is_walk && !strstr(next, "Index Cond")))
            print_error("%s reads a table whole: %s\n", kind->name, line), bad++;
    }
    return bad;
}

static void check_all(void)
{
    PGconn *pg = open_session();
    int bad = 0;
    for (unsigned id = 0; id < STORE_KIND_COUNT; id++) {
        const struct store_kind *kind = store_kinds[id];
        if (is_exempt(kind->id))
            continue;
        PQclear(expect(pg, PQprepare(pg, kind->name, kind->sql, 0, NULL)));
        PGresult *plan = explain(pg, kind);
        bad += check_plan(kind, plan);
        PQclear(plan);
    }
    PQfinish(pg);
    assert_int_equal(bad, 0);
}

static void plans_for_empty_tables_use_indexes(void **state)
{
    (void)state;
    check_all();
}

/* Thousands of rows in every table that may have as many. */
static void fill_tables(void)
{
    struct uuid tenant = database_tenant();
    struct uuid *ids = calloc(20000, sizeof *ids);
    assert_non_null(ids);
    database_run("INSERT INTO business_tenants SELECT gen_random_uuid(), 'n', n || '@example.com',"
                 " true, now(), now() FROM generate_series(1, 5000) n");
    database_run("INSERT INTO api_keys (key_hash, name, is_active, created_at, tenant_id) SELECT"
                 " 'h' || tenant_id, 'x', true, now(), tenant_id FROM business_tenants");
    database_run("INSERT INTO celeriac.key_digests SELECT sha256(key_hash::bytea), id, key_hash,"
                 " now() FROM api_keys");
    database_run("INSERT INTO templates (name, channel, body, variables, is_active, created_at,"
                 " updated_at, tenant_id) SELECT 't', 'sms', 'b', '{}', true, now(), now(),"
                 " tenant_id FROM business_tenants");
    database_notifications(&tenant, 0, ids, 20000);
    free(ids);
    database_run("INSERT INTO celeriac.outbox SELECT id, id, now(), now() FROM notifications");
    database_run("INSERT INTO celeriac.idempotency_keys SELECT id, id, id, '', '', now()"
                 " FROM notifications");
    database_run("INSERT INTO celeriac.send_claims SELECT id, id, 1, now() FROM notifications");
    database_run("INSERT INTO celeriac.send_failures SELECT id, id, now(), 'e' FROM notifications");
    database_run(
        "INSERT INTO celeriac.template_versions SELECT id, 1, name, channel, subject, body,"
        " variables, now() FROM templates");
    database_run(
        "INSERT INTO celeriac.tenant_limits SELECT tenant_id, 10, 20 FROM business_tenants");
    database_run("INSERT INTO celeriac.senders SELECT id, now(), now() FROM notifications");
    database_run("INSERT INTO celeriac.webhooks (id, tenant_id, url, secret) SELECT"
                 " gen_random_uuid(), tenant_id, 'u', 's' FROM business_tenants");
    database_run("INSERT INTO celeriac.webhook_messages (id, webhook_id, tenant_id, event,"
                 " occurrence, payload) SELECT gen_random_uuid(), w.id, w.tenant_id, 'e', w.id,"
                 " '{}' FROM celeriac.webhooks w");
    database_run("INSERT INTO dead_letters SELECT id, 'r', 3, now(), id FROM notifications");
}

static void plans_for_full_tables_use_indexes(void **state)
{
    (void)state;
    fill_tables();
    check_all();
    database_run("ANALYZE");
    check_all();
}

/* Begins sends of random notifications, one by one. */
static void begin_some(struct store *s, int count)
{
    for (int i = 0; i < count; i++) {
        struct uuid id = database_uuid();
        struct store_begin_send begin;
        assert_int_equal(store_begin_send(s, &id, &begin), CELERIAC_OK);
        store_call_release(&begin.call);
    }
}

/* Rows that were read through indexes of notifications; servers report with some delay. */
static int64_t rows_read(void)
{
    database_sleep_ms(1500);
    return database_number("SELECT sum(idx_tup_read) FROM pg_stat_user_indexes"
                           " WHERE relname = 'notifications'");
}

static void plans_follow_growing_tables(void **state)
{
    (void)state;
    (void)database_set_up(NULL);
    struct uuid tenant = database_tenant();
    (void)database_notification(&tenant, "pending", 0);
    /* Sure to be wrong later: a table of one row, by its statistics too. */
    database_run("ALTER TABLE notifications SET (autovacuum_enabled = off); ANALYZE notifications");
    struct store *s = database_sender(&(struct store_options){.connections = 1}, NULL);
    begin_some(s, 20);
    fill_tables();
    database_sleep_ms(1100);
    begin_some(s, 1);
    int64_t before = rows_read();
    begin_some(s, 100);
    store_destroy(s);
    assert_in_range(rows_read() - before, 0, 10000);
}

static void every_kind_is_in_the_table(void **state)
{
    (void)state;
    for (unsigned id = 0; id < STORE_KIND_COUNT; id++) {
        assert_non_null(store_kinds[id]);
        assert_int_equal(store_kinds[id]->id, id);
        assert_non_null(store_kinds[id]->bind);
        for (unsigned other = 0; other < id; other++)
            assert_string_not_equal(store_kinds[id]->name, store_kinds[other]->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_for_empty_tables_use_indexes),
        cmocka_unit_test(plans_for_full_tables_use_indexes),
        cmocka_unit_test(plans_follow_growing_tables),
        cmocka_unit_test(every_kind_is_in_the_table),
    };
    return cmocka_run_group_tests(tests, database_set_up, NULL);
}
