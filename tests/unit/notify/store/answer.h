/*
 * Answers of PostgreSQL made by hand, in binary format, for tests of what reads them. A cell that
 * cannot be made fails the running test. One thread.
 */
#ifndef TESTS_UNIT_NOTIFY_STORE_ANSWER_H
#define TESTS_UNIT_NOTIFY_STORE_ANSWER_H

#include <libpq-fe.h>
#include <stdint.h>

#include "base/span.h"

/* An answer with so many columns and no rows; the caller clears it with PQclear(). */
PGresult *answer_create(int columns);

/* Put a value into a cell; the first cell of a row adds the row, all its other cells being NULL. */
void answer_put(PGresult *answer, int row, int column, struct span bytes);
void answer_put_null(PGresult *answer, int row, int column);
void answer_put_int8(PGresult *answer, int row, int column, int64_t n);
void answer_put_int4(PGresult *answer, int row, int column, int32_t n);

#endif
