#include "notify/store/pipeline.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "notify/store/sql.h"

/* Patience with kinds that may take minutes (kind.h, is_slow). */
#define SLOW_TIMEOUT_NS (600 * NS_PER_SEC)

/* How long plans are kept. */
#define PLANS_NS NS_PER_SEC

/* A prelude's statement is named after its kind's. */
#define PRELUDE_SUFFIX ".prelude"
#define STATEMENT_NAME_MAX 64

bool store_pipeline_init(struct store_pipeline *line, PGconn *pg, int64_t timeout_ns)
{
    memset(line, 0, sizeof *line);
    line->pg = pg;
    line->timeout_ns = timeout_ns;
    return PQsetnonblocking(pg, 1) == 0 && PQenterPipelineMode(pg);
}

/* Queues the preparation of the kind's statements, in front of their first use. */
static bool prepare(struct store_pipeline *line, const struct store_kind *kind,
                    const char *prelude_name)
{
    line->preparing = kind;
    line->prepares_prelude = kind->prelude && !line->prelude_ready[kind->id];
    if (line->prepares_prelude && !PQsendPrepare(line->pg, prelude_name, kind->prelude, 0, NULL))
        return false;
    line->prelude_ready[kind->id] = true;
    line->statement_ready[kind->id] = true;
    return PQsendPrepare(line->pg, kind->name, kind->sql, 0, NULL);
}

/* Queues the order to forget the plans, when it is time. */
static bool discard_plans(struct store_pipeline *line)
{
    int64_t now = clock_monotonic_ns();
    if (now - line->planned_ns < PLANS_NS)
        return true;
    line->planned_ns = now;
    line->discards_plans = true;
    return PQsendQueryParams(line->pg, store_sql_discard_plans, 0, NULL, NULL, NULL, NULL, 1);
}

static bool send_kind(struct store_pipeline *line, const struct store_kind *kind,
                      const struct store_params_view *view)
{
    char prelude_name[STATEMENT_NAME_MAX];
    if (!discard_plans(line))
        return false;
    (void)snprintf(prelude_name, sizeof prelude_name, "%s" PRELUDE_SUFFIX, kind->name);
    if (!line->statement_ready[kind->id] && !prepare(line, kind, prelude_name))
        return false;
    if (kind->prelude && !PQsendQueryPrepared(line->pg, prelude_name, kind->prelude_params,
                                              view->values, view->lengths, view->formats, 1))
        return false;
    return PQsendQueryPrepared(line->pg, kind->name, view->count, view->values, view->lengths,
                               view->formats, 1) &&
           PQpipelineSync(line->pg);
}

bool store_pipeline_send(struct store_pipeline *line, const struct store_kind *kind,
                         const struct store_params *p)
{
    struct store_params_view view;
    store_params_view(p, &view);
    line->patience_ns = kind->is_slow ? SLOW_TIMEOUT_NS : line->timeout_ns;
    if (kind->patience_ns > 0)
        line->patience_ns = kind->patience_ns;
    if (!line->broken && !send_kind(line, kind, &view))
        line->broken = true;
    return !line->broken;
}

bool store_pipeline_send_once(struct store_pipeline *line, const char *sql,
                              const struct store_params *p)
{
    struct store_params_view view;
    store_params_view(p, &view);
    line->patience_ns = line->timeout_ns;
    if (!line->broken && !(PQsendQueryParams(line->pg, sql, view.count, NULL, view.values,
                                             view.lengths, view.formats, 1) &&
                           PQpipelineSync(line->pg)))
        line->broken = true;
    return !line->broken;
}

static void describe(struct store_failure *failure, const char *text)
{
    if (failure->text[0])
        return;
    memset(failure, 0, sizeof *failure);
    failure->fate = STORE_FATE_RECONNECT;
    (void)snprintf(failure->text, sizeof failure->text, "%.*s", (int)strcspn(text, "\n"), text);
}

