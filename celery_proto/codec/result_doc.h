/*
 * Result records: the JSON text under celery-task-meta-<id> (celery/backends/base.py
 * Backend._get_result_meta), and the states in it. Pure; any thread.
 */
#ifndef CEL_RESULT_DOC_H
#define CEL_RESULT_DOC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "celery_proto/codec/task_message.h"

/* States; an application may store others. */
enum cel_state {
    CEL_STATE_PENDING = 0, /* no record: never stored */
    CEL_STATE_RECEIVED,
    CEL_STATE_STARTED,
    CEL_STATE_RETRY,
    CEL_STATE_SUCCESS,
    CEL_STATE_FAILURE,
    CEL_STATE_REVOKED,
    CEL_STATE_CUSTOM
};

/* The state's name; "" for CEL_STATE_CUSTOM. */
const char *cel_state_name(enum cel_state state);

/* The state with that name; CEL_STATE_CUSTOM for one of an application's own. */
enum cel_state cel_state_of(struct span name);

/* Whether a waiting client stops waiting: SUCCESS, FAILURE, REVOKED. */
bool cel_state_is_ready(enum cel_state state);

/* What result_extended adds to a record. Empty spans are null. */
struct cel_result_extended {
    struct span name;   /* task name */
    struct span args;   /* raw array */
    struct span kwargs; /* raw object */
    struct span worker; /* node name */
    int64_t retries;
    struct span queue;           /* routing key of the delivery */
    struct span stamped_headers; /* raw array; empty = none, and no stamps */
    struct span stamps;          /* raw object */
};

/* A record to write. */
struct cel_result {
    enum cel_state state; /* CEL_STATE_CUSTOM takes its name from `status` */
    struct span status;   /* name of a custom state */
    struct span task_id;
    struct span result;        /* raw JSON; empty = null */
    struct span traceback;     /* text; NULL pointer = null */
    struct span children;      /* raw array; empty = []: Celery writes null only outside a task */
    bool children_null;        /* write null for children */
    struct cel_time date_done; /* written only for ready states, else null; in UTC with +00:00 */
    struct span group_id;      /* empty = left out */
    struct span parent_id;     /* empty = left out */
    const struct cel_result_extended *extended; /* NULL = left out */
};

/*
 * Appends the record in Celery's order of keys and json.dumps()' spelling. CELERIAC_ERR_VALUE when
 * task_id or a custom state's name is empty or a ready state has no date_done; else the buffer's
 * status; out is then as before.
 */
enum celeriac_err cel_result_write(const struct cel_result *result,
                                   struct strbuf *out) CELERIAC_MUST_CHECK;

/* A record as read. Nodes and spans borrow from the text and from the reader. */
struct cel_result_view {
    enum cel_state state;
    struct span status;
    struct span task_id;
    struct span traceback; /* NULL pointer when null */
    struct span group_id;
    struct span parent_id;
    const struct json_node *result; /* NULL when absent */
    const struct json_node *children;
    struct cel_time date_done;      /* naive times are UTC, as Celery up to 5.3 wrote them */
    const struct json_node *record; /* the whole object, for what has no field here */
};

/* Memory that is used again from one record to the next; one thread at a time. */
struct cel_result_reader {
    struct json_doc doc;
    struct strbuf text;
    struct strbuf plain; /* of a record that was compressed */
};

/* Starts an empty reader. Allocates nothing yet. */
void cel_result_reader_init(struct cel_result_reader *reader);

/* Releases its memory. */
void cel_result_reader_close(struct cel_result_reader *reader);

/*
 * Reads a record of any version since 4.4, also a compressed one (codec/stored.h). The view is
 * valid until the reader is used again and while json stays. CELERIAC_ERR_SYNTAX for no JSON,
 * _VALUE for a missing status, a bad date_done or another impossible field (err names it),
 * _UNSUPPORTED for an unknown compression, _LIMIT, _MEMORY.
 */
enum celeriac_err cel_result_read(struct cel_result_reader *reader, struct span json,
                                  struct cel_result_view *view,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Only the state of a record, without keeping anything: what the rule "nothing is written over
 * SUCCESS" needs. CEL_STATE_PENDING when json is no record.
 */
enum cel_state cel_result_peek_state(struct cel_result_reader *reader, struct span json);

/* Appends the result tuple [[id, parent], children] of a task: [["<id>", null], null]. */
void cel_result_tuple_write(struct span task_id, struct strbuf *out);

#endif
