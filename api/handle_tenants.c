#include "api/handlers.h"
#include "api/new_key.h"
#include "api/reply.h"
#include "api/request_fields.h"
#include "base/clock.h"
#include "base/random.h"
#include "notify/store/tenants.h"

static const struct member tenant_members[] = {
    {.name = "tenant_id", .shape = SHAPE_UUID, .help = "Made by the service"},
    {.name = "name", .help = "The business' name"},
    {.name = "email", .help = "Its address"},
    {.name = "is_active", .shape = SHAPE_BOOLEAN, .help = "Whether its keys open anything"},
    {.name = "created_at", .shape = SHAPE_TIME, .help = "When it registered"},
    {.name = "updated_at", .shape = SHAPE_TIME, .help = "When it was changed last"},
    {.name = NULL},
};
static const struct schema tenant_schema = {
    .name = "Tenant", .help = "A business that sends notifications", .members = tenant_members};

static void add_tenant(struct json_writer *w, const struct store_tenant *tenant)
{
    json_begin_object(w);
    document_uuid(w, "tenant_id", &tenant->id);
    document_text(w, "name", tenant->name);
    document_text(w, "email", tenant->email);
    json_key(w, "is_active");
    json_boolean(w, tenant->is_active);
    document_time(w, "created_at", tenant->created_at_us);
    document_time(w, "updated_at", tenant->updated_at_us);
    json_end_object(w);
}

static void on_me(struct api_call *call)
{
    const struct store_get_tenant *get = call->state;
    struct json_writer w;

    if (get->call.error.code != CELERIAC_OK) {
        reply_store_failure(call, &get->call.error);
        return;
    }
    document_begin(call, &w);
    add_tenant(&w, &get->row);
    reply_document(call, 200);
}

const struct description about_tenant_me = {
    .id = "getTenant",
    .group = "Tenants",
    .answers = {{.status = 200, .schema = &tenant_schema, .help = "The tenant"}},
};

void handle_tenant_me(struct api_call *call)
{
    struct store_get_tenant *get = call_state(call, sizeof *get, call_release_store);

    if (!get)
        return;
    store_get_tenant_init(get, &call->who.tenant_id);
    call_submit_store(call, &get->call, CALL_STORE_NS, on_me, NULL);
}

struct registration {
    struct value values[REGISTER_FIELDS];
    struct new_key key;
    struct store_register_tenant row;
};

static void release_registration(void *state)
{
    struct registration *r = state;

    store_call_release(&r->row.call);
    new_key_close(&r->key);
    validate_close(r->values, REGISTER_FIELDS);
}

static const struct member first_key_members[] = {
    {.name = "id", .shape = SHAPE_INTEGER, .help = "Made by the service"},
    {.name = "name", .help = NEW_KEY_FIRST_NAME},
    {.name = "key", .help = "The key, which is shown this once"},
    {.name = "warning", .help = "To keep it"},
    {.name = NULL},
};
static const struct schema first_key_schema = {
    .name = "FirstApiKey", .help = "The tenant's first key", .members = first_key_members};

static const struct member registered_members[] = {
    {.name = "tenant", .shape = SHAPE_OBJECT, .schema = &tenant_schema, .help = "The tenant"},
    {.name = "api_key", .shape = SHAPE_OBJECT, .schema = &first_key_schema, .help = "Its key"},
    {.name = NULL},
};
static const struct schema registered_schema = {
    .name = "Registered", .help = "A new tenant with its first key", .members = registered_members};

static void reply_registered(struct api_call *call, const struct registration *r)
{
    const struct store_tenant tenant = {.id = r->row.tenant_id,
                                        .name = r->row.name,
                                        .email = r->row.email,
                                        .is_active = true,
                                        .created_at_us = r->row.created_at_us,
                                        .updated_at_us = r->row.created_at_us};
    struct json_writer w;

    document_begin(call, &w);
    json_begin_object(&w);
    json_key(&w, "tenant");
    add_tenant(&w, &tenant);
    json_key(&w, "api_key");
    json_begin_object(&w);
    json_key(&w, "id");
    json_integer(&w, r->row.key_id);
    json_key(&w, "name");
    json_text(&w, NEW_KEY_FIRST_NAME);
    json_key(&w, "key");
    json_text(&w, r->key.key);
    json_key(&w, "warning");
    json_text(&w, NEW_KEY_WARNING);
    json_end_object(&w);
    json_end_object(&w);
    reply_document(call, 201);
}

static void on_registered(struct api_call *call)
{
    const struct registration *r = call->state;

    if (r->row.call.error.code == CELERIAC_OK)
        reply_registered(call, r);
    else if (r->row.call.error.code == CELERIAC_ERR_EXISTS)
        reply_problem(call, "email", "A tenant with this email already exists.");
    else
        reply_store_failure(call, &r->row.call.error);
}

static void on_hashed(struct api_call *call)
{
    struct registration *r = call->state;
    uint8_t random[16];

    if (r->key.error != CELERIAC_OK) {
        reply_later(call);
        return;
    }
    random_bytes(random, sizeof random);
    store_register_tenant_init(&r->row);
    uuid_from_random(random, &r->row.tenant_id);
    r->row.name = r->values[REGISTER_NAME].text;
    r->row.email = r->values[REGISTER_EMAIL].text;
    r->row.key_name = SPAN(NEW_KEY_FIRST_NAME);
    r->row.key_hash = span_of(r->key.hash);
    r->row.digest = r->key.digest;
    r->row.created_at_us = clock_wall_us();
    call_submit_store(call, &r->row.call, CALL_STORE_NS, on_registered, NULL);
}

static const struct schema register_request = {.name = "Registration",
                                               .help = "Who registers",
                                               .fields = register_fields,
                                               .field_count = REGISTER_FIELDS};

const struct description about_tenant_register = {
    .id = "registerTenant",
    .group = "Tenants",
    .request = &register_request,
    .answers = {{.status = 201, .schema = &registered_schema, .help = "The tenant and its key"}},
};

void handle_tenant_register(struct api_call *call)
{
    struct registration *r = call_state(call, sizeof *r, release_registration);

    if (!r || !call_read_body(call, register_fields, REGISTER_FIELDS, false, r->values))
        return;
    new_key_start(call, &r->key, false, on_hashed);
}
