/*
 * The API's description in OpenAPI 3.1, written from the route table, the tables that validate and
 * the descriptions beside the handlers (description.h). Pure; any thread.
 */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include "api/router.h"
#include "base/json_writer.h"

/* Longest description: about ten times that of the calls there are. */
#define OPENAPI_MAX ((size_t)1024 * 1024)

/*
 * Writes the document for all rows of the table that are no pages. A row without a description is
 * left out; a unit test sees to it that there is none.
 */
void openapi_write(const struct route *routes, struct json_writer *w);

/*
 * Writes a path of the route table as OpenAPI has it: {int}, {key} and {uuid} become {id}. Cut at
 * size.
 */
void openapi_path(const char *pattern, char *path, size_t size);

#endif
