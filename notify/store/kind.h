/*
 * Kinds of call: one row of a table for each, so that queues, batches and connections treat all
 * alike.
 */
#ifndef NOTIFY_STORE_KIND_H
#define NOTIFY_STORE_KIND_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "celeriac/error.h"
#include "notify/store/call.h"
#include "notify/store/failure.h"
#include "notify/store/params.h"

/* In the order of preference where ages are equal; the first is served before all others. */
enum store_kind_id {
    STORE_KIND_BEAT,
    STORE_KIND_MARK_SENT,
    STORE_KIND_RECORD_FAILURE,
    STORE_KIND_DEAD_LETTER,
    STORE_KIND_RELEASE_CLAIM,
    STORE_KIND_BEGIN_SEND,
    STORE_KIND_FIND_KEY,
    STORE_KIND_FIND_TEMPLATE,
    STORE_KIND_FIND_ANSWER,
    STORE_KIND_INSERT_NOTIFICATION,
    STORE_KIND_INSERT_PLAIN,
    STORE_KIND_INSERT_BATCH,
    STORE_KIND_DELETE_OUTBOX,
    STORE_KIND_TAKE_OUTBOX,
    STORE_KIND_MEASURE_OUTBOX,
    STORE_KIND_GET_NOTIFICATION,
    STORE_KIND_GET_HISTORY,
    STORE_KIND_LIST_NEWEST,
    STORE_KIND_LIST_NOTIFICATIONS,
    STORE_KIND_LIST_DEAD_LETTERS,
    STORE_KIND_TOUCH_KEYS,
    STORE_KIND_ADD_DIGEST,
    STORE_KIND_LIST_UNINDEXED_KEYS,
    STORE_KIND_CREATE_KEY,
    STORE_KIND_LIST_KEYS,
    STORE_KIND_DEACTIVATE_KEY,
    STORE_KIND_GET_KEY,
    STORE_KIND_ROTATE_KEY,
    STORE_KIND_REGISTER_TENANT,
    STORE_KIND_GET_TENANT,
    STORE_KIND_TENANT_LIMIT,
    STORE_KIND_GET_TEMPLATE,
    STORE_KIND_LIST_TEMPLATES,
    STORE_KIND_CREATE_TEMPLATE,
    STORE_KIND_UPDATE_TEMPLATE,
    STORE_KIND_LIST_TEMPLATE_VERSIONS,
    STORE_KIND_RESTORE_TEMPLATE,
    STORE_KIND_DELETE_TEMPLATE,
    STORE_KIND_SWEEP_SENDERS,
    STORE_KIND_SWEEP_ANSWERS,
    STORE_KIND_CANCEL_NOTIFICATION,
    STORE_KIND_GET_DEAD_LETTER,
    STORE_KIND_RETRY_DEAD_LETTER,
    STORE_KIND_RETRY_DEAD_LETTERS,
    STORE_KIND_RECONCILE,
    STORE_KIND_TAKE_WEBHOOKS,
    STORE_KIND_BEGIN_WEBHOOK,
    STORE_KIND_END_WEBHOOK,
    STORE_KIND_SCAN_WEBHOOKS,
    STORE_KIND_SWEEP_WEBHOOKS,
    STORE_KIND_MEASURE_WEBHOOKS,
    STORE_KIND_REMOVE_SENDER,
    STORE_KIND_GET_WEBHOOKS,
    STORE_KIND_CREATE_WEBHOOK,
    STORE_KIND_UPDATE_WEBHOOK,
    STORE_KIND_DELETE_WEBHOOK,
    STORE_KIND_ROTATE_WEBHOOK,
    STORE_KIND_LIST_WEBHOOK_MESSAGES,
    STORE_KIND_GET_WEBHOOK_MESSAGE,
    STORE_KIND_RETRY_WEBHOOK_MESSAGE,
    STORE_KIND_TEST_WEBHOOK,
    STORE_KIND_COUNT
};

/* What statements may use besides their calls. */
struct store_context {
    struct uuid sender; /* this process; all zero when store_start_sender() was not called */
};

/*
 * One kind. Its functions are pure, run on threads of the store and see only calls of their kind.
 * `calls` are never NULL; a combined kind may sort them while binding, and finds the same order
 * when the result is taken.
 */
struct store_kind {
    enum store_kind_id id;
    const char *name; /* of the prepared statement, and in logs */
    const char *sql;
    /*
     * Runs before sql in the same transaction, with the first prelude_params parameters: what must
     * precede the statement's snapshot (a lock) or its planning (a setting). NULL for none.
     */
    const char *prelude;
    int prelude_params;
    bool combined; /* one statement serves many calls; else each has its own, in one round trip */
    bool is_slow;  /* may take minutes: never on all connections at once */
    /* Longest wait for the server's answer; 0: that of the store, for a slow kind ten minutes. */
    int64_t patience_ns;
    const char *json_field; /* named when the server refuses JSON; NULL for none */
    /* What unique and foreign key violations mean; 0: CELERIAC_ERR_VALUE. */
    enum celeriac_err on_duplicate;
    enum celeriac_err on_dangling;
    bool needs_sender; /* store_start_sender() must have been called */
    /*
     * Checks a request, sets call->own.bytes; NULL: nothing to check. It may set call->own.kind to
     * another kind that has a better statement for this request; that one's check is the same.
     */
    enum celeriac_err (*check)(struct store_call *call);
    /* Writes the parameters. */
    void (*bind)(struct store_params *p, struct store_call **calls, size_t count,
                 const struct store_context *context);
    /*
     * Fills results, and call->error where the outcome is not CELERIAC_OK. NULL: nothing to take.
     */
    void (*take)(struct store_call **calls, size_t count, const PGresult *result);
    /* Releases more than call->own.block; NULL: nothing more. */
    void (*release)(struct store_call *call);
};

/* The patience with statements behind sql/long_reading.sql: more than their limit of 15 s. */
#define STORE_LONG_READING_NS INT64_C(20000000000)

/* The table, indexed by id. */
extern const struct store_kind *const store_kinds[STORE_KIND_COUNT];

/*
 * Makes *call a fresh call of that kind: everything is zeroed but what the caller set before, which
 * is nothing. For the init functions.
 */
void store_call_init(struct store_call *call, const struct store_kind *kind);

/* Fails a call of that kind with the server's refusal. */
void store_call_refuse(struct store_call *call, const struct store_failure *failure);

#endif
