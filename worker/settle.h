/*
 * From how a task ended to what has to be written: the result record, the message of the next
 * attempt, and what becomes of the old message. The rules of celery/app/trace.py and
 * celery/app/task.py Task.retry as a pure function; finisher.c carries them out.
 */
#ifndef WORKER_SETTLE_H
#define WORKER_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "base/strbuf.h"
#include "celery_proto/codec/result_doc.h"
#include "celery_proto/codec/task_message.h"
#include "worker/aftermath.h"
#include "worker/registry.h"
#include "worker/task_context.h"

/* What becomes of the message that was executed. */
enum cel_message_fate {
    CEL_FATE_ACK,     /* it is done, whatever the outcome */
    CEL_FATE_REQUEUE, /* back of its queue */
    CEL_FATE_POSTPONE /* stays with this worker and runs again later */
};

/* All that follows from one execution. */
struct cel_settlement {
    enum cel_message_fate fate;
    enum cel_state state; /* SUCCESS, FAILURE, RETRY, REVOKED; PENDING when there is none */
    struct strbuf record; /* the result record; empty: none is stored */
    struct strbuf retry;  /* envelope to push: the next attempt, or with CEL_FATE_REQUEUE the same
                             message marked as redelivered; empty: none */
    int64_t retry_delay;  /* seconds until the next attempt of a retry */
    bool postponed;       /* "not now": kept (CEL_FATE_POSTPONE), or sent again in `retry` */
    double postpone;      /* seconds of that */
    struct cel_aftermath aftermath; /* what else follows */
};

/* What the world adds to the rules. */
struct cel_settle_context {
    int64_t now_us;           /* wall time */
    random_source_fn *random; /* for jitter */
    void *random_context;
    struct span delivery_tag;               /* a fresh UUID for the next attempt */
    struct strbuf *scratch;                 /* working memory, kept from one call to the next */
    const struct cel_canvas_context *world; /* for messages that follow */
    bool inherit_priority;                  /* task_inherit_parent_priority */
    bool result_extended;                   /* records say name, arguments, worker, queue, stamps */
    struct span worker;                     /* node name, for those */
};

/* Starts an empty settlement. Allocates nothing yet. */
void cel_settlement_init(struct cel_settlement *settlement);

/* Releases its texts. */
void cel_settlement_close(struct cel_settlement *settlement);

/*
 * Settles an execution. A failure with retries left and autoretry becomes a retry; a retry without
 * retries left becomes the failure that Celery reports. CELERIAC_ERR_MEMORY, or CELERIAC_ERR_LIMIT
 * when a text is too long for a record: the settlement is then not usable.
 */
enum celeriac_err cel_settle(const struct cel_task_message *message,
                             const struct cel_task_definition *definition,
                             const struct cel_outcome *outcome,
                             const struct cel_settle_context *context,
                             struct cel_settlement *settlement) CELERIAC_MUST_CHECK;

/*
 * Settles an execution that has passed its hard limit of that many seconds: FAILURE with
 * TimeLimitExceeded of billiard.exceptions (celery/worker/request.py on_timeout). The message is
 * acknowledged, or goes back to its queue when the task wants that and is acknowledged late. Errors
 * as above.
 */
enum celeriac_err cel_settle_timed_out(const struct cel_task_message *message,
                                       const struct cel_task_definition *definition, double seconds,
                                       const struct cel_settle_context *context,
                                       struct cel_settlement *settlement) CELERIAC_MUST_CHECK;

/*
 * Settles an execution whose process was lost: FAILURE with WorkerLostError(text) of
 * billiard.exceptions; or, when the task wants that and is acknowledged late, the message goes back
 * to its queue and nothing is recorded (celery/worker/request.py on_failure). Errors as above.
 */
enum celeriac_err cel_settle_worker_lost(const struct cel_task_message *message,
                                         const struct cel_task_definition *definition,
                                         struct span text, const struct cel_settle_context *context,
                                         struct cel_settlement *settlement) CELERIAC_MUST_CHECK;

/*
 * Settles a message that was never executed, or terminated: REVOKED with TaskRevokedError(reason),
 * the reason being "expired", "revoked" or "terminated", or FAILURE with NotRegistered(name).
 * definition may be NULL. Errors as above.
 */
enum celeriac_err cel_settle_revoked(const struct cel_task_message *message,
                                     const struct cel_task_definition *definition,
                                     struct span reason, const struct cel_settle_context *context,
                                     struct cel_settlement *settlement) CELERIAC_MUST_CHECK;
enum celeriac_err cel_settle_unregistered(const struct cel_task_message *message,
                                          const struct cel_settle_context *context,
                                          struct cel_settlement *settlement) CELERIAC_MUST_CHECK;

/*
 * Whether results of this message are not stored: an explicit header decides (as since
 * Celery 5.6.3, app/trace.py get_actual_ignore_result), else the definition. definition may be
 * NULL.
 */
bool cel_result_ignored(const struct cel_task_message *message,
                        const struct cel_task_definition *definition);

/* Likewise for records of failures, retries and revoked tasks, which a task may want stored all the
 * same (store_errors_even_if_ignored). */
bool cel_errors_ignored(const struct cel_task_message *message,
                        const struct cel_task_definition *definition);

/*
 * Appends the record of a state in between: one of an application's own, or one of Celery's that is
 * not ready. meta is raw JSON, children raw result tuples, or empty. The buffer's status.
 */
enum celeriac_err cel_state_record(const struct cel_task_message *message, struct span state,
                                   struct span meta, struct span children,
                                   const struct cel_settle_context *context,
                                   struct strbuf *record) CELERIAC_MUST_CHECK;

/* Appends the STARTED record of an execution that begins: {"pid", "hostname"}. */
enum celeriac_err cel_started_record(const struct cel_task_message *message, int64_t pid,
                                     const struct cel_settle_context *context,
                                     struct strbuf *record) CELERIAC_MUST_CHECK;

#endif
