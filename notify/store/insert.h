/*
 * Accepting notifications: one, or many at once. See call.h for how to run a call.
 *
 * A notification's row, status `pending`, and its outbox row are made in one transaction. The
 * outbox row is leased to the caller for STORE_OUTBOX_LEASE_US (outbox.h), who publishes the
 * message and deletes it; one that is to be published later is nobody's until then, and a sweeper
 * takes it. A tenant or template that does not exist (any more) is CELERIAC_ERR_VALUE.
 *
 * With an idempotency key nothing is inserted when the key is known: idempotency.repeat says so,
 * and the call succeeds. A request with the same key that is under way elsewhere is waited for.
 */
#ifndef NOTIFY_STORE_INSERT_H
#define NOTIFY_STORE_INSERT_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/uuid.h"
#include "notify/store/call.h"
#include "notify/store/idempotency.h"

/* Most notifications of one batch. */
#define STORE_BATCH_INSERT_MAX 1000

/* One that is to be accepted. */
struct store_new_notification {
    struct uuid id;          /* random, made by the caller */
    struct uuid task_id;     /* names its publication (outbox.h); random */
    int64_t template_id;     /* 0: none */
    int64_t created_at_us;   /* also updated_at */
    int64_t eta_us;          /* when to send it; STORE_NO_TIME: at once */
    int64_t publish_at_us;   /* when to publish its message; STORE_NO_TIME: the caller does, now */
    int64_t simulated_at_us; /* when it is said to be sent, though nobody sends it: there is no
                                outbox row then; STORE_NO_TIME: it is to be sent */
    struct span channel;     /* 1..STORE_CHANNEL_MAX characters */
    struct span to;          /* 1..STORE_TO_MAX characters */
    struct span data;    /* JSON, 1..STORE_DATA_MAX bytes; \u0000 and lone surrogates are refused */
    struct span headers; /* of its message, 0..STORE_HEADERS_MAX bytes: a JSON object, or empty */
};

/* Makes a row whose times are STORE_NO_TIME; the caller then fills the others. */
void store_new_notification_init(struct store_new_notification *row);

/* One notification. Combined. */
struct store_insert_notification {
    struct store_call call;
    struct uuid tenant_id;
    struct store_new_notification row;
    struct store_idempotency idempotency;
};

/* Prepares the call; the caller then fills the request's fields. */
void store_insert_notification_init(struct store_insert_notification *insert);

/* Many of one tenant, in one transaction: all or none. */
struct store_insert_batch {
    struct store_call call;
    struct uuid tenant_id;
    const struct store_new_notification *rows; /* borrowed until completion; different ids */
    size_t count;                              /* 1..STORE_BATCH_INSERT_MAX */
    struct store_idempotency idempotency;
    struct uuid request; /* random, set by the init function: names this request */
};

/* Prepares the call; the caller then fills the request's fields. */
void store_insert_batch_init(struct store_insert_batch *batch, const struct uuid *tenant_id);

#endif
