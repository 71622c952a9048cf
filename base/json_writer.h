/*
 * Writes JSON text in the two spellings the project needs: json.dumps() with its defaults, byte for
 * byte (what kombu puts on the wire), and Django REST Framework's compact UTF-8 (what its
 * JSONRenderer sends). Errors are sticky in the strbuf. One thread at a time.
 */
#ifndef BASE_JSON_WRITER_H
#define BASE_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"

/* Deepest nesting written; our own documents are at most a handful deep. */
#define JSON_WRITER_DEPTH_MAX 32

enum json_style {
    JSON_STYLE_PYTHON, /* ", " and ": ", everything beyond ASCII as \uXXXX */
    JSON_STYLE_DRF     /* "," and ":", UTF-8 as it is, U+2028 and U+2029 escaped */
};

struct json_writer {
    struct strbuf *out;
    enum json_style style;
    unsigned depth;
    bool after_key;                         /* the next value completes a member */
    bool filled[JSON_WRITER_DEPTH_MAX + 1]; /* something was written at this depth */
};

/* Starts writing at the end of out, which must outlive the writer. */
void json_writer_init(struct json_writer *w, struct strbuf *out, enum json_style style);

/* Opens and closes; beyond JSON_WRITER_DEPTH_MAX the buffer's status becomes CELERIAC_ERR_LIMIT. */
void json_begin_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end_array(struct json_writer *w);

/* The next member's key; a value must follow. */
void json_key(struct json_writer *w, const char *key);
void json_key_span(struct json_writer *w, struct span key);

/* Values. Strings are UTF-8 and may hold surrogates as three bytes, see json_decode_string(). */
void json_string(struct json_writer *w, struct span text);
void json_text(struct json_writer *w, const char *text); /* NULL writes null */
void json_integer(struct json_writer *w, int64_t n);
void json_number(struct json_writer *w, double n); /* as repr(); NaN, Infinity, -Infinity */
void json_boolean(struct json_writer *w, bool b);
void json_null(struct json_writer *w);

/* A value that is JSON text already, copied as it is. */
void json_value(struct json_writer *w, struct span raw);

/* Appends one quoted string to a buffer, outside of any writer. */
void json_quote(struct strbuf *out, struct span text, enum json_style style);

#endif
