/*
 * The file that holds our process id (--pidfile), as celery/platforms.py Pidfile: made exclusively,
 * and what a dead process left behind, or nobody can read, is replaced.
 */
#ifndef WORKER_MAIN_PIDFILE_H
#define WORKER_MAIN_PIDFILE_H

#include "celeriac/error.h"

/*
 * Writes our process id into a new file at path. CELERIAC_ERR_EXISTS when another process that
 * lives has its id there; CELERIAC_ERR_SYSTEM.
 */
enum celeriac_err pidfile_create(const char *path, struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Removes the file if it holds our process id. path may be NULL. */
void pidfile_remove(const char *path);

#endif
