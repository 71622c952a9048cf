#include "api/openapi_schema.h"

#include <stdio.h>

#include "api/validate.h"

/* Bytes of "#/components/schemas/" and a name. */
#define REFERENCE_SIZE 96

static void pair(struct json_writer *w, const char *key, const char *text)
{
    json_key(w, key);
    json_text(w, text);
}

static void note_members(struct openapi_schemas *schemas, const struct schema *schema)
{
    for (const struct member *m = schema->members; m && m->name; m++) {
        if (m->schema)
            openapi_schema_note(schemas, m->schema);
    }
}

void openapi_schema_note(struct openapi_schemas *schemas, const struct schema *schema)
{
    for (size_t i = 0; i < schemas->count; i++) {
        if (schemas->found[i] == schema)
            return;
    }
    if (schemas->count == OPENAPI_SCHEMAS_MAX)
        return;
    schemas->found[schemas->count++] = schema;
    note_members(schemas, schema);
}

static void write_type(struct json_writer *w, const char *type, bool nullable)
{
    if (!nullable) {
        pair(w, "type", type);
        return;
    }
    json_key(w, "type");
    json_begin_array(w);
    json_text(w, type);
    json_text(w, "null");
    json_end_array(w);
}

static void write_choices(struct json_writer *w, const char *const *choices, bool nullable)
{
    json_key(w, "enum");
    json_begin_array(w);
    for (size_t i = 0; choices[i]; i++)
        json_text(w, choices[i]);
    if (nullable)
        json_null(w);
    json_end_array(w);
}

/* The members that say what a simple value looks like. */
static void write_shape(struct json_writer *w, enum shape shape, const char *const *choices,
                        bool nullable)
{
    switch (shape) {
    case SHAPE_INTEGER:
        write_type(w, "integer", nullable);
        return;
    case SHAPE_BOOLEAN:
        write_type(w, "boolean", nullable);
        return;
    case SHAPE_ANY:
    case SHAPE_OBJECT:
        return;
    case SHAPE_TEXT:
    case SHAPE_EMAIL:
    case SHAPE_UUID:
    case SHAPE_TIME:
        break;
    }
    write_type(w, "string", nullable);
    if (shape == SHAPE_EMAIL)
        pair(w, "format", "email");
    else if (shape == SHAPE_UUID)
        pair(w, "format", "uuid");
    else if (shape == SHAPE_TIME)
        pair(w, "format", "date-time");
    if (choices)
        write_choices(w, choices, nullable);
}

static void write_reference(struct json_writer *w, const struct schema *schema)
{
    char reference[REFERENCE_SIZE];

    (void)snprintf(reference, sizeof reference, "#/components/schemas/%s", schema->name);
    pair(w, "$ref", reference);
}

void openapi_schema_refer(struct json_writer *w, const struct schema *schema, bool is_list)
{
    json_begin_object(w);
    if (is_list) {
        pair(w, "type", "array");
        json_key(w, "items");
        json_begin_object(w);
        write_reference(w, schema);
        json_end_object(w);
    } else {
        write_reference(w, schema);
    }
    json_end_object(w);
}

/* The object that stands for one value, without its help when that stands outside of a list. */
static void write_value(struct json_writer *w, const struct member *m, bool nullable,
                        const char *help)
{
    json_begin_object(w);
    if (m->shape == SHAPE_OBJECT && nullable) {
        json_key(w, "anyOf");
        json_begin_array(w);
        openapi_schema_refer(w, m->schema, false);
        json_begin_object(w);
        pair(w, "type", "null");
        json_end_object(w);
        json_end_array(w);
    } else if (m->shape == SHAPE_OBJECT) {
        write_reference(w, m->schema);
    } else {
        write_shape(w, m->shape, m->choices, nullable);
    }
    if (help)
        pair(w, "description", help);
    json_end_object(w);
}

