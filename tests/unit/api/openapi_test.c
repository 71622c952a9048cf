/*
 * The API's description: that each call has a complete one, and that the document holds together.
 * What fails here with "has no ..." is a route that was added without its description: see "A new
 * call of the API" in CONTRIBUTING.md.
 */
#include "api/openapi.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/handlers.h"
#include "api/openapi_schema.h"
#include "api/validate.h"
#include "base/json.h"

#define TEXT_SIZE 256

/* What is missing so far; each gap is printed, and the test fails at its end. */
static unsigned gaps;

static void wants(bool there, const char *method, const char *path, const char *what)
{
    if (there)
        return;
    gaps++;
    print_error("%s %s has no %s (see CONTRIBUTING.md, A new call of the API)\n", method, path,
                what);
}

static bool is_said(const char *text)
{
    return text && text[0];
}

static void check_schema(const char *method, const char *path, const struct schema *schema)
{
    char what[TEXT_SIZE];

    wants(is_said(schema->name), method, path, "name for one of its schemas");
    if (!is_said(schema->name))
        return;
    for (const char *c = schema->name; *c; c++)
        assert_true(isalpha((unsigned char)*c));
    (void)snprintf(what, sizeof what, "help for its schema %s", schema->name);
    wants(is_said(schema->help), method, path, what);
    (void)snprintf(what, sizeof what, "members, fields or sentences in its schema %s",
                   schema->name);
    wants(schema->members || schema->fields || schema->sentences, method, path, what);
    for (size_t i = 0; i < schema->field_count; i++) {
        (void)snprintf(what, sizeof what, "help for the field %s", schema->fields[i].name);
        wants(is_said(schema->fields[i].help), method, path, what);
    }
    for (const struct member *m = schema->members; m && m->name; m++) {
        (void)snprintf(what, sizeof what, "help for %s of %s", m->name, schema->name);
        wants(is_said(m->help), method, path, what);
        (void)snprintf(what, sizeof what, "schema for %s of %s", m->name, schema->name);
        wants((m->shape == SHAPE_OBJECT) == (m->schema != NULL), method, path, what);
    }
}

static void check_answers(const char *method, const char *path, const struct description *about)
{
    unsigned good = 0;

    for (const struct answer *a = about->answers; a->status != 0; a++) {
        good += a->status < 300;
        wants(is_said(a->help), method, path, "help for one of its answers");
        wants(a->schema || a->status == 204 || about->is_page, method, path,
              "schema for one of its answers");
        if (a->schema)
            check_schema(method, path, a->schema);
    }
    wants(good > 0, method, path, "answer for success");
}

static void check_operation(const struct route *row, const struct route_operation *op)
{
    const struct description *about = op->about;
    const char *method = http_method_name(op->method);

    wants(is_said(op->summary), method, row->path, "summary");
    wants(about, method, row->path, "description: set its about_... in the route table");
    if (!about)
        return;
    wants(is_said(about->id), method, row->path, "id");
    wants(is_said(about->group), method, row->path, "group");
    wants(about->request || (op->method != HTTP_PUT && op->method != HTTP_PATCH), method, row->path,
          "request");
    if (about->request)
        check_schema(method, row->path, about->request);
    for (const struct parameter *p = about->parameters; p->name; p++) {
        wants(is_said(p->help), method, row->path, "help for one of its parameters");
        assert_true(p->shape != SHAPE_ANY && p->shape != SHAPE_OBJECT);
    }
    check_answers(method, row->path, about);
}

static void every_call_is_described(void **state)
{
    (void)state;
    gaps = 0;
    for (const struct route *row = api_routes; row->path; row++) {
        for (const struct route_operation *op = row->operations; op->handle; op++)
            check_operation(row, op);
    }
    if (gaps > 0)
        fail_msg("%u gaps in the API's description", gaps);
}

static void ids_and_names_are_unique(void **state)
{
    struct openapi_schemas schemas = {.count = 0};
    const char *ids[200];
    size_t count = 0;

    (void)state;
    for (const struct route *row = api_routes; row->path; row++) {
        for (const struct route_operation *op = row->operations; op->about; op++) {
            for (size_t i = 0; i < count; i++)
                assert_string_not_equal(ids[i], op->about->id);
            assert_true(count < sizeof ids / sizeof ids[0]);
            ids[count++] = op->about->id;
            if (op->about->request)
                openapi_schema_note(&schemas, op->about->request);
            for (const struct answer *a = op->about->answers; a->status != 0; a++) {
                if (a->schema)
                    openapi_schema_note(&schemas, a->schema);
            }
        }
    }
    /* With room for those that all calls have in common. */
    assert_true(schemas.count > 0 && schemas.count < OPENAPI_SCHEMAS_MAX - 8);
    for (size_t i = 0; i < schemas.count; i++) {
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(schemas.found[i]->name, schemas.found[k]->name);
    }
}

