/*
 * Typed columns of a result in binary format, and the memory that a call's result lives in.
 */
#ifndef NOTIFY_STORE_ROW_H
#define NOTIFY_STORE_ROW_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/uuid.h"
#include "celeriac/error.h"
#include "notify/store/call.h"
#include "notify/store/page.h"

/* One row of a result. */
struct store_row {
    const PGresult *result;
    int row;
};

/* SQL NULL. */
bool store_row_is_null(struct store_row r, int column);

/* Values; NULL and values of another size give 0, false, STORE_NO_TIME, or a span with ptr NULL. */
int64_t store_row_int8(struct store_row r, int column);
int32_t store_row_int4(struct store_row r, int column);
bool store_row_bool(struct store_row r, int column);
int64_t store_row_time(struct store_row r, int column);
void store_row_uuid(struct store_row r, int column, struct uuid *u);

/* The bytes of text or bytea; borrowed from the result. */
struct span store_row_span(struct store_row r, int column);

/*
 * The call that a row belongs to: its first column is the call's place, from 1. NULL when there is
 * no such call.
 */
struct store_call *store_row_call(struct store_row r, struct store_call **calls, size_t count);

/* Memory of a call's result: an array of rows, then the bytes of their columns. */
struct store_block {
    char *next;
    size_t left;
};

/*
 * Gives the call a block of `count` rows of `row_size` bytes (zeroed, aligned for any type), and
 * room to copy all columns of the given rows of result, each with a NUL. *rows gets the array. The
 * block belongs to call->own.block and is released by store_call_release(). CELERIAC_ERR_MEMORY.
 */
enum celeriac_err store_block_create(struct store_call *call, const PGresult *result, int first,
                                     int count, size_t row_size, void **rows,
                                     struct store_block *block) CELERIAC_MUST_CHECK;

/* Copies a column into the block, followed by a NUL; a span with ptr NULL for SQL NULL. */
struct span store_block_column(struct store_block *block, struct store_row r, int column);

/* Copies one row of a result into *to, and its texts into the block. */
typedef void store_copy_fn(void *to, struct store_row r, struct store_block *block);

/*
 * Copies all rows of a result into memory of the call: an array of *count elements of row_size
 * bytes, zeroed before they are filled. Without memory the call fails: NULL, none.
 */
const void *store_take_rows(struct store_call *call, const PGresult *result, size_t row_size,
                            store_copy_fn *copy, size_t *count);

/* Copies one row into *to, and its texts into memory of the call, which fails without memory. */
void store_take_row(struct store_call *call, struct store_row r, store_copy_fn *copy, void *to);

/* The same with a result's first row; without any the call fails: `what` is not found. */
void store_take_first(struct store_call *call, const PGresult *result, const char *what,
                      store_copy_fn *copy, void *to);

/*
 * What the page after a result begins behind: its last row, when it has as many as the page may
 * have, or is_cut says that more were left out; else no row.
 */
struct store_cursor store_take_next(const struct store_page *page, const PGresult *result,
                                    bool is_cut, int created_column, int id_column);

/* Fails a call for want of memory, or because its row is not there. */
void store_call_no_memory(struct store_call *call);
void store_call_not_found(struct store_call *call, const char *what);

#endif
