/*
 * Messages for tenants' webhooks. They are made by the statements that record what they tell of
 * (sends.h, insert.h) and are their own outbox: whoever publishes their tasks takes what is due,
 * and a task begins and ends an attempt here. See call.h for how to run a call.
 */
#ifndef NOTIFY_STORE_WEBHOOKS_H
#define NOTIFY_STORE_WEBHOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/uuid.h"
#include "notify/store/call.h"

/* Most messages of one take. */
#define STORE_WEBHOOKS_TAKE_MAX 1000

/*
 * Most messages of one endpoint that are on the broker at once: the others wait in the table, so
 * that one tenant's burst neither fills the queue nor the workers.
 */
#define STORE_WEBHOOKS_ON_BROKER 200

/*
 * What was published counts as being on the broker for so many seconds; then it is published again.
 * Long enough for a queue that is worked off slowly, short enough for a broker that was emptied.
 */
#define STORE_WEBHOOKS_LEASE_S 600

/* Most seconds until another attempt: a week, as retries of notifications have it. */
#define STORE_WEBHOOKS_DELAY_MAX_S 604800

/* Longest error kept of an attempt; these are our own words. */
#define STORE_WEBHOOKS_ERROR_MAX ((size_t)1000)

/* A message whose task is to be published. */
struct store_webhook_row {
    struct uuid id;
    struct uuid webhook_id;
    int32_t turn; /* with the id it names this publication */
};

/* Takes messages that are due, see sql/take_webhooks.sql. No rows is no error. */
struct store_take_webhooks {
    struct store_call call;
    uint32_t limit; /* 1..STORE_WEBHOOKS_TAKE_MAX */
    /* results, valid until store_call_release() */
    const struct store_webhook_row *rows; /* to be published */
    size_t count;
    bool more; /* there may be more that is due */
};

/* Prepares the call. */
void store_take_webhooks_init(struct store_take_webhooks *take, uint32_t limit);

enum store_webhook_state {
    STORE_WEBHOOK_DONE = 0,    /* nothing is to be done: delivered, given up, or deleted */
    STORE_WEBHOOK_READY = 1,   /* an attempt has begun */
    STORE_WEBHOOK_PUT_OFF = 2, /* its endpoint is paused; it is published again later */
    STORE_WEBHOOK_OFF = 3      /* its endpoint was switched off, and the message has ended */
};

/* Begins an attempt to deliver a message, see sql/begin_webhook.sql. */
struct store_begin_webhook {
    struct store_call call;
    struct uuid id;
    uint32_t attempt_s; /* how long the attempt may take */
    /* results, valid until store_call_release(); the rest only for STORE_WEBHOOK_READY */
    enum store_webhook_state state;
    int32_t attempts; /* this one included */
    struct span payload;
    struct span url;        /* with a NUL behind */
    struct span secret;     /* as notify/rules/webhook_secret.h has it */
    struct span old_secret; /* which signs too; ptr NULL: none */
};

/* Prepares the call. */
void store_begin_webhook_init(struct store_begin_webhook *begin, const struct uuid *id,
                              uint32_t attempt_s);

enum store_webhook_end {
    STORE_WEBHOOK_DELIVERED = 1,
    STORE_WEBHOOK_AGAIN = 2,    /* another attempt follows */
    STORE_WEBHOOK_GIVEN_UP = 3, /* none does */
    STORE_WEBHOOK_GONE = 4      /* and the endpoint is switched off */
};

/* Ends an attempt, see sql/end_webhook.sql. A message that has ended meanwhile stays as it is. */
struct store_end_webhook {
    struct store_call call;
    struct uuid id;
    enum store_webhook_end end;
    int32_t response_status; /* 0: there was no answer */
    struct span error;       /* our words about it; ptr NULL: none */
    uint32_t delay_s;        /* STORE_WEBHOOK_AGAIN: 0..STORE_WEBHOOKS_DELAY_MAX_S */
    bool by_broker;          /* its task comes again by itself then */
    /* result */
    bool switched_off; /* the endpoint was, now */
};

/* Prepares the call; the caller then fills the request's fields. */
void store_end_webhook_init(struct store_end_webhook *end, const struct uuid *id);

/*
 * Makes messages for what workers in Python have sent or given up, see sql/scan_webhooks.sql. One
 * process at a time: the others find nothing.
 */
struct store_scan_webhooks {
    struct store_call call;
    /* results */
    bool looked;       /* by this process; the others do not know the rest */
    int64_t made;      /* messages */
    bool more;         /* there is more to look at now */
    bool has_webhooks; /* some tenant has one, switched on or off */
};

/* Prepares the call. */
void store_scan_webhooks_init(struct store_scan_webhooks *scan);

/* Removes messages that ended and are older than seven days, and what deleted webhooks have left.
 */
struct store_sweep_webhooks {
    struct store_call call;
    bool more; /* there may be more of these */
};

/* Prepares the call. */
void store_sweep_webhooks_init(struct store_sweep_webhooks *sweep);

/* Most messages that are counted. */
#define STORE_WEBHOOKS_COUNT_MAX 100000

/* How many messages are due and could be published, of all processes. */
struct store_measure_webhooks {
    struct store_call call;
    /* results */
    uint64_t rows;     /* up to STORE_WEBHOOKS_COUNT_MAX */
    int64_t oldest_us; /* since when the oldest is due; STORE_NO_TIME: there is none */
};

/* Prepares the call. */
void store_measure_webhooks_init(struct store_measure_webhooks *measure);

#endif
