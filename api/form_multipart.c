/*
 * multipart/form-data (RFC 7578) over a body that is complete in memory, with the tolerance of
 * Django's MultiPartParser: a missing last boundary, a preamble, bare LF before a boundary.
 */
#include <string.h>

#include "api/form.h"
#include "api/media_type.h"
#include "base/base64.h"

/* Bytes of one part's headers: MAX_TOTAL_HEADER_SIZE of Django's parser. */
#define PART_HEADERS_MAX 1024

/* Longest boundary: what Django's boundary_re lets through. */
#define BOUNDARY_MAX 201

/* What one part's headers say. */
struct part {
    bool has_name;
    bool is_file;
    bool base64;
    char name[MEDIA_PARAM_SIZE];
    char file[MEDIA_PARAM_SIZE];
};

static bool boundary_is_valid(struct span boundary)
{
    if (boundary.len == 0 || boundary.len > BOUNDARY_MAX || boundary.ptr[boundary.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < boundary.len; i++) {
        if (boundary.ptr[i] < ' ' || boundary.ptr[i] > '~')
            return false;
    }
    return true;
}

/* The place of needle in s from `from` on; s.len when there is none. */
static size_t find(struct span s, size_t from, struct span needle)
{
    const char *at;

    if (from > s.len)
        return s.len;
    at = memmem(s.ptr + from, s.len - from, needle.ptr, needle.len);
    return at ? (size_t)(at - s.ptr) : s.len;
}

static void read_header_line(struct span line, struct part *part)
{
    struct span main = media_type_name(line);
    struct span key, value;

    if (!span_is_utf8(line) || !span_cut(main, ':', &key, &value))
        return;
    if (span_is_nocase(key, "content-disposition")) {
        part->has_name = media_type_param(line, "name", part->name);
        part->is_file = media_type_param(line, "filename", part->file) && part->file[0];
    } else if (span_is_nocase(key, "content-transfer-encoding")) {
        part->base64 = span_is_nocase(span_trim(value), "base64");
    }
}

static void read_headers(struct span headers, struct part *part)
{
    size_t at = 0;

    memset(part, 0, sizeof *part);
    while (at < headers.len) {
        size_t end = find(headers, at, SPAN("\r\n"));

        read_header_line((struct span){headers.ptr + at, end - at}, part);
        at = end + 2;
    }
}

/* The name of an uploaded file without directories; empty when nothing sensible is left. */
static struct span base_name(struct span path)
{
    for (size_t i = path.len; i > 0; i--) {
        if (path.ptr[i - 1] == '/' || path.ptr[i - 1] == '\\') {
            path = (struct span){path.ptr + i, path.len - i};
            break;
        }
    }
    return span_is(path, ".") || span_is(path, "..") ? SPAN("") : path;
}

static enum celeriac_err add_field(struct form *f, const struct part *part, struct span content,
                                   enum charset charset)
{
    struct span name = span_trim(span_of(part->name));
    struct strbuf decoded;
    enum celeriac_err rc;

    if (!part->base64)
        return form_add(f, name, content, false, charset);
    strbuf_init(&decoded, content.len);
    rc = base64_decode(&decoded, content);
    if (rc == CELERIAC_OK)
        rc = form_add(f, name, strbuf_span(&decoded), false, charset);
    else if (rc == CELERIAC_ERR_SYNTAX)
        rc = form_add(f, name, content, false, charset);
    strbuf_close(&decoded);
    return rc;
}

/* is_last: no boundary follows, and Django drops a file whose end it has not seen. */
static enum celeriac_err add_part(struct form *f, struct span text, bool is_last,
                                  enum charset charset, struct celeriac_error *err)
{
    size_t headers = find(text, 0, SPAN("\r\n\r\n"));
    struct part part;
    struct span content, file;

    if (headers > PART_HEADERS_MAX - 4) {
        if (text.len < PART_HEADERS_MAX)
            return CELERIAC_OK;
        return celeriac_error_set(err, CELERIAC_ERR_SYNTAX,
                                  "Request max total header size exceeded.");
    }
    if (headers == text.len)
        return CELERIAC_OK;
    content = (struct span){text.ptr + headers + 4, text.len - headers - 4};
    read_headers((struct span){text.ptr, headers}, &part);
    if (!part.has_name)
        return CELERIAC_OK;
    if (f->count == FORM_FIELDS_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT,
                                  "The number of GET/POST parameters exceeded "
                                  "settings.DATA_UPLOAD_MAX_NUMBER_FIELDS.");
    if (!part.is_file)
        return add_field(f, &part, content, charset);
    file = base_name(span_of(part.file));
    if (file.len == 0)
        return CELERIAC_OK;
    if (is_last)
        return CELERIAC_OK;
    if (++f->files > FORM_FILES_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT,
                                  "The number of files exceeded "
                                  "settings.DATA_UPLOAD_MAX_NUMBER_FILES.");
    return form_add(f, span_trim(span_of(part.name)), file, true, charset);
}

/* A part without the line end that belongs to the boundary after it. */
static struct span drop_line_end(struct span text)
{
    if (text.len > 0 && text.ptr[text.len - 1] == '\n')
        text.len--;
    if (text.len > 0 && text.ptr[text.len - 1] == '\r')
        text.len--;
    return text;
}

enum celeriac_err form_add_multipart(struct form *f, struct span body, struct span boundary,
                                     enum charset charset, struct celeriac_error *err)
{
    char separator[BOUNDARY_MAX + 2] = "--";
    enum celeriac_err rc = CELERIAC_OK;
    size_t at = 0;

    if (!boundary_is_valid(boundary))
        return celeriac_error_set(err, CELERIAC_ERR_SYNTAX, "Invalid boundary in multipart: %.*s",
                                  SPAN_PRINTF(boundary.ptr ? boundary : SPAN("None")));
    memcpy(separator + 2, boundary.ptr, boundary.len);
    while (at < body.len && rc == CELERIAC_OK) {
        struct span mark = {separator, boundary.len + 2};
        size_t end = find(body, at, mark);
        struct span part = {body.ptr + at, end - at};

        rc = end < body.len ? add_part(f, drop_line_end(part), false, charset, err)
                            : add_part(f, part, true, charset, err);
        at = end + mark.len;
    }
    return rc == CELERIAC_OK ? rc : celeriac_error_set(err, rc, "no memory for the form");
}
