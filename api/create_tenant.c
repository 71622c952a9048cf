#include "api/create_tenant.h"

#include <string.h>

#include "api/body.h"
#include "api/new_key.h"
#include "api/one_call.h"
#include "api/request_fields.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "base/random.h"
#include "notify/rules/api_key.h"
#include "notify/store/tenants.h"

/* Most bytes of the two arguments as JSON: far beyond their limits. */
#define REQUEST_MAX ((size_t)64 * 1024)

/* A tenant in the making. */
struct making {
    struct strbuf request;
    struct body body;
    struct value values[REGISTER_FIELDS];
    char key[NOTIFY_API_KEY_SIZE];
    char hash[NOTIFY_API_KEY_HASH_SIZE];
    struct store_register_tenant row;
};

/* Judges the arguments by the table that judges requests. */
static enum celeriac_err read_arguments(struct making *m, const struct api_options *options,
                                        struct celeriac_error *err)
{
    struct json_writer w;
    struct problems problems;
    struct strbuf text;
    enum celeriac_err rc;

    json_writer_init(&w, &m->request, JSON_STYLE_DRF);
    json_begin_object(&w);
    json_key(&w, "name");
    json_text(&w, options->name);
    json_key(&w, "email");
    json_text(&w, options->email);
    json_end_object(&w);
    rc = strbuf_status(&m->request);
    if (rc != CELERIAC_OK)
        return celeriac_error_set(err, rc, "name or email: too long");
    rc = body_parse(&m->body, SPAN("application/json"), strbuf_span(&m->request), err);
    if (rc != CELERIAC_OK)
        return rc;
    strbuf_init(&text, REQUEST_MAX);
    problems_init(&problems, &text);
    rc = validate(register_fields, REGISTER_FIELDS, &m->body, false, m->values, &problems);
    problems_end(&problems);
    if (rc != CELERIAC_OK)
        (void)celeriac_error_set(err, rc, "out of memory");
    else if (problems_found(&problems))
        rc = celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s", strbuf_text(&text));
    strbuf_close(&text);
    return rc;
}

static enum celeriac_err make_key(struct making *m, struct celeriac_error *err)
{
    uint8_t random[NOTIFY_API_KEY_RANDOM], id[16], digest[NOTIFY_API_KEY_DIGEST];
    enum celeriac_err rc;

    random_bytes(random, sizeof random);
    notify_api_key_make(false, random, m->key);
    notify_api_key_wipe(random, sizeof random);
    rc = notify_api_key_digest(span_of(m->key), digest);
    if (rc == CELERIAC_OK)
        rc = notify_api_key_hash(span_of(m->key), NOTIFY_API_KEY_ITERATIONS, random_os, NULL,
                                 m->hash);
    if (rc != CELERIAC_OK)
        return celeriac_error_set(err, rc, "the key cannot be made");
    random_bytes(id, sizeof id);
    store_register_tenant_init(&m->row);
    uuid_from_random(id, &m->row.tenant_id);
    m->row.name = m->values[REGISTER_NAME].text;
    m->row.email = m->values[REGISTER_EMAIL].text;
    m->row.key_name = SPAN(NEW_KEY_FIRST_NAME);
    m->row.key_hash = span_of(m->hash);
    memcpy(m->row.digest.bytes, digest, sizeof digest);
    m->row.created_at_us = clock_wall_us();
    return CELERIAC_OK;
}

static enum celeriac_err insert(struct making *m, const struct api_options *options,
                                struct celeriac_error *err)
{
    struct celeriac_error why = {0};
    enum celeriac_err rc = api_one_call(options, "celeriac-create-tenant", &m->row.call, &why);

    if (rc == CELERIAC_ERR_EXISTS)
        (void)celeriac_error_set(err, rc, "a tenant with this email already exists");
    else if (rc != CELERIAC_OK)
        (void)celeriac_error_set(err, rc, "%s", why.text);
    store_call_release(&m->row.call);
    return rc;
}

static void show(const struct making *m, bool json, struct strbuf *out)
{
    char id[UUID_SIZE];
    struct json_writer w;

    uuid_format(&m->row.tenant_id, id);
    if (!json) {
        strbuf_printf(out, "tenant_id  %s\napi_key    %s\n%s\n", id, m->key, NEW_KEY_WARNING);
        return;
    }
    json_writer_init(&w, out, JSON_STYLE_DRF);
    json_begin_object(&w);
    json_key(&w, "tenant_id");
    json_text(&w, id);
    json_key(&w, "name");
    json_string(&w, m->row.name);
    json_key(&w, "email");
    json_string(&w, m->row.email);
    json_key(&w, "api_key");
    json_text(&w, m->key);
    json_end_object(&w);
    strbuf_add_char(out, '\n');
}

enum celeriac_err api_create_tenant(const struct api_options *options, struct strbuf *out,
                                    struct celeriac_error *err)
{
    struct making m = {.key = ""};
    enum celeriac_err rc;

    strbuf_init(&m.request, REQUEST_MAX);
    body_init(&m.body);
    rc = read_arguments(&m, options, err);
    if (rc == CELERIAC_OK)
        rc = make_key(&m, err);
    if (rc == CELERIAC_OK)
        rc = insert(&m, options, err);
    if (rc == CELERIAC_OK)
        show(&m, options->json, out);
    notify_api_key_wipe(m.key, sizeof m.key);
    validate_close(m.values, REGISTER_FIELDS);
    body_close(&m.body);
    strbuf_close(&m.request);
    return rc;
}
