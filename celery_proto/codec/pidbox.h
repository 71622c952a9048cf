/*
 * Remote control messages: requests as they arrive on the channel of `<control_exchange>.pidbox`,
 * and the replies to them (kombu/pidbox.py). Reading keeps the caller's bytes and borrows from them
 * and from the reader. Pure; a reader belongs to one thread at a time.
 */
#ifndef CEL_PIDBOX_H
#define CEL_PIDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "celery_proto/codec/envelope.h"

/* The exchange of requests for the setting control_exchange = "celery". */
#define CEL_PIDBOX_EXCHANGE "celery.pidbox"

/*
 * Longest request read, envelope and body each. The largest sensible one revokes 50,000 ids (what
 * a worker remembers), which is 2 MB; a peer's greeting with as many revoked ids is twice that.
 */
#define CEL_PIDBOX_MAX ((size_t)16 * 1024 * 1024)

/* Memory that is used again from one request to the next. */
struct cel_pidbox_reader {
    struct cel_envelope_reader envelope;
    struct json_doc doc; /* of the body */
    struct strbuf body;
    struct strbuf scratch;
    struct strbuf text; /* texts that had escapes */
};

/*
 * One request. Texts are decoded UTF-8; what is absent or null is empty with a NULL pointer. Valid
 * until the reader is used again or closed, and as long as the raw bytes stay.
 */
struct cel_pidbox_request {
    struct span method;                  /* never empty */
    const struct json_node *arguments;   /* an object, or NULL when there are none */
    const struct json_node *destination; /* as sent; NULL or null: not given */
    struct span pattern;
    struct span matcher;
    bool wants_reply;
    struct span reply_exchange; /* when a reply is wanted: never empty */
    struct span reply_key;
    const struct json_node *ticket; /* as sent; may be NULL */
    uint64_t clock;                 /* the sender's; 0: not given */
};

/* Starts an empty reader that cel_pidbox_reader_close() can take. Allocates nothing yet. */
void cel_pidbox_reader_init(struct cel_pidbox_reader *reader);

/* Releases its memory; the reader is then as after init. */
void cel_pidbox_reader_close(struct cel_pidbox_reader *reader);

/*
 * Reads a request. Whatever the bytes are it only ever succeeds or says why not: err (may be NULL)
 * names the field. CELERIAC_ERR_SYNTAX, _VALUE, _LIMIT, _UNSUPPORTED (not JSON, so not accepted),
 * _MEMORY; *request is then untouched.
 */
enum celeriac_err cel_pidbox_read(struct cel_pidbox_reader *reader, struct span raw,
                                  struct cel_pidbox_request *request,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Whether a request is meant for a node (kombu/pidbox.py Node.handle_message): listed in
 * destination; else by pattern and matcher when both are given; else everybody. Errors as
 * cel_node_match(), and CELERIAC_ERR_VALUE for a destination that is neither list nor text.
 */
enum celeriac_err cel_pidbox_is_for(const struct cel_pidbox_request *request, struct span node,
                                    bool *is_for, struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Appends the envelope of a reply {node: answer}. answer is JSON text, tag a fresh delivery tag,
 * clock the node's. CELERIAC_ERR_MEMORY, _LIMIT, or _VALUE when answer is no JSON.
 */
enum celeriac_err cel_pidbox_reply(const struct cel_pidbox_request *request, struct span node,
                                   struct span answer, uint64_t clock, struct span tag,
                                   struct strbuf *out) CELERIAC_MUST_CHECK;

/* ---- the other side: asking ------------------------------------------------------------------ */

/* The exchange of replies for the setting control_exchange = "celery". */
#define CEL_PIDBOX_REPLY_EXCHANGE "reply.celery.pidbox"

/* A request to write. All-zero fields are null, or left out where kombu leaves them out. */
struct cel_pidbox_ask {
    struct span method;             /* required */
    struct span arguments;          /* raw object; empty = {} */
    const struct span *destination; /* node names; NULL = everybody, or by pattern */
    size_t destination_count;
    struct span pattern; /* with matcher "glob" or "pcre" */
    struct span matcher;
    struct span ticket;    /* with reply_key: a reply is wanted */
    struct span reply_key; /* routing key of the reply on CEL_PIDBOX_REPLY_EXCHANGE */
    double expires;        /* Unix time; 0: none. No worker looks at it */
    uint64_t clock;
};

/*
 * Appends the envelope of a request as kombu/pidbox.py Mailbox._publish writes it; it is published
 * as a fanout on CEL_PIDBOX_EXCHANGE. tag is a fresh delivery tag. CELERIAC_ERR_VALUE when
 * arguments is no JSON, _MEMORY, _LIMIT.
 */
enum celeriac_err cel_pidbox_ask(const struct cel_pidbox_ask *ask, struct span tag,
                                 struct strbuf *out) CELERIAC_MUST_CHECK;

/* The name of the queue in which replies to a key arrive. */
void cel_pidbox_reply_queue(struct span reply_key, struct strbuf *out);

/* One reply: an object with a member for the node, its name and its answer. */
struct cel_pidbox_reply {
    const struct json_node *answers; /* an object */
    struct span ticket;              /* NULL pointer when absent */
    uint64_t clock;                  /* 0: not given */
};

/* Reads a reply; errors and life of the result as cel_pidbox_read(). */
enum celeriac_err cel_pidbox_read_reply(struct cel_pidbox_reader *reader, struct span raw,
                                        struct cel_pidbox_reply *reply,
                                        struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
