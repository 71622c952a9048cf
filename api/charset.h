/*
 * Encodings of request bodies, and Python's bytes.decode(encoding, "replace"). Our own texts are
 * UTF-8 in which a lone surrogate may stand as three bytes, as json_decode_string() makes them.
 * Pure; any thread.
 */
#ifndef API_CHARSET_H
#define API_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"

/* Encodings that we tell apart; Python knows more. */
enum charset {
    CHARSET_UTF8,
    CHARSET_LATIN1,
    CHARSET_ASCII,
    CHARSET_UNKNOWN,    /* Python does not know it either: as if none had been named */
    CHARSET_UNSUPPORTED /* Python knows it, we do not */
};

/* The encoding that Python's codecs.lookup() finds under this name. */
enum charset charset_find(struct span name);

/*
 * Appends the bytes as UTF-8, with U+FFFD for each maximal ill-formed part, as CPython counts them.
 * charset is one of UTF8, LATIN1, ASCII.
 */
void charset_decode_replace(struct strbuf *out, struct span bytes, enum charset charset);

/*
 * How many of the bytes come before a last UTF-8 sequence that was begun but not finished; all when
 * there is none. Python's codecs.StreamReader leaves such bytes unread.
 */
size_t charset_whole_utf8(struct span bytes);

/* Appends one character as UTF-8; c is at most U+10FFFF. */
void charset_add_char(struct strbuf *out, uint32_t c);

/* The first surrogate (U+D800 to U+DFFF) in a text of ours; false when there is none. */
bool charset_find_surrogate(struct span text, uint32_t *code);

#endif
