#include "notify/store/conn.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "notify/store/row.h"
#include "notify/store/schema.h"
#include "notify/store/sql.h"

/* Oldest server: pg_terminate_backend() waits for the end since 14. */
#define SERVER_VERSION_MIN 140000

/*
 * A server that is alive gives up a statement itself before we take it for dead: statement_timeout
 * is this much shorter than our own patience.
 */
#define SERVER_MARGIN_NS NS_PER_SEC

struct store_conn {
    PGconn *pg;
    struct store_pipeline line;
    struct store_backend backend;
};

/* Columns of sql/session.sql. */
enum { SESSION_PID, SESSION_START, SESSION_HAS_SCHEMA };

/* Columns of sql/schema_version.sql. */
enum { SCHEMA_VERSION, SCHEMA_READABLE_FROM };

/* Runs one statement of the set-up; `what` names it in errors. */
static enum celeriac_err run(struct store_conn *conn, const char *what, const char *sql,
                             const struct store_params *p, PGresult **result,
                             struct celeriac_error *err)
{
    struct store_failure failure;
    if (store_params_status(p) != CELERIAC_OK)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "%s: no memory", what);
    /* A refused send shows its reason when the answer is read. */
    (void)!store_pipeline_send_once(&conn->line, sql, p);
    if (store_pipeline_receive(&conn->line, result, &failure) != STORE_OUTCOME_OK)
        return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "%s: %s", what, failure.text);
    return CELERIAC_OK;
}

static void put_milliseconds(struct store_params *p, int64_t ns)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%lld", (long long)(ns / NS_PER_MS));
    store_params_bytes(p, (struct span){text, (size_t)len});
}

static enum celeriac_err set_up_session(struct store_conn *conn, bool *has_schema,
                                        struct celeriac_error *err)
{
    struct store_params p;
    PGresult *result = NULL;
    store_params_init(&p);
    put_milliseconds(&p, conn->line.timeout_ns - SERVER_MARGIN_NS);
    enum celeriac_err rc = run(conn, "session settings", store_sql_session, &p, &result, err);
    if (rc == CELERIAC_OK) {
        struct store_row row = {result, 0};
        conn->backend.pid = store_row_int4(row, SESSION_PID);
        conn->backend.start_us = store_row_time(row, SESSION_START);
        *has_schema = store_row_bool(row, SESSION_HAS_SCHEMA);
    }
    PQclear(result);
    store_params_close(&p);
    return rc;
}

static enum celeriac_err judge_schema(int version, int readable_from, struct celeriac_error *err)
{
    if (version < STORE_SCHEMA_VERSION)
        return celeriac_error_set(err, CELERIAC_ERR_UNSUPPORTED,
                                  "schema \"celeriac\" has version %d, this program needs %d: "
                                  "run `%s`",
                                  version, STORE_SCHEMA_VERSION, STORE_MIGRATE_COMMAND);
    if (readable_from > STORE_SCHEMA_VERSION)
        return celeriac_error_set(err, CELERIAC_ERR_UNSUPPORTED,
                                  "schema \"celeriac\" needs programs that know version %d, this "
                                  "one knows %d: upgrade it",
                                  readable_from, STORE_SCHEMA_VERSION);
    return CELERIAC_OK;
}

static enum celeriac_err check_schema(struct store_conn *conn, bool has_schema,
                                      struct celeriac_error *err)
{
    struct store_params none;
    PGresult *result = NULL;
    if (!has_schema)
        return celeriac_error_set(err, CELERIAC_ERR_UNSUPPORTED,
                                  "the database has no schema \"celeriac\": run `%s`",
                                  STORE_MIGRATE_COMMAND);
    store_params_init(&none);
    enum celeriac_err rc =
        run(conn, "schema version", store_sql_schema_version, &none, &result, err);
    if (rc == CELERIAC_OK) {
        struct store_row row = {result, 0};
        rc = judge_schema(store_row_int4(row, SCHEMA_VERSION),
                          store_row_int4(row, SCHEMA_READABLE_FROM), err);
    }
    PQclear(result);
    store_params_close(&none);
    return rc;
}

/* Makes sure that a lost session's statement cannot take effect any more. */
static enum celeriac_err end_former(struct store_conn *conn, const struct store_backend *former,
                                    struct celeriac_error *err)
{
    struct store_params p;
    PGresult *result = NULL;
    if (former->pid == 0)
        return CELERIAC_OK;
    store_params_init(&p);
    store_params_int4(&p, former->pid);
    store_params_time(&p, former->start_us);
    enum celeriac_err rc =
        run(conn, "end of the former session", store_sql_end_session, &p, &result, err);
    if (rc == CELERIAC_OK && PQntuples(result) > 0 &&
        !store_row_bool((struct store_row){result, 0}, 0))
        rc = celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "server process %d does not end",
                                (int)former->pid);
    PQclear(result);
    store_params_close(&p);
    return rc;
}

static enum celeriac_err set_up(struct store_conn *conn, int64_t timeout_ns,
                                const struct store_backend *former, struct celeriac_error *err)
{
    bool has_schema = false;
    if (PQserverVersion(conn->pg) < SERVER_VERSION_MIN)
        return celeriac_error_set(err, CELERIAC_ERR_UNSUPPORTED,
                                  "the server is older than PostgreSQL 14");
    if (!store_pipeline_init(&conn->line, conn->pg, timeout_ns))
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for a connection");
    enum celeriac_err rc = set_up_session(conn, &has_schema, err);
    if (rc == CELERIAC_OK)
        rc = end_former(conn, former, err);
    if (rc == CELERIAC_OK)
        rc = check_schema(conn, has_schema, err);
    return rc;
}

/* Servers send notices, e.g. of a shutdown; libpq would print them. */
static void ignore_notice(void *context, const PGresult *notice)
{
    (void)context;
    (void)notice;
}

enum celeriac_err store_conn_open(const struct store_login *login, int64_t statement_timeout_ns,
                                  const struct store_backend *former, struct store_conn **conn,
                                  struct celeriac_error *err)
{
    struct store_conn *made = mem_calloc(1, sizeof *made);
    if (!made)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for a connection");
    enum celeriac_err rc = store_login_connect(login, &made->pg, err);
    if (rc == CELERIAC_OK) {
        (void)PQsetNoticeReceiver(made->pg, ignore_notice, NULL);
        rc = set_up(made, statement_timeout_ns, former, err);
    }
    if (rc != CELERIAC_OK) {
        store_conn_close(made);
        return rc;
    }
    *conn = made;
    return CELERIAC_OK;
}

void store_conn_close(struct store_conn *conn)
{
    if (!conn)
        return;
    PQfinish(conn->pg);
    mem_free(conn);
}

struct store_backend store_conn_backend(const struct store_conn *conn)
{
    return conn->backend;
}

struct store_pipeline *store_conn_pipeline(struct store_conn *conn)
{
    return &conn->line;
}
