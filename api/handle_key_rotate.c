/* POST /v1/api-keys/{int}/rotate/: a new key in place of another, which goes on to work for a time.
 */
#include "api/description.h"
#include "api/handlers.h"
#include "api/new_key.h"
#include "api/number_range.h"
#include "api/reply.h"
#include "api/request_fields.h"
#include "base/clock.h"
#include "notify/store/api_keys.h"

/* How long the old key goes on to work unless the request says otherwise: a day. */
#define GRACE_DEFAULT INT64_C(86400)

struct rotation {
    struct value values[ROTATE_FIELDS];
    int64_t grace_seconds;
    struct store_get_key old;
    struct new_key key;
    struct store_rotate_key row;
};

static void release_rotation(void *state)
{
    struct rotation *r = state;

    store_call_release(&r->old.call);
    store_call_release(&r->row.call);
    new_key_close(&r->key);
    validate_close(r->values, ROTATE_FIELDS);
}

/* On the store's thread: what is remembered of the old key does not know of its end. */
static void forget_keys(struct api_call *call)
{
    auth_forget(call->api->auth);
}

static void on_rotated(struct api_call *call)
{
    const struct rotation *r = call->state;
    struct json_writer w;

    if (r->row.call.error.code != CELERIAC_OK) {
        reply_store_missing(call, &r->row.call.error, SPAN("API key not found"));
        return;
    }
    document_begin(call, &w);
    json_begin_object(&w);
    json_key(&w, "id");
    json_integer(&w, r->row.key_id);
    document_text(&w, "name", r->row.name);
    json_key(&w, "api_key");
    json_text(&w, r->key.key);
    document_time(&w, "created_at", r->row.created_at_us);
    json_key(&w, "replaces");
    json_integer(&w, r->row.old_id);
    document_time(&w, "replaced_until", r->row.old_ends_us);
    json_key(&w, "warning");
    json_text(&w, NEW_KEY_WARNING);
    json_end_object(&w);
    reply_document(call, 201);
}

static void on_hashed(struct api_call *call)
{
    struct rotation *r = call->state;

    if (r->key.error != CELERIAC_OK) {
        reply_later(call);
        return;
    }
    store_rotate_key_init(&r->row);
    r->row.tenant_id = call->who.tenant_id;
    r->row.old_id = call->params.number;
    r->row.key_hash = span_of(r->key.hash);
    r->row.digest = r->key.digest;
    r->row.is_test = r->old.is_test;
    r->row.grace_seconds = r->grace_seconds;
    r->row.created_at_us = clock_wall_us();
    call_submit_store(call, &r->row.call, CALL_STORE_NS, on_rotated, forget_keys);
}

/*
 * Whether the new key is for tests, as the old one is; false when nobody can tell. A key that
 * Django made is known by its hash alone, unless it is the one that the request came with.
 */
static bool find_mode(const struct api_call *call, struct rotation *r)
{
    if (r->old.is_mode_known)
        return true;
    if (call->params.number == call->who.key_id) {
        r->old.is_test = span_starts(call->request->api_key, SPAN("sk_test_"));
        return true;
    }
    r->old.is_test = r->values[ROTATE_IS_TEST].truth;
    return r->values[ROTATE_IS_TEST].state == VALUE_SET;
}

static void on_found(struct api_call *call)
{
    struct rotation *r = call->state;

    if (r->old.call.error.code != CELERIAC_OK)
        reply_store_missing(call, &r->old.call.error, SPAN("API key not found"));
    else if (!r->old.is_replaceable)
        reply_error(call, 400, SPAN("API key is inactive or was rotated already"));
    else if (!find_mode(call, r))
        reply_problem(call, "is_test", "This field is required.");
    else
        new_key_start(call, &r->key, r->old.is_test, on_hashed);
}

static const struct schema rotation_request = {.name = "ApiKeyRotation",
                                               .help = "How the old key ends",
                                               .fields = rotate_fields,
                                               .field_count = ROTATE_FIELDS};

static const struct member rotated_members[] = {
    {.name = "id", .shape = SHAPE_INTEGER, .help = "The new key's"},
    {.name = "name", .help = "The old key's, and the new one's"},
    {.name = "api_key", .help = "The key itself, shown this once"},
    {.name = "created_at", .shape = SHAPE_TIME, .help = "When the new key was made"},
    {.name = "replaces", .shape = SHAPE_INTEGER, .help = "The old key's id"},
    {.name = "replaced_until", .shape = SHAPE_TIME, .help = "When the old key ends"},
    {.name = "warning", .help = "That it is shown only once"},
    {.name = NULL},
};
static const struct schema rotated_schema = {
    .name = "RotatedApiKey", .help = "A key in place of another", .members = rotated_members};

const struct description about_key_rotate = {
    .id = "rotateApiKey",
    .group = "API keys",
    .request = &rotation_request,
    .answers = {{.status = 201, .schema = &rotated_schema, .help = "The new key"},
                {.status = 400, .schema = &error_schema, .help = "The key is off, or was replaced"},
                {.status = 404, .schema = &error_schema, .help = "The tenant has no such key"}},
};

void handle_key_rotate(struct api_call *call)
{
    struct rotation *r = call_state(call, sizeof *r, release_rotation);

    if (!r || !call_read_body(call, rotate_fields, ROTATE_FIELDS, false, r->values))
        return;
    r->grace_seconds = GRACE_DEFAULT;
    if (!number_in_range(call, "grace_seconds", &r->values[ROTATE_GRACE_SECONDS], 0,
                         STORE_KEY_GRACE_MAX, &r->grace_seconds))
        return;
    store_get_key_init(&r->old, &call->who.tenant_id, call->params.number);
    call_submit_store(call, &r->old.call, CALL_STORE_NS, on_found, NULL);
}
