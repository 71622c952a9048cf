/*
 * The body of a request: JSON, form and multipart parsers, the validation of all calls, and the
 * decoding of a path. The first byte chooses the media type, the table and PATCH.
 */
#include <stddef.h>
#include <stdint.h>

#include "api/request_fields.h"
#include "api/router.h"
#include "api/validate.h"
#include "base/strbuf.h"
#include "tests/fuzz/fuzz_target.h"

static const char *const types[] = {
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=B",
    "application/json; charset=latin-1",
};

static const struct {
    const struct field *fields;
    size_t count;
} tables[] = {
    {register_fields, REGISTER_FIELDS},
    {key_fields, KEY_FIELDS},
    {template_fields, TEMPLATE_FIELDS},
    {notify_fields, NOTIFY_FIELDS},
};

/* More fields than any table has. */
#define FIELDS_MAX 16

static bool is_json(struct span text)
{
    const struct json_options options = {.strict = true};
    struct json_doc doc;
    bool good;

    json_init(&doc);
    good = json_parse(&doc, text, &options, NULL) == CELERIAC_OK;
    json_close(&doc);
    return good;
}

/* What a table says about a value holds for one that it let pass. */
static void check_value(const struct field *field, const struct value *value, bool partial)
{
    if (value->state == VALUE_MISSING)
        FUZZ_PROMISE(!field->required || partial);
    if (value->state == VALUE_NULL)
        FUZZ_PROMISE(field->allow_null);
    if (value->state != VALUE_SET || field->type == FIELD_BOOLEAN)
        return;
    if (field->type == FIELD_JSON)
        FUZZ_PROMISE(is_json(value->text));
    else
        FUZZ_PROMISE(span_is_utf8(value->text));
    FUZZ_PROMISE(value->text.len > 0 || field->allow_blank);
    FUZZ_PROMISE(!field->check || field->check(value->text));
}

static void check_body(const struct field *fields, size_t count, const struct body *body,
                       bool partial)
{
    struct value values[FIELDS_MAX] = {0};
    struct problems problems;
    struct strbuf out;

    strbuf_init(&out, (size_t)64 * 1024 * 1024);
    problems_init(&problems, &out);
    FUZZ_PROMISE(validate(fields, count, body, partial, values, &problems) == CELERIAC_OK);
    problems_end(&problems);
    if (problems_found(&problems))
        FUZZ_PROMISE(is_json(strbuf_span(&out)));
    for (size_t i = 0; i < count && !problems_found(&problems); i++)
        check_value(&fields[i], &values[i], partial);
    validate_close(values, count);
    strbuf_close(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char buf[ROUTE_PATH_MAX];
    struct span rest, path;
    struct body body;
    size_t table;

    if (size == 0)
        return 0;
    table = data[0] >> 2 & 3;
    rest = (struct span){(const char *)data + 1, size - 1};
    if (route_decode_path(rest, buf, &path))
        FUZZ_PROMISE(path.len <= rest.len);
    body_init(&body);
    if (body_parse(&body, span_of(types[data[0] & 3]), rest, NULL) == CELERIAC_OK)
        check_body(tables[table].fields, tables[table].count, &body, data[0] & 16);
    body_close(&body);
    return 0;
}
