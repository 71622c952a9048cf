#include "base/metrics_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/parse_num.h"
#include "base/utf8.h"

static const char *const type_names[] = {
    [METRICS_COUNTER] = "counter", [METRICS_GAUGE] = "gauge", [METRICS_HISTOGRAM] = "histogram"};

/* Adds text with backslash and newline escaped, and quotes too where the text is quoted. */
static void add_escaped(struct strbuf *out, struct span text, bool quotes)
{
    while (text.len > 0) {
        uint32_t c;
        size_t len = utf8_decode(text, &c);

        if (len == 0)
            strbuf_add_text(out, "\xef\xbf\xbd");
        else if (c == '\\' || (c == '"' && quotes))
            strbuf_printf(out, "\\%c", (int)c);
        else if (c == '\n')
            strbuf_add_text(out, "\\n");
        else
            strbuf_add(out, text.ptr, len);
        len = len > 0 ? len : 1;
        text.ptr += len;
        text.len -= len;
    }
}

void metrics_text_family(struct strbuf *out, const char *name, enum metrics_type type,
                         const char *help)
{
    strbuf_printf(out, "# HELP %s ", name);
    add_escaped(out, span_of(help), false);
    strbuf_printf(out, "\n# TYPE %s %s\n", name, type_names[type]);
}

static void add_label(struct strbuf *out, bool first, const char *name, struct span value)
{
    strbuf_printf(out, "%c%s=\"", first ? '{' : ',', name);
    add_escaped(out, value, true);
    strbuf_add_char(out, '"');
}

/* The name with its labels and the space before the value. le may be NULL. */
static void begin(struct strbuf *out, const char *name, const char *suffix,
                  const struct metrics_label *labels, size_t count, const char *le)
{
    strbuf_add_text(out, name);
    strbuf_add_text(out, suffix);
    for (size_t i = 0; i < count; i++)
        add_label(out, i == 0, labels[i].name, labels[i].value);
    if (le)
        add_label(out, count == 0, "le", span_of(le));
    strbuf_add_text(out, count > 0 || le ? "} " : " ");
}

static void end_int(struct strbuf *out, uint64_t value)
{
    strbuf_printf(out, "%" PRIu64 "\n", value);
}

static void end_seconds(struct strbuf *out, uint64_t ns)
{
    strbuf_printf(out, "%" PRIu64 ".%09" PRIu64 "\n", ns / (uint64_t)NS_PER_SEC,
                  ns % (uint64_t)NS_PER_SEC);
}

void metrics_text_int(struct strbuf *out, const char *name, const struct metrics_label *labels,
                      size_t count, uint64_t value)
{
    begin(out, name, "", labels, count, NULL);
    end_int(out, value);
}

void metrics_text_double(struct strbuf *out, const char *name, const struct metrics_label *labels,
                         size_t count, double value)
{
    char digits[FORMAT_DOUBLE_MAX];

    begin(out, name, "", labels, count, NULL);
    if (isnan(value)) {
        strbuf_add_text(out, "NaN\n");
    } else if (isinf(value)) {
        strbuf_add_text(out, value > 0 ? "+Inf\n" : "-Inf\n");
    } else {
        strbuf_add(out, digits, format_double(value, digits));
        strbuf_add_char(out, '\n');
    }
}

void metrics_text_seconds(struct strbuf *out, const char *name, const struct metrics_label *labels,
                          size_t count, uint64_t ns)
{
    begin(out, name, "", labels, count, NULL);
    end_seconds(out, ns);
}

void metrics_text_histogram(struct strbuf *out, const char *name,
                            const struct metrics_label *labels, size_t count,
                            const struct histogram *histogram)
{
    struct histogram_view view;
    char digits[FORMAT_DOUBLE_MAX + 1];

    histogram_read(histogram, &view);
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        digits[format_double((double)histogram_bounds_ns[i] / (double)NS_PER_SEC, digits)] = '\0';
        begin(out, name, "_bucket", labels, count, digits);
        end_int(out, view.counts[i]);
    }
    begin(out, name, "_bucket", labels, count, "+Inf");
    end_int(out, view.counts[HISTOGRAM_BOUNDS]);
    begin(out, name, "_sum", labels, count, NULL);
    end_seconds(out, view.sum_ns);
    begin(out, name, "_count", labels, count, NULL);
    end_int(out, view.counts[HISTOGRAM_BOUNDS]);
}
