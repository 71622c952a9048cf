#include "notify/store/migrate.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/parse_num.h"
#include "notify/store/login.h"
#include "notify/store/schema.h"
#include "notify/store/sql.h"

/* Tables that Django's first migrations of the two apps make. */
#define TABLE_COUNT 5

/*
 * Migrations in their order; the number of a version is its place, from 1. Never change one that
 * was released: add the next. `readable_from` is the oldest STORE_SCHEMA_VERSION that can work with
 * the result; raise it only where older programs would do harm.
 */
static const struct {
    const char *sql;
    int readable_from;
} migrations[] = {
    {store_sql_0001_celeriac, 1},
    {store_sql_0002_send_failures, 1},
    {store_sql_0003_accept, 1},
    {store_sql_0004_template_versions, 1},
    {store_sql_0005_limits, 1},
    {store_sql_0006_trace, 1},
    {store_sql_0007_webhooks, 1},
    {store_sql_0008_webhook_places, 1},
    {store_sql_0009_webhook_scan_parts, 1},
};

#define MIGRATION_COUNT ((int)(sizeof migrations / sizeof migrations[0]))

_Static_assert(sizeof migrations / sizeof migrations[0] == STORE_SCHEMA_VERSION,
               "the last migration makes the version that the programs need");

/* Says what is missing when the server refuses for want of a privilege (42501). */
static enum celeriac_err report(const PGconn *pg, const PGresult *result, const char *what,
                                const char *grant, struct celeriac_error *err)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (sqlstate && strcmp(sqlstate, "42501") == 0 && grant)
        return celeriac_error_set(err, CELERIAC_ERR_AUTH,
                                  "%s: the role \"%s\" may not: run %s as "
                                  "the database's owner",
                                  what, PQuser(pg), grant);
    if (!message)
        message = PQerrorMessage(pg);
    return celeriac_error_set(err,
                              sqlstate && strcmp(sqlstate, "42501") == 0 ? CELERIAC_ERR_AUTH
                                                                         : CELERIAC_ERR_UNAVAILABLE,
                              "%s: %.*s", what, (int)strcspn(message, "\n"), message);
}

/* Runs one of our SQL texts, perhaps several statements; the first error counts. */
static enum celeriac_err run(PGconn *pg, const char *what, const char *sql, const char *grant,
                             struct celeriac_error *err)
{
    PGresult *result;
    enum celeriac_err rc = CELERIAC_OK;
    if (!PQsendQuery(pg, sql))
        return report(pg, NULL, what, grant, err);
    while ((result = PQgetResult(pg))) {
        ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && rc == CELERIAC_OK)
            rc = report(pg, result, what, grant, err);
        PQclear(result);
    }
    return rc;
}

/* Runs a query whose only row holds small numbers. */
static enum celeriac_err query(PGconn *pg, const char *what, const char *sql, int *numbers,
                               int count, struct celeriac_error *err)
{
    PGresult *result = PQexecParams(pg, sql, 0, NULL, NULL, NULL, NULL, 0);
    enum celeriac_err rc = CELERIAC_OK;
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        rc = report(pg, result, what, NULL, err);
    for (int i = 0; rc == CELERIAC_OK && i < count; i++) {
        int64_t n = 0;
        if (parse_int64(span_of(PQgetvalue(result, 0, i)), 0, INT32_MAX, &n) != CELERIAC_OK)
            rc = celeriac_error_set(err, CELERIAC_ERR_PROTOCOL, "%s: not a number", what);
        numbers[i] = (int)n;
    }
    PQclear(result);
    return rc;
}

/* A GRANT for this role, quoted as identifiers; the name is cut rather than the command run wrong.
 */
struct grant {
    char text[160];
};

static struct grant make_grant(PGconn *pg, const char *privilege, const char *object)
{
    struct grant g;
    char *user = PQescapeIdentifier(pg, PQuser(pg), strlen(PQuser(pg)));
    char *name = PQescapeIdentifier(pg, object, strlen(object));
    (void)snprintf(g.text, sizeof g.text, "`GRANT CREATE ON %s %s TO %s`", privilege,
                   name ? name : object, user ? user : PQuser(pg));
    PQfreemem(user);
    PQfreemem(name);
    return g;
}