static void write_member(struct json_writer *w, const struct member *m)
{
    json_key(w, m->name);
    if (!m->is_list) {
        write_value(w, m, m->nullable, m->help);
        return;
    }
    json_begin_object(w);
    write_type(w, "array", m->nullable);
    json_key(w, "items");
    write_value(w, m, false, NULL);
    pair(w, "description", m->help);
    json_end_object(w);
}

static void write_members(struct json_writer *w, const struct schema *schema)
{
    json_key(w, "properties");
    json_begin_object(w);
    for (const struct member *m = schema->members; m->name; m++)
        write_member(w, m);
    json_end_object(w);
    json_key(w, "required");
    json_begin_array(w);
    for (const struct member *m = schema->members; m->name; m++) {
        if (!m->optional)
            json_text(w, m->name);
    }
    json_end_array(w);
}

static enum shape shape_of(const struct field *f)
{
    switch (f->type) {
    case FIELD_EMAIL:
        return SHAPE_EMAIL;
    case FIELD_BOOLEAN:
        return SHAPE_BOOLEAN;
    case FIELD_INTEGER:
        return SHAPE_INTEGER;
    case FIELD_TIME:
        return SHAPE_TIME;
    case FIELD_JSON:
        return SHAPE_ANY;
    case FIELD_TEXT:
    case FIELD_CHOICE:
    case FIELD_CHOICES:
        break;
    }
    return SHAPE_TEXT;
}

/* A list of one or more of the choices. */
static void write_selection(struct json_writer *w, const struct field *f)
{
    write_type(w, "array", f->allow_null);
    json_key(w, "items");
    json_begin_object(w);
    write_shape(w, SHAPE_TEXT, f->choices, false);
    json_end_object(w);
    json_key(w, "minItems");
    json_integer(w, 1);
}

static void write_field(struct json_writer *w, const struct field *f)
{
    bool is_text = f->type == FIELD_TEXT || f->type == FIELD_EMAIL;

    json_key(w, f->name);
    json_begin_object(w);
    if (f->type == FIELD_CHOICES)
        write_selection(w, f);
    else
        write_shape(w, shape_of(f), f->choices, f->allow_null);
    if (is_text && !f->allow_blank) {
        json_key(w, "minLength");
        json_integer(w, 1);
    }
    if (is_text && f->max_length > 0) {
        json_key(w, "maxLength");
        json_integer(w, f->max_length);
    }
    if (f->pattern)
        pair(w, "pattern", f->pattern);
    pair(w, "description", f->help);
    if (f->example) {
        json_key(w, "examples");
        json_begin_array(w);
        json_value(w, span_of(f->example));
        json_end_array(w);
    }
    json_end_object(w);
}

static void write_fields(struct json_writer *w, const struct schema *schema)
{
    json_key(w, "properties");
    json_begin_object(w);
    for (size_t i = 0; i < schema->field_count; i++)
        write_field(w, &schema->fields[i]);
    json_end_object(w);
    json_key(w, "required");
    json_begin_array(w);
    for (size_t i = 0; i < schema->field_count; i++) {
        if (schema->fields[i].required && !schema->partial)
            json_text(w, schema->fields[i].name);
    }
    json_end_array(w);
}

static void write_sentences(struct json_writer *w)
{
    json_key(w, "additionalProperties");
    json_begin_object(w);
    pair(w, "type", "array");
    json_key(w, "items");
    json_begin_object(w);
    pair(w, "type", "string");
    json_end_object(w);
    json_end_object(w);
}

void openapi_schema_write(struct json_writer *w, const struct schema *schema)
{
    json_begin_object(w);
    pair(w, "type", "object");
    pair(w, "description", schema->help);
    if (schema->sentences)
        write_sentences(w);
    else if (schema->fields)
        write_fields(w, schema);
    else if (schema->members)
        write_members(w, schema);
    json_end_object(w);
}

void openapi_schema_parameter(struct json_writer *w, const struct parameter *parameter)
{
    json_begin_object(w);
    write_shape(w, parameter->shape, parameter->choices, false);
    if (parameter->preset) {
        json_key(w, "default");
        json_value(w, span_of(parameter->preset));
    }
    json_end_object(w);
}
