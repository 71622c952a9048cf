/*
 * W3C Trace Context (Level 1): the headers traceparent and tracestate of a request, checked by its
 * grammar, as the headers of the Celery message that OpenTelemetry's instrumentation reads. Pure;
 * any thread.
 */
#ifndef API_TRACE_CONTEXT_H
#define API_TRACE_CONTEXT_H

#include <stdbool.h>

#include "api/description.h"
#include "base/span.h"
#include "base/strbuf.h"

/* For the description of a call whose messages carry them; two parameters. */
#define TRACE_PARAMETERS                                                                       \
    {.name = "traceparent",                                                                    \
     .in_header = true,                                                                        \
     .help = "W3C trace context, passed on to the task; left out when it is none"},            \
    {                                                                                          \
        .name = "tracestate", .in_header = true, .help = "Likewise, together with traceparent" \
    }

/* Characters of a traceparent of version 00. */
#define TRACEPARENT_LEN 55

/* Longest tracestate that is passed on, the length that the standard asks for at least, and most
 * members of it. */
#define TRACESTATE_MAX 512
#define TRACESTATE_MEMBERS_MAX 32

/* Most bytes of the JSON object: each character of a tracestate may be escaped. */
#define TRACE_HEADERS_MAX ((size_t)2 * TRACESTATE_MAX + 128)

/*
 * Appends {"traceparent": ..., "tracestate": ...} to out, which may hold TRACE_HEADERS_MAX. False,
 * and nothing is appended, without a valid traceparent; an invalid tracestate is left out. A
 * traceparent of a later version is passed on as one of version 00, whose parts it has.
 */
bool trace_context_write(struct span traceparent, struct span tracestate, struct strbuf *out);

#endif
