/*
 * Webhooks of a tenant as the API makes, shows and changes them. The API makes their secrets, and
 * the worker reads them; of these calls only the repeat of one that made a webhook gives one out.
 * See call.h for how to run a call.
 */
#ifndef NOTIFY_STORE_WEBHOOK_ENDPOINTS_H
#define NOTIFY_STORE_WEBHOOK_ENDPOINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/uuid.h"
#include "notify/store/call.h"
#include "notify/store/idempotency.h"

/* What is posted to webhooks. */
enum store_webhook_event {
    STORE_WEBHOOK_SENT,   /* the provider has taken a notification */
    STORE_WEBHOOK_FAILED, /* a notification was given up: there is a dead letter */
    STORE_WEBHOOK_EVENT_COUNT
};

/* The event's name in the table and in payloads. */
const char *store_webhook_event_name(enum store_webhook_event event);

/*
 * Most webhooks of a tenant: each costs a row and a request for every notification, and nobody
 * needs more than one for each of his systems.
 */
#define STORE_WEBHOOKS_MAX 10

/* Bytes of an address: what the rules take (webhook_url.h). */
#define STORE_WEBHOOK_URL_MAX 2048

/* Characters of a webhook's description. */
#define STORE_WEBHOOK_DESCRIPTION_MAX 255

/* Longest time in seconds that a replaced secret goes on to sign: 30 days, as with keys. */
#define STORE_WEBHOOK_GRACE_MAX INT64_C(2592000)

/* One row; spans are valid until store_call_release(). */
struct store_webhook {
    struct uuid id;
    struct span url;
    struct span description;
    uint32_t events; /* bit i: store_webhook_event_name(i) */
    bool is_active;
    struct span disabled_reason; /* ptr NULL is SQL NULL: nobody but the tenant switched it off */
    int64_t failing_since_us;    /* STORE_NO_TIME: the last delivery was taken */
    int64_t paused_until_us;     /* STORE_NO_TIME: deliveries are tried */
    int64_t old_secret_until_us; /* STORE_NO_TIME: only the present secret signs */
    int64_t created_at_us;
    int64_t updated_at_us;
};

/*
 * A tenant's webhooks, newest first, or the one with that id: CELERIAC_ERR_NOT_FOUND when there is
 * none.
 */
struct store_get_webhooks {
    struct store_call call;
    struct uuid tenant_id;
    struct uuid id;
    bool is_one; /* only the one with that id */
    /* results */
    const struct store_webhook *rows;
    size_t count;
};

/* Prepares the call; id NULL for all. */
void store_get_webhooks_init(struct store_get_webhooks *get, const struct uuid *tenant_id,
                             const struct uuid *id);

/*
 * Makes a webhook, or changes what is given of one. CELERIAC_ERR_EXISTS when the tenant has
 * STORE_WEBHOOKS_MAX already, CELERIAC_ERR_NOT_FOUND when there is none to change. What is switched
 * on again, or gets another address, is no longer failing.
 * With an idempotency key nothing is made when the key is known: idempotency.repeat says so. After
 * STORE_REPEAT_SAME the row is the webhook that the first request made, as it is now, and
 * idempotency.answer its present secret; CELERIAC_ERR_NOT_FOUND when it was deleted.
 */
struct store_put_webhook {
    struct store_call call;
    struct uuid tenant_id;
    struct uuid id;          /* of one that is made: random, set by the init function */
    struct span url;         /* 1..STORE_WEBHOOK_URL_MAX bytes; ptr NULL: stays */
    struct span description; /* up to STORE_WEBHOOK_DESCRIPTION_MAX characters; ptr NULL: stays */
    uint32_t events;         /* as above; 0: stay */
    bool sets_active;        /* whether is_active is given */
    bool is_active;
    struct span secret;                   /* when it is made */
    struct store_idempotency idempotency; /* when it is made; document is not used */
    /* result */
    struct store_webhook row;
};

/* Prepare the calls: nothing is given yet. */
void store_create_webhook_init(struct store_put_webhook *put, const struct uuid *tenant_id);
void store_update_webhook_init(struct store_put_webhook *put, const struct uuid *tenant_id,
                               const struct uuid *id);

/* Deletes a webhook with all its messages. CELERIAC_ERR_NOT_FOUND. */
struct store_delete_webhook {
    struct store_call call;
    struct uuid tenant_id;
    struct uuid id;
};

/* Prepares the call. */
void store_delete_webhook_init(struct store_delete_webhook *del, const struct uuid *tenant_id,
                               const struct uuid *id);

/*
 * Gives a webhook another secret; the old one goes on to sign too for a time, and one that was
 * replaced before ends. CELERIAC_ERR_NOT_FOUND.
 */
struct store_rotate_webhook {
    struct store_call call;
    struct uuid tenant_id;
    struct uuid id;
    struct span secret;    /* random: a row that has it is this very call, repeated */
    int64_t grace_seconds; /* 0..STORE_WEBHOOK_GRACE_MAX */
    /* result */
    struct store_webhook row;
};

/* Prepares the call. */
void store_rotate_webhook_init(struct store_rotate_webhook *rotate, const struct uuid *tenant_id,
                               const struct uuid *id, struct span secret, int64_t grace_seconds);

#endif
