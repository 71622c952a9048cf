/*
 * Transactions sent over a connection in libpq's pipeline mode, and their outcomes. Statements are
 * prepared on first use. Every wait has a deadline. One thread at a time.
 */
#ifndef NOTIFY_STORE_PIPELINE_H
#define NOTIFY_STORE_PIPELINE_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "notify/store/failure.h"
#include "notify/store/kind.h"
#include "notify/store/params.h"

/* What came of a transaction. */
enum store_outcome {
    STORE_OUTCOME_OK = 1,
    STORE_OUTCOME_FAILED, /* the server answered with an error; it did nothing */
    STORE_OUTCOME_LOST,   /* the connection ended: committed or not, but no longer running */
    STORE_OUTCOME_SILENT  /* no answer in time: it may even commit later */
};

/* A connection's state; the fields are the module's own. */
struct store_pipeline {
    PGconn *pg;          /* borrowed */
    int64_t timeout_ns;  /* patience with the server for one answer */
    bool broken;         /* libpq refused something: nothing more can be sent */
    int64_t patience_ns; /* with the answer to what was sent last */
    bool statement_ready[STORE_KIND_COUNT];
    bool prelude_ready[STORE_KIND_COUNT];
    /* The transaction that prepares its statements: always the first that is received next. */
    const struct store_kind *preparing;
    bool prepares_prelude;
    /*
     * Plans fit the tables' sizes at their making. They are made anew once a second while
     * statements run, since a table that was empty may hold thousands of rows a second later, and
     * nobody but autovacuum, in its own time, would tell.
     */
    int64_t planned_ns;
    bool discards_plans; /* as does the transaction that is received next */
};

/* Switches an idle connection to pipeline mode; false when libpq cannot. */
bool store_pipeline_init(struct store_pipeline *line, PGconn *pg, int64_t timeout_ns)
    __attribute__((warn_unused_result));

/*
 * Queues one transaction: the kind's statement with these parameters. All that is queued before the
 * next store_pipeline_receive() must be of one kind. False when the connection is unusable.
 */
bool store_pipeline_send(struct store_pipeline *line, const struct store_kind *kind,
                         const struct store_params *p) __attribute__((warn_unused_result));

/* Queues one transaction with a statement that is used once. */
bool store_pipeline_send_once(struct store_pipeline *line, const char *sql,
                              const struct store_params *p) __attribute__((warn_unused_result));

/*
 * Sends what is queued and reads the outcome of the first transaction that was not received yet.
 * OK: *result is the statement's result, which the caller clears. FAILED: *failure says why. LOST
 * and SILENT: the connection is of no use any more, *failure says why, and what became of the rest
 * of the queue is unknown.
 */
enum store_outcome store_pipeline_receive(struct store_pipeline *line, PGresult **result,
                                          struct store_failure *failure)
    __attribute__((warn_unused_result));

/* Whether the server ended an idle connection. Does not block. */
bool store_pipeline_is_dead(struct store_pipeline *line);

#endif
