/*
 * Log lines: a level, a component, an event in plain words, and key=value pairs.
 *
 *     log_info("worker", "task received", LOG_STR("task", name), LOG_STR("id", id));
 *
 * One line per event, written with one write(2) to standard error, or to a file, so that lines of
 * threads never mix. As text, in local time as Celery's: "[2026-11-22 20:34:59,134] INFO worker:
 * task received task=... id=..."; as JSON when log_set_format() says so: an object with "time"
 * (UTC), "level", "component", "event" and the pairs. Values are escaped, so that none can forge a
 * line or a field; a line is cut at LOG_LINE_MAX, between characters, and then ends in "..." or has
 * "cut":true. Never log a recipient, a subject, a body, a key or a password at any level. Any
 * thread.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"

/* Longest line in bytes with its newline: PIPE_BUF of Linux, up to which a write to a pipe is
 * atomic. */
#define LOG_LINE_MAX 4096

/* Python's names for the levels, as `celery worker -l` takes them. */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_CRITICAL };

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/*
 * One key=value pair. Make it with the macros below; keys are constant identifiers other than
 * time, level, component, event and cut.
 */
struct log_field {
    const char *key;
    enum { LOG_FIELD_STRING, LOG_FIELD_INT, LOG_FIELD_SECONDS } kind;
    struct span string;
    int64_t number; /* the integer, or nanoseconds */
};

#define LOG_STR(k, text)                                              \
    (struct log_field)                                                \
    {                                                                 \
        .key = (k), .kind = LOG_FIELD_STRING, .string = span_of(text) \
    }
#define LOG_SPAN(k, s)                                      \
    (struct log_field)                                      \
    {                                                       \
        .key = (k), .kind = LOG_FIELD_STRING, .string = (s) \
    }
#define LOG_INT(k, n)                                             \
    (struct log_field)                                            \
    {                                                             \
        .key = (k), .kind = LOG_FIELD_INT, .number = (int64_t)(n) \
    }
/* A duration in nanoseconds, printed in seconds with microseconds. */
#define LOG_SECONDS(k, ns)                                    \
    (struct log_field)                                        \
    {                                                         \
        .key = (k), .kind = LOG_FIELD_SECONDS, .number = (ns) \
    }
/* The text of an error record. */
#define LOG_ERR(e) LOG_STR("error", (e)->text)

/* Sets the lowest level that is written; LOG_WARNING at start. */
void log_set_level(enum log_level level);

/* Whether a line of this level would be written: lets callers skip costly fields. */
bool log_enabled(enum log_level level);

/* Text or JSON; text at start. */
void log_set_format(enum log_format format);

/* Whether text lines from WARNING up are coloured, for a terminal; not at start. */
void log_set_colors(bool colors);

/*
 * Writes to the file at path from now on (appending, created with mode 0640); NULL goes back to
 * standard error. Call again with the same path after the file was rotated. CELERIAC_ERR_SYSTEM,
 * and lines go on to where they went before.
 */
enum celeriac_err log_set_file(const char *path, struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Reads a level by Celery's names, any case, "fatal" meaning critical. CELERIAC_ERR_VALUE. */
enum celeriac_err log_level_parse(struct span name, enum log_level *level) CELERIAC_MUST_CHECK;

/* Writes one line; use the macros below. fields may be NULL when count is 0. */
void log_write(enum log_level level, const char *component, const char *event,
               const struct log_field *fields, size_t count);

#define LOG_AT_(level, component, event, ...)                                      \
    do {                                                                           \
        if (log_enabled(level)) {                                                  \
            const struct log_field log_fields_[] = {{.key = NULL}, ##__VA_ARGS__}; \
            log_write(level, component, event, log_fields_ + 1,                    \
                      sizeof log_fields_ / sizeof log_fields_[0] - 1);             \
        }                                                                          \
    } while (0)

#define log_debug(...) LOG_AT_(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) LOG_AT_(LOG_INFO, __VA_ARGS__)
#define log_warning(...) LOG_AT_(LOG_WARNING, __VA_ARGS__)
#define log_error(...) LOG_AT_(LOG_ERROR, __VA_ARGS__)
#define log_critical(...) LOG_AT_(LOG_CRITICAL, __VA_ARGS__)

#endif
