/*
 * Metrics as Prometheus reads them: the text exposition format 0.0.4. A family is announced once
 * with metrics_text_family(), then its samples follow. Errors are the buffer's, sticky. No I/O.
 *
 *     metrics_text_family(out, "celery_worker_up", METRICS_GAUGE, "Whether the worker consumes.");
 *     metrics_text_int(out, "celery_worker_up", labels, 1, 1);
 */
#ifndef BASE_METRICS_TEXT_H
#define BASE_METRICS_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"
#include "base/span.h"
#include "base/strbuf.h"

/* What an HTTP answer with such a text calls itself. */
#define METRICS_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* METRICS_COUNTER is for names that end in _total. */
enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

/* One label. The name is a constant [a-zA-Z_][a-zA-Z0-9_]*; the value is any text and is escaped;
 * bytes that are no UTF-8 become U+FFFD. */
struct metrics_label {
    const char *name;
    struct span value;
};

/* Announces a family: its help (one sentence) and its type. */
void metrics_text_family(struct strbuf *out, const char *name, enum metrics_type type,
                         const char *help);

/* One sample with `count` labels: an integer, any number, or nanoseconds shown as seconds. */
void metrics_text_int(struct strbuf *out, const char *name, const struct metrics_label *labels,
                      size_t count, uint64_t value);
void metrics_text_double(struct strbuf *out, const char *name, const struct metrics_label *labels,
                         size_t count, double value);
void metrics_text_seconds(struct strbuf *out, const char *name, const struct metrics_label *labels,
                          size_t count, uint64_t ns);

/* All samples of a histogram: name_bucket with the label le, name_sum in seconds, name_count. */
void metrics_text_histogram(struct strbuf *out, const char *name,
                            const struct metrics_label *labels, size_t count,
                            const struct histogram *histogram);

#endif
