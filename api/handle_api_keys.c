#include "api/handlers.h"
#include "api/new_key.h"
#include "api/reply.h"
#include "api/request_fields.h"
#include "base/clock.h"
#include "notify/store/api_keys.h"

/* The list, and the tenant whose name stands in every row. */
struct key_list {
    struct store_get_tenant tenant;
    struct store_list_keys page;
    struct json_writer w;
};

static void release_list(void *state)
{
    struct key_list *list = state;

    store_call_release(&list->tenant.call);
    store_call_release(&list->page.call);
}

/*
 * When a key was last used. Uses are written a little later, all of them together; the one that
 * asks here counts already, as with Django, which writes it before it answers.
 */
static int64_t last_use(const struct auth_check *present, const struct store_api_key *key)
{
    if (key->id != present->who.key_id)
        return key->last_used_at_us;
    if (key->last_used_at_us != STORE_NO_TIME && key->last_used_at_us > present->used_at_us)
        return key->last_used_at_us;
    return present->used_at_us;
}

static const struct member key_members[] = {
    {.name = "id", .shape = SHAPE_INTEGER, .help = "Made by the service"},
    {.name = "tenant_name", .help = "The tenant's name"},
    {.name = "name", .help = "What the key is for"},
    {.name = "is_active", .shape = SHAPE_BOOLEAN, .help = "Whether it opens anything"},
    {.name = "created_at", .shape = SHAPE_TIME, .help = "When it was made"},
    {.name = "last_used_at", .shape = SHAPE_TIME, .nullable = true, .help = "When last used"},
    {.name = NULL},
};
static const struct schema key_schema = {
    .name = "ApiKey", .help = "An API key, without the key itself", .members = key_members};

static void add_key(struct key_list *list, const struct auth_check *present,
                    const struct store_api_key *key)
{
    struct json_writer *w = &list->w;

    json_begin_object(w);
    json_key(w, "id");
    json_integer(w, key->id);
    document_text(w, "tenant_name", list->tenant.row.name);
    document_text(w, "name", key->name);
    json_key(w, "is_active");
    json_boolean(w, key->is_active);
    document_time(w, "created_at", key->created_at_us);
    document_time(w, "last_used_at", last_use(present, key));
    json_end_object(w);
}

static void on_page(struct api_call *call)
{
    struct key_list *list = call->state;
    int64_t last;

    if (list->page.call.error.code != CELERIAC_OK) {
        reply_store_failure(call, &list->page.call.error);
        return;
    }
    for (size_t i = 0; i < list->page.count; i++)
        add_key(list, &call->check, &list->page.rows[i]);
    if (reply_list_ended(call, &list->w, list->page.count < STORE_KEY_PAGE_MAX))
        return;
    last = list->page.rows[list->page.count - 1].id;
    store_call_release(&list->page.call);
    store_list_keys_init(&list->page, &call->who.tenant_id);
    list->page.before_id = last;
    call_submit_store(call, &list->page.call, CALL_STORE_NS, on_page, NULL);
}

static void on_tenant(struct api_call *call)
{
    struct key_list *list = call->state;

    if (list->tenant.call.error.code != CELERIAC_OK) {
        reply_store_failure(call, &list->tenant.call.error);
        return;
    }
    document_begin(call, &list->w);
    json_begin_array(&list->w);
    store_list_keys_init(&list->page, &call->who.tenant_id);
    call_submit_store(call, &list->page.call, CALL_STORE_NS, on_page, NULL);
}

const struct description about_key_list = {
    .id = "listApiKeys",
    .group = "API keys",
    .answers = {{.status = 200,
                 .schema = &key_schema,
                 .is_list = true,
                 .help = "All of the tenant's keys"}},
};

void handle_key_list(struct api_call *call)
{
    struct key_list *list = call_state(call, sizeof *list, release_list);

    if (!list)
        return;
    store_get_tenant_init(&list->tenant, &call->who.tenant_id);
    call_submit_store(call, &list->tenant.call, CALL_STORE_NS, on_tenant, NULL);
}

struct key_creation {
    struct value values[KEY_FIELDS];
    struct new_key key;
    struct store_create_key row;
};

static void release_creation(void *state)
{
    struct key_creation *c = state;

    store_call_release(&c->row.call);
    new_key_close(&c->key);
    validate_close(c->values, KEY_FIELDS);
}

