/* Making and changing a tenant's webhooks, and replacing their secrets. */
#include "api/handlers.h"
#include "api/idempotency.h"
#include "api/number_range.h"
#include "api/reply.h"
#include "api/request_fields.h"
#include "api/webhook_document.h"
#include "base/random.h"
#include "notify/rules/api_key.h"
#include "notify/rules/webhook_secret.h"
#include "notify/rules/webhook_url.h"

/* How long the old secret signs too unless the request says otherwise: a day. */
#define GRACE_DEFAULT INT64_C(86400)

_Static_assert(STORE_WEBHOOKS_MAX == 10, "the sentences below say so");

/* All events: what a new webhook gets by default. */
#define ALL_EVENTS ((UINT32_C(1) << STORE_WEBHOOK_EVENT_COUNT) - 1)

/* False: a reply has been made. */
static bool make_secret(struct api_call *call, char secret[NOTIFY_WEBHOOK_SECRET_SIZE])
{
    uint8_t random[NOTIFY_WEBHOOK_KEY_RANDOM];
    enum celeriac_err rc;

    random_bytes(random, sizeof random);
    rc = notify_webhook_secret_make(random, secret);
    notify_api_key_wipe(random, sizeof random);
    if (rc != CELERIAC_OK)
        reply_later(call);
    return rc == CELERIAC_OK;
}

/* ---- made and changed ------------------------------------------------------------------------ */

struct webhook_edit {
    struct value values[WEBHOOK_FIELDS];
    struct store_put_webhook put;
    char secret[NOTIFY_WEBHOOK_SECRET_SIZE]; /* "" when it is changed */
};

static void release_edit(void *state)
{
    struct webhook_edit *e = state;

    store_call_release(&e->put.call);
    validate_close(e->values, WEBHOOK_FIELDS);
    notify_api_key_wipe(e->secret, sizeof e->secret);
}

static void on_created(struct api_call *call)
{
    const struct webhook_edit *e = call->state;
    const struct store_idempotency *key = &e->put.idempotency;

    if (e->put.call.error.code == CELERIAC_ERR_EXISTS) {
        reply_refusal(call, 409, "Too many webhooks", "A tenant can have 10 of them.");
    } else if (e->put.call.error.code != CELERIAC_OK) {
        reply_webhook_failure(call, &e->put.call.error);
    } else if (key->repeat == STORE_REPEAT_OTHER) {
        idempotency_conflict(call);
    } else if (key->repeat == STORE_REPEAT_SAME) {
        idempotency_replayed(call);
        reply_webhook(call, 201, &e->put.row, key->answer.ptr);
    } else {
        reply_webhook(call, 201, &e->put.row, e->secret);
    }
}

static void on_changed(struct api_call *call)
{
    const struct webhook_edit *e = call->state;

    if (e->put.call.error.code == CELERIAC_OK)
        reply_webhook(call, 200, &e->put.row, NULL);
    else
        reply_webhook_failure(call, &e->put.call.error);
}

/* What was given, as the store takes it. False: a reply has been made. */
static bool take_values(struct api_call *call, struct webhook_edit *e)
{
    const struct span none = {NULL, 0};
    struct celeriac_error err = {0};

    e->put.url = value_text(&e->values[WEBHOOK_URL], none);
    e->put.description = value_text(&e->values[WEBHOOK_DESCRIPTION], none);
    e->put.events = e->values[WEBHOOK_EVENTS].chosen;
    e->put.sets_active = e->values[WEBHOOK_IS_ACTIVE].state == VALUE_SET;
    e->put.is_active = e->values[WEBHOOK_IS_ACTIVE].truth;
    if (!e->put.url.ptr ||
        notify_webhook_url_check(e->put.url, &call->api->settings->webhooks.allow, &err) ==
            CELERIAC_OK)
        return true;
    reply_problem(call, "url", err.text);
    return false;
}

static const struct schema create_request = {.name = "NewWebhook",
                                             .help = "A webhook to be made",
                                             .fields = webhook_fields,
                                             .field_count = WEBHOOK_IS_ACTIVE};

