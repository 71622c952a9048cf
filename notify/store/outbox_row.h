/*
 * What the statements that give outbox rows to their caller have in common. For kinds of call only.
 */
#ifndef NOTIFY_STORE_OUTBOX_ROW_H
#define NOTIFY_STORE_OUTBOX_ROW_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

#include "notify/store/call.h"
#include "notify/store/outbox.h"

/*
 * Takes all rows of a result, whose first four columns are those of sql/take_outbox.sql, into the
 * call's block; with_headers its fifth too. Fails the call for want of memory.
 */
void store_outbox_take_rows(struct store_call *call, const PGresult *result, bool with_headers,
                            const struct store_outbox_row **rows, size_t *count);

#endif
