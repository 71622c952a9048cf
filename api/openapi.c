#include "api/openapi.h"

#include <stdio.h>
#include <string.h>

#include "api/description.h"
#include "api/openapi_schema.h"
#include "api/problems.h"
#include "api/reply.h"

#define ABOUT_THE_API                                                                              \
    "Accepts notifications and has them sent. Bodies may also be application/x-www-form-"          \
    "urlencoded or multipart/form-data. Paths work without their last slash, HEAD where GET does." \
    " Times are ISO 8601 in UTC."

/* The document in the making. */
struct writing {
    struct json_writer *w;
    struct openapi_schemas schemas;
};

/* An answer that is there because of what a call is, not because of what it does. */
struct common_answer {
    bool (*applies)(const struct route *route, const struct description *about);
    struct answer answer;
};

static void pair(struct json_writer *w, const char *key, const char *text)
{
    json_key(w, key);
    json_text(w, text);
}

/* ---- what calls of a kind have in common ---------------------------------------------------- */

static bool always(const struct route *route, const struct description *about)
{
    (void)route;
    (void)about;
    return true;
}

static bool reads_fields(const struct route *route, const struct description *about)
{
    (void)route;
    return about->request || about->parameters[0].name;
}

static bool reads_body(const struct route *route, const struct description *about)
{
    (void)route;
    return about->request;
}

static bool wants_key(const struct route *route, const struct description *about)
{
    (void)about;
    return route->access == ROUTE_KEY;
}

static bool is_view(const struct route *route, const struct description *about)
{
    (void)about;
    return route->style == ROUTE_DRF;
}

static bool has_id(const struct route *route, const struct description *about)
{
    (void)about;
    return strchr(route->path, '{');
}

static const struct common_answer common[] = {
    {reads_fields, {400, &problems_schema, false, "What is wrong with which field"}},
    {always, {400, &detail_schema, false, "The request cannot be read"}},
    {wants_key, {401, &refusal_schema, false, "The key is missing, unknown or inactive"}},
    {wants_key, {403, &refusal_schema, false, "The tenant is inactive"}},
    {has_id, {404, &detail_schema, false, "There is no such thing"}},
    {is_view, {406, &detail_schema, false, "The client accepts no JSON"}},
    {reads_body, {413, &detail_schema, false, "The body is too long"}},
    {reads_body, {415, &detail_schema, false, "The body is of a type that is not read"}},
    {wants_key, {429, &detail_schema, false, "Too many requests; see Retry-After"}},
    {is_view, {503, &detail_schema, false, "Away for a moment; see Retry-After"}},
};

#define COMMON_COUNT (sizeof common / sizeof common[0])

/* All answers of a call: its own, then the common ones. Returns how many there are. */
static size_t list_answers(const struct route *route, const struct description *about,
                           struct answer answers[DESCRIPTION_ANSWERS_MAX + COMMON_COUNT])
{
    size_t n = 0;

    for (const struct answer *a = about->answers; a->status != 0; a++)
        answers[n++] = *a;
    for (size_t i = 0; i < COMMON_COUNT; i++) {
        bool told = false;

        for (size_t k = 0; k < n; k++)
            told = told || (answers[k].status == common[i].answer.status &&
                            answers[k].schema == common[i].answer.schema);
        if (!told && common[i].applies(route, about))
            answers[n++] = common[i].answer;
    }
    return n;
}

/* ---- one call ---------------------------------------------------------------------------------
 */

void openapi_path(const char *pattern, char *path, size_t size)
{
    const char *brace = strchr(pattern, '{');
    const char *rest = brace ? strchr(brace, '}') : NULL;

    if (rest)
        (void)snprintf(path, size, "%.*s{id}%s", (int)(brace - pattern), pattern, rest + 1);
    else
        (void)snprintf(path, size, "%s", pattern);
}

static void write_parameter(struct json_writer *w, const struct parameter *p)
{
    json_begin_object(w);
    pair(w, "name", p->name);
    pair(w, "in", p->in_header ? "header" : "query");
    json_key(w, "required");
    json_boolean(w, p->required);
    pair(w, "description", p->help);
    json_key(w, "schema");
    openapi_schema_parameter(w, p);
    json_end_object(w);
}

static void write_id(struct json_writer *w, const char *pattern)
{
    struct parameter shape = {.shape = strstr(pattern, "{uuid}") ? SHAPE_UUID : SHAPE_INTEGER};

    json_begin_object(w);
    pair(w, "name", "id");
    pair(w, "in", "path");
    json_key(w, "required");
    json_boolean(w, true);
    json_key(w, "schema");
    openapi_schema_parameter(w, &shape);
    json_end_object(w);
}

