/* The options of a table as --help shows them. */
#include "base/settings.h"

/* Columns of a line, and where the sentences begin. */
#define LINE_WIDTH 80
#define TEXT_COLUMN 30

static void fill_to(struct strbuf *out, size_t from, size_t column)
{
    for (size_t at = from; at < column; at++)
        strbuf_add_char(out, ' ');
}

/* Words from the current column on; a word that does not fit begins a new line. */
static void add_wrapped(struct strbuf *out, const char *text)
{
    struct span rest = span_of(text);
    size_t column = TEXT_COLUMN;

    while (rest.len > 0) {
        struct span word;

        span_cut(rest, ' ', &word, &rest);
        if (column > TEXT_COLUMN && column + 1 + word.len > LINE_WIDTH) {
            strbuf_add_char(out, '\n');
            fill_to(out, 0, TEXT_COLUMN);
            column = TEXT_COLUMN;
        } else if (column > TEXT_COLUMN) {
            strbuf_add_char(out, ' ');
            column++;
        }
        strbuf_add_span(out, word);
        column += word.len;
    }
    strbuf_add_char(out, '\n');
}

void settings_help(const struct setting *table, struct strbuf *out)
{
    for (const struct setting *row = table; row->name; row++) {
        size_t start = strbuf_span(out).len;
        size_t width;

        if (!row->option)
            continue;
        strbuf_add_text(out, "  ");
        /* Long-only options stand under the long names of the others. */
        if (row->option[1] == '-')
            strbuf_add_text(out, "    ");
        strbuf_add_text(out, row->option);
        if (row->value_name) {
            strbuf_add_char(out, ' ');
            strbuf_add_text(out, row->value_name);
        }
        width = strbuf_span(out).len - start;
        if (width + 2 > TEXT_COLUMN) {
            strbuf_add_char(out, '\n');
            width = 0;
        }
        fill_to(out, width, TEXT_COLUMN);
        add_wrapped(out, row->help);
    }
}
