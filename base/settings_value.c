#include "base/settings_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse_num.h"
#include "base/utf8.h"

/* Bytes of a foreign text that an error shows. */
#define QUOTE_MAX 40

/* Bytes of a reason, such as "must be an integer between 1 and 65535". */
#define REASON_SIZE 80

const char *settings_quote(struct span text, char buf[SETTING_QUOTE_SIZE])
{
    size_t len = 0;
    uint32_t c;
    while (text.len > 0) {
        size_t n = utf8_decode(text, &c);
        bool shown = n > 0 && c >= 0x20 && (c < 0x7f || c > 0x9f);
        n = n > 0 ? n : 1;
        if (len + n > QUOTE_MAX) {
            memcpy(buf + len, "...", 4);
            return buf;
        }
        if (shown)
            memcpy(buf + len, text.ptr, n);
        else
            buf[len] = '?';
        len += shown ? n : 1;
        text.ptr += n;
        text.len -= n;
    }
    buf[len] = '\0';
    return buf;
}

bool settings_next_word(struct span *rest, char separator, struct span *word)
{
    while (rest->len > 0) {
        struct span head;
        (void)span_cut(*rest, separator, &head, rest);
        *word = span_trim(head);
        if (word->len > 0)
            return true;
    }
    return false;
}

/* django-environ: an integer other than 0, or one of its words, in any case. */
static bool is_true(struct span text)
{
    static const char *const words[] = {"true", "on", "ok", "y", "yes"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (span_is_nocase(text, words[i]))
            return true;
    }
    if (span_starts(text, SPAN("+")))
        text = (struct span){text.ptr + 1, text.len - 1};
    int64_t n = 0;
    enum celeriac_err err = parse_int64(text, INT64_MIN, INT64_MAX, &n);
    return err == CELERIAC_ERR_LIMIT || n != 0;
}

static bool has_range(const struct setting *row)
{
    return row->min != 0 || row->max != 0;
}

/* A number that a range does not hold and one that is none get the same answer. */
static bool fail_range(const struct setting *row, const char *what, char *reason)
{
    (void)snprintf(reason, REASON_SIZE, "must be %s between %" PRId64 " and %" PRId64, what,
                   row->min, row->max);
    return false;
}

static bool check_integer(const struct setting *row, struct span text, int64_t *n, char *reason)
{
    if (has_range(row))
        return parse_int64(text, row->min, row->max, n) == CELERIAC_OK ||
               fail_range(row, "an integer", reason);
    if (parse_int64(text, INT64_MIN, INT64_MAX, n) == CELERIAC_OK)
        return true;
    (void)snprintf(reason, REASON_SIZE, "must be an integer");
    return false;
}

static bool check_seconds(const struct setting *row, struct span text, int64_t *ns, char *reason)
{
    enum celeriac_err err = parse_seconds(text, ns);
    if (!has_range(row)) {
        (void)snprintf(reason, REASON_SIZE, "must be seconds, at most 292 years");
        return err == CELERIAC_OK;
    }
    /* A limit beyond what nanoseconds can say is none. */
    int64_t min;
    int64_t max;
    if (__builtin_mul_overflow(row->min, NS_PER_SEC, &min))
        min = INT64_MIN;
    if (__builtin_mul_overflow(row->max, NS_PER_SEC, &max))
        max = INT64_MAX;
    return (err == CELERIAC_OK && *ns >= min && *ns <= max) || fail_range(row, "seconds", reason);
}

static bool check_level(struct span text, int64_t *n, char *reason)
{
    enum log_level level;
    if (log_level_parse(text, &level) != CELERIAC_OK) {
        (void)snprintf(reason, REASON_SIZE,
                       "must be DEBUG, INFO, WARNING, ERROR, CRITICAL or FATAL");
        return false;
    }
    *n = level;
    return true;
}

/* What the text means; white space around anything but text is ignored, as Python's int() does. */
static bool check(const struct setting *row, struct span text, int64_t *number, char *reason)
{
    struct span word = span_trim(text);
    switch (row->type) {
    case SETTING_TEXT:
        return true;
    case SETTING_INT:
        return check_integer(row, word, number, reason);
    case SETTING_BOOL:
    case SETTING_FLAG:
        *number = is_true(word);
        return true;
    case SETTING_SECONDS:
        return check_seconds(row, word, number, reason);
    case SETTING_LEVEL:
        return check_level(word, number, reason);
    }
    return true;
}

enum celeriac_err setting_store(struct setting_value *value, struct span text,
                                enum setting_origin origin, const char *place,
                                struct celeriac_error *err)
{
    int64_t number = 0;
    char reason[REASON_SIZE];
    if (!check(value->row, text, &number, reason))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: %s", place, reason);
    if (origin < value->origin)
        return CELERIAC_OK;
    char *copy = mem_dup_span(text);
    char *place_copy = mem_dup(place);
    if (!copy || !place_copy) {
        mem_free(copy);
        mem_free(place_copy);
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    }
    setting_clear(value);
    value->text = copy;
    value->place = place_copy;
    value->number = number;
    value->origin = origin;
    return CELERIAC_OK;
}

void setting_clear(struct setting_value *value)
{
    if (value->text && value->row->secret)
        explicit_bzero(value->text, strlen(value->text));
    mem_free(value->text);
    mem_free(value->place);
    value->text = NULL;
    value->place = NULL;
    value->number = 0;
}
