#include "notify/store/outbox_size.h"

#include <string.h>

#include "notify/store/kinds.h"
#include "notify/store/row.h"
#include "notify/store/sql.h"

/* Columns of sql/measure_outbox.sql. */
enum { COLUMN_ROWS, COLUMN_OLDEST };

static void bind_nothing(struct store_params *p, struct store_call **calls, size_t count,
                         const struct store_context *context)
{
    (void)p;
    (void)calls;
    (void)count;
    (void)context;
}

static void take_size(struct store_call **calls, size_t count, const PGresult *result)
{
    struct store_measure_outbox *measure = (struct store_measure_outbox *)calls[0];
    struct store_row r = {result, 0};

    (void)count;
    measure->rows = (uint64_t)store_row_int8(r, COLUMN_ROWS);
    measure->oldest_us = store_row_time(r, COLUMN_OLDEST);
}

const struct store_kind store_kind_measure_outbox = {
    .id = STORE_KIND_MEASURE_OUTBOX,
    .name = "measure_outbox",
    .sql = store_sql_measure_outbox,
    .bind = bind_nothing,
    .take = take_size,
};

void store_measure_outbox_init(struct store_measure_outbox *measure)
{
    memset(measure, 0, sizeof *measure);
    store_call_init(&measure->call, &store_kind_measure_outbox);
    measure->oldest_us = STORE_NO_TIME;
}
