/* zlib.h then takes its input as const. */
#define ZLIB_CONST

#include "celery_proto/codec/body.h"

#include <limits.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/base64.h"

/* First room that decompression asks for; what follows grows with it. */
#define INFLATE_CHUNK ((size_t)4096)

static const char zlib_content_type[] = "application/x-gzip";

bool cel_body_encoding_parse(const struct json_node *value, enum cel_body_encoding *encoding)
{
    struct span name;

    if (json_is_null(value)) {
        *encoding = CEL_BODY_LITERAL;
        return true;
    }
    if (!json_peek_string(value, &name))
        return false;
    if (name.len == 0 || span_is_nocase(name, "utf-8")) {
        *encoding = CEL_BODY_LITERAL;
        return true;
    }
    /* kombu looks the codec up by the name as it is written: only lower case is known. */
    if (!span_is(name, "base64"))
        return false;
    *encoding = CEL_BODY_BASE64;
    return true;
}

bool cel_compression_is_zlib(struct span name)
{
    return span_is(name, zlib_content_type) || span_is(name, "gzip") || span_is(name, "zlib");
}

bool cel_compression_parse(const struct json_node *value, enum cel_compression *compression)
{
    struct span name;

    if (json_is_null(value)) {
        *compression = CEL_COMPRESSION_NONE;
        return true;
    }
    if (!json_peek_string(value, &name))
        return false;
    if (name.len == 0) {
        *compression = CEL_COMPRESSION_NONE;
        return true;
    }
    if (!cel_compression_is_zlib(name))
        return false;
    *compression = CEL_COMPRESSION_ZLIB;
    return true;
}

const char *cel_compression_header(enum cel_compression compression)
{
    return compression == CEL_COMPRESSION_ZLIB ? zlib_content_type : NULL;
}

/* zlib's memory comes from ours, so that tests can fail it. */
static void *zlib_alloc(void *context, unsigned items, unsigned size)
{
    (void)context;
    return mem_calloc(items, size);
}

static void zlib_free(void *context, void *block)
{
    (void)context;
    mem_free(block);
}

enum celeriac_err cel_body_compress(struct span bytes, struct strbuf *out)
{
    z_stream stream = {.zalloc = zlib_alloc, .zfree = zlib_free};
    enum celeriac_err code = CELERIAC_ERR_MEMORY;
    char *room;
    size_t bound;

    if (bytes.len > CEL_BODY_MAX)
        return CELERIAC_ERR_LIMIT;
    if (deflateInit(&stream, Z_DEFAULT_COMPRESSION) != Z_OK)
        return CELERIAC_ERR_MEMORY;
    bound = deflateBound(&stream, (uLong)bytes.len);
    room = strbuf_reserve(out, bound);
    if (room == NULL) {
        code = strbuf_status(out);
        goto out;
    }
    stream.next_in = (z_const Bytef *)bytes.ptr;
    stream.avail_in = (uInt)bytes.len;
    stream.next_out = (Bytef *)room;
    stream.avail_out = (uInt)bound;
    if (deflate(&stream, Z_FINISH) == Z_STREAM_END) {
        strbuf_grow(out, bound - stream.avail_out);
        code = CELERIAC_OK;
    }
out:
    deflateEnd(&stream);
    return code;
}

/*
 * One step of decompression into fresh room: `done` bytes are there already. CELERIAC_OK means go
 * on unless *ended.
 */
static enum celeriac_err inflate_step(z_stream *stream, size_t done, size_t max, struct strbuf *out,
                                      bool *ended)
{
    /* One byte more than is allowed, so that a stream that fits exactly is told from a longer one.
     */
    size_t left = max - done + 1;
    size_t chunk = done > INFLATE_CHUNK ? done : INFLATE_CHUNK;
    char *room;
    int result;

    if (chunk > left)
        chunk = left;
    if (chunk > UINT_MAX)
        chunk = UINT_MAX;
    room = strbuf_reserve(out, chunk);
    if (room == NULL)
        return strbuf_status(out);
    stream->next_out = (Bytef *)room;
    stream->avail_out = (uInt)chunk;
    result = inflate(stream, Z_NO_FLUSH);
    strbuf_grow(out, chunk - stream->avail_out);
    *ended = result == Z_STREAM_END;
    if (result == Z_MEM_ERROR)
        return CELERIAC_ERR_MEMORY;
    if (result != Z_OK && result != Z_STREAM_END)
        return CELERIAC_ERR_SYNTAX;
    if (chunk - stream->avail_out == left)
        return CELERIAC_ERR_LIMIT;
    /* Room is left but nothing more comes: the stream was cut. */
    return !*ended && stream->avail_out > 0 ? CELERIAC_ERR_SYNTAX : CELERIAC_OK;
}

