/*
 * Earlier versions of templates: what a template was before it was changed through our API, also
 * when Django had written it. Versions count from 1; what is there now has the highest number. The
 * last STORE_TEMPLATE_VERSIONS_MAX are kept. See call.h for how to run a call.
 */
#ifndef NOTIFY_STORE_TEMPLATE_VERSIONS_H
#define NOTIFY_STORE_TEMPLATE_VERSIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/uuid.h"
#include "notify/store/call.h"

/* Versions kept besides the present one; the number is also in sql/update_template.sql. */
#define STORE_TEMPLATE_VERSIONS_MAX 100

/* Spans are valid until store_call_release(). */
struct store_template_version {
    int32_t version;
    struct span name;
    struct span channel;
    struct span subject; /* ptr NULL is SQL NULL */
    struct span body;
    struct span variables; /* JSON */
    int64_t written_at_us; /* when it became what the template says */
};

/*
 * The versions of a tenant's template, newest first, the present one included; old ones are left
 * out where all of them would exceed STORE_LIST_BYTES_MAX (page.h).
 * CELERIAC_ERR_NOT_FOUND.
 */
struct store_list_template_versions {
    struct store_call call;
    struct uuid tenant_id;
    int64_t template_id;
    /* results */
    const struct store_template_version *rows;
    size_t count;
};

/* Prepares the call. */
void store_list_template_versions_init(struct store_list_template_versions *list,
                                       const struct uuid *tenant_id, int64_t template_id);

/*
 * Makes a template what an earlier version was; whether it is active stays. What it was until now
 * becomes a version of its own. CELERIAC_ERR_NOT_FOUND when there is no such template or version,
 * CELERIAC_ERR_EXISTS when another template has taken the version's name.
 */
struct store_restore_template {
    struct store_call call;
    struct uuid tenant_id;
    int64_t template_id;
    int32_t version;
    int64_t updated_at_us;
};

/* Prepares the call. */
void store_restore_template_init(struct store_restore_template *restore,
                                 const struct uuid *tenant_id, int64_t template_id, int32_t version,
                                 int64_t updated_at_us);

#endif
