/*
 * Reads .env files by the rules of django-environ's Env.read_env() with its defaults: lines
 * KEY=VALUE with an optional "export ", whole values in single or double quotes, backslash escapes
 * in double quotes, '#' only at the start of a line.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/settings_rows.h"

/* Largest file: settings take a few kilobytes. */
#define FILE_MAX ((size_t)1024 * 1024)

static enum celeriac_err read_file(const char *path, bool optional, struct strbuf *out,
                                   struct celeriac_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 1;

    if (fd < 0 && errno == ENOENT && optional)
        return CELERIAC_OK;
    if (fd < 0)
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "%s: cannot be opened", path);
    while (n > 0) {
        char *room = strbuf_reserve(out, 4096);

        n = room ? read(fd, room, 4096) : -1;
        if (n > 0)
            strbuf_grow(out, (size_t)n);
    }
    close(fd);
    if (strbuf_status(out))
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "%s: is larger than a settings file",
                                  path);
    if (n < 0)
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "%s: cannot be read", path);
    return CELERIAC_OK;
}

static bool is_key(struct span key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];

        if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
            c != '_')
            return false;
    }
    return key.len > 0;
}

static bool is_quoted(struct span text, char quote)
{
    return text.len >= 2 && text.ptr[0] == quote && text.ptr[text.len - 1] == quote;
}

/* Between double quotes \n, \r and \t stay two characters; any other escaped one stands for itself.
 */
static void unescape(struct span text, struct strbuf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\\' || i + 1 == text.len) {
            strbuf_add_char(out, text.ptr[i]);
            continue;
        }
        i++;
        if (text.ptr[i] == 'n' || text.ptr[i] == 'r' || text.ptr[i] == 't')
            strbuf_add_char(out, '\\');
        strbuf_add_char(out, text.ptr[i]);
    }
}

static void add_value(struct span text, struct strbuf *out)
{
    struct span inner = text;

    if (text.len >= 2)
        inner = (struct span){.ptr = text.ptr + 1, .len = text.len - 2};
    if (is_quoted(text, '\''))
        strbuf_add_span(out, inner);
    else if (is_quoted(text, '"'))
        unescape(inner, out);
    else
        strbuf_add_span(out, text);
}

/* Takes a line apart; false for what is neither an assignment nor a comment. */
static bool split_line(struct span line, struct span *key, struct span *value)
{
    struct span prefix = SPAN("export ");

    if (span_starts(line, prefix))
        line = (struct span){.ptr = line.ptr + prefix.len, .len = line.len - prefix.len};
    return span_cut(line, '=', key, value) && is_key(*key);
}

/* The last assignment to the row's strongest variable that the file makes. */
static enum celeriac_err assign_row(struct settings_row *row, const char *path, struct span text,
                                    struct strbuf *value_text, struct celeriac_error *err)
{
    struct celeriac_error place = {0};
    struct span found = {0};
    struct span name = {0};
    int best = -1;
    int found_line = 0;

    for (int number = 1; text.len > 0; number++) {
        struct span line;
        struct span key;
        struct span value;
        int index;

        span_cut(text, '\n', &line, &text);
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (!split_line(line, &key, &value))
            continue;
        index = settings_env_index(row->setting, key);
        if (index < 0 || (best >= 0 && index > best))
            continue;
        best = index;
        found = value;
        name = key;
        found_line = number;
    }
    if (best < 0)
        return CELERIAC_OK;
    strbuf_clear(value_text);
    add_value(found, value_text);
    celeriac_error_set(&place, CELERIAC_ERR_VALUE, "%s line %d: %.*s", path, found_line,
                       SPAN_PRINTF(name));
    if (strbuf_status(value_text))
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "%s: out of memory", place.text);
    return settings_assign(row, span_of(strbuf_text(value_text)), SETTING_FROM_FILE, place.text,
                           err);
}

static void warn_of_odd_lines(const char *path, struct span text)
{
    for (int number = 1; text.len > 0; number++) {
        struct span line;
        struct span key;
        struct span value;

        span_cut(text, '\n', &line, &text);
        line = span_trim(line);
        if (line.len > 0 && line.ptr[0] != '#' && !split_line(line, &key, &value))
            log_warning("settings", "line is no assignment and is left out", LOG_STR("file", path),
                        LOG_INT("line", number));
    }
}

enum celeriac_err settings_read_dotenv(struct settings *s, const char *path, bool optional,
                                       struct celeriac_error *err)
{
    struct strbuf text;
    struct strbuf value;
    enum celeriac_err code;

    strbuf_init(&text, FILE_MAX);
    strbuf_init(&value, FILE_MAX);
    code = read_file(path, optional, &text, err);
    if (code == CELERIAC_OK)
        warn_of_odd_lines(path, strbuf_span(&text));
    for (size_t i = 0; code == CELERIAC_OK && i < s->count; i++)
        code = assign_row(&s->rows[i], path, strbuf_span(&text), &value, err);
    if (text.ptr)
        explicit_bzero(text.ptr, text.len);
    if (value.ptr)
        explicit_bzero(value.ptr, value.len);
    strbuf_close(&value);
    strbuf_close(&text);
    return code;
}
