/*
 * When messages and notifications are compared (store/reconcile.h), and what the last comparison
 * suspected. A comparison runs in the store while its caller, who has notifications to publish,
 * goes on. One thread at a time; only the store calls back.
 */
#ifndef NOTIFY_RECONCILER_H
#define NOTIFY_RECONCILER_H

#include <stdbool.h>
#include <stdint.h>

#include "celeriac/error.h"
#include "notify/store/reconcile.h"
#include "notify/store/store.h"

/* Shortest and longest time between two comparisons. */
#define NOTIFY_RECONCILE_NS INT64_C(5000000000)
#define NOTIFY_RECONCILE_LATEST_NS INT64_C(300000000000)

/*
 * A comparison that took long is followed by a pause of so many times that: it reads all that waits
 * for a later time, of which there may be millions, and shall not keep the database busy.
 */
#define NOTIFY_RECONCILE_REST 10

/* What takes no longer than this is no burden. */
#define NOTIFY_RECONCILE_LIGHT_NS INT64_C(1000000000)

struct notify_reconciler;

/*
 * `after_s`: age at which a notification is published again whatever the broker has; 0: nothing is
 * ever compared. The store is borrowed. CELERIAC_ERR_MEMORY.
 */
enum celeriac_err notify_reconciler_create(struct store *store, unsigned after_s,
                                           struct notify_reconciler **r) CELERIAC_MUST_CHECK;

/* Waits for a comparison that is under way; r may be NULL. */
void notify_reconciler_destroy(struct notify_reconciler *r);

/* Whether it is time for a comparison, and none is under way. */
bool notify_reconciler_is_due(const struct notify_reconciler *r, int64_t now_ns);

/* Begins one; `messages`: how many the broker has, counted just before. Does not block. */
void notify_reconciler_begin(struct notify_reconciler *r, uint64_t messages, int64_t now_ns);

/* None now, since the broker does not tell. */
void notify_reconciler_postpone(struct notify_reconciler *r, int64_t now_ns);

/*
 * Once after the end of each comparison its call, whose rows are to be published, until the next
 * one begins; otherwise, and when it failed, NULL.
 */
const struct store_reconcile *notify_reconciler_take(struct notify_reconciler *r, int64_t now_ns);

/* The pause after a comparison that took so long. Pure. */
int64_t notify_reconciler_pause_ns(int64_t took_ns);

#endif
