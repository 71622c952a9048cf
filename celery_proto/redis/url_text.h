/*
 * The text side of URLs: splitting as Python's urllib does, percent-decoding, and one block of
 * memory for all strings that come out of it. Pure; one thread at a time.
 */
#ifndef CEL_REDIS_URL_TEXT_H
#define CEL_REDIS_URL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "celeriac/error.h"

/* The pieces of "scheme://login@host/path?query#fragment", still encoded; borrowed. */
struct url_parts {
    struct span scheme;
    struct span login; /* before the last '@' of the authority */
    struct span host;  /* with its port */
    struct span path;  /* with its leading '/' */
    struct span query;
};

/* Splits text; false when it has no "://". */
bool url_split(struct span text, struct url_parts *parts);

/*
 * Memory for decoded strings. Decoding never makes text longer and each byte of the source is
 * decoded at most three times (a key of a result backend's TLS query), so the size is known from
 * the start.
 */
struct url_arena {
    char *ptr;
    size_t used;
    size_t cap;
};

/* Room for everything a text of source_len bytes can decode to. CELERIAC_ERR_MEMORY. */
enum celeriac_err url_arena_init(struct url_arena *arena, size_t source_len) CELERIAC_MUST_CHECK;

/* Wipes and releases. */
void url_arena_close(struct url_arena *arena);

/* Percent-decodes into the arena as urllib's unquote(): a '%' without two hex digits stays. */
void url_percent_decode(struct url_arena *arena, struct span text, struct span *decoded);

/* The same for a query value: '+' is a space. */
void url_query_decode(struct url_arena *arena, struct span text, struct span *decoded);

/*
 * Decodes, or only copies, text into a NUL-terminated string. `what` names the part in the error
 * CELERIAC_ERR_VALUE for text with a NUL inside.
 */
enum celeriac_err url_arena_decode(struct url_arena *arena, struct span text, const char *what,
                                   const char **string,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;
enum celeriac_err url_arena_copy(struct url_arena *arena, struct span text, const char *what,
                                 const char **string,
                                 struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