/* Follows a path of member names. */
static const struct json_node *at(const struct json_node *node, const char *const *names)
{
    for (size_t i = 0; names[i]; i++)
        node = json_get(node, names[i]);
    return node;
}

#define AT(node, ...) at(node, (const char *const[]){__VA_ARGS__, NULL})

/* Every $ref leads somewhere. Returns how many there are. */
static unsigned check_references(const struct json_node *root, const struct json_node *node)
{
    unsigned found = 0;

    for (const struct json_node *child = json_first(node); child; child = json_next(node, child)) {
        const struct json_node *ref = json_get(child, "$ref");
        struct span text, hash, components, kind, name;
        char kind_text[TEXT_SIZE], name_text[TEXT_SIZE];

        found += check_references(root, child);
        if (!ref)
            continue;
        assert_true(json_peek_string(ref, &text));
        assert_true(span_cut(text, '/', &hash, &text));
        assert_true(span_cut(text, '/', &components, &text));
        assert_true(span_cut(text, '/', &kind, &name));
        (void)snprintf(kind_text, sizeof kind_text, "%.*s", (int)kind.len, kind.ptr);
        (void)snprintf(name_text, sizeof name_text, "%.*s", (int)name.len, name.ptr);
        assert_true(span_is(hash, "#") && span_is(components, "components"));
        assert_non_null(AT(root, "components", kind_text, name_text));
        found++;
    }
    return found;
}

/* Writes the description of a table and parses it. */
static void describe(const struct route *routes, struct strbuf *text, struct json_doc *doc)
{
    struct json_writer w;

    strbuf_init(text, OPENAPI_MAX);
    json_writer_init(&w, text, JSON_STYLE_DRF);
    openapi_write(routes, &w);
    assert_int_equal(strbuf_status(text), CELERIAC_OK);
    json_init(doc);
    assert_int_equal(json_parse(doc, strbuf_span(text), NULL, NULL), CELERIAC_OK);
}

static void the_document_holds_together(void **state)
{
    struct strbuf text;
    struct json_doc doc;
    const struct json_node *root;

    (void)state;
    describe(api_routes, &text, &doc);
    root = json_root(&doc);
    assert_true(json_string_is(json_get(root, "openapi"), "3.1.0"));
    assert_true(check_references(root, root) > 50);
    for (const struct route *row = api_routes; row->path; row++) {
        char path[ROUTE_PATH_MAX];

        openapi_path(row->path, path, sizeof path);
        for (const struct route_operation *op = row->operations; op->about; op++)
            assert_int_equal(AT(root, "paths", path) != NULL, !op->about->is_page);
    }
    json_close(&doc);
    strbuf_close(&text);
}

static void handle_nothing(struct api_call *call)
{
    (void)call;
}

static const char *const colours[] = {"red", "green", NULL};

static const struct field thing_fields[] = {
    {.name = "name",
     .type = FIELD_TEXT,
     .required = true,
     .max_length = 7,
     .help = "Its name",
     .example = "\"x\""},
    {.name = "colour",
     .type = FIELD_CHOICE,
     .allow_null = true,
     .choices = colours,
     .help = "Its colour"},
    {.name = "stripes", .type = FIELD_CHOICES, .choices = colours, .help = "Their colours"},
};
static const struct schema thing_request = {
    .name = "NewThing", .help = "A thing", .fields = thing_fields, .field_count = 3};
static const struct schema part_schema = {
    .name = "Part", .help = "A part", .members = (const struct member[]){{.name = NULL}}};
static const struct member thing_members[] = {
    {.name = "id", .shape = SHAPE_UUID, .help = "Its id"},
    {.name = "parts",
     .shape = SHAPE_OBJECT,
     .schema = &part_schema,
     .is_list = true,
     .optional = true,
     .help = "Its parts"},
    {.name = NULL},
};
static const struct schema thing_schema = {
    .name = "Thing", .help = "A thing", .members = thing_members};
static const struct description about_thing = {
    .id = "makeThing",
    .group = "Things",
    .request = &thing_request,
    .parameters = {{.name = "limit", .shape = SHAPE_INTEGER, .preset = "3", .help = "Most"}},
    .answers = {{.status = 201, .schema = &thing_schema, .help = "Made"},
                {.status = 404, .schema = &part_schema, .help = "No part"}},
};
static const struct description about_page = {.id = "page", .group = "Pages", .is_page = true};
static const struct route table[] = {
    {"/things/{uuid}/",
     ROUTE_KEY,
     ROUTE_DRF,
     {{HTTP_POST, handle_nothing, "Make a thing", &about_thing}}},
    {"/page/", ROUTE_PUBLIC, ROUTE_PLAIN, {{HTTP_GET, handle_nothing, "A page", &about_page}}},
    {"/bare/", ROUTE_PUBLIC, ROUTE_PLAIN, {{HTTP_GET, handle_nothing, "Bare", NULL}}},
    {NULL, ROUTE_PUBLIC, ROUTE_PLAIN, {{HTTP_GET, NULL, NULL, NULL}}},
};

