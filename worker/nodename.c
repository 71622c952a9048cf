#include "worker/nodename.h"

#include <string.h>
#include <unistd.h>

#include "celeriac/worker.h"

#define HOST_NAME_SIZE 256 /* POSIX HOST_NAME_MAX with its NUL */

static enum celeriac_err expand_letter(char letter, struct span host, struct strbuf *out,
                                       struct celeriac_error *err)
{
    struct span label;
    struct span domain;

    span_cut(host, '.', &label, &domain);
    switch (letter) {
    case 'h':
        strbuf_add_span(out, host);
        return CELERIAC_OK;
    case 'n':
        strbuf_add_span(out, label);
        return CELERIAC_OK;
    case 'd':
        strbuf_add_span(out, domain);
        return CELERIAC_OK;
    case 'i':
        strbuf_add_char(out, '0');
        return CELERIAC_OK;
    case 'I':
        return CELERIAC_OK;
    default:
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "hostname: %%%c is unknown; %%h, %%n and %%d are allowed",
                                  letter);
    }
}

static enum celeriac_err expand(struct span pattern, struct span host, struct strbuf *out,
                                struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;

    for (size_t i = 0; code == CELERIAC_OK && i < pattern.len; i++) {
        if ((unsigned char)pattern.ptr[i] < 0x20 || pattern.ptr[i] == 0x7f)
            code = celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                      "hostname: control characters are not allowed");
        else if (pattern.ptr[i] == '%' && i + 1 < pattern.len)
            code = expand_letter(pattern.ptr[++i], host, out, err);
        else
            strbuf_add_char(out, pattern.ptr[i]);
    }
    return code;
}

enum celeriac_err cel_nodename_expand(const char *pattern, struct span host, struct strbuf *out,
                                      struct celeriac_error *err)
{
    struct span text = pattern && *pattern ? span_of(pattern) : SPAN("celery@%h");
    size_t before = strbuf_span(out).len;
    struct span name;
    struct span rest;
    enum celeriac_err code;

    if (!span_cut(text, '@', &name, &rest) || name.len == 0)
        strbuf_add_text(out, name.len == 0 ? "celery" : "celery@");
    code = expand(text, host, out, err);
    if (code == CELERIAC_OK && strbuf_span(out).len - before > CEL_NODENAME_MAX)
        code = celeriac_error_set(err, CELERIAC_ERR_LIMIT, "hostname: at most %d bytes",
                                  CEL_NODENAME_MAX);
    if (code == CELERIAC_OK)
        code = strbuf_status(out);
    if (code)
        strbuf_truncate(out, before);
    return code;
}

enum celeriac_err celeriac_worker_nodename(const char *hostname, char name[CELERIAC_NODENAME_SIZE],
                                           struct celeriac_error *err)
{
    char host[HOST_NAME_SIZE] = "";
    struct strbuf text;
    enum celeriac_err code;

    if (gethostname(host, sizeof host - 1))
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "hostname: cannot be read");
    strbuf_init(&text, 2 * CEL_NODENAME_MAX + HOST_NAME_SIZE);
    code = cel_nodename_expand(hostname, span_of(host), &text, err);
    if (code == CELERIAC_OK)
        memcpy(name, strbuf_text(&text), strbuf_span(&text).len + 1);
    strbuf_close(&text);
    return code;
}
