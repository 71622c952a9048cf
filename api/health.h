/*
 * How the API is, for /livez and /readyz of its operator's port. Any thread.
 */
#ifndef API_HEALTH_H
#define API_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "notify/enqueue.h"
#include "notify/store/store.h"

/*
 * The publisher goes round each second. While the broker or the database is silent a round takes up
 * to some 20 seconds; silent for so long the process is stuck.
 */
#define API_HEALTH_SILENCE_NS (60 * INT64_C(1000000000))

/* What is looked at; borrowed. */
struct api_health {
    struct store *store;
    struct notify_enqueue *enqueue;
    atomic_bool stopping; /* the program was asked to stop */
};

/* Whether the process is worth keeping; appends how it is. */
bool api_health_is_live(const struct api_health *health, int64_t now_ns, struct strbuf *answer);

/*
 * Whether it takes requests: it does not stop, and the database is there and migrated. Appends a
 * line for each part with the reason. A broker that is away is told, but no reason: accepted
 * notifications wait in the outbox.
 */
bool api_health_is_ready(const struct api_health *health, int64_t now_ns, struct strbuf *answer);

#endif
