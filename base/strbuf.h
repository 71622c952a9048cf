/*
 * A growing byte buffer with a hard maximum and a sticky error.
 *
 * Write as often as you like and look once at the end: after the first failure (memory, maximum)
 * further writes do nothing and strbuf_status() says why. The bytes are always followed by a NUL
 * that does not count, so that strbuf_text() can be given to C functions. One thread at a time.
 */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"

struct strbuf {
    char *ptr;
    size_t len;
    size_t cap; /* bytes allocated, including room for the NUL */
    size_t max; /* most bytes that may be held, without the NUL */
    enum celeriac_err status;
};

/* Starts an empty buffer that may hold up to max bytes. Allocates nothing yet. */
void strbuf_init(struct strbuf *b, size_t max);

/* Releases the bytes; the buffer is then as after strbuf_init() with the same maximum. */
void strbuf_close(struct strbuf *b);

/* Forgets the bytes and the error but keeps the memory for reuse. */
void strbuf_clear(struct strbuf *b);

/* Appends bytes. */
void strbuf_add(struct strbuf *b, const void *bytes, size_t len);

/* Appends a span. */
void strbuf_add_span(struct strbuf *b, struct span s);

/* Appends a NUL-terminated string. */
void strbuf_add_text(struct strbuf *b, const char *text);

/* Appends one byte. */
void strbuf_add_char(struct strbuf *b, char c);

/* Appends a decimal integer. */
void strbuf_add_int(struct strbuf *b, int64_t n);

/* Appends printf-style text. For short formatted pieces; long texts go through strbuf_add(). */
void strbuf_printf(struct strbuf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Makes room for len more bytes and returns where to write them, or NULL after an error; follow it
 * with strbuf_grow(). Lets encoders write in place.
 */
char *strbuf_reserve(struct strbuf *b, size_t len);

/* Counts len bytes just written at strbuf_reserve()'s place; len is at most what was reserved. */
void strbuf_grow(struct strbuf *b, size_t len);

/* Cuts the buffer to its first len bytes; larger values change nothing. */
void strbuf_truncate(struct strbuf *b, size_t len);

/* CELERIAC_OK, or CELERIAC_ERR_MEMORY / CELERIAC_ERR_LIMIT of the first write that failed. */
enum celeriac_err strbuf_status(const struct strbuf *b) CELERIAC_MUST_CHECK;

/* The bytes so far; borrowed until the next write. */
struct span strbuf_span(const struct strbuf *b);

/* The bytes so far as a NUL-terminated string, "" when empty; borrowed until the next write. */
const char *strbuf_text(const struct strbuf *b);

/*
 * Moves the bytes out: *text gets a NUL-terminated block that the caller releases with mem_free(),
 * *len (may be NULL) its length; the buffer is empty again. Fails with the sticky error.
 */
enum celeriac_err strbuf_take(struct strbuf *b, char **text, size_t *len) CELERIAC_MUST_CHECK;

#endif
