#include "notify/store/pg_time.h"

/* 2000-01-01 in microseconds since 1970: POSTGRES_EPOCH_JDATE of PostgreSQL. */
#define PG_EPOCH_US INT64_C(946684800000000)

int64_t store_pg_time(int64_t unix_us)
{
    return unix_us < INT64_MIN + PG_EPOCH_US ? INT64_MIN : unix_us - PG_EPOCH_US;
}

int64_t store_unix_time(int64_t pg_us)
{
    if (pg_us == INT64_MIN)
        return INT64_MIN;
    return pg_us > INT64_MAX - PG_EPOCH_US ? INT64_MAX : pg_us + PG_EPOCH_US;
}
