/*
 * The part of the description that says what documents look like. Pure; any thread.
 */
#ifndef API_OPENAPI_SCHEMA_H
#define API_OPENAPI_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "api/description.h"
#include "base/json_writer.h"

/* Most schemas of the API; a unit test sees to it that all fit. */
#define OPENAPI_SCHEMAS_MAX 128

/* The schemas that were met, each once; all zero is empty. */
struct openapi_schemas {
    const struct schema *found[OPENAPI_SCHEMAS_MAX];
    size_t count;
};

/* Notes a schema and those it leads to. What does not fit is left out. */
void openapi_schema_note(struct openapi_schemas *schemas, const struct schema *schema);

/* Writes a JSON object, member by member: the schema itself. */
void openapi_schema_write(struct json_writer *w, const struct schema *schema);

/* Writes the object that refers to a schema, or to a list of such documents. */
void openapi_schema_refer(struct json_writer *w, const struct schema *schema, bool is_list);

/* Writes the object that describes a parameter's value. */
void openapi_schema_parameter(struct json_writer *w, const struct parameter *parameter);

#endif