static void write_parameters(struct json_writer *w, const struct route *route,
                             const struct description *about)
{
    if (!strchr(route->path, '{') && !about->parameters[0].name)
        return;
    json_key(w, "parameters");
    json_begin_array(w);
    if (strchr(route->path, '{'))
        write_id(w, route->path);
    for (const struct parameter *p = about->parameters; p->name; p++)
        write_parameter(w, p);
    json_end_array(w);
}

static void begin_content(struct json_writer *w)
{
    json_key(w, "content");
    json_begin_object(w);
    json_key(w, "application/json");
    json_begin_object(w);
    json_key(w, "schema");
}

static void end_content(struct json_writer *w)
{
    json_end_object(w);
    json_end_object(w);
}

static void write_request(struct writing *d, const struct description *about)
{
    if (!about->request)
        return;
    openapi_schema_note(&d->schemas, about->request);
    json_key(d->w, "requestBody");
    json_begin_object(d->w);
    json_key(d->w, "required");
    json_boolean(d->w, true);
    begin_content(d->w);
    openapi_schema_refer(d->w, about->request, false);
    end_content(d->w);
    json_end_object(d->w);
}

static void write_header(struct json_writer *w, const char *name, const char *component)
{
    char reference[64];

    (void)snprintf(reference, sizeof reference, "#/components/headers/%s", component);
    json_key(w, name);
    json_begin_object(w);
    pair(w, "$ref", reference);
    json_end_object(w);
}

/* Whether it takes an Idempotency-Key. */
static bool is_repeatable(const struct description *about)
{
    for (const struct parameter *p = about->parameters; p->name; p++) {
        if (strcmp(p->name, "Idempotency-Key") == 0)
            return true;
    }
    return false;
}

/*
 * What stands above the document. Who the tenant is, and what its limit is, is known of answers
 * that come after the key was looked at.
 */
static void write_headers(struct json_writer *w, const struct route *route,
                          const struct description *about, unsigned status)
{
    bool knows_tenant = route->access == ROUTE_KEY && status != 401 && status != 403;

    json_key(w, "headers");
    json_begin_object(w);
    write_header(w, "X-Request-ID", "RequestId");
    if (knows_tenant) {
        write_header(w, "X-Tenant-ID", "TenantId");
        write_header(w, "RateLimit-Limit", "RateLimit");
        write_header(w, "RateLimit-Remaining", "RateRemaining");
        write_header(w, "RateLimit-Reset", "RateReset");
    }
    if ((status == 201 || status == 202) && is_repeatable(about))
        write_header(w, "Idempotent-Replayed", "Replayed");
    if (status == 429 || status == 503)
        write_header(w, "Retry-After", "RetryAfter");
    json_end_object(w);
}

/* The alternatives that are left for one status. */
static void write_documents(struct writing *d, const struct answer *answers, size_t count)
{
    size_t alternatives = 0;

    for (size_t i = 0; i < count; i++)
        alternatives += answers[i].status == answers[0].status && answers[i].schema;
    if (alternatives == 0)
        return;
    begin_content(d->w);
    if (alternatives > 1) {
        json_begin_object(d->w);
        json_key(d->w, "anyOf");
        json_begin_array(d->w);
    }
    for (size_t i = 0; i < count; i++) {
        if (answers[i].status != answers[0].status || !answers[i].schema)
            continue;
        openapi_schema_note(&d->schemas, answers[i].schema);
        openapi_schema_refer(d->w, answers[i].schema, answers[i].is_list);
    }
    if (alternatives > 1) {
        json_end_array(d->w);
        json_end_object(d->w);
    }
    end_content(d->w);
}

static void write_answers(struct writing *d, const struct route *route,
                          const struct description *about)
{
    struct answer answers[DESCRIPTION_ANSWERS_MAX + COMMON_COUNT];
    size_t count = list_answers(route, about, answers);

    json_key(d->w, "responses");
    json_begin_object(d->w);
    for (size_t i = 0; i < count; i++) {
        char status[16];
        bool told = false;

        for (size_t k = 0; k < i; k++)
            told = told || answers[k].status == answers[i].status;
        if (told)
            continue;
        (void)snprintf(status, sizeof status, "%u", answers[i].status);
        json_key(d->w, status);
        json_begin_object(d->w);
        pair(d->w, "description", answers[i].help);
        write_headers(d->w, route, about, answers[i].status);
        write_documents(d, answers + i, count - i);
        json_end_object(d->w);
    }
    json_end_object(d->w);
}

static const char *method_key(enum http_method method)
{
    switch (method) {
    case HTTP_POST:
        return "post";
    case HTTP_PUT:
        return "put";
    case HTTP_PATCH:
        return "patch";
    case HTTP_DELETE:
        return "delete";
    case HTTP_GET:
    case HTTP_HEAD:
    case HTTP_OPTIONS:
    case HTTP_OTHER_METHOD:
        break;
    }
    return "get";
}

