#include "api/body.h"

#include "api/media_type.h"

/* Members of the top object are looked at one by one, everything below them as a whole. */
#define KEEP_DEPTH 2

#define FORM_TYPE "application/x-www-form-urlencoded"
#define MULTIPART_TYPE "multipart/form-data"

void body_init(struct body *b)
{
    b->kind = BODY_EMPTY;
    json_init(&b->json);
    form_init(&b->form);
    strbuf_init(&b->converted, FORM_BYTES_MAX);
}

void body_close(struct body *b)
{
    json_close(&b->json);
    form_close(&b->form);
    strbuf_close(&b->converted);
    body_init(b);
}

/* The charset that Django would use: that of the header when Python knows it, else UTF-8. */
static enum charset charset_of(struct span content_type)
{
    char name[MEDIA_PARAM_SIZE];
    enum charset charset = CHARSET_UNKNOWN;

    if (media_type_param(content_type, "charset", name))
        charset = charset_find(span_of(name));
    return charset == CHARSET_UNKNOWN ? CHARSET_UTF8 : charset;
}

/* Python's words for a byte that is no ASCII, or CELERIAC_OK. */
static enum celeriac_err check_ascii(struct span bytes, struct celeriac_error *err)
{
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];

        if (c >= 0x80)
            return celeriac_error_set(
                err, CELERIAC_ERR_SYNTAX,
                "JSON parse error - 'ascii' codec can't decode byte 0x%02x in "
                "position %zu: ordinal not in range(128)",
                c, i);
    }
    return CELERIAC_OK;
}

static enum celeriac_err parse_json(struct body *b, struct span bytes, enum charset charset,
                                    struct celeriac_error *err)
{
    const struct json_options options = {.keep_depth = KEEP_DEPTH, .strict = true};
    struct celeriac_error why = {0};
    enum celeriac_err rc = CELERIAC_OK;

    if (charset == CHARSET_LATIN1) {
        charset_decode_replace(&b->converted, bytes, charset);
        rc = strbuf_status(&b->converted);
        bytes = strbuf_span(&b->converted);
    } else if (charset == CHARSET_ASCII) {
        rc = check_ascii(bytes, err);
    }
    if (rc != CELERIAC_OK)
        return rc;
    if (charset == CHARSET_UTF8)
        bytes.len = charset_whole_utf8(bytes);
    b->kind = BODY_JSON;
    rc = json_parse(&b->json, bytes, &options, &why);
    if (rc == CELERIAC_OK || rc == CELERIAC_ERR_MEMORY)
        return rc;
    return celeriac_error_set(err, rc, "JSON parse error - %s", why.text);
}

/* Says what is wrong with a Content-Type, which WSGI hands on as Latin-1. */
static enum celeriac_err refuse_type(const char *words, struct span content_type,
                                     struct celeriac_error *err)
{
    enum celeriac_err rc = CELERIAC_ERR_MEMORY;
    struct strbuf shown;

    strbuf_init(&shown, 2 * content_type.len + 1);
    charset_decode_replace(&shown, content_type, CHARSET_LATIN1);
    if (strbuf_status(&shown) == CELERIAC_OK)
        rc = celeriac_error_set(err, CELERIAC_ERR_SYNTAX, "Multipart form parse error - %s: %s",
                                words, strbuf_text(&shown));
    strbuf_close(&shown);
    return rc;
}

static bool is_ascii(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    }
    return true;
}

static enum celeriac_err parse_multipart(struct body *b, struct span content_type,
                                         struct span bytes, enum charset charset,
                                         struct celeriac_error *err)
{
    char boundary[MEDIA_PARAM_SIZE];
    struct celeriac_error why = {0};
    enum celeriac_err rc;

    if (!span_starts(content_type, SPAN("multipart/")))
        return refuse_type("Invalid Content-Type", content_type, err);
    if (!is_ascii(content_type))
        return refuse_type("Invalid non-ASCII Content-Type in multipart", content_type, err);
    rc = form_add_multipart(&b->form, bytes,
                            media_type_param(content_type, "boundary", boundary)
                                ? span_of(boundary)
                                : (struct span){NULL, 0},
                            charset, &why);
    if (rc == CELERIAC_ERR_SYNTAX)
        return celeriac_error_set(err, rc, "Multipart form parse error - %s", why.text);
    if (rc != CELERIAC_OK)
        return celeriac_error_set(err, rc, "%s", why.text);
    return CELERIAC_OK;
}

enum celeriac_err body_parse(struct body *b, struct span content_type, struct span bytes,
                             struct celeriac_error *err)
{
    struct span name = media_type_name(content_type);
    enum charset charset = charset_of(content_type);

    if (bytes.len == 0) {
        if (span_is_nocase(name, FORM_TYPE) || span_is_nocase(name, MULTIPART_TYPE))
            b->kind = BODY_FORM;
        return CELERIAC_OK;
    }
    if (charset == CHARSET_UNSUPPORTED)
        return CELERIAC_ERR_UNSUPPORTED;
    if (media_type_covers(content_type, "application", "json"))
        return parse_json(b, bytes, charset, err);
    b->kind = BODY_FORM;
    if (media_type_covers(content_type, "application", "x-www-form-urlencoded"))
        return form_add_urlencoded(&b->form, bytes, charset, err);
    if (media_type_covers(content_type, "multipart", "form-data"))
        return parse_multipart(b, content_type, bytes, charset, err);
    return CELERIAC_ERR_UNSUPPORTED;
}

enum celeriac_err body_parse_json(struct body *b, struct span json, struct celeriac_error *err)
{
    return parse_json(b, json, CHARSET_UTF8, err);
}
