#include "base/log_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/iso8601.h"
#include "base/utf8.h"

static const char text_mark[] = "...\n";
static const char json_mark[] = ",\"cut\":true}\n";

/* Kept free for what ends a line that was cut: a quote and the longer mark, whose NUL makes up
 * for the quote. */
#define TAIL (sizeof json_mark)

/* Bytes of "[2026-11-22 20:34:59" with a NUL. */
#define SECOND_SIZE 21

static size_t room(const struct log_line *line)
{
    return LOG_LINE_MAX - TAIL - line->len;
}

/* Adds all of the bytes or none; false, and the line is cut, when they do not fit. */
static bool put(struct log_line *line, const char *bytes, size_t len)
{
    if (line->cut || len > room(line)) {
        line->cut = true;
        return false;
    }
    memcpy(line->bytes + line->len, bytes, len);
    line->len += len;
    return true;
}

static bool put_text(struct log_line *line, const char *text)
{
    return put(line, text, strlen(text));
}

/* Adds what TAIL has kept room for. */
static void put_tail(struct log_line *line, const char *text)
{
    size_t len = strlen(text);
    memcpy(line->bytes + line->len, text, len);
    line->len += len;
}

/*
 * Characters that would let a value pretend to be something else: control characters of both sets
 * (a terminal obeys them), line separators, and those that turn the writing direction around.
 */
static bool is_deceptive(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || (c >= 0xd800 && c <= 0xdfff);
}

/* Writes one character, escaped where needed; false when there is no room for it. */
static bool put_char(struct log_line *line, const char *bytes, size_t len, uint32_t c)
{
    char escape[16];
    switch (c) {
    case '"':
        return put_text(line, "\\\"");
    case '\\':
        return put_text(line, "\\\\");
    case '\n':
        return put_text(line, "\\n");
    case '\r':
        return put_text(line, "\\r");
    case '\t':
        return put_text(line, "\\t");
    default:
        if (!is_deceptive(c))
            return put(line, bytes, len);
        (void)snprintf(escape, sizeof escape, "\\u%04" PRIx32, c);
        return put_text(line, escape);
    }
}

/* Bytes that are no UTF-8: their value in text; JSON has no way to say it. */
static bool put_bad_byte(struct log_line *line, unsigned char byte)
{
    char escape[8];
    if (line->format == LOG_FORMAT_JSON)
        return put_text(line, "\\ufffd");
    (void)snprintf(escape, sizeof escape, "\\x%02x", byte);
    return put_text(line, escape);
}

/* Writes text until its end or the line's. */
static void put_escaped(struct log_line *line, struct span text)
{
    bool fits = true;
    while (text.len > 0 && fits) {
        uint32_t c;
        size_t len = utf8_decode(text, &c);
        if (len > 0)
            fits = put_char(line, text.ptr, len, c);
        else
            fits = put_bad_byte(line, (unsigned char)*text.ptr);
        len = len > 0 ? len : 1;
        text.ptr += len;
        text.len -= len;
    }
}

static void put_quoted(struct log_line *line, struct span text)
{
    if (!put(line, "\"", 1))
        return;
    put_escaped(line, text);
    if (!put(line, "\"", 1))
        put_tail(line, "\"");
}

/* Whether a reader of key=value pairs takes the value for one word without quotes. */
static bool is_word(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return text.len > 0;
}

static void put_value(struct log_line *line, struct span text)
{
    if (line->format == LOG_FORMAT_TEXT && is_word(text))
        put_escaped(line, text);
    else
        put_quoted(line, text);
}

/* Local time to the second, computed once a second for each thread. */
static const char *local_second(int64_t second)
{
    static _Thread_local struct {
        int64_t second;
        char text[SECOND_SIZE];
    } last;
    if (last.second != second || last.text[0] == '\0') {
        struct tm tm;
        time_t seconds = (time_t)second;
        last.second = second;
        if (!localtime_r(&seconds, &tm) ||
            strftime(last.text, sizeof last.text, "[%Y-%m-%d %H:%M:%S", &tm) == 0)
            memcpy(last.text, "[?", 3); /* a year that does not fit */
    }
    return last.text;
}

static void begin_text(struct log_line *line, int64_t us, const char *level)
{
    char rest[32];
    int64_t second = us / US_PER_SEC - (us % US_PER_SEC < 0);
    int ms = (int)((us - second * US_PER_SEC) / 1000);
    put_text(line, local_second(second));
    (void)snprintf(rest, sizeof rest, ",%03d] %s ", ms, level);
    put_text(line, rest);
}

static void begin_json(struct log_line *line, int64_t us, const char *level)
{
    char instant[ISO8601_MAX];
    (void)iso8601_drf(us, instant);
    put_text(line, "{\"time\":\"");
    put_text(line, instant);
    put_text(line, "\",\"level\":\"");
    put_text(line, level);
}

void log_line_begin(struct log_line *line, enum log_format format, int64_t us, const char *level,
                    const char *component, const char *event)
{
    line->format = format;
    line->cut = false;
    line->len = 0;
    if (format == LOG_FORMAT_JSON) {
        begin_json(line, us, level);
        put_text(line, "\",\"component\":");
        put_quoted(line, span_of(component));
        put_text(line, ",\"event\":");
        put_quoted(line, span_of(event));
    } else {
        begin_text(line, us, level);
        put_escaped(line, span_of(component));
        put_text(line, ": ");
        put_escaped(line, span_of(event));
    }
}

/* Nanoseconds as seconds with microseconds; the last place is rounded to the nearest. */
static void put_seconds(struct log_line *line, int64_t ns)
{
    char text[32];
    uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    uint64_t us = size / 1000 + (size % 1000 >= 500);
    (void)snprintf(text, sizeof text, "%s%" PRIu64 ".%06" PRIu64, ns < 0 ? "-" : "",
                   us / (uint64_t)US_PER_SEC, us % (uint64_t)US_PER_SEC);
    put_text(line, text);
}

/* Adds the key and what stands around it, or nothing when that alone does not fit. */
static bool put_key(struct log_line *line, const char *key)
{
    bool json = line->format == LOG_FORMAT_JSON;
    size_t len = strlen(key);
    /* The digits are room for a number, which must not be cut. */
    if (line->cut || len > room(line) || room(line) - len < sizeof ",\"\":-9223372036854775808") {
        line->cut = true;
        return false;
    }
    put_text(line, json ? ",\"" : " ");
    put_text(line, key);
    return put_text(line, json ? "\":" : "=");
}

void log_line_field(struct log_line *line, const struct log_field *field)
{
    char digits[24];
    if (!put_key(line, field->key))
        return;
    switch (field->kind) {
    case LOG_FIELD_STRING:
        put_value(line, field->string);
        break;
    case LOG_FIELD_INT:
        (void)snprintf(digits, sizeof digits, "%" PRId64, field->number);
        put_text(line, digits);
        break;
    case LOG_FIELD_SECONDS:
        put_seconds(line, field->number);
        break;
    }
}

struct span log_line_end(struct log_line *line)
{
    if (line->format == LOG_FORMAT_JSON)
        put_tail(line, line->cut ? json_mark : "}\n");
    else
        put_tail(line, line->cut ? text_mark : "\n");
    return (struct span){line->bytes, line->len};
}
