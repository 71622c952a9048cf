/*
 * Writes a new task message, protocol 2 with the 19 headers of Celery 5.6, byte for byte as
 * celery/app/amqp.py and kombu write it. Ids, times and randomness are the caller's. Pure; any
 * thread.
 */
#ifndef CEL_TASK_SEND_H
#define CEL_TASK_SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "celery_proto/codec/body.h"
#include "celery_proto/codec/task_message.h"

/* A task to send. All-zero fields are unset; spans are borrowed. "raw" marks JSON text. */
struct cel_task_send {
    struct span task;         /* required */
    struct span id;           /* required */
    struct span delivery_tag; /* required; a fresh UUID for each pushed copy */
    struct span routing_key;  /* required: the queue, or the key for a named exchange */
    struct span exchange;     /* empty = the anonymous exchange */
    struct span reply_to;     /* empty is written as "", as Python does */
    struct span origin;       /* "gen<pid>@<host>" */

    struct span args;       /* raw array; empty = [] */
    struct span kwargs;     /* raw object; empty = {} */
    struct span argsrepr;   /* NULL pointer = made from args, as a tuple */
    struct span kwargsrepr; /* NULL pointer = made from kwargs */

    struct cel_time eta;
    struct cel_time expires;
    int64_t now_us; /* for properties.expiration; used only with expires */
    int64_t retries;
    double time_limit;      /* seconds; 0 = null */
    double soft_time_limit; /* seconds; 0 = null */
    int priority;           /* any number; kept as it is */
    struct span shadow;
    bool ignore_result;

    struct span root_id; /* empty = id */
    struct span parent_id;
    struct span group;
    bool has_group_index;
    int64_t group_index;
    struct span callbacks; /* raw array of signatures (link) */
    struct span errbacks;  /* raw array of signatures (link_error) */
    struct span chain;     /* raw array, reversed */
    struct span chord;     /* raw signature */

    int64_t replaced_task_nesting;
    struct span stamped_headers; /* raw array */
    struct span stamps;          /* raw object; empty = {} */
    struct span headers;         /* raw object: further headers; standard names override */
    struct span properties;      /* raw object: further properties */
    enum cel_compression compression;
};

/*
 * Appends the envelope. scratch is cleared and used for the body and the headers; its maximum
 * should be CEL_ENVELOPE_MAX. CELERIAC_ERR_VALUE with the field's name for a missing or malformed
 * one (args no array, eta out of range), _LIMIT, _MEMORY; out is then as before.
 */
enum celeriac_err cel_task_send_write(const struct cel_task_send *send, struct strbuf *scratch,
                                      struct strbuf *out,
                                      struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
