/*
 * Dead letters as the API shows them; they are made by store_dead_letter() in sends.h, and ended by
 * retry.h. See call.h
 * for how to run a call.
 */
#ifndef NOTIFY_STORE_DEAD_LETTERS_H
#define NOTIFY_STORE_DEAD_LETTERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/uuid.h"
#include "notify/store/call.h"

/* One row with its notification's channel and address; spans are valid until store_call_release().
 */
struct store_dead_letter_row {
    struct uuid id;
    struct uuid notification_id;
    struct span channel;
    struct span to;
    struct span reason;
    int32_t retry_count;
    int64_t created_at_us;
};

/*
 * A tenant's dead letters, newest first (created_at, then id, descending); with the cursor set to
 * the last row, those after it.
 */
struct store_list_dead_letters {
    struct store_call call;
    struct uuid tenant_id;
    int64_t created_after_us;     /* inclusive; STORE_NO_TIME: any */
    int64_t created_before_us;    /* exclusive; STORE_NO_TIME: any */
    int64_t before_created_at_us; /* cursor; STORE_NO_TIME: from the newest */
    struct uuid before_id;        /* cursor */
    uint32_t limit;               /* 0..STORE_LIST_MAX (notifications.h) */
    /* results */
    const struct store_dead_letter_row *rows;
    size_t count;
};

/* Prepares the call: no cursor. */
void store_list_dead_letters_init(struct store_list_dead_letters *list,
                                  const struct uuid *tenant_id, uint32_t limit);

/* One dead letter of a tenant. CELERIAC_ERR_NOT_FOUND. */
struct store_get_dead_letter {
    struct store_call call;
    struct uuid tenant_id;
    struct uuid id;
    /* result */
    struct store_dead_letter_row row;
};

/* Prepares the call. */
void store_get_dead_letter_init(struct store_get_dead_letter *get, const struct uuid *tenant_id,
                                const struct uuid *id);

#endif
