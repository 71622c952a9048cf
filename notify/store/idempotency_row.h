/*
 * What the statements that look at idempotency keys have in common. For kinds of call only.
 */
#ifndef NOTIFY_STORE_IDEMPOTENCY_ROW_H
#define NOTIFY_STORE_IDEMPOTENCY_ROW_H

#include <stdbool.h>

#include "notify/store/idempotency.h"
#include "notify/store/row.h"

/* Checks key and document (when `with_document`); CELERIAC_ERR_VALUE names the field. */
enum celeriac_err store_idempotency_check(const struct store_idempotency *i, bool with_document,
                                          struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Sets `repeat` by what a row says of the request that has the key, its digest: whether that was
 * the same.
 */
bool store_idempotency_is_same(struct store_idempotency *i, struct store_row r, int digest_column);

/*
 * Takes over what a row says of the request that has the key: its digest and, in the column after
 * it, its answer. The answer is copied into the call's block. Fails the call for want of memory.
 */
void store_idempotency_take(struct store_call *call, struct store_idempotency *i,
                            struct store_row r, int digest_column);

#endif
