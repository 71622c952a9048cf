/*
 * A task message as a value: protocol 2, protocol 1 and the hybrid of both, read from an envelope.
 *
 * A message is one block of memory that holds a copy of the envelope and every text decoded from
 * it; it may be handed from thread to thread. Reading never fails for what a peer has sent: a
 * message that cannot be run says so in `refuse`, with all that could be read of it, so that it can
 * be acknowledged and put aside. Pure.
 */
#ifndef CEL_TASK_MESSAGE_H
#define CEL_TASK_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "celery_proto/codec/body.h"
#include "celery_proto/codec/content_type.h"
#include "celery_proto/codec/refuse.h"

/* How a message says what it is. */
enum cel_protocol {
    CEL_PROTOCOL_UNKNOWN = 0, /* refused before that was clear */
    CEL_PROTOCOL_1 = 1,       /* everything in the body, an object */
    CEL_PROTOCOL_2 = 2,       /* metadata in the headers, body [args, kwargs, embed] */
    CEL_PROTOCOL_HYBRID = 3   /* headers of 2 over a body of 1; headers win */
};

/* Yes, no, or not said. */
enum cel_tristate { CEL_UNSET = 0, CEL_FALSE = 1, CEL_TRUE = 2 };

/* An instant that may be absent. */
struct cel_time {
    bool set;
    int64_t us; /* microseconds since 1970-01-01T00:00:00Z */
};

/* Most retries read from a message; beyond it the header is refused. */
#define CEL_RETRIES_MAX INT32_MAX

/*
 * One message. Spans point into the block; what is absent or null is empty with a NULL pointer, and
 * so are the texts of a message whose field has a type that Python would not miss either (an origin
 * that is a number). "raw" marks JSON text; other spans are decoded UTF-8.
 */
struct cel_task_message {
    struct span raw;         /* the envelope as it came */
    enum cel_refuse refuse;  /* CEL_REFUSE_NONE when it can be run */
    const char *refuse_text; /* what is wrong, naming the field; "" when nothing is */
    enum cel_protocol protocol;

    /* From the envelope. */
    struct span delivery_tag; /* empty only if refused for it, or before it could be read */
    struct span exchange;
    struct span routing_key;
    struct span correlation_id;
    struct span reply_to;
    struct span content_type;
    struct span content_encoding;
    struct span headers;      /* raw object */
    struct span properties;   /* raw object */
    struct span body_literal; /* raw: the body's JSON string as in the envelope */
    enum cel_body_encoding body_encoding;
    struct span body;        /* the body's bytes: decoded and decompressed */
    struct span compression; /* header as sent */
    int priority;            /* 0 to 9 */
    bool redelivered;

    /* What to run. */
    struct span task;
    struct span id;
    struct span args;   /* raw array; absent in protocol 1 reads as [] */
    struct span kwargs; /* raw object; absent in protocol 1 reads as {} */
    struct span shadow;
    int64_t retries; /* 0 first */
    struct cel_time eta;
    struct cel_time expires;
    struct span eta_text;     /* as sent */
    struct span expires_text; /* as sent */
    double time_limit;        /* hard, seconds; 0 = none */
    double soft_time_limit;   /* seconds; 0 = none */
    struct span timelimit;    /* raw array as sent */
    enum cel_tristate ignore_result;

    /* Where it belongs. */
    struct span root_id;
    struct span parent_id;
    struct span group;
    bool has_group_index;
    int64_t group_index;
    struct span callbacks; /* raw array of signatures */
    struct span errbacks;  /* raw array of signatures */
    struct span chain;     /* raw array, last element runs next */
    struct span chord;     /* raw signature of the chord's body */

    /* For logs, events and passing on. */
    struct span argsrepr;
    struct span kwargsrepr;
    struct span origin;
    struct span stamped_headers; /* raw array */
    struct span stamps;          /* raw object */
    int64_t replaced_task_nesting;
};

struct cel_task_decoder;

/* Limits and rules of a decoder. All zero means default. */
struct cel_task_decoder_options {
    struct cel_accept accept; /* accept_content */
    size_t body_max;          /* most bytes of a decompressed body; 0 = CEL_BODY_MAX */
};

/*
 * A decoder keeps scratch memory between messages; one thread at a time. options may be NULL.
 * CELERIAC_ERR_MEMORY. The caller destroys it.
 */
enum celeriac_err cel_task_decoder_create(const struct cel_task_decoder_options *options,
                                          struct cel_task_decoder **decoder) CELERIAC_MUST_CHECK;

/* Releases it; NULL is allowed. Messages made by it live on. */
void cel_task_decoder_destroy(struct cel_task_decoder *decoder);

/*
 * Reads one envelope into a new message, with one allocation. raw is copied. Fails with
 * CELERIAC_ERR_MEMORY only; *message is then untouched. The caller destroys it, in any thread.
 */
enum celeriac_err cel_task_message_create(struct cel_task_decoder *decoder, struct span raw,
                                          struct cel_task_message **message) CELERIAC_MUST_CHECK;

/* Releases it; NULL is allowed. */
void cel_task_message_destroy(struct cel_task_message *message);

#endif
