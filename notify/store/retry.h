/*
 * Sending again what was given up: the dead letter goes, its notification is `pending` again with
 * an outbox row, in one transaction. The outbox rows are leased to the caller, who publishes them
 * (outbox.h). See call.h for how to run a call.
 */
#ifndef NOTIFY_STORE_RETRY_H
#define NOTIFY_STORE_RETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/uuid.h"
#include "notify/store/call.h"
#include "notify/store/outbox.h"

/* Most dead letters of one call. */
#define STORE_RETRY_MAX 1000

/* Characters of a part of a reason that is searched for. */
#define STORE_REASON_MAX 255

/*
 * One of a tenant's. CELERIAC_ERR_NOT_FOUND when it is not there any more, or its notification is
 * not `failed`.
 */
struct store_retry_dead_letter {
    struct store_call call;
    struct uuid tenant_id;
    struct uuid id;
    struct uuid notification_id; /* of that dead letter */
    struct uuid task_id;         /* of its publication; random, set by the init function */
};

/* Prepares the call. */
void store_retry_dead_letter_init(struct store_retry_dead_letter *retry,
                                  const struct uuid *tenant_id, const struct uuid *id,
                                  const struct uuid *notification_id);

/*
 * Those of a tenant that all filters take, oldest first. A call that the store repeats after a
 * commit of unknown outcome finds what that one has done.
 */
struct store_retry_dead_letters {
    struct store_call call;
    struct uuid tenant_id;
    struct uuid request; /* random, set by the init function: names the publications */
    uint32_t limit;      /* 1..STORE_RETRY_MAX */
    /* filters; all empty by the init function */
    struct span channel;         /* up to STORE_CHANNEL_MAX characters (notifications.h) */
    struct span template_name;   /* up to STORE_TEMPLATE_NAME_MAX (templates.h) */
    int64_t created_after_us;    /* inclusive; STORE_NO_TIME: any */
    int64_t created_before_us;   /* exclusive; STORE_NO_TIME: any */
    struct span reason_contains; /* up to STORE_REASON_MAX characters */
    /* results, valid until store_call_release() */
    const struct store_outbox_row *rows; /* to be published */
    size_t count;
    bool more; /* further ones match */
};

/* Prepares the call. */
void store_retry_dead_letters_init(struct store_retry_dead_letters *retry,
                                   const struct uuid *tenant_id, uint32_t limit);

#endif
