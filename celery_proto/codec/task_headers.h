/*
 * The headers object of a protocol 2 message, for new messages and for retries. Internal to the
 * codec; pure.
 */
#ifndef CEL_TASK_HEADERS_H
#define CEL_TASK_HEADERS_H

#include <stdint.h>

#include "base/json.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "celery_proto/codec/task_send.h"

/* What the headers are made from. */
struct cel_task_headers {
    const struct cel_task_send *send;  /* the standard fields */
    const struct json_node *overrides; /* object whose members replace standard ones, or NULL */
    const struct json_node *extras;    /* object whose other members are added, or NULL */
    struct span expires_text;          /* written instead of send->expires; empty = not */
    struct span timelimit;             /* raw, instead of send's two limits; empty = not */
    struct span compression;           /* the last header; empty = none */
};

/*
 * Appends the object: 19 headers in the order of Celery 5.6, the extras, the compression. repr is
 * cleared and used. CELERIAC_ERR_SYNTAX when send's args or kwargs are no JSON, else the buffers'
 * status.
 */
enum celeriac_err cel_task_headers_write(const struct cel_task_headers *headers, struct strbuf *out,
                                         struct strbuf *repr) CELERIAC_MUST_CHECK;

/* Milliseconds from now to expires, 0 when it has passed: properties.expiration. */
int64_t cel_task_expiration_ms(int64_t expires_us, int64_t now_us);

#endif
