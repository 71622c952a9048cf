#include "tests/unit/notify/store/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Most columns of an answer. */
#define COLUMNS_MAX 16

PGresult *answer_create(int columns)
{
    char name[] = "column";
    PGresAttDesc attributes[COLUMNS_MAX];
    PGresult *answer = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    assert_non_null(answer);
    assert_in_range(columns, 1, COLUMNS_MAX);
    memset(attributes, 0, sizeof attributes);
    for (int i = 0; i < columns; i++) {
        attributes[i].name = name;
        attributes[i].format = 1;
    }
    assert_true(PQsetResultAttrs(answer, columns, attributes));
    return answer;
}

void answer_put(PGresult *answer, int row, int column, struct span bytes)
{
    char copy[512];
    assert_in_range(bytes.len, 0, sizeof copy);
    memcpy(copy, bytes.ptr, bytes.len);
    assert_true(PQsetvalue(answer, row, column, copy, (int)bytes.len));
}

void answer_put_null(PGresult *answer, int row, int column)
{
    assert_true(PQsetvalue(answer, row, column, NULL, -1));
}

static void put_integer(PGresult *answer, int row, int column, uint64_t n, size_t size)
{
    char bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(uint8_t)(n >> 8 * (size - 1 - i));
    answer_put(answer, row, column, (struct span){bytes, size});
}

void answer_put_int8(PGresult *answer, int row, int column, int64_t n)
{
    put_integer(answer, row, column, (uint64_t)n, 8);
}

void answer_put_int4(PGresult *answer, int row, int column, int32_t n)
{
    put_integer(answer, row, column, (uint64_t)n, 4);
}
