#include "tests/integration/store/blocker.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/integration/store/database.h"

struct blocker {
    PGconn *pg;
};

static void run(struct blocker *b, const char *sql)
{
    PGresult *result = PQexec(b->pg, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(b->pg));
    PQclear(result);
}

struct blocker *blocker_start(const char *format, ...)
{
    char sql[1024];
    va_list args;
    struct blocker *b = calloc(1, sizeof *b);
    assert_non_null(b);
    va_start(args, format);
    int len = vsnprintf(sql, sizeof sql, format, args);
    va_end(args);
    assert_in_range(len, 1, sizeof sql - 1);
    b->pg = PQconnectdb(getenv("PG_LOCAL_CONNINFO"));
    assert_int_equal(PQstatus(b->pg), CONNECTION_OK);
    run(b, "BEGIN");
    run(b, sql);
    return b;
}

static void finish(struct blocker *b, const char *verb)
{
    run(b, verb);
    PQfinish(b->pg);
    free(b);
}

void blocker_end(struct blocker *b)
{
    finish(b, "ROLLBACK");
}

void blocker_commit(struct blocker *b)
{
    finish(b, "COMMIT");
}

void blocker_await(int statements)
{
    for (int i = 0; i < 1000; i++) {
        if (database_number("SELECT count(*) FROM pg_stat_activity WHERE application_name ="
                            " 'celeriac' AND wait_event_type = 'Lock'") >= statements)
            return;
        database_sleep_ms(5);
    }
    fail_msg("no statement waits for the lock");
}
