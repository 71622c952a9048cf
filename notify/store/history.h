/*
 * What has happened to a notification so far, as far as the database knows: each failed attempt of
 * our workers is recorded (send_failures, for 90 days at least); of Python workers' attempts only
 * the outcome is known. See call.h for how to run a call.
 */
#ifndef NOTIFY_STORE_HISTORY_H
#define NOTIFY_STORE_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/uuid.h"
#include "notify/store/call.h"

/* Most failed attempts that a history shows, the newest; four are usual. */
#define STORE_HISTORY_MAX 100

/* The numbers are those of sql/get_history.sql. */
enum store_event_kind {
    STORE_EVENT_ACCEPTED = 1, /* no detail */
    STORE_EVENT_FAILED,       /* an attempt; detail: its error */
    STORE_EVENT_PROCESSING,   /* a worker sends it now; no detail */
    STORE_EVENT_DEAD_LETTER,  /* given up; detail: the reason */
    STORE_EVENT_CANCELLED,    /* no detail */
    STORE_EVENT_SENT          /* detail: the provider's response, JSON */
};

struct store_event {
    enum store_event_kind kind;
    int64_t at_us;
    struct span detail; /* ptr NULL: none; valid until store_call_release() */
};

/* The events of one notification of a tenant, oldest first. CELERIAC_ERR_NOT_FOUND. */
struct store_get_history {
    struct store_call call;
    struct uuid tenant_id;
    struct uuid notification_id;
    /* results */
    const struct store_event *rows;
    size_t count;
};

/* Prepares the call. */
void store_get_history_init(struct store_get_history *get, const struct uuid *tenant_id,
                            const struct uuid *notification_id);

#endif
