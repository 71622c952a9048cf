/*
 * Python's repr() of the values that Celery's JSON writes as typed objects. Internal to the codec;
 * pure.
 */
#ifndef CEL_PYREPR_VALUE_H
#define CEL_PYREPR_VALUE_H

#include <stdbool.h>

#include "base/json.h"
#include "base/span.h"
#include "base/strbuf.h"

/*
 * Appends repr() of a datetime, date, time, Decimal or UUID in its typed form, for instance
 * "Decimal('1.50')". False, with out as before, when node is none of these or its text is not as
 * Python writes it.
 */
bool cel_pyrepr_value(const struct json_node *node, struct strbuf *out);

/* Appends repr() of bytes: b'...' with every byte that is not printable ASCII as \xNN. */
void cel_pyrepr_bytes(struct span bytes, struct strbuf *out);

#endif
