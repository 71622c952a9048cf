#include "notify/store/row.h"

#include <string.h>

#include "base/alloc.h"
#include "notify/store/pg_time.h"

bool store_row_is_null(struct store_row r, int column)
{
    return PQgetisnull(r.result, r.row, column);
}

struct span store_row_span(struct store_row r, int column)
{
    if (store_row_is_null(r, column))
        return (struct span){0};
    int len = PQgetlength(r.result, r.row, column);
    return (struct span){PQgetvalue(r.result, r.row, column), (size_t)len};
}

/* A big-endian integer of exactly `size` bytes, else 0. */
static uint64_t integer(struct store_row r, int column, size_t size)
{
    struct span bytes = store_row_span(r, column);
    uint64_t n = 0;
    if (bytes.len != size)
        return 0;
    for (size_t i = 0; i < size; i++)
        n = n << 8 | (uint8_t)bytes.ptr[i];
    return n;
}

int64_t store_row_int8(struct store_row r, int column)
{
    return (int64_t)integer(r, column, 8);
}

int32_t store_row_int4(struct store_row r, int column)
{
    return (int32_t)integer(r, column, 4);
}

bool store_row_bool(struct store_row r, int column)
{
    return integer(r, column, 1) != 0;
}

int64_t store_row_time(struct store_row r, int column)
{
    if (store_row_is_null(r, column))
        return STORE_NO_TIME;
    return store_unix_time(store_row_int8(r, column));
}

void store_row_uuid(struct store_row r, int column, struct uuid *u)
{
    struct span bytes = store_row_span(r, column);
    if (bytes.len == sizeof u->bytes)
        memcpy(u->bytes, bytes.ptr, sizeof u->bytes);
    else
        memset(u, 0, sizeof *u);
}

/* Bytes of all columns of one row, each with a NUL; false on overflow. */
static bool row_bytes(const PGresult *result, int row, size_t *total)
{
    int columns = PQnfields(result);
    for (int column = 0; column < columns; column++) {
        size_t len = (size_t)PQgetlength(result, row, column);
        if (!size_add(*total, len + 1, total))
            return false;
    }
    return true;
}

enum celeriac_err store_block_create(struct store_call *call, const PGresult *result, int first,
                                     int count, size_t row_size, void **rows,
                                     struct store_block *block)
{
    size_t array_size;
    size_t total = 0;
    if (!size_mul((size_t)count, row_size, &array_size))
        return CELERIAC_ERR_MEMORY;
    total = array_size;
    for (int i = 0; i < count; i++) {
        if (!row_bytes(result, first + i, &total))
            return CELERIAC_ERR_MEMORY;
    }
    char *memory = mem_alloc(total);
    if (!memory)
        return CELERIAC_ERR_MEMORY;
    memset(memory, 0, array_size);
    mem_free(call->own.block);
    call->own.block = memory;
    *rows = memory;
    block->next = memory + array_size;
    block->left = total - array_size;
    return CELERIAC_OK;
}

struct span store_block_column(struct store_block *block, struct store_row r, int column)
{
    struct span from = store_row_span(r, column);
    if (!from.ptr || from.len >= block->left)
        return (struct span){0};
    char *to = block->next;
    memcpy(to, from.ptr, from.len);
    to[from.len] = '\0';
    block->next += from.len + 1;
    block->left -= from.len + 1;
    return (struct span){to, from.len};
}

const void *store_take_rows(struct store_call *call, const PGresult *result, size_t row_size,
                            store_copy_fn *copy, size_t *count)
{
    int found = PQntuples(result);
    void *rows;
    struct store_block block;
    *count = 0;
    if (store_block_create(call, result, 0, found, row_size, &rows, &block) != CELERIAC_OK) {
        store_call_no_memory(call);
        return NULL;
    }
    for (int i = 0; i < found; i++)
        copy((char *)rows + (size_t)i * row_size, (struct store_row){result, i}, &block);
    *count = (size_t)found;
    return rows;
}

void store_take_row(struct store_call *call, struct store_row r, store_copy_fn *copy, void *to)
{
    void *none;
    struct store_block block;
    if (store_block_create(call, r.result, r.row, 1, 0, &none, &block) != CELERIAC_OK)
        store_call_no_memory(call);
    else
        copy(to, r, &block);
}

void store_take_first(struct store_call *call, const PGresult *result, const char *what,
                      store_copy_fn *copy, void *to)
{
    if (PQntuples(result) == 0)
        store_call_not_found(call, what);
    else
        store_take_row(call, (struct store_row){result, 0}, copy, to);
}

struct store_cursor store_take_next(const struct store_page *page, const PGresult *result,
                                    bool is_cut, int created_column, int id_column)
{
    int found = PQntuples(result);
    struct store_row last = {result, found - 1};
    struct store_cursor next = {.created_at_us = STORE_NO_TIME};
    if (found > 0 && (is_cut || (uint32_t)found == page->limit)) {
        next.created_at_us = store_row_time(last, created_column);
        store_row_uuid(last, id_column, &next.id);
    }
    return next;
}

struct store_call *store_row_call(struct store_row r, struct store_call **calls, size_t count)
{
    int64_t number = store_row_int8(r, 0);
    if (number < 1 || (uint64_t)number > count)
        return NULL;
    return calls[number - 1];
}

void store_call_no_memory(struct store_call *call)
{
    (void)celeriac_error_set(&call->error, CELERIAC_ERR_MEMORY, "no memory for the result");
}

void store_call_not_found(struct store_call *call, const char *what)
{
    (void)celeriac_error_set(&call->error, CELERIAC_ERR_NOT_FOUND, "%s not found", what);
}
