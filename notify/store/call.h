/*
 * How work is given to a store.
 *
 * Each kind of call is a struct whose first member is `struct store_call call`, with the request's
 * fields and, after completion, the result's. It is the caller's memory and must stay where it is
 * until completion, as must everything its spans point to.
 *
 *     struct store_get_template get;
 *     store_get_template_init(&get, &tenant_id, template_id);
 *     enum celeriac_err rc = store_run(store, &get.call);         // blocks this thread
 *     ... get.row, or get.call.error.text ...
 *     store_call_release(&get.call);
 *
 * or, without blocking: set call.done (and call.context), store_submit(), and read the result in
 * the callback or later.
 *
 * Codes that every kind can end with, in call.error.code:
 *   CELERIAC_OK
 *   CELERIAC_ERR_VALUE     the data is refused; the text names the field and is safe to log
 *   CELERIAC_ERR_LIMIT     too many calls wait (see store_options.waiting)
 *   CELERIAC_ERR_TIMEOUT   the deadline passed; a write may or may not have happened. A call that
 * is being executed then ends at most statement_timeout_ns later CELERIAC_ERR_SHUTDOWN  the store
 * stops; a write that had begun may or may not have happened CELERIAC_ERR_MEMORY and the codes that
 * the kind itself names, such as CELERIAC_ERR_NOT_FOUND. A database that is away shows only as
 * CELERIAC_ERR_TIMEOUT of calls that have a deadline.
 */
#ifndef NOTIFY_STORE_CALL_H
#define NOTIFY_STORE_CALL_H

#include <stddef.h>
#include <stdint.h>

#include "celeriac/error.h"

struct store;
struct store_kind;

/* A time that is not there (SQL NULL). Times are microseconds since 1970-01-01T00:00:00Z. */
#define STORE_NO_TIME INT64_MIN

struct store_call {
    /*
     * Called once when the call is complete, on a thread of the store, without locks held. It must
     * not block and may submit further calls, release this one or free its memory. Not used by
     * store_run().
     */
    void (*done)(struct store_call *call);
    void *context;               /* the caller's; the store does not look at it */
    int64_t deadline_ns;         /* CLOCK_MONOTONIC; 0: none, held until the store stops */
    struct celeriac_error error; /* the outcome; code is CELERIAC_OK on success */

    /* The store's own; set by the kind's init function. */
    struct {
        const struct store_kind *kind;
        struct store_call *next;
        uint64_t order;    /* of submission: the oldest call decides which kind runs next */
        int64_t due_ns;    /* held until then */
        unsigned owner;    /* held until this connection is back, 0 for none */
        unsigned attempts; /* times it was sent */
        size_t bytes;      /* size of the request, for the limit on a batch */
        void *block;       /* memory that the result's spans point into */
    } own;
};

/*
 * Gives a call to the store and returns at once. CELERIAC_OK: call->done will be called exactly
 * once, perhaps before this returns. Otherwise (VALUE, LIMIT, SHUTDOWN, MEMORY) it is never called
 * and call->error tells why. Any thread.
 */
enum celeriac_err store_submit(struct store *s, struct store_call *call) CELERIAC_MUST_CHECK;

/*
 * Gives a call to the store, waits until it is complete and returns call->error.code. Any thread
 * but the store's own; hundreds may wait at once.
 */
enum celeriac_err store_run(struct store *s, struct store_call *call) CELERIAC_MUST_CHECK;

/*
 * Releases what the result points to; the call may then be initialised again. Needed after every
 * completed call, also after a failed one; harmless when repeated or when it was never submitted.
 */
void store_call_release(struct store_call *call);

#endif