const struct description about_webhook_create = {
    .id = "createWebhook",
    .group = "Webhooks",
    .text = "Events are posted there as Standard Webhooks 1.0 has it. Up to 10 of a tenant.",
    .request = &create_request,
    .parameters = {IDEMPOTENCY_PARAMETER},
    .answers = {{.status = 201, .schema = &new_webhook_schema, .help = "The new webhook"},
                {.status = 400, .schema = &refusal_schema, .help = "The Idempotency-Key is no key"},
                {.status = 404,
                 .schema = &error_schema,
                 .help = "The webhook that was made with the Idempotency-Key was deleted"},
                {.status = 409, .schema = &refusal_schema, .help = "There are 10 already"},
                IDEMPOTENCY_CONFLICT},
};

void handle_webhook_create(struct api_call *call)
{
    struct webhook_edit *e = call_state(call, sizeof *e, release_edit);
    struct store_idempotency key = {0};

    if (!e || !idempotency_read(call, &key) ||
        !call_read_body(call, webhook_fields, WEBHOOK_IS_ACTIVE, false, e->values))
        return;
    store_create_webhook_init(&e->put, &call->who.tenant_id);
    e->put.idempotency = key;
    if (!take_values(call, e))
        return;
    if (e->put.events == 0)
        e->put.events = ALL_EVENTS;
    if (!make_secret(call, e->secret))
        return;
    e->put.secret = span_of(e->secret);
    call_submit_store(call, &e->put.call, CALL_STORE_NS, on_created, NULL);
}

static const struct schema patch_request = {.name = "WebhookChange",
                                            .help = "What of a webhook is to be changed",
                                            .fields = webhook_fields,
                                            .field_count = WEBHOOK_FIELDS,
                                            .partial = true};

const struct description about_webhook_patch = {
    .id = "changeWebhook",
    .group = "Webhooks",
    .text = "What is not given stays. Switching it on again forgets its failures.",
    .request = &patch_request,
    .answers = {{.status = 200, .schema = &webhook_schema, .help = "The webhook"},
                {.status = 404, .schema = &error_schema, .help = "The tenant has none of that id"}},
};

void handle_webhook_patch(struct api_call *call)
{
    struct webhook_edit *e = call_state(call, sizeof *e, release_edit);

    if (!e || !call_read_body(call, webhook_fields, WEBHOOK_FIELDS, true, e->values))
        return;
    store_update_webhook_init(&e->put, &call->who.tenant_id, &call->params.uuid);
    if (take_values(call, e))
        call_submit_store(call, &e->put.call, CALL_STORE_NS, on_changed, NULL);
}

/* ---- another secret -------------------------------------------------------------------------- */

struct secret_rotation {
    struct value values[SECRET_FIELDS];
    struct store_rotate_webhook rotate;
    char secret[NOTIFY_WEBHOOK_SECRET_SIZE];
};

static void release_rotation(void *state)
{
    struct secret_rotation *r = state;

    store_call_release(&r->rotate.call);
    validate_close(r->values, SECRET_FIELDS);
    notify_api_key_wipe(r->secret, sizeof r->secret);
}

static void on_rotated(struct api_call *call)
{
    const struct secret_rotation *r = call->state;

    if (r->rotate.call.error.code == CELERIAC_OK)
        reply_webhook(call, 200, &r->rotate.row, r->secret);
    else
        reply_webhook_failure(call, &r->rotate.call.error);
}

static const struct schema rotation_request = {.name = "SecretRotation",
                                               .help = "How the old secret ends",
                                               .fields = secret_fields,
                                               .field_count = SECRET_FIELDS};

const struct description about_webhook_rotate = {
    .id = "rotateWebhookSecret",
    .group = "Webhooks",
    .text = "Until the old secret ends, each delivery has a signature by both.",
    .request = &rotation_request,
    .answers = {{.status = 200, .schema = &new_webhook_schema, .help = "The webhook"},
                {.status = 404, .schema = &error_schema, .help = "The tenant has none of that id"}},
};

void handle_webhook_rotate(struct api_call *call)
{
    struct secret_rotation *r = call_state(call, sizeof *r, release_rotation);
    int64_t grace = GRACE_DEFAULT;

    if (!r || !call_read_body(call, secret_fields, SECRET_FIELDS, false, r->values) ||
        !number_in_range(call, "grace_seconds", &r->values[SECRET_GRACE_SECONDS], 0,
                         STORE_WEBHOOK_GRACE_MAX, &grace))
        return;
    if (!make_secret(call, r->secret))
        return;
    store_rotate_webhook_init(&r->rotate, &call->who.tenant_id, &call->params.uuid,
                              span_of(r->secret), grace);
    call_submit_store(call, &r->rotate.call, CALL_STORE_NS, on_rotated, NULL);
}