/* What an end of the connection is: the kernel's timeouts mean silence, everything else an end. */
static enum store_outcome ended(struct store_pipeline *line, struct store_failure *failure)
{
    int error = errno;
    line->broken = true;
    describe(failure, PQerrorMessage(line->pg));
    return error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH
               ? STORE_OUTCOME_SILENT
               : STORE_OUTCOME_LOST;
}

/* Sends and reads until a result is there. OK, LOST or SILENT. */
static enum store_outcome wait_for_result(struct store_pipeline *line, int64_t deadline_ns,
                                          struct store_failure *failure)
{
    while (PQisBusy(line->pg)) {
        errno = 0;
        int unsent = PQflush(line->pg);
        if (unsent < 0)
            return ended(line, failure);
        struct pollfd fd = {.fd = PQsocket(line->pg), .events = POLLIN};
        if (unsent > 0)
            fd.events |= POLLOUT;
        int ready = poll(&fd, 1, clock_poll_ms(clock_monotonic_ns(), deadline_ns));
        if (ready < 0 && errno != EINTR)
            return ended(line, failure);
        if (ready == 0 && clock_monotonic_ns() >= deadline_ns) {
            line->broken = true;
            describe(failure, "the server does not answer");
            return STORE_OUTCOME_SILENT;
        }
        errno = 0;
        if (ready > 0 && (fd.revents & ~POLLOUT) && !PQconsumeInput(line->pg))
            return ended(line, failure);
    }
    return STORE_OUTCOME_OK;
}

/* What the results of one transaction add up to. */
struct gathered {
    PGresult *last; /* of the last statement that succeeded */
    unsigned good;  /* statements that succeeded */
    bool failed;
};

/* Notes which statements were prepared although the transaction failed. */
static void note_prepared(struct store_pipeline *line, const struct gathered *g)
{
    const struct store_kind *kind = line->preparing;
    unsigned before = line->discards_plans ? 1 : 0;
    line->preparing = NULL;
    line->discards_plans = false;
    if (!kind || !g->failed)
        return;
    if (line->prepares_prelude)
        line->prelude_ready[kind->id] = g->good > before++;
    line->statement_ready[kind->id] = g->good > before;
}

/* Takes one result into account; true when it ends the transaction. */
static bool gather(struct gathered *g, PGresult *result, struct store_failure *failure)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        PQclear(g->last);
        g->last = result;
        g->good++;
        return false;
    }
    if (status == PGRES_FATAL_ERROR && !g->failed) {
        store_failure_read(result, failure);
        g->failed = true;
    }
    PQclear(result);
    return status == PGRES_PIPELINE_SYNC;
}

enum store_outcome store_pipeline_receive(struct store_pipeline *line, PGresult **result,
                                          struct store_failure *failure)
{
    int64_t deadline = clock_monotonic_ns() + line->patience_ns;
    struct gathered g = {0};
    bool complete = false;
    memset(failure, 0, sizeof *failure);
    while (!complete) {
        enum store_outcome outcome = STORE_OUTCOME_LOST;
        if (!line->broken)
            outcome = wait_for_result(line, deadline, failure);
        if (outcome != STORE_OUTCOME_OK) {
            describe(failure, PQerrorMessage(line->pg));
            PQclear(g.last);
            return outcome;
        }
        PGresult *next = PQgetResult(line->pg);
        if (next)
            complete = gather(&g, next, failure);
        if (PQstatus(line->pg) != CONNECTION_OK && !complete)
            line->broken = true;
    }
    note_prepared(line, &g);
    if (g.failed) {
        PQclear(g.last);
        return STORE_OUTCOME_FAILED;
    }
    *result = g.last;
    return STORE_OUTCOME_OK;
}

bool store_pipeline_is_dead(struct store_pipeline *line)
{
    struct pollfd fd = {.fd = PQsocket(line->pg), .events = POLLIN};
    if (line->broken || fd.fd < 0)
        return true;
    /* Readable while nothing was asked: a notice, or last words and then the end. */
    while (poll(&fd, 1, 0) > 0) {
        if (!PQconsumeInput(line->pg) || PQstatus(line->pg) != CONNECTION_OK)
            return true;
    }
    return false;
}
