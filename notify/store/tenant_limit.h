/*
 * The limit of rate of one tenant, for operators: look at it, set it, remove it. See call.h for how
 * to run a call.
 */
#ifndef NOTIFY_STORE_TENANT_LIMIT_H
#define NOTIFY_STORE_TENANT_LIMIT_H

#include <stdint.h>

#include "base/uuid.h"
#include "notify/store/call.h"

/* The range of the table: thousandths of a request a second, and how many at once. */
#define STORE_LIMIT_MILLI_MIN 1
#define STORE_LIMIT_MILLI_MAX INT64_C(100000000)
#define STORE_LIMIT_BURST_MIN 1
#define STORE_LIMIT_BURST_MAX 1000000

/* What to do with a limit. */
enum store_limit_change { STORE_LIMIT_LOOK, STORE_LIMIT_SET, STORE_LIMIT_REMOVE };

/*
 * CELERIAC_ERR_NOT_FOUND when there is no such tenant, _VALUE for a limit out of range. All API
 * processes heed what was set within a second, when they forget what they know of a key.
 */
struct store_tenant_limit {
    struct store_call call;
    struct uuid tenant_id;
    enum store_limit_change change;
    /* with STORE_LIMIT_SET the wanted limit; results: that of the tenant, milli 0: it has none */
    int64_t milli; /* thousandths of a request a second */
    int32_t burst;
};

/* Prepares the call, which looks unless `change` is set. */
void store_tenant_limit_init(struct store_tenant_limit *limit, const struct uuid *tenant_id);

#endif
