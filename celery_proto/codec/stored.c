#include "celery_proto/codec/stored.h"

#include "celery_proto/codec/body.h"

/* What is compressed begins with this, then the content type of the compression and a NUL. */
static const char magic[] = "\0celery-compressed";

enum celeriac_err cel_stored_read(struct span stored, size_t max, struct strbuf *plain,
                                  struct span *text, struct celeriac_error *err)
{
    const struct span mark = {magic, sizeof magic};
    struct span method;
    struct span bytes;
    enum celeriac_err code;

    if (!span_starts(stored, mark)) {
        *text = stored;
        return CELERIAC_OK;
    }
    stored = (struct span){stored.ptr + mark.len, stored.len - mark.len};
    if (!span_cut(stored, '\0', &method, &bytes))
        return celeriac_error_set(err, CELERIAC_ERR_SYNTAX, "result: compressed, and cut short");
    if (!cel_compression_is_zlib(method))
        return celeriac_error_set(err, CELERIAC_ERR_UNSUPPORTED,
                                  "result: compressed by another method than zlib");
    strbuf_clear(plain);
    code = cel_body_decompress(bytes, max, plain);
    if (code != CELERIAC_OK)
        return celeriac_error_set(err, code, "result: compressed, %s", celeriac_err_name(code));
    *text = strbuf_span(plain);
    return CELERIAC_OK;
}
