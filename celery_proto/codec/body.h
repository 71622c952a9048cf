/*
 * A message's body between the wire and its bytes: base64 or literal text, and compression.
 * Pure; any thread.
 */
#ifndef CEL_BODY_H
#define CEL_BODY_H

#include <stdbool.h>

#include "base/json.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "celery_proto/codec/refuse.h"

/*
 * Most bytes of a body after decompression. A zlib stream of 1 MB can hold 1 GB: the bound keeps
 * one message from filling a worker's memory. Far above what Celery's users send through Redis.
 */
#define CEL_BODY_MAX ((size_t)64 * 1024 * 1024)

/* How a body's bytes stand in the envelope (properties.body_encoding). */
enum cel_body_encoding {
    CEL_BODY_BASE64 = 0, /* "base64", what Python writes */
    CEL_BODY_LITERAL     /* "utf-8", empty, null or absent: the JSON string is the text itself */
};

/* Compressions that we can write and read. */
enum cel_compression {
    CEL_COMPRESSION_NONE = 0,
    CEL_COMPRESSION_ZLIB /* application/x-gzip, by name only: a zlib stream (RFC 1950) */
};

/*
 * Reads properties.body_encoding, in any case as kombu does; NULL and JSON null mean literal. False
 * for a name that kombu does not know.
 */
bool cel_body_encoding_parse(const struct json_node *value, enum cel_body_encoding *encoding);

/*
 * Which codec a `compression` header names: none for NULL, null and "", zlib for
 * "application/x-gzip" or its aliases "gzip" and "zlib". False for another one.
 */
bool cel_compression_parse(const struct json_node *value, enum cel_compression *compression);

/* Whether a name means zlib: "application/x-gzip", "gzip", "zlib". */
bool cel_compression_is_zlib(struct span name);

/* Value of the `compression` header; NULL for none. */
const char *cel_compression_header(enum cel_compression compression);

/*
 * Appends the body's bytes. body is the envelope's JSON string (NULL or null: nothing), scratch is
 * cleared and used between the steps. On failure *cause says why and err, which may be NULL, the
 * detail; out is then as before. CELERIAC_ERR_SYNTAX (damaged), _LIMIT (above max bytes) or
 * _MEMORY.
 */
enum celeriac_err cel_body_decode(const struct json_node *body, enum cel_body_encoding encoding,
                                  enum cel_compression compression, size_t max,
                                  struct strbuf *scratch, struct strbuf *out,
                                  enum cel_refuse *cause,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Appends bytes compressed as zlib at its default level, as Python's zlib.compress(). */
enum celeriac_err cel_body_compress(struct span bytes, struct strbuf *out) CELERIAC_MUST_CHECK;

/*
 * Appends what a zlib stream holds, at most max bytes. Bytes after its end are
 * ignored, as Python's zlib.decompress() does. CELERIAC_ERR_SYNTAX when it is damaged or cut,
 * CELERIAC_ERR_LIMIT, _MEMORY; out is then as before.
 */
enum celeriac_err cel_body_decompress(struct span bytes, size_t max,
                                      struct strbuf *out) CELERIAC_MUST_CHECK;

#endif
