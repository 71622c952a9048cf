/*
 * The outbox: notifications that were accepted, but whose message may not be published yet. A row
 * is made with its notification (insert.h) and deleted once the message is on the broker.
 * The process that accepted it publishes at once; what a crash or an outage left behind is taken by
 * any process's sweeper. See call.h for how to run a call.
 */
#ifndef NOTIFY_STORE_OUTBOX_H
#define NOTIFY_STORE_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/uuid.h"
#include "notify/store/call.h"

/* A taken row is its taker's for so long; after that any sweeper may take it. */
#define STORE_OUTBOX_LEASE_US INT64_C(5000000)

/* Most rows of one take. */
#define STORE_OUTBOX_TAKE_MAX 1000

/* Most bytes of a message's further headers: a trace context, and room for as much again. */
#define STORE_HEADERS_MAX 2400

struct store_outbox_row {
    struct uuid notification_id;
    struct uuid task_id; /* names this publication: what is published twice has one key */
    int64_t created_at_us;
    int64_t eta_us;      /* when to send it; STORE_NO_TIME: at once */
    struct span headers; /* of its message, a JSON object with a NUL behind; ptr NULL: none */
};

/*
 * Takes up to `limit` rows that nobody holds, oldest first, and holds them for
 * STORE_OUTBOX_LEASE_US. No rows is no error.
 */
struct store_take_outbox {
    struct store_call call;
    uint32_t limit; /* 1..STORE_OUTBOX_TAKE_MAX */
    /* results, valid until store_call_release() */
    const struct store_outbox_row *rows;
    size_t count;
};

/* Prepares the call. */
void store_take_outbox_init(struct store_take_outbox *take, uint32_t limit);

/*
 * Deletes the row of a publication; combined. A row that is gone is no error, and one that stands
 * for a later publication of the same notification stays.
 */
struct store_delete_outbox {
    struct store_call call;
    struct uuid notification_id;
    struct uuid task_id;
};

/* Prepares the call. */
void store_delete_outbox_init(struct store_delete_outbox *del, const struct uuid *notification_id,
                              const struct uuid *task_id);

#endif
