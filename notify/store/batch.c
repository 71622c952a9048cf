#include "notify/store/batch.h"

#include <string.h>

static void set_states(struct store_batch *batch, enum store_call_state state)
{
    for (size_t i = 0; i < batch->count; i++)
        batch->states[i] = state;
}

/* Writes the parameters of some calls; false when they do not fit or memory is short. */
static bool bind(struct store_params *p, const struct store_context *context,
                 const struct store_kind *kind, struct store_call **calls, size_t count)
{
    store_params_clear(p);
    kind->bind(p, calls, count, context);
    return store_params_status(p) == CELERIAC_OK;
}

/* Fails a single call whose parameters cannot be written. */
static void fail_bind(struct store_call *call, const struct store_params *p)
{
    enum celeriac_err rc = store_params_status(p);
    (void)celeriac_error_set(&call->error, rc == CELERIAC_OK ? CELERIAC_ERR_MEMORY : rc,
                             "the request cannot be sent: %s", celeriac_err_name(rc));
}

static void take(const struct store_kind *kind, struct store_call **calls, size_t count,
                 PGresult *result)
{
    if (kind->take)
        kind->take(calls, count, result);
    PQclear(result);
}

/*
 * Whether the fault may lie with single rows: their data, or a lock that somebody holds on one of
 * them. Everything else concerns all rows alike.
 */
static bool is_worth_splitting(const struct store_failure *failure)
{
    return failure->fate == STORE_FATE_REFUSE || strcmp(failure->sqlstate, "55P03") == 0 ||
           strcmp(failure->sqlstate, "57014") == 0;
}

/* Reads the outcome of calls[i], which were sent one by one. */
static void receive_row(struct store_pipeline *line, struct store_batch *batch, size_t i,
                        struct store_run *run)
{
    PGresult *result = NULL;
    struct store_failure failure;
    enum store_outcome outcome = store_pipeline_receive(line, &result, &failure);
    if (outcome == STORE_OUTCOME_OK) {
        run->statements++;
        take(batch->kind, &batch->calls[i], 1, result);
        batch->states[i] = STORE_CALL_DONE;
        return;
    }
    run->failure = failure;
    if (outcome != STORE_OUTCOME_FAILED) {
        run->outcome = outcome;
        return;
    }
    run->statements++;
    if (failure.fate == STORE_FATE_REFUSE) {
        store_call_refuse(batch->calls[i], &failure);
        batch->states[i] = STORE_CALL_DONE;
    } else if (failure.fate == STORE_FATE_RETRY) {
        batch->states[i] = STORE_CALL_RETRY;
    } else {
        run->outcome = STORE_OUTCOME_FAILED;
    }
}

static bool is_usable(const struct store_run *run)
{
    return run->outcome == STORE_OUTCOME_OK || run->outcome == STORE_OUTCOME_FAILED;
}

/* Each call a transaction of its own, all in one round trip. */
static void run_rows(struct store_pipeline *line, struct store_params *p,
                     const struct store_context *context, struct store_batch *batch,
                     struct store_run *run)
{
    size_t sent = 0;
    set_states(batch, STORE_CALL_OPEN);
    for (; sent < batch->count; sent++) {
        struct store_call *call = batch->calls[sent];
        call->own.attempts++;
        if (!bind(p, context, batch->kind, &call, 1)) {
            fail_bind(call, p);
            batch->states[sent] = STORE_CALL_DONE;
        } else if (!store_pipeline_send(line, batch->kind, p)) {
            break;
        }
    }
    for (size_t i = 0; i < sent && is_usable(run); i++) {
        if (batch->states[i] != STORE_CALL_DONE)
            receive_row(line, batch, i, run);
    }
    if (sent < batch->count && is_usable(run))
        run->outcome = STORE_OUTCOME_LOST;
}

/* Judges a failed statement of all calls; false when it is to be repeated row by row. */
static bool judge_all(struct store_batch *batch, enum store_outcome outcome, struct store_run *run)
{
    if (outcome != STORE_OUTCOME_FAILED) {
        run->outcome = outcome;
        return true;
    }
    run->statements++;
    if (is_worth_splitting(&run->failure))
        return false;
    if (run->failure.fate == STORE_FATE_RETRY)
        set_states(batch, STORE_CALL_RETRY);
    else
        run->outcome = STORE_OUTCOME_FAILED;
    return true;
}

/* All calls as one statement; false when they are to be repeated row by row. */
static bool run_all(struct store_pipeline *line, struct store_params *p,
                    const struct store_context *context, struct store_batch *batch,
                    struct store_run *run)
{
    PGresult *result = NULL;
    if (!bind(p, context, batch->kind, batch->calls, batch->count))
        return false;
    for (size_t i = 0; i < batch->count; i++)
        batch->calls[i]->own.attempts++;
    if (!store_pipeline_send(line, batch->kind, p)) {
        run->outcome = STORE_OUTCOME_LOST;
        return true;
    }
    enum store_outcome outcome = store_pipeline_receive(line, &result, &run->failure);
    if (outcome != STORE_OUTCOME_OK)
        return judge_all(batch, outcome, run);
    run->statements++;
    take(batch->kind, batch->calls, batch->count, result);
    set_states(batch, STORE_CALL_DONE);
    return true;
}

void store_batch_run(struct store_pipeline *line, struct store_params *p,
                     const struct store_context *context, struct store_batch *batch,
                     struct store_run *run)
{
    memset(run, 0, sizeof *run);
    run->outcome = STORE_OUTCOME_OK;
    set_states(batch, STORE_CALL_OPEN);
    if (batch->kind->combined && batch->count > 1) {
        if (run_all(line, p, context, batch, run))
            return;
        run->split = true;
    }
    run_rows(line, p, context, batch, run);
}
