/*
 * Events of other workers as a worker needs them: who sends what, and when (Celery's
 * celery/worker/consumer/gossip.py and celery/events/receiver.py). Pure; a reader belongs to one
 * thread at a time.
 */
#ifndef CEL_EVENT_READ_H
#define CEL_EVENT_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "celery_proto/codec/envelope.h"

/* Longest envelope of a worker's event; ours have some 600 bytes. */
#define CEL_WORKER_EVENT_MAX ((size_t)64 * 1024)

/* Memory that is used again from one event to the next. */
struct cel_event_reader {
    struct cel_envelope_reader envelope;
    struct json_doc doc;
    struct strbuf body, scratch;
    struct strbuf text; /* texts that had escapes */
};

/* One event. Texts are decoded; valid until the reader is used again, and as long as the bytes. */
struct cel_heard_event {
    struct span type;     /* "worker-heartbeat"; never empty */
    struct span hostname; /* node name; never empty */
    bool has_clock;
    uint64_t clock;
    double timestamp; /* Unix time; 0: not given */
    double freq;      /* seconds between heartbeats; 0: not given */
};

/* Starts an empty reader that cel_event_reader_close() can take. Allocates nothing yet. */
void cel_event_reader_init(struct cel_event_reader *reader);

/* Releases its memory; the reader is then as after init. */
void cel_event_reader_close(struct cel_event_reader *reader);

/*
 * Reads an event that came alone. A field other than type and hostname that makes no sense is as
 * one that is missing. CELERIAC_ERR_SYNTAX, _VALUE (err, which may be NULL, names the field),
 * _UNSUPPORTED for a batch, _LIMIT, _MEMORY; *event is then untouched.
 */
enum celeriac_err cel_event_read(struct cel_event_reader *reader, struct span raw,
                                 struct cel_heard_event *event,
                                 struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
