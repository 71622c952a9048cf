/*
 * What a worker records about sending one notification.
 *
 * Sending is guarded by claims. store_begin_send() gives a notification to one caller at a time:
 * the claim lies in our own schema and counts while its sender, the worker process, gives signs of
 * life (store_start_sender()). A claim whose sender was silent for STORE_SENDER_SILENCE_US is void.
 * Silence is measured by the database's clock, and only while the asking process itself was heard
 * without a gap, so that a database that was away or frozen makes nobody look dead. Each begin has
 * a token of its own: a second delivery of the same message is busy even within the process that
 * works on the first, and a begin repeated after an unknown outcome finds its own claim.
 *
 * A claim ends with store_mark_sent(), store_record_failure(), store_dead_letter() or
 * store_release_claim(); whoever began must call one of them.
 *
 * The functions that block wait until the database has it, or the store stops; see call.h for
 * codes.
 */
#ifndef NOTIFY_STORE_SENDS_H
#define NOTIFY_STORE_SENDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/uuid.h"
#include "celeriac/error.h"
#include "notify/store/call.h"

/* A sender that was silent for so long is dead. */
#define STORE_SENDER_SILENCE_US INT64_C(3000000)

/* Error texts are cut here (at a character): they come from servers of others, and are for humans.
 */
#define STORE_ERROR_TEXT_MAX ((size_t)16 * 1024)

/* Longest provider response, JSON. */
#define STORE_PROVIDER_RESPONSE_MAX ((size_t)64 * 1024)

enum store_send_state {
    STORE_SEND_MISSING = 1, /* no such notification */
    STORE_SEND_DONE,        /* sent, delivered or cancelled already */
    STORE_SEND_BUSY,        /* a living sender works on it */
    STORE_SEND_READY        /* the caller has it now; its status is `processing` */
};

/* A template's content. Shared by the calls of one batch; borrowed from the call that shows it. */
struct store_template_text {
    int64_t id;
    struct span subject; /* ptr is NULL when the template has none */
    struct span body;
};

/* A notification to be sent. Spans are UTF-8, NUL-terminated beyond their length. */
struct store_send {
    struct uuid tenant_id;
    struct span channel;                        /* as stored; any text */
    struct span to;                             /* as stored; any text */
    struct span data;                           /* JSON, as PostgreSQL prints jsonb */
    const struct store_template_text *template; /* NULL: the content is inline, in data */
};

struct store_begin_send {
    struct store_call call;
    struct uuid id;
    /* results */
    enum store_send_state state;
    int64_t look_again_ns;  /* STORE_SEND_BUSY: how long to wait before asking again */
    struct store_send send; /* STORE_SEND_READY; valid until store_call_release() */
    /* the store's own */
    int64_t token;
};

/* Prepares a call for notification `id`. */
void store_begin_send_init(struct store_begin_send *begin, const struct uuid *id);

/*
 * store_begin_send_init() and store_run(); the caller releases begin->call. When it fails for want
 * of memory, the claim that may have been made already is given back first.
 */
enum celeriac_err store_begin_send(struct store *s, const struct uuid *id,
                                   struct store_begin_send *begin) CELERIAC_MUST_CHECK;

/*
 * What ends a send. Fields that a kind does not name are not used.
 * Rows that are `sent` or `delivered` already stay as they are, and so does nothing at all happen
 * to a notification that was deleted meanwhile; both count as success. updated_at becomes now.
 */
struct store_end_send {
    struct store_call call;
    struct uuid id;
    struct uuid record_id; /* of the new rows (send_failures, dead_letters); random, set by the init
                              function */
    int64_t sent_at_us;    /* mark_sent */
    int32_t retry_count;   /* dead_letter; not negative */
    struct span response;  /* mark_sent: provider_response, JSON, 1..STORE_PROVIDER_RESPONSE_MAX */
    struct span error_text; /* record_failure and dead_letter: any bytes, see below */
    int64_t token;          /* release_claim: of that begin only; 0: of whichever */
    /* result */
    bool told; /* mark_sent, dead_letter: the statement, which may have served others too, has made
                  messages for webhooks */
};

/*
 * Prepare a call. Texts are stored as UTF-8: NUL and invalid bytes become U+FFFD, what is longer
 * than STORE_ERROR_TEXT_MAX is cut. mark_sent       status `sent`, sent_at, provider_response
 *   record_failure  error_message and a row of send_failures; the status stays `processing` until
 * the next attempt dead_letter     status `failed`, error_message, a row of send_failures and one
 * dead_letters row with the text as reason; a row that is there already gets the new reason and
 * count release_claim   nothing but the end of the claim, for a message that is handed back
 */
void store_mark_sent_init(struct store_end_send *end, const struct uuid *id, int64_t sent_at_us,
                          struct span response);
void store_record_failure_init(struct store_end_send *end, const struct uuid *id,
                               struct span error_text);
void store_dead_letter_init(struct store_end_send *end, const struct uuid *id,
                            struct span error_text, int32_t retry_count);
void store_release_claim_init(struct store_end_send *end, const struct uuid *id);

/*
 * Runs a prepared call to completion and releases it; end->told can be read then. err may be NULL.
 * Any thread but the store's own.
 */
enum celeriac_err store_end_send(struct store *s, struct store_end_send *end,
                                 struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* The same, run to completion. err may be NULL. Any thread but the store's own. */
enum celeriac_err store_mark_sent(struct store *s, const struct uuid *id, int64_t sent_at_us,
                                  struct span response,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;
enum celeriac_err store_record_failure(struct store *s, const struct uuid *id,
                                       struct span error_text,
                                       struct celeriac_error *err) CELERIAC_MUST_CHECK;
enum celeriac_err store_dead_letter(struct store *s, const struct uuid *id, struct span error_text,
                                    int32_t retry_count,
                                    struct celeriac_error *err) CELERIAC_MUST_CHECK;
enum celeriac_err store_release_claim(struct store *s, const struct uuid *id,
                                      struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
