/*
 * Single characters of UTF-8, and what is wrong with bytes that are none. span_is_utf8() judges
 * whole texts, and faster. Pure; any thread.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"

/* Most bytes of one character. */
#define UTF8_MAX 4

/*
 * The character that text starts with: its code point into *c and its length, 1 to 4, as the
 * result; 0 (and *c untouched) when there is none or the text is empty. Shortest forms only, at
 * most U+10FFFF; surrogates are let through, as Python's "surrogatepass" does.
 */
size_t utf8_decode(struct span text, uint32_t *c);

/* Writes c, at most U+10FFFF, surrogates like any other; returns the length, 1 to 4. */
size_t utf8_encode(uint32_t c, char bytes[UTF8_MAX]);

/*
 * Fills err (may be NULL) with the message of Python's bytes.decode("utf-8"), such as "'utf-8'
 * codec can't decode byte 0xff in position 0: invalid start byte", and returns CELERIAC_ERR_SYNTAX;
 * returns CELERIAC_OK when the bytes are UTF-8 as span_is_utf8() has it.
 */
enum celeriac_err utf8_error(struct span bytes, struct celeriac_error *err);

#endif