static const struct member new_key_members[] = {
    {.name = "id", .shape = SHAPE_INTEGER, .help = "Made by the service"},
    {.name = "name", .help = "What the key is for"},
    {.name = "api_key", .help = "The key, which is shown this once"},
    {.name = "created_at", .shape = SHAPE_TIME, .help = "When it was made"},
    {.name = "warning", .help = "To keep it"},
    {.name = NULL},
};
static const struct schema new_key_schema = {
    .name = "NewApiKey", .help = "A key that was just made", .members = new_key_members};

static void on_created(struct api_call *call)
{
    const struct key_creation *c = call->state;
    struct json_writer w;

    if (c->row.call.error.code != CELERIAC_OK) {
        reply_store_failure(call, &c->row.call.error);
        return;
    }
    document_begin(call, &w);
    json_begin_object(&w);
    json_key(&w, "id");
    json_integer(&w, c->row.key_id);
    document_text(&w, "name", c->row.name);
    json_key(&w, "api_key");
    json_text(&w, c->key.key);
    document_time(&w, "created_at", c->row.created_at_us);
    json_key(&w, "warning");
    json_text(&w, NEW_KEY_WARNING);
    json_end_object(&w);
    reply_document(call, 201);
}

static void on_hashed(struct api_call *call)
{
    struct key_creation *c = call->state;

    if (c->key.error != CELERIAC_OK) {
        reply_later(call);
        return;
    }
    store_create_key_init(&c->row);
    c->row.tenant_id = call->who.tenant_id;
    c->row.name = value_text(&c->values[KEY_NAME], SPAN(""));
    c->row.key_hash = span_of(c->key.hash);
    c->row.digest = c->key.digest;
    c->row.is_test = c->values[KEY_IS_TEST].truth;
    c->row.created_at_us = clock_wall_us();
    call_submit_store(call, &c->row.call, CALL_STORE_NS, on_created, NULL);
}

static const struct schema key_request = {.name = "ApiKeyRequest",
                                          .help = "What the key is for",
                                          .fields = key_fields,
                                          .field_count = KEY_FIELDS};

const struct description about_key_create = {
    .id = "createApiKey",
    .group = "API keys",
    .request = &key_request,
    .answers = {{.status = 201, .schema = &new_key_schema, .help = "The key"}},
};

void handle_key_create(struct api_call *call)
{
    struct key_creation *c = call_state(call, sizeof *c, release_creation);

    if (!c || !call_read_body(call, key_fields, KEY_FIELDS, false, c->values))
        return;
    new_key_start(call, &c->key, c->values[KEY_IS_TEST].truth, on_hashed);
}

/* On the store's thread: the key must not be accepted any more, whoever waits for the answer. */
static void forget_key(struct api_call *call)
{
    auth_forget(call->api->auth);
}

static void on_deactivated(struct api_call *call)
{
    const struct store_deactivate_key *off = call->state;
    struct json_writer w;

    if (off->call.error.code != CELERIAC_OK) {
        reply_store_missing(call, &off->call.error, SPAN("API key not found"));
        return;
    }
    document_begin(call, &w);
    json_begin_object(&w);
    json_key(&w, "message");
    json_text(&w, "API key deactivated successfully");
    json_end_object(&w);
    reply_document(call, 200);
}

static const struct member deactivated_members[] = {
    {.name = "message", .help = "One sentence"},
    {.name = NULL},
};
static const struct schema deactivated_schema = {
    .name = "Deactivated", .help = "The key opens nothing more", .members = deactivated_members};

const struct description about_key_deactivate = {
    .id = "deactivateApiKey",
    .group = "API keys",
    .answers = {{.status = 200, .schema = &deactivated_schema, .help = "It is switched off"},
                {.status = 400, .schema = &error_schema, .help = "It is the key in use"},
                {.status = 404, .schema = &error_schema, .help = "The tenant has no such key"}},
};

void handle_key_deactivate(struct api_call *call)
{
    struct store_deactivate_key *off;

    if (call->params.number == call->who.key_id) {
        reply_error(call, 400, SPAN("Cannot deactivate the API key currently in use"));
        return;
    }
    off = call_state(call, sizeof *off, call_release_store);
    if (!off)
        return;
    store_deactivate_key_init(off, &call->who.tenant_id, call->params.number);
    call_submit_store(call, &off->call, CALL_STORE_NS, on_deactivated, forget_key);
}
