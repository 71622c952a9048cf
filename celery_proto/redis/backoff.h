/*
 * Pauses between attempts to reach a server. Pure; any thread.
 */
#ifndef CEL_REDIS_BACKOFF_H
#define CEL_REDIS_BACKOFF_H

#include <stdint.h>

#include "base/random.h"

/* First and longest pause. The longest is short because consuming must resume within two seconds
 * of the server being back; one connect per second and connection costs nobody anything. */
#define CEL_BACKOFF_FIRST_MS 50
#define CEL_BACKOFF_MAX_MS 1000

/*
 * Nanoseconds to sleep after `failures` failed attempts in a row (0 counts as 1): the first pause
 * doubled with each further failure, a quarter more or less by chance, never above the longest.
 */
int64_t cel_backoff_ns(unsigned failures, random_source_fn *source, void *context);

#endif
