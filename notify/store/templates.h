/*
 * Templates of a tenant. Every call is bound to a tenant: another tenant's template is not found.
 * See call.h for how to run a call.
 */
#ifndef NOTIFY_STORE_TEMPLATES_H
#define NOTIFY_STORE_TEMPLATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/uuid.h"
#include "notify/store/call.h"

/* Characters in the columns of the table templates (channel: STORE_CHANNEL_MAX). */
#define STORE_TEMPLATE_NAME_MAX 255
#define STORE_TEMPLATE_SUBJECT_MAX 255

/* Bytes of a template's body and of its variables; the API's own limit on a request is lower. */
#define STORE_TEMPLATE_BODY_MAX ((size_t)8 * 1024 * 1024)
#define STORE_TEMPLATE_VARIABLES_MAX ((size_t)8 * 1024 * 1024)

/* One row; spans are valid until store_call_release() of the call that shows it. */
struct store_template {
    int64_t id;
    struct span name;      /* 1..STORE_TEMPLATE_NAME_MAX characters */
    struct span channel;   /* 1..STORE_CHANNEL_MAX characters */
    struct span subject;   /* ptr NULL is SQL NULL; else 0..STORE_TEMPLATE_SUBJECT_MAX characters */
    struct span body;      /* 0..STORE_TEMPLATE_BODY_MAX bytes */
    struct span variables; /* JSON, 1..STORE_TEMPLATE_VARIABLES_MAX bytes */
    bool is_active;
    int64_t created_at_us;
    int64_t updated_at_us;
};

/*
 * Finds the template for a notification: by name when `name` is not empty, else by id; inactive
 * ones are not found. Only what is needed: the id. Combined. CELERIAC_ERR_NOT_FOUND.
 */
struct store_find_template {
    struct store_call call;
    struct uuid tenant_id;
    struct span name; /* any text; what cannot be a name is not found */
    int64_t template_id;
    /* result */
    int64_t found_id;
};

/* Prepares the call; an empty name means by id. */
void store_find_template_init(struct store_find_template *find, const struct uuid *tenant_id,
                              struct span name, int64_t template_id);

/* One template, active or not. CELERIAC_ERR_NOT_FOUND. */
struct store_get_template {
    struct store_call call;
    struct uuid tenant_id;
    int64_t template_id;
    /* result */
    struct store_template row;
};

/* Prepares the call. */
void store_get_template_init(struct store_get_template *get, const struct uuid *tenant_id,
                             int64_t template_id);

/*
 * A tenant's templates, newest first. Like store_list_notifications a page ends at
 * STORE_LIST_MAX rows or STORE_LIST_BYTES_MAX; repeat with the cursor until `complete`.
 */
struct store_list_templates {
    struct store_call call;
    struct uuid tenant_id;
    int64_t before_created_at_us; /* cursor: the last row's; STORE_NO_TIME: from the newest */
    int64_t before_id;            /* cursor */
    /* results, valid until store_call_release() */
    const struct store_template *rows;
    size_t count;
    bool complete; /* nothing follows */
};

/* Prepares the call. */
void store_list_templates_init(struct store_list_templates *list, const struct uuid *tenant_id);

/*
 * Creates a template (row.id is 0) or writes all fields of an existing one (row.id; created_at_us
 * is not written). CELERIAC_ERR_EXISTS when the tenant has another template of that name,
 * CELERIAC_ERR_NOT_FOUND when there is no such tenant or template.
 */
struct store_put_template {
    struct store_call call;
    struct uuid tenant_id;
    struct store_template row; /* request; id and created_at_us are also results */
};

/* Prepare the call; the caller then fills row. */
void store_create_template_init(struct store_put_template *put, const struct uuid *tenant_id);
void store_update_template_init(struct store_put_template *put, const struct uuid *tenant_id,
                                int64_t template_id);

/*
 * Deletes a template; notifications made from it stay and lose their reference, as Django's
 * SET_NULL. CELERIAC_ERR_NOT_FOUND. May take long: every such notification is rewritten.
 */
struct store_delete_template {
    struct store_call call;
    struct uuid tenant_id;
    int64_t template_id;
};

/* Prepares the call. */
void store_delete_template_init(struct store_delete_template *del, const struct uuid *tenant_id,
                                int64_t template_id);

#endif
