/*
 * Instants as PostgreSQL sends them: microseconds since 2000-01-01T00:00:00Z. Pure; any thread.
 */
#ifndef NOTIFY_STORE_PG_TIME_H
#define NOTIFY_STORE_PG_TIME_H

#include <stdint.h>

/* From microseconds since 1970; what has no place becomes PostgreSQL's -infinity. */
int64_t store_pg_time(int64_t unix_us);

/* To microseconds since 1970; PostgreSQL's -infinity and infinity are INT64_MIN and INT64_MAX. */
int64_t store_unix_time(int64_t pg_us);

#endif
