/*
 * Node names: "name@host" with Celery's abbreviations (celery/utils/nodenames.py). Pure; any
 * thread.
 */
#ifndef WORKER_NODENAME_H
#define WORKER_NODENAME_H

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/* Longest node name in bytes: it is part of a queue's name, which AMQP limits to 255. */
#define CEL_NODENAME_MAX 200

/*
 * Appends the node name for what `-n` was given (NULL or empty: "celery@%h"). Without '@' the text
 * is the host and the name is "celery", as in default_nodename(). Then "%h" is this machine's host,
 * "%n" its first label, "%d" the rest, "%i" 0 and "%I" nothing (process indexes of a prefork
 * child). CELERIAC_ERR_VALUE for another letter after '%' or a control character,
 * CELERIAC_ERR_LIMIT beyond CEL_NODENAME_MAX; out is then as before.
 */
enum celeriac_err cel_nodename_expand(const char *pattern, struct span host, struct strbuf *out,
                                      struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
