#include "notify/store/inspect.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "base/parse_num.h"
#include "base/span.h"
#include "notify/store/login.h"
#include "notify/store/sql.h"

/* Columns of sql/inspect.sql, and of sql/found_version.sql. */
enum { COLUMN_SERVER, COLUMN_TABLES, COLUMN_MIGRATED, COLUMN_MISSING };
enum { COLUMN_VERSION, COLUMN_READABLE };

static enum celeriac_err query(PGconn *pg, const char *sql, PGresult **result,
                               struct celeriac_error *err)
{
    const char *message;

    *result = PQexecParams(pg, sql, 0, NULL, NULL, NULL, NULL, 0);
    if (PQresultStatus(*result) == PGRES_TUPLES_OK && PQntuples(*result) == 1)
        return CELERIAC_OK;
    message = PQerrorMessage(pg);
    return celeriac_error_set(err, CELERIAC_ERR_PROTOCOL, "%.*s", (int)strcspn(message, "\n"),
                              message);
}

static int number_at(const PGresult *result, int column)
{
    int64_t n = 0;

    (void)!parse_int64(span_of(PQgetvalue(result, 0, column)), 0, INT32_MAX, &n);
    return (int)n;
}

static enum celeriac_err look(PGconn *pg, struct store_inspection *found,
                              struct celeriac_error *err)
{
    PGresult *here = NULL, *version = NULL;
    enum celeriac_err rc = query(pg, store_sql_inspect, &here, err);

    if (rc == CELERIAC_OK) {
        (void)snprintf(found->server, sizeof found->server, "%s",
                       PQgetvalue(here, 0, COLUMN_SERVER));
        (void)snprintf(found->missing, sizeof found->missing, "%s",
                       PQgetvalue(here, 0, COLUMN_MISSING));
        found->tables = number_at(here, COLUMN_TABLES);
    }
    /* Without the privilege to read it the list above says so. */
    if (rc == CELERIAC_OK && number_at(here, COLUMN_MIGRATED) > 0 && found->missing[0] == '\0') {
        rc = query(pg, store_sql_found_version, &version, err);
        found->version = rc == CELERIAC_OK ? number_at(version, COLUMN_VERSION) : 0;
        found->readable_from = rc == CELERIAC_OK ? number_at(version, COLUMN_READABLE) : 0;
    }
    PQclear(here);
    PQclear(version);
    return rc;
}

enum celeriac_err store_inspect(const struct store_server *server,
                                struct store_inspection *inspection, struct celeriac_error *err)
{
    struct store_inspection found = {.tables = 0};
    struct store_login *login = NULL;
    PGconn *pg = NULL;
    enum celeriac_err rc = store_login_create(server, "celeriac-check", &login, err);

    if (rc == CELERIAC_OK)
        rc = store_login_connect(login, &pg, err);
    if (rc == CELERIAC_OK)
        rc = look(pg, &found, err);
    if (rc == CELERIAC_OK)
        *inspection = found;
    PQfinish(pg);
    store_login_destroy(login);
    return rc;
}
