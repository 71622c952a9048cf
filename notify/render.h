/*
 * Rendering of tenants' templates: compiled once, kept by content, rendered by any number of
 * threads at the same time.
 *
 * The cache is keyed by the SHA-256 of the source, so nobody has to tell it that a template
 * changed, and tenants with the same text share an entry. It holds a bounded number of bytes and
 * drops what was used least recently; a template that is being rendered stays until its last user
 * is done. Only look-ups hold the lock, compiling and rendering happen outside of it. Any thread.
 */
#ifndef NOTIFY_RENDER_H
#define NOTIFY_RENDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

struct notify_render;

/* All zero means defaults. */
struct notify_render_options {
    size_t cache_bytes; /* 0 = NOTIFY_RENDER_CACHE_BYTES */
    uint64_t fuel;      /* work units of one render; 0 = the engine's default */
    size_t max_output;  /* bytes of one render; 0 = the engine's default */
};

/*
 * An entry is counted with twelve times its source (the compiled form is about ten times as large)
 * and a fixed part; so this is about a thousand templates of 4 KB.
 */
#define NOTIFY_RENDER_CACHE_BYTES ((size_t)64 * 1024 * 1024)

/* Makes an empty cache; CELERIAC_ERR_MEMORY or _SYSTEM. The caller destroys it. */
enum celeriac_err notify_render_create(const struct notify_render_options *options,
                                       struct notify_render **render,
                                       struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Releases it; nobody may be rendering. render may be NULL. */
void notify_render_destroy(struct notify_render *render);

/*
 * Renders source with the variables of the JSON object in data and appends the text to out. On
 * failure out is as before, and err's text is the engine's, with the line where it has one: it is
 * meant for the tenant and may quote source and data, so it must not be logged.
 * CELERIAC_ERR_SYNTAX: not a template; CELERIAC_ERR_VALUE: it failed with this data;
 * CELERIAC_ERR_LIMIT: a limit was reached; CELERIAC_ERR_MEMORY; CELERIAC_ERR_SYSTEM: the engine
 * broke.
 */
enum celeriac_err notify_render_text(struct notify_render *render, struct span source,
                                     struct span data, struct strbuf *out,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * The same for a source that is not expected again, such as the content that came with one request:
 * compiled, rendered and forgotten, so that it does not push out what is used all the time.
 */
enum celeriac_err notify_render_once(struct notify_render *render, struct span source,
                                     struct span data, struct strbuf *out,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Numbers since the start. */
struct notify_render_stats {
    uint64_t hits;
    uint64_t misses;
    uint64_t dropped; /* entries pushed out */
    size_t entries;
    size_t bytes;
};

/* Reads the numbers. */
void notify_render_get_stats(struct notify_render *render, struct notify_render_stats *stats);

#endif
