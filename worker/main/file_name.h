/* Names of log and pid files with Celery's abbreviations (celery/utils/nodenames.py). Pure. */
#ifndef WORKER_MAIN_FILE_NAME_H
#define WORKER_MAIN_FILE_NAME_H

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/* Longest name of a file in bytes: PATH_MAX of Linux. */
#define FILE_NAME_MAX 4096

/*
 * Appends the pattern with %n (the part of the node name before '@'), %h (the part behind it), %d
 * (that without its first label), %p (all of it), %i (0) and %I (nothing) filled in; "%%" is a
 * percent sign, and another letter stays as it is. CELERIAC_ERR_LIMIT, _MEMORY.
 */
enum celeriac_err file_name_expand(struct span pattern, struct span nodename,
                                   struct strbuf *out) CELERIAC_MUST_CHECK;

#endif
