/*
 * `celeriac-worker healthcheck`: asks a running worker's /readyz, for containers and scripts that
 * have no HTTP client.
 */
#ifndef WORKER_MAIN_HEALTHCHECK_H
#define WORKER_MAIN_HEALTHCHECK_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "celeriac/error.h"

/* Seconds that connecting and each part of the answer may take. */
#define HEALTHCHECK_SECONDS 3

/*
 * Asks the worker that was started with `--http address`; a host that stands for all addresses, or
 * none, means this machine. *ready says whether it takes messages, and answer gets its own words.
 * CELERIAC_ERR_VALUE for a bad address, CELERIAC_ERR_UNAVAILABLE when there is no answer,
 * CELERIAC_ERR_PROTOCOL when it is none of ours.
 */
enum celeriac_err worker_healthcheck(const char *address, bool *ready, struct strbuf *answer,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
