/*
 * What a result backend holds, between the wire and its JSON: Celery 5.7 compresses it when
 * `result_compression` says so (celery/backends/base.py, compress_payload), results, parts of
 * chords and headers of groups alike, and says how in front of it. Pure; any thread.
 */
#ifndef CEL_STORED_H
#define CEL_STORED_H

#include <stddef.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/*
 * The text of what is stored: *text is `stored` itself, or a part of *plain, which is cleared first
 * and holds what was compressed, at most max bytes. CELERIAC_ERR_UNSUPPORTED for another
 * compression than zlib ("gzip" in Celery's words), _SYNTAX when it is damaged, _LIMIT, _MEMORY.
 */
enum celeriac_err cel_stored_read(struct span stored, size_t max, struct strbuf *plain,
                                  struct span *text,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
