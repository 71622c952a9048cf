#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/settings_value.h"
#include "base/settings_variables.h"
#include "base/strbuf.h"

/* Length of the line break at p, or 0: what Python's str.splitlines() takes for one. */
static size_t break_len(const char *p, const char *end)
{
    if (*p == '\r')
        return end - p >= 2 && p[1] == '\n' ? 2 : 1;
    if ((*p >= '\n' && *p <= '\f') || (*p >= 0x1c && *p <= 0x1e))
        return 1;
    if (end - p >= 2 && memcmp(p, "\xc2\x85", 2) == 0)
        return 2;
    bool separator =
        end - p >= 3 && (memcmp(p, "\xe2\x80\xa8", 3) == 0 || memcmp(p, "\xe2\x80\xa9", 3) == 0);
    return separator ? 3 : 0;
}

/* Takes the first line off the text. */
static struct span take_line(struct span *text)
{
    const char *end = text->ptr + text->len;
    for (const char *p = text->ptr; p < end; p++) {
        size_t skip = break_len(p, end);
        if (skip == 0)
            continue;
        struct span line = {text->ptr, (size_t)(p - text->ptr)};
        *text = (struct span){p + skip, (size_t)(end - p) - skip};
        return line;
    }
    struct span line = *text;
    *text = (struct span){end, 0};
    return line;
}

static bool is_name(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!letter && !(c >= '0' && c <= '9') && c != '_')
            return false;
    }
    return text.len > 0;
}

static bool is_quoted(struct span text, char quote)
{
    return text.len >= 2 && text.ptr[0] == quote && text.ptr[text.len - 1] == quote;
}

static struct span without_ends(struct span text)
{
    return (struct span){text.ptr + 1, text.len - 2};
}

static bool is_kept_escape(char c)
{
    return c == 'r' || c == 'n' || c == 't';
}

/*
 * Drops the backslashes of what stood in double quotes, except before r, n and t, which stay as
 * they are written; a last one that escapes nothing stays too.
 */
static void add_unescaped(struct strbuf *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\\' && i + 1 < text.len) {
            i++;
            if (is_kept_escape(text.ptr[i]))
                strbuf_add_char(out, '\\');
        }
        strbuf_add_char(out, text.ptr[i]);
    }
}

/* Single quotes come off first, and then double ones, so that both do where both are. */
static enum celeriac_err add_value(struct hashmap *map, struct span name, struct span value,
                                   size_t line, struct strbuf *scratch)
{
    if (is_quoted(value, '\''))
        value = without_ends(value);
    if (is_quoted(value, '"')) {
        strbuf_clear(scratch);
        add_unescaped(scratch, without_ends(value));
        if (strbuf_status(scratch) != CELERIAC_OK)
            return strbuf_status(scratch);
        value = strbuf_span(scratch);
    }
    return variables_add(map, name, value, line, true);
}

static enum celeriac_err parse_line(struct hashmap *map, struct span text, const char *path,
                                    size_t line, struct strbuf *scratch)
{
    struct span name;
    struct span value;
    struct span rest = text;
    if (span_starts(rest, SPAN("export ")))
        rest = (struct span){rest.ptr + 7, rest.len - 7};
    if (span_cut(rest, '=', &name, &value) && is_name(name))
        return add_value(map, name, value, line, scratch);
    /* The line itself may be a secret that was pasted wrongly. */
    if (span_trim(text).len > 0 && text.ptr[0] != '#')
        log_warning("settings", "line is not NAME=value and is left out", LOG_STR("file", path),
                    LOG_INT("line", line));
    return CELERIAC_OK;
}

enum celeriac_err dotenv_parse(struct hashmap *map, struct span text, const char *path,
                               struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;
    struct strbuf scratch;
    strbuf_init(&scratch, text.len);
    /* In one piece from the start, so that growing leaves no copies of secrets behind. */
    if (!strbuf_reserve(&scratch, text.len))
        code = strbuf_status(&scratch);
    for (size_t line = 1; text.len > 0 && code == CELERIAC_OK; line++) {
        struct span content = take_line(&text);
        if (!span_is_utf8(content) || memchr(content.ptr, '\0', content.len))
            code = celeriac_error_set(err, CELERIAC_ERR_SYNTAX, "%s line %zu: not UTF-8 text", path,
                                      line);
        else
            code = parse_line(map, content, path, line, &scratch);
    }
    if (scratch.ptr)
        explicit_bzero(scratch.ptr, scratch.cap);
    strbuf_close(&scratch);
    if (code == CELERIAC_ERR_MEMORY)
        return celeriac_error_set(err, code, "out of memory");
    return code;
}

static enum celeriac_err file_error(const char *path, int reason, struct celeriac_error *err)
{
    char text[128];
    return celeriac_error_set(err, reason == ENOENT ? CELERIAC_ERR_NOT_FOUND : CELERIAC_ERR_SYSTEM,
                              "%s: %s", path, strerror_r(reason, text, sizeof text));
}

/* Reads until the end of the file or to one byte beyond the limit. */
static enum celeriac_err read_all(int fd, char *bytes, size_t *len, const char *path,
                                  struct celeriac_error *err)
{
    size_t at = 0;
    while (at <= SETTINGS_DOTENV_MAX) {
        ssize_t n = read(fd, bytes + at, SETTINGS_DOTENV_MAX + 1 - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file_error(path, errno, err);
        if (n == 0) {
            *len = at;
            return CELERIAC_OK;
        }
        at += (size_t)n;
    }
    return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "%s: longer than %zu bytes", path,
                              SETTINGS_DOTENV_MAX);
}

/* Puts a map and its path in place of the set's, which the caller then releases. */
static void swap_file(struct settings *s, struct hashmap **map, char **path)
{
    struct hashmap *old_map = s->file;
    char *old_path = s->file_path;
    s->file = *map;
    s->file_path = *path;
    *map = old_map;
    *path = old_path;
}

/* Parses what the descriptor gives and applies it; on failure the set's variables stay. */
static enum celeriac_err read_file(struct settings *s, int fd, const char *path,
                                   struct celeriac_error *err)
{
    size_t len = 0;
    char *bytes = mem_calloc(SETTINGS_DOTENV_MAX + 1, 1);
    char *path_copy = mem_dup(path);
    struct hashmap *map = NULL;
    enum celeriac_err code = hashmap_create(&map);
    if (!bytes || !path_copy || code != CELERIAC_OK) {
        code = celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
        goto out;
    }
    code = read_all(fd, bytes, &len, path, err);
    if (code == CELERIAC_OK)
        code = dotenv_parse(map, (struct span){bytes, len}, path, err);
    if (code != CELERIAC_OK)
        goto out;
    swap_file(s, &map, &path_copy);
    code = settings_apply(s, err);
    if (code != CELERIAC_OK)
        swap_file(s, &map, &path_copy);
out:
    variables_destroy(map);
    mem_free(path_copy);
    if (bytes)
        explicit_bzero(bytes, SETTINGS_DOTENV_MAX + 1);
    mem_free(bytes);
    return code;
}

enum celeriac_err settings_read_dotenv(struct settings *s, const char *path, bool optional,
                                       struct celeriac_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && errno == ENOENT && optional)
        return CELERIAC_OK;
    if (fd < 0)
        return file_error(path, errno, err);
    enum celeriac_err code = read_file(s, fd, path, err);
    (void)close(fd);
    return code;
}