enum celeriac_err cel_body_decompress(struct span bytes, size_t max, struct strbuf *out)
{
    z_stream stream = {.zalloc = zlib_alloc, .zfree = zlib_free};
    enum celeriac_err code = CELERIAC_OK;
    size_t start = out->len;
    bool ended = false;

    if (bytes.len > UINT_MAX || max > CEL_BODY_MAX)
        return CELERIAC_ERR_LIMIT;
    if (inflateInit(&stream) != Z_OK)
        return CELERIAC_ERR_MEMORY;
    stream.next_in = (z_const Bytef *)bytes.ptr;
    stream.avail_in = (uInt)bytes.len;
    while (code == CELERIAC_OK && !ended)
        code = inflate_step(&stream, out->len - start, max, out, &ended);
    inflateEnd(&stream);
    if (code != CELERIAC_OK)
        strbuf_truncate(out, start);
    return code;
}

/* Sets the cause and the text of a failure that is the message's own. */
static enum celeriac_err refuse(enum cel_refuse *cause, enum cel_refuse why, enum celeriac_err code,
                                struct celeriac_error *err, const char *text)
{
    if (code == CELERIAC_ERR_LIMIT)
        why = CEL_REFUSE_TOO_LARGE;
    *cause = code == CELERIAC_ERR_MEMORY ? CEL_REFUSE_NONE : why;
    return celeriac_error_set(err, code, "body: %s",
                              code == CELERIAC_ERR_LIMIT ? "larger than allowed" : text);
}

/* The envelope's string as text: borrowed, or decoded into scratch. */
static enum celeriac_err body_text(const struct json_node *body, struct strbuf *scratch,
                                   struct span *text)
{
    enum celeriac_err code;

    if (json_peek_string(body, text))
        return CELERIAC_OK;
    strbuf_clear(scratch);
    code = json_decode_string(body, scratch);
    if (code == CELERIAC_OK)
        *text = strbuf_span(scratch);
    return code;
}

/* Appends the bytes that the text stands for, before decompression. */
static enum celeriac_err add_text(struct span text, enum cel_body_encoding encoding, size_t max,
                                  struct strbuf *out)
{
    size_t start = out->len;
    enum celeriac_err code;

    if (encoding == CEL_BODY_LITERAL) {
        if (text.len > max)
            return CELERIAC_ERR_LIMIT;
        strbuf_add_span(out, text);
        return strbuf_status(out);
    }
    if (text.len / 4 > max / 3 + 1)
        return CELERIAC_ERR_LIMIT;
    code = base64_decode(out, text);
    if (code != CELERIAC_OK)
        return code;
    return out->len - start > max ? CELERIAC_ERR_LIMIT : CELERIAC_OK;
}

enum celeriac_err cel_body_decode(const struct json_node *body, enum cel_body_encoding encoding,
                                  enum cel_compression compression, size_t max,
                                  struct strbuf *scratch, struct strbuf *out,
                                  enum cel_refuse *cause, struct celeriac_error *err)
{
    size_t start = out->len;
    struct span text;
    enum celeriac_err code;

    if (json_is_null(body))
        return CELERIAC_OK;
    code = body_text(body, scratch, &text);
    if (code != CELERIAC_OK)
        return refuse(cause, CEL_REFUSE_BODY_TEXT, code, err, "not a string");
    /* Compression makes tiny bodies longer: max is for what comes out of it. */
    code = add_text(text, encoding, compression == CEL_COMPRESSION_NONE ? max : CEL_BODY_MAX, out);
    if (code != CELERIAC_OK) {
        strbuf_truncate(out, start);
        return refuse(cause, CEL_REFUSE_BODY_TEXT, code, err, "not base64");
    }
    if (compression == CEL_COMPRESSION_NONE || out->len == start)
        return CELERIAC_OK;
    strbuf_clear(scratch);
    code = cel_body_decompress((struct span){out->ptr + start, out->len - start}, max, scratch);
    strbuf_truncate(out, start);
    if (code != CELERIAC_OK)
        return refuse(cause, CEL_REFUSE_COMPRESSED_DATA, code, err, "damaged zlib stream");
    strbuf_add_span(out, strbuf_span(scratch));
    code = strbuf_status(out);
    return code == CELERIAC_OK
               ? code
               : refuse(cause, CEL_REFUSE_COMPRESSED_DATA, code, err, "does not fit");
}
