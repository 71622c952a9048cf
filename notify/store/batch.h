/*
 * One batch of calls on one connection: as one statement where the kind allows it, row by row where
 * the data of some make the statement fail.
 */
#ifndef NOTIFY_STORE_BATCH_H
#define NOTIFY_STORE_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "notify/store/call.h"
#include "notify/store/kind.h"
#include "notify/store/params.h"
#include "notify/store/pipeline.h"

/* What is to become of a call after the run. */
enum store_call_state {
    STORE_CALL_OPEN,  /* unknown or not begun: the connection failed */
    STORE_CALL_DONE,  /* complete, call->error says how */
    STORE_CALL_RETRY, /* the server refused for a reason of its own: later again */
};

struct store_batch {
    const struct store_kind *kind;
    struct store_call **calls; /* room for the largest batch; may be sorted by the run */
    enum store_call_state *states;
    size_t count;
};

/* What happened. */
struct store_run {
    /* OK: the connection is fine; FAILED: the server wants us to reconnect; LOST, SILENT as they
     * are. */
    enum store_outcome outcome;
    struct store_failure failure; /* the last reason for something else than OK */
    unsigned statements;          /* answered */
    bool split;                   /* repeated row by row */
};

/*
 * Runs the batch and sets each call's state. p is scratch memory. On the thread that owns the
 * connection.
 */
void store_batch_run(struct store_pipeline *line, struct store_params *p,
                     const struct store_context *context, struct store_batch *batch,
                     struct store_run *run);

#endif
