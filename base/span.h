/*
 * Pointer and length: how text and bytes travel inside Celeriac. A span borrows; whoever made the
 * bytes keeps them alive. Spans are not NUL-terminated and may hold NUL bytes.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>

struct span {
    const char *ptr; /* may be NULL only when len is 0 */
    size_t len;      /* bytes */
};

/* A span of a string literal. */
#define SPAN(literal) ((struct span){"" literal, sizeof(literal) - 1})

/* Arguments for printf's "%.*s"; lengths beyond INT_MAX are cut. */
#define SPAN_PRINTF(s) (int)((s).len > 0x7fffffff ? 0x7fffffff : (s).len), (s).ptr ? (s).ptr : ""

/* A span of a NUL-terminated string; NULL gives the empty span. */
struct span span_of(const char *text);

/* Equal bytes. Not constant-time: for secrets use CRYPTO_memcmp. */
bool span_equal(struct span a, struct span b);

/* Equal to a NUL-terminated string. */
bool span_is(struct span a, const char *text);

/* Equal to a NUL-terminated string when ASCII letters' case is ignored. */
bool span_is_nocase(struct span a, const char *text);

/* The bytes start with the given prefix. */
bool span_starts(struct span a, struct span prefix);

/* The bytes end with the given suffix. */
bool span_ends(struct span a, struct span suffix);

/* Without ASCII white space (space, \t, \n, \v, \f, \r) at either end. */
struct span span_trim(struct span a);

/*
 * Cuts at the first `separator`: *head gets what is before it, *rest what is after. Without a
 * separator *head is all of a and *rest is empty with a NULL pointer. Returns whether one was
 * found.
 */
bool span_cut(struct span a, char separator, struct span *head, struct span *rest);

/* Valid UTF-8 by RFC 3629: shortest forms only, no surrogates, at most U+10FFFF. */
bool span_is_utf8(struct span a);

#endif