static void expect_text(const struct json_node *node, const char *json)
{
    struct span raw;

    assert_non_null(node);
    raw = json_raw(node);
    assert_int_equal(raw.len, strlen(json));
    assert_memory_equal(raw.ptr, json, raw.len);
}

static void a_call_is_written_as_its_tables_say(void **state)
{
    struct strbuf text;
    struct json_doc doc;
    const struct json_node *root, *op;

    (void)state;
    describe(table, &text, &doc);
    root = json_root(&doc);
    assert_int_equal(json_get(root, "paths")->count, 1);
    op = AT(root, "paths", "/things/{id}/", "post");
    expect_text(json_get(op, "operationId"), "\"makeThing\"");
    expect_text(json_get(op, "security"), "[{\"ApiKey\":[]}]");
    expect_text(json_get(op, "parameters"),
                "[{\"name\":\"id\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":"
                "\"string\",\"format\":\"uuid\"}},{\"name\":\"limit\",\"in\":\"query\","
                "\"required\":false,\"description\":\"Most\",\"schema\":{\"type\":\"integer\","
                "\"default\":3}}]");
    expect_text(AT(op, "responses", "404", "content", "application/json", "schema"),
                "{\"anyOf\":[{\"$ref\":\"#/components/schemas/Part\"},{\"$ref\":"
                "\"#/components/schemas/Detail\"}]}");
    /* The tenant is known of answers that come after the key, and the wait of those that have one.
     */
    expect_text(AT(op, "responses", "401", "headers"),
                "{\"X-Request-ID\":{\"$ref\":\"#/components/headers/RequestId\"}}");
    assert_int_equal(AT(op, "responses", "201", "headers")->count, 5);
    assert_non_null(AT(op, "responses", "201", "headers", "RateLimit-Remaining"));
    assert_int_equal(AT(op, "responses", "429", "headers")->count, 6);
    expect_text(AT(op, "responses", "503", "headers", "Retry-After"),
                "{\"$ref\":\"#/components/headers/RetryAfter\"}");
    expect_text(AT(root, "components", "headers", "RateReset", "required"), "false");
    expect_text(AT(root, "components", "headers", "RetryAfter", "required"), "true");
    expect_text(
        AT(root, "components", "schemas", "NewThing"),
        "{\"type\":\"object\",\"description\":\"A thing\",\"properties\":{\"name\":{\"type\":"
        "\"string\",\"minLength\":1,\"maxLength\":7,\"description\":\"Its name\",\"examples\":"
        "[\"x\"]},\"colour\":{\"type\":[\"string\",\"null\"],\"enum\":[\"red\",\"green\",null],"
        "\"description\":\"Its colour\"},\"stripes\":{\"type\":\"array\",\"items\":{\"type\":"
        "\"string\",\"enum\":[\"red\",\"green\"]},\"minItems\":1,\"description\":"
        "\"Their colours\"}},\"required\":[\"name\"]}");
    expect_text(AT(root, "components", "schemas", "Thing"),
                "{\"type\":\"object\",\"description\":\"A thing\",\"properties\":{\"id\":{\"type\":"
                "\"string\",\"format\":\"uuid\",\"description\":\"Its id\"},\"parts\":{\"type\":"
                "\"array\",\"items\":{\"$ref\":\"#/components/schemas/Part\"},\"description\":"
                "\"Its parts\"}},\"required\":[\"id\"]}");
    json_close(&doc);
    strbuf_close(&text);
}

/* A buffer that is full takes no more: the document is refused as a whole. */
static void too_long_is_told(void **state)
{
    struct strbuf text;
    struct json_writer w;

    (void)state;
    strbuf_init(&text, 1000);
    json_writer_init(&w, &text, JSON_STYLE_DRF);
    openapi_write(api_routes, &w);
    assert_int_equal(strbuf_status(&text), CELERIAC_ERR_LIMIT);
    strbuf_close(&text);
}

static void schemas_beyond_the_limit_are_left_out(void **state)
{
    static struct schema many[OPENAPI_SCHEMAS_MAX + 1];
    struct openapi_schemas schemas = {.count = 0};

    (void)state;
    for (size_t i = 0; i <= OPENAPI_SCHEMAS_MAX; i++) {
        openapi_schema_note(&schemas, &many[i]);
        openapi_schema_note(&schemas, &many[i]);
        assert_int_equal(schemas.count, i < OPENAPI_SCHEMAS_MAX ? i + 1 : OPENAPI_SCHEMAS_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_is_described),
        cmocka_unit_test(ids_and_names_are_unique),
        cmocka_unit_test(the_document_holds_together),
        cmocka_unit_test(a_call_is_written_as_its_tables_say),
        cmocka_unit_test(too_long_is_told),
        cmocka_unit_test(schemas_beyond_the_limit_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