/* Django's tables: all there, or none and then made. */
static enum celeriac_err make_tables(PGconn *pg, struct store_migration *m,
                                     struct celeriac_error *err)
{
    int found = 0;
    enum celeriac_err rc = query(pg, "look for tables", store_sql_count_tables, &found, 1, err);
    if (rc != CELERIAC_OK)
        return rc;
    if (found == TABLE_COUNT)
        return CELERIAC_OK;
    if (found != 0)
        return celeriac_error_set(err, CELERIAC_ERR_UNSUPPORTED,
                                  "the schema \"public\" has %d of the service's %d tables: finish "
                                  "or undo what made them",
                                  found, TABLE_COUNT);
    m->made_tables = true;
    struct grant grant = make_grant(pg, "SCHEMA", "public");
    return run(pg, "create tables", store_sql_django_tables, grant.text, err);
}

static enum celeriac_err make_schema(PGconn *pg, struct store_migration *m,
                                     struct celeriac_error *err)
{
    int exists[2] = {0, 0};
    int versions[2] = {0, 0};
    enum celeriac_err rc =
        query(pg, "look for schema celeriac", store_sql_find_schema, exists, 2, err);
    if (rc == CELERIAC_OK && !exists[0]) {
        struct grant grant = make_grant(pg, "DATABASE", PQdb(pg));
        rc = run(pg, "create schema celeriac", store_sql_create_schema, grant.text, err);
    }
    if (rc == CELERIAC_OK && !exists[1]) {
        struct grant grant = make_grant(pg, "SCHEMA", "celeriac");
        rc = run(pg, "create table of migrations", store_sql_schema_migrations, grant.text, err);
    }
    if (rc == CELERIAC_OK)
        rc = query(pg, "read schema version", store_sql_found_version, versions, 2, err);
    if (rc == CELERIAC_OK && versions[1] > STORE_SCHEMA_VERSION)
        rc = celeriac_error_set(err, CELERIAC_ERR_UNSUPPORTED,
                                "schema \"celeriac\" needs programs that know version %d, this one "
                                "knows %d: upgrade it",
                                versions[1], STORE_SCHEMA_VERSION);
    if (rc == CELERIAC_OK)
        m->from = m->to = versions[0];
    return rc;
}

static enum celeriac_err record(PGconn *pg, int version, int readable_from,
                                struct celeriac_error *err)
{
    char numbers[2][16];
    const char *values[2] = {numbers[0], numbers[1]};
    (void)snprintf(numbers[0], sizeof numbers[0], "%d", version);
    (void)snprintf(numbers[1], sizeof numbers[1], "%d", readable_from);
    PGresult *result = PQexecParams(pg, store_sql_record_migration, 2, NULL, values, NULL, NULL, 0);
    enum celeriac_err rc = CELERIAC_OK;
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        rc = report(pg, result, "record migration", NULL, err);
    PQclear(result);
    return rc;
}

/* Everything inside the transaction. */
static enum celeriac_err migrate(PGconn *pg, struct store_migration *m, struct celeriac_error *err)
{
    enum celeriac_err rc = run(pg, "begin", store_sql_begin_migration, NULL, err);
    if (rc == CELERIAC_OK)
        rc = make_tables(pg, m, err);
    if (rc == CELERIAC_OK)
        rc = make_schema(pg, m, err);
    while (rc == CELERIAC_OK && m->to < MIGRATION_COUNT) {
        struct grant grant = make_grant(pg, "SCHEMA", "celeriac");
        rc = run(pg, "migrate", migrations[m->to].sql, grant.text, err);
        if (rc == CELERIAC_OK)
            rc = record(pg, m->to + 1, migrations[m->to].readable_from, err);
        if (rc == CELERIAC_OK)
            m->to++;
    }
    if (rc == CELERIAC_OK)
        rc = run(pg, "commit", store_sql_commit, NULL, err);
    return rc;
}

static void ignore_notice(void *context, const PGresult *notice)
{
    (void)context;
    (void)notice;
}

enum celeriac_err store_migrate(const struct store_server *server, struct store_migration *result,
                                struct celeriac_error *err)
{
    struct store_login *login = NULL;
    PGconn *pg = NULL;
    struct store_migration m = {0};
    enum celeriac_err rc = store_login_create(server, "celeriac-migrate", &login, err);
    if (rc == CELERIAC_OK)
        rc = store_login_connect(login, &pg, err);
    if (rc == CELERIAC_OK) {
        (void)PQsetNoticeReceiver(pg, ignore_notice, NULL);
        rc = migrate(pg, &m, err);
    }
    if (rc == CELERIAC_OK && m.to != m.from)
        log_info("store", "database migrated", LOG_INT("from", m.from), LOG_INT("to", m.to),
                 LOG_STR("made_tables", m.made_tables ? "yes" : "no"));
    if (rc == CELERIAC_OK && result)
        *result = m;
    /* Closing the connection rolls back what was not committed. */
    PQfinish(pg);
    store_login_destroy(login);
    return rc;
}
