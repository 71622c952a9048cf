/*
 * kombu's envelope: the JSON object around every message, task, event or remote command.
 *
 * Reading keeps the bytes as they came: every field below borrows from them or from the reader.
 * Pure; a reader belongs to one thread at a time.
 */
#ifndef CEL_ENVELOPE_H
#define CEL_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "celery_proto/codec/body.h"
#include "celery_proto/codec/refuse.h"

/* Longest envelope read: base64 makes a body a third longer, the rest is headers. */
#define CEL_ENVELOPE_MAX (CEL_BODY_MAX / 3 * 4 + ((size_t)16 * 1024 * 1024))

/* Memory that is used again from one envelope to the next. */
struct cel_envelope_reader {
    struct json_doc doc;
    struct strbuf text; /* strings that had escapes */
};

/*
 * One envelope. Nodes are NULL when the field is absent; spans are then empty with a NULL pointer.
 * Valid until the reader is used again or closed, and as long as the raw bytes stay.
 */
struct cel_envelope {
    struct span raw;
    const struct json_node *body; /* a string, as it stands; may be NULL or null */
    enum cel_body_encoding body_encoding;
    struct span content_type;              /* absent: "application/data" */
    struct span content_encoding;          /* absent: "utf-8" */
    const struct json_node *headers;       /* an object or NULL */
    const struct json_node *properties;    /* an object */
    const struct json_node *delivery_info; /* an object or NULL */
    struct span delivery_tag;              /* never empty */
    struct span exchange;                  /* absent: empty, the anonymous exchange */
    struct span routing_key; /* absent: empty; the caller knows the queue it came from */
    struct span correlation_id;
    struct span reply_to;
    int priority;     /* 0 to 9 */
    bool redelivered; /* headers.redelivered or delivery_info.redelivered */
};

/* Starts an empty reader that cel_envelope_reader_close() can take. Allocates nothing yet. */
void cel_envelope_reader_init(struct cel_envelope_reader *reader);

/* Releases its memory. */
void cel_envelope_reader_close(struct cel_envelope_reader *reader);

/*
 * Reads an envelope. On failure *cause (may be NULL) says what a quarantine should call it and err
 * (may be NULL) names the field; *envelope is then untouched. CELERIAC_ERR_SYNTAX for no JSON,
 * _VALUE for a missing or impossible field, _LIMIT, _MEMORY (*cause then CEL_REFUSE_NONE).
 */
enum celeriac_err cel_envelope_read(struct cel_envelope_reader *reader, struct span raw,
                                    struct cel_envelope *envelope, enum cel_refuse *cause,
                                    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Appends the envelope as a peer puts it back for another delivery: headers.redelivered and
 * properties.delivery_info.redelivered become true (kombu/transport/redis.py
 * Channel._do_restore_message); every other byte stays. Missing objects are added. Uses the reader,
 * so it ends what was read before. Errors as cel_envelope_read(); out is then as before.
 */
enum celeriac_err cel_envelope_mark_redelivered(struct cel_envelope_reader *reader, struct span raw,
                                                struct strbuf *out,
                                                struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* What goes into a new envelope. All-zero fields are left out or take the default named. */
struct cel_envelope_fields {
    struct span body;         /* the body's bytes */
    struct span body_literal; /* instead of body: its JSON string, already in body_encoding */
    enum cel_body_encoding body_encoding;
    struct span content_type;     /* empty = "application/json" */
    struct span content_encoding; /* empty = "utf-8" */
    struct span headers;          /* JSON object; empty = {} */
    struct span correlation_id;   /* NULL pointer = left out */
    struct span reply_to;         /* NULL pointer = left out */
    struct span extra_properties; /* JSON object whose members follow reply_to; empty = none */
    int delivery_mode;            /* 0 = 2 (tasks, pidbox requests); events and replies use 1 */
    bool has_expiration;
    int64_t expiration_ms; /* written as a decimal string */
    struct span exchange;
    struct span routing_key;
    int priority;             /* written as it is */
    struct span delivery_tag; /* required */
};

/*
 * Appends a new envelope in kombu's order of keys and json.dumps()' spelling (Producer.publish,
 * Channel.prepare_message and _inplace_augment_message). CELERIAC_ERR_VALUE when the delivery tag
 * is empty or an object is none, else the buffer's status; out is then as before.
 */
enum celeriac_err cel_envelope_write(const struct cel_envelope_fields *fields, struct strbuf *out,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
