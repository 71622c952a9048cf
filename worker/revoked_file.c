#include "worker/revoked_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/json_writer.h"
#include "base/parse_num.h"

#define FIRST_LINE "celeriac-revoked 1"
#define READ_CHUNK ((size_t)64 * 1024)

static enum celeriac_err fail(struct celeriac_error *err, const char *what, const char *path)
{
    char why[128];

    return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "statedb: cannot %s %s: %s", what, path,
                              strerror_r(errno, why, sizeof why));
}

static enum celeriac_err read_whole(const char *path, struct strbuf *text,
                                    struct celeriac_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 1;

    if (fd < 0)
        return errno == ENOENT ? CELERIAC_OK : fail(err, "open", path);
    while (got > 0) {
        char *room = strbuf_reserve(text, READ_CHUNK);

        got = room ? read(fd, room, READ_CHUNK) : 0;
        if (got > 0)
            strbuf_grow(text, (size_t)got);
        else if (got < 0 && errno == EINTR)
            got = 1;
    }
    if (got < 0) {
        enum celeriac_err code = fail(err, "read", path);

        close(fd);
        return code;
    }
    close(fd);
    return strbuf_status(text)
               ? celeriac_error_set(err, strbuf_status(text), "statedb: %s is too large", path)
               : CELERIAC_OK;
}

static enum celeriac_err take_line(struct span line, struct json_doc *doc, struct strbuf *id,
                                   cel_revoked_line_fn *take, void *context)
{
    struct span time;
    struct span quoted;
    int64_t since_us = 0;
    enum celeriac_err code;

    if (!span_cut(line, ' ', &time, &quoted) || parse_int64(time, 0, INT64_MAX, &since_us))
        return CELERIAC_ERR_SYNTAX;
    code = json_parse(doc, quoted, NULL, NULL);
    strbuf_clear(id);
    if (code == CELERIAC_OK)
        code = json_decode_string(json_root(doc), id);
    if (code == CELERIAC_OK)
        code = take(context, strbuf_span(id), since_us);
    return code == CELERIAC_ERR_MEMORY || code == CELERIAC_OK ? code : CELERIAC_ERR_SYNTAX;
}

enum celeriac_err cel_revoked_file_read(const char *path, cel_revoked_line_fn *take, void *context,
                                        struct celeriac_error *err)
{
    struct strbuf text;
    struct strbuf id;
    struct json_doc doc;
    struct span rest;
    struct span line;
    long number = 0;
    enum celeriac_err code;

    strbuf_init(&text, CEL_REVOKED_FILE_MAX);
    strbuf_init(&id, CEL_REVOKED_FILE_MAX);
    json_init(&doc);
    code = read_whole(path, &text, err);
    rest = strbuf_span(&text);
    while (code == CELERIAC_OK && rest.len > 0) {
        number++;
        (void)span_cut(rest, '\n', &line, &rest);
        if (number == 1)
            code = span_is(line, FIRST_LINE) ? CELERIAC_OK : CELERIAC_ERR_SYNTAX;
        else
            code = take_line(line, &doc, &id, take, context);
        if (code)
            celeriac_error_set(err, code, "statedb: %s line %ld is not as we write it", path,
                               number);
    }
    json_close(&doc);
    strbuf_close(&id);
    strbuf_close(&text);
    return code;
}

void cel_revoked_file_begin(struct strbuf *text)
{
    strbuf_add_text(text, FIRST_LINE "\n");
}

void cel_revoked_file_line(struct strbuf *text, struct span id, int64_t since_us)
{
    strbuf_add_int(text, since_us);
    strbuf_add_char(text, ' ');
    json_quote(text, id, JSON_STYLE_PYTHON);
    strbuf_add_char(text, '\n');
}

static bool write_whole(int fd, struct span text)
{
    while (text.len > 0) {
        ssize_t put = write(fd, text.ptr, text.len);

        if (put < 0 && errno != EINTR)
            return false;
        if (put > 0)
            text = (struct span){text.ptr + put, text.len - (size_t)put};
    }
    return true;
}

enum celeriac_err cel_revoked_file_write(const char *path, const struct strbuf *text,
                                         struct celeriac_error *err)
{
    struct strbuf fresh;
    enum celeriac_err code = strbuf_status(text);
    int fd = -1;

    strbuf_init(&fresh, 4096);
    strbuf_add_text(&fresh, path);
    strbuf_add_text(&fresh, ".new");
    if (code == CELERIAC_OK)
        code = strbuf_status(&fresh);
    if (code)
        celeriac_error_set(err, code, "statedb: %s is too large", path);
    if (code == CELERIAC_OK) {
        fd = open(strbuf_text(&fresh), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0)
            code = fail(err, "create", strbuf_text(&fresh));
    }
    if (code == CELERIAC_OK && (!write_whole(fd, strbuf_span(text)) || fsync(fd)))
        code = fail(err, "write", strbuf_text(&fresh));
    if (fd >= 0 && close(fd) && code == CELERIAC_OK)
        code = fail(err, "write", strbuf_text(&fresh));
    if (code == CELERIAC_OK && rename(strbuf_text(&fresh), path))
        code = fail(err, "replace", path);
    strbuf_close(&fresh);
    return code;
}
