/*
 * Values that JSON cannot hold, as kombu writes them: since kombu 5.3 an object with exactly the
 * keys
 * "__type__" and "__value__" (kombu/utils/json.py), before that plain strings. Pure; any thread.
 */
#ifndef CEL_CELERY_VALUE_H
#define CEL_CELERY_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "base/uuid.h"
#include "celeriac/error.h"

/* The seven types, or none. */
enum cel_value_type {
    CEL_VALUE_PLAIN = 0, /* not such an object: an ordinary JSON value */
    CEL_VALUE_DATETIME,
    CEL_VALUE_DATE,
    CEL_VALUE_TIME,
    CEL_VALUE_DECIMAL,
    CEL_VALUE_UUID,
    CEL_VALUE_BYTES,  /* bytes that are UTF-8 */
    CEL_VALUE_BASE64, /* other bytes */
    CEL_VALUE_UNKNOWN /* such an object with a type of an application's own; Python would refuse it
                       */
};

/*
 * What a JSON value stands for; *value (may be NULL) gets the node of "__value__", or node itself
 * when it is plain. Borrowed.
 */
enum cel_value_type cel_value_type_of(const struct json_node *node, const struct json_node **value);

/*
 * Typed readers. Each takes the object form and the older plain string; CELERIAC_ERR_VALUE when the
 * node is neither, CELERIAC_ERR_SYNTAX or _LIMIT when its text is not of that type.
 */

/* A date and time in microseconds since 1970 UTC; without an offset it is taken as UTC. */
enum celeriac_err cel_value_datetime(const struct json_node *node, int64_t *us) CELERIAC_MUST_CHECK;

/* A date as midnight UTC; the older form is a date and time at midnight. */
enum celeriac_err cel_value_date(const struct json_node *node, int64_t *us) CELERIAC_MUST_CHECK;

/* A time of day in microseconds since midnight, 0 to 86,399,999,999. */
enum celeriac_err cel_value_time(const struct json_node *node, int64_t *us) CELERIAC_MUST_CHECK;

/* A UUID: {"hex": 32 digits}, the same with "version", or the canonical text. */
enum celeriac_err cel_value_uuid(const struct json_node *node,
                                 struct uuid *uuid) CELERIAC_MUST_CHECK;

/* Appends a decimal's text as Python's Decimal takes it: number, Infinity, NaN. */
enum celeriac_err cel_value_decimal(const struct json_node *node,
                                    struct strbuf *out) CELERIAC_MUST_CHECK;

/* Appends bytes: of "bytes", "base64" or a plain string (its UTF-8). */
enum celeriac_err cel_value_bytes(const struct json_node *node,
                                  struct strbuf *out) CELERIAC_MUST_CHECK;

#endif
