/*
 * One log line in the making: bounded, escaped, always well-formed. Used by log.c; a header of
 * its own so that lines can be tested without writing them. One thread at a time.
 */
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/span.h"

struct log_line {
    enum log_format format;
    bool cut; /* something did not fit; nothing more is written */
    size_t len;
    char bytes[LOG_LINE_MAX];
};

/*
 * Starts a line with its fixed part. us is wall time as in clock_wall_us(): text shows it in local
 * time as Python's logging does, JSON in UTC. The strings are NUL-terminated and borrowed for the
 * call.
 */
void log_line_begin(struct log_line *line, enum log_format format, int64_t us, const char *level,
                    const char *component, const char *event);

/* Adds one pair, or as much of it as there is room for. */
void log_line_field(struct log_line *line, const struct log_field *field);

/* Completes the line and returns it with its newline, at most LOG_LINE_MAX bytes; borrowed. */
struct span log_line_end(struct log_line *line);

#endif
