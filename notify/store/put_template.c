/* The calls of templates.h that write. */
#include <string.h>

#include "notify/store/kinds.h"
#include "notify/store/notifications.h"
#include "notify/store/row.h"
#include "notify/store/sql.h"
#include "notify/store/templates.h"
#include "notify/store/text.h"

/* Columns of sql/create_template.sql and sql/update_template.sql. */
enum { COLUMN_ID, COLUMN_CREATED };

static struct store_put_template *put_of(struct store_call *call)
{
    return (struct store_put_template *)call;
}

static enum celeriac_err check_put(struct store_call *call)
{
    const struct store_template *row = &put_of(call)->row;
    struct celeriac_error *err = &call->error;
    call->own.bytes = sizeof *row + row->body.len + row->variables.len;
    if (row->updated_at_us == STORE_NO_TIME)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "updated_at: is missing");
    if (row->id == 0 && row->created_at_us == STORE_NO_TIME)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "created_at: is missing");
    enum celeriac_err rc = store_text_check(row->name, "name", 1, STORE_TEMPLATE_NAME_MAX, err);
    if (rc == CELERIAC_OK)
        rc = store_text_check(row->channel, "channel", 1, STORE_CHANNEL_MAX, err);
    if (rc == CELERIAC_OK)
        rc = store_text_check(row->subject, "subject", 0, STORE_TEMPLATE_SUBJECT_MAX, err);
    if (rc == CELERIAC_OK)
        rc = store_text_check_bytes(row->body, "body", 0, STORE_TEMPLATE_BODY_MAX, err);
    if (rc == CELERIAC_OK)
        rc = store_text_check_json(row->variables, "variables", 1, STORE_TEMPLATE_VARIABLES_MAX,
                                   err);
    return rc;
}

static void bind_put(struct store_params *p, struct store_call **calls, size_t count,
                     const struct store_context *context)
{
    const struct store_put_template *put = put_of(calls[0]);
    (void)count;
    (void)context;
    bool is_new = calls[0]->own.kind->id == STORE_KIND_CREATE_TEMPLATE;
    store_params_uuid(p, &put->tenant_id);
    if (!is_new)
        store_params_int8(p, put->row.id);
    store_params_bytes(p, put->row.name);
    store_params_bytes(p, put->row.channel);
    store_params_bytes(p, put->row.subject);
    store_params_text(p, put->row.body);
    store_params_bytes(p, put->row.variables);
    store_params_bool(p, put->row.is_active);
    if (is_new)
        store_params_time(p, put->row.created_at_us);
    store_params_time(p, put->row.updated_at_us);
}

static void take_put(struct store_put_template *put, const PGresult *result)
{
    struct store_row r = {result, 0};
    put->row.id = store_row_int8(r, COLUMN_ID);
    put->row.created_at_us = store_row_time(r, COLUMN_CREATED);
}

static void take_create(struct store_call **calls, size_t count, const PGresult *result)
{
    (void)count;
    if (PQntuples(result) == 0)
        (void)celeriac_error_set(&calls[0]->error, CELERIAC_ERR_EXISTS,
                                 "name: the tenant has such a template");
    else
        take_put(put_of(calls[0]), result);
}

static void take_update(struct store_call **calls, size_t count, const PGresult *result)
{
    (void)count;
    if (PQntuples(result) == 0)
        store_call_not_found(calls[0], "template");
    else
        take_put(put_of(calls[0]), result);
}

static void bind_delete(struct store_params *p, struct store_call **calls, size_t count,
                        const struct store_context *context)
{
    const struct store_delete_template *del = (const struct store_delete_template *)calls[0];
    (void)count;
    (void)context;
    store_params_uuid(p, &del->tenant_id);
    store_params_int8(p, del->template_id);
}

static void take_delete(struct store_call **calls, size_t count, const PGresult *result)
{
    (void)count;
    /* Sent more than once, it may be this very call that deleted the row before. */
    if (PQntuples(result) == 0 && calls[0]->own.attempts < 2)
        store_call_not_found(calls[0], "template");
}

const struct store_kind store_kind_create_template = {
    .id = STORE_KIND_CREATE_TEMPLATE,
    .name = "create_template",
    .sql = store_sql_create_template,
    .json_field = "variables",
    .on_duplicate = CELERIAC_ERR_EXISTS,
    .on_dangling = CELERIAC_ERR_NOT_FOUND,
    .check = check_put,
    .bind = bind_put,
    .take = take_create,
};

const struct store_kind store_kind_update_template = {
    .id = STORE_KIND_UPDATE_TEMPLATE,
    .name = "update_template",
    .sql = store_sql_update_template,
    .prelude = store_sql_lock_template,
    .prelude_params = 2,
    .json_field = "variables",
    .on_duplicate = CELERIAC_ERR_EXISTS,
    .check = check_put,
    .bind = bind_put,
    .take = take_update,
};

const struct store_kind store_kind_delete_template = {
    .id = STORE_KIND_DELETE_TEMPLATE,
    .name = "delete_template",
    .sql = store_sql_delete_template,
    .prelude = store_sql_long_statement,
    .is_slow = true,
    .bind = bind_delete,
    .take = take_delete,
};

void store_create_template_init(struct store_put_template *put, const struct uuid *tenant_id)
{
    memset(put, 0, sizeof *put);
    store_call_init(&put->call, &store_kind_create_template);
    put->tenant_id = *tenant_id;
    put->row.created_at_us = STORE_NO_TIME;
    put->row.updated_at_us = STORE_NO_TIME;
}

void store_update_template_init(struct store_put_template *put, const struct uuid *tenant_id,
                                int64_t template_id)
{
    memset(put, 0, sizeof *put);
    store_call_init(&put->call, &store_kind_update_template);
    put->tenant_id = *tenant_id;
    put->row.id = template_id;
    put->row.updated_at_us = STORE_NO_TIME;
}

void store_delete_template_init(struct store_delete_template *del, const struct uuid *tenant_id,
                                int64_t template_id)
{
    memset(del, 0, sizeof *del);
    store_call_init(&del->call, &store_kind_delete_template);
    del->tenant_id = *tenant_id;
    del->template_id = template_id;
}
