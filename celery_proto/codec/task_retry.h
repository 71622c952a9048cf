/*
 * Writes the message that a retry publishes (celery/app/task.py Task.retry, Context
 * .as_execution_options): the same task with one retry more. A message of protocol 1 or of the
 * hybrid form becomes protocol 2, as in Celery. Pure; any thread.
 */
#ifndef CEL_TASK_RETRY_H
#define CEL_TASK_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "celery_proto/codec/task_message.h"

/* What a retry changes. All zero retries at once in the same queue. */
struct cel_task_retry {
    struct span delivery_tag;        /* required: a fresh UUID */
    struct cel_time eta;             /* when to run; unset = at once */
    bool keep_retries;               /* the attempt does not count: `retries` stays as it is */
    int64_t now_us;                  /* for properties.expiration */
    enum cel_tristate ignore_result; /* the task definition's; CEL_UNSET keeps the message's */
    struct span routing_key;         /* another queue; NULL pointer = the message's */
    struct span origin;              /* "gen<pid>@<host>" of ours, for a message that has none */
    double time_limit;               /* another hard limit; 0 = the message's */
    double soft_time_limit;          /* another soft limit; 0 = the message's */
};

/*
 * Appends the envelope of message's next attempt. Body bytes, unknown headers (also a nested
 * `headers` object), compression and routing stay as they are; retries grows by one, unless kept; a
 * missing parent_id becomes the task's own id. scratch as in cel_task_send_write().
 * CELERIAC_ERR_VALUE when the message was refused, has no routing key, or its retries are used up
 * (CEL_RETRIES_MAX); out is then as before.
 */
enum celeriac_err cel_task_retry_write(const struct cel_task_message *message,
                                       const struct cel_task_retry *retry, struct strbuf *scratch,
                                       struct strbuf *out,
                                       struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
