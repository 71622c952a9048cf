/*
 * Dead letters as the API shows them; they are made by store_dead_letter() in sends.h, and ended by
 * retry.h. See call.h for how to run a call.
 */
#ifndef NOTIFY_STORE_DEAD_LETTERS_H
#define NOTIFY_STORE_DEAD_LETTERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/uuid.h"
#include "notify/store/call.h"
#include "notify/store/page.h"

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

/* A page of a tenant's dead letters. */
struct store_list_dead_letters {
    struct store_call call;
    struct uuid tenant_id;
    struct store_page page;
    /* results */
    const struct store_dead_letter_row *rows;
    size_t count;
    struct store_cursor next; /* the last row, when there may be more; else no row's */
};

/* Prepares the call. */
void store_list_dead_letters_init(struct store_list_dead_letters *list,
                                  const struct uuid *tenant_id, const struct store_page *page);

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