static void write_operation(struct writing *d, const struct route *route,
                            const struct route_operation *op)
{
    const struct description *about = op->about;

    json_key(d->w, method_key(op->method));
    json_begin_object(d->w);
    pair(d->w, "operationId", about->id);
    pair(d->w, "summary", op->summary);
    if (about->text)
        pair(d->w, "description", about->text);
    json_key(d->w, "tags");
    json_begin_array(d->w);
    json_text(d->w, about->group);
    json_end_array(d->w);
    json_key(d->w, "security");
    json_begin_array(d->w);
    if (route->access == ROUTE_KEY) {
        json_begin_object(d->w);
        json_key(d->w, "ApiKey");
        json_begin_array(d->w);
        json_end_array(d->w);
        json_end_object(d->w);
    }
    json_end_array(d->w);
    write_parameters(d->w, route, about);
    write_request(d, about);
    write_answers(d, route, about);
    json_end_object(d->w);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Whether a row has anything to describe. */
static bool is_described(const struct route *route)
{
    for (const struct route_operation *op = route->operations; op->handle; op++) {
        if (op->about && !op->about->is_page)
            return true;
    }
    return false;
}

static void write_paths(struct writing *d, const struct route *routes)
{
    json_key(d->w, "paths");
    json_begin_object(d->w);
    for (const struct route *row = routes; row->path; row++) {
        char path[ROUTE_PATH_MAX];

        if (!is_described(row))
            continue;
        openapi_path(row->path, path, sizeof path);
        json_key(d->w, path);
        json_begin_object(d->w);
        for (const struct route_operation *op = row->operations; op->handle; op++) {
            if (op->about && !op->about->is_page)
                write_operation(d, row, op);
        }
        json_end_object(d->w);
    }
    json_end_object(d->w);
}

/* A header that answers may have, or, when it is described, always have. */
struct header_component {
    const char *name;
    const char *help;
    enum shape shape;
    bool required;
};

static const struct header_component header_components[] = {
    {"RequestId", "The request's id: X-Request-ID of the request, or new", SHAPE_TEXT, true},
    {"TenantId", "Whose key it was; of an error, when the key was looked at", SHAPE_UUID, false},
    {"Replayed", "true when a request before was answered like this", SHAPE_BOOLEAN, false},
    {"RetryAfter", "Seconds after which to try again", SHAPE_INTEGER, true},
    {"RateLimit", "Requests that the tenant may make at once; only if it has a limit",
     SHAPE_INTEGER, false},
    {"RateRemaining", "How many of them are left", SHAPE_INTEGER, false},
    {"RateReset", "Seconds until all of them are there again", SHAPE_INTEGER, false},
};

static void write_header_components(struct json_writer *w)
{
    json_key(w, "headers");
    json_begin_object(w);
    for (size_t i = 0; i < sizeof header_components / sizeof header_components[0]; i++) {
        const struct header_component *row = &header_components[i];
        struct parameter value = {.shape = row->shape};

        json_key(w, row->name);
        json_begin_object(w);
        pair(w, "description", row->help);
        json_key(w, "required");
        json_boolean(w, row->required);
        json_key(w, "schema");
        openapi_schema_parameter(w, &value);
        json_end_object(w);
    }
    json_end_object(w);
}

static void write_components(struct writing *d)
{
    struct json_writer *w = d->w;

    json_key(w, "components");
    json_begin_object(w);
    json_key(w, "securitySchemes");
    json_begin_object(w);
    json_key(w, "ApiKey");
    json_begin_object(w);
    pair(w, "type", "apiKey");
    pair(w, "in", "header");
    pair(w, "name", "X-API-KEY");
    pair(w, "description", "A key of the tenant, sk_live_... or sk_test_...");
    json_end_object(w);
    json_end_object(w);
    write_header_components(w);
    json_key(w, "schemas");
    json_begin_object(w);
    for (size_t i = 0; i < d->schemas.count; i++) {
        json_key(w, d->schemas.found[i]->name);
        openapi_schema_write(w, d->schemas.found[i]);
    }
    json_end_object(w);
    json_end_object(w);
}

void openapi_write(const struct route *routes, struct json_writer *w)
{
    struct writing d = {.w = w};

    json_begin_object(w);
    pair(w, "openapi", "3.1.0");
    json_key(w, "info");
    json_begin_object(w);
    pair(w, "title", "Notification service");
    pair(w, "version", CELERIAC_VERSION);
    pair(w, "description", ABOUT_THE_API);
    json_end_object(w);
    json_key(w, "servers");
    json_begin_array(w);
    json_begin_object(w);
    pair(w, "url", "/");
    json_end_object(w);
    json_end_array(w);
    write_paths(&d, routes);
    write_components(&d);
    json_end_object(w);
}
