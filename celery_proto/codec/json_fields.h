/*
 * Looks up many members of a JSON object in one pass, by a table of names. Pure; any thread.
 */
#ifndef CEL_JSON_FIELDS_H
#define CEL_JSON_FIELDS_H

#include <stddef.h>

#include "base/json.h"

/* One name to look for: plain ASCII. */
struct cel_field_name {
    const char *name;
    size_t len;
};

/* A table entry from a string literal. */
#define CEL_FIELD(literal)              \
    {                                   \
        "" literal, sizeof(literal) - 1 \
    }

/*
 * Sets values[i] to the member called names[i], the last one if it is repeated; entries whose name
 * does not occur are left as they are. object may be NULL or no object. Fast when members come in
 * the table's order.
 */
void cel_json_fields(const struct json_node *object, const struct cel_field_name *names,
                     size_t count, const struct json_node **values);

#endif
