/*
 * The file behind `--statedb`: revoked ids, one a line, after a line that says what it is. Version
 * 1:
 *
 *     celeriac-revoked 1
 *     <microseconds since 1970> <id as a JSON string>
 *
 * One thread at a time.
 */
#ifndef WORKER_REVOKED_FILE_H
#define WORKER_REVOKED_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/* Largest file: the most ids of the greatest length, six bytes for each, with their times. */
#define CEL_REVOKED_FILE_MAX ((size_t)512 * 1024 * 1024)

/* Called for each line; a code other than CELERIAC_OK ends the reading. */
typedef enum celeriac_err cel_revoked_line_fn(void *context, struct span id, int64_t since_us);

/*
 * Reads the file. None is like an empty one. CELERIAC_ERR_SYNTAX with the line's number when it is
 * not of this format, CELERIAC_ERR_SYSTEM when it cannot be read, _LIMIT, _MEMORY.
 */
enum celeriac_err cel_revoked_file_read(const char *path, cel_revoked_line_fn *take, void *context,
                                        struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Begins the text of a file, and adds one line to it. */
void cel_revoked_file_begin(struct strbuf *text);
void cel_revoked_file_line(struct strbuf *text, struct span id, int64_t since_us);

/*
 * Puts the text in the file's place, by way of a new file beside it, and waits until it is on the
 * disk. CELERIAC_ERR_SYSTEM, or the text's status.
 */
enum celeriac_err cel_revoked_file_write(const char *path, const struct strbuf *text,
                                         struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
