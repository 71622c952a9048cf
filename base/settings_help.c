#include "base/settings.h"
#include "base/settings_value.h"

/* Columns of a terminal, and the one in which what an option does begins. */
#define WIDTH 80
#define HELP_COLUMN 28

/* Where the next word goes. */
struct page {
    struct strbuf *out;
    size_t column;
};

static void add(struct page *page, struct span text)
{
    strbuf_add_span(page->out, text);
    page->column += text.len;
}

static void move_to_help_column(struct page *page)
{
    /* Two spaces at least part the option from what it does. */
    if (page->column + 2 > HELP_COLUMN) {
        strbuf_add_char(page->out, '\n');
        page->column = 0;
    }
    while (page->column < HELP_COLUMN)
        add(page, SPAN(" "));
}

/* Puts the words of a text behind each other, in new lines where they do not fit. */
static void add_words(struct page *page, struct span text)
{
    struct span word;
    while (settings_next_word(&text, ' ', &word)) {
        bool first = page->column == HELP_COLUMN;
        if (!first && page->column + 1 + word.len > WIDTH) {
            move_to_help_column(page);
            first = true;
        }
        if (!first)
            add(page, SPAN(" "));
        add(page, word);
    }
}

static void add_default(struct page *page, const struct setting *row)
{
    bool shown =
        row->default_value && row->default_value[0] && !row->secret && row->type != SETTING_FLAG;
    if (!shown)
        return;
    add_words(page, SPAN("[default:"));
    add(page, SPAN(" "));
    add(page, span_of(row->default_value));
    add(page, SPAN("]"));
}

static void add_environment(struct page *page, const struct setting *row)
{
    struct span names = span_of(row->env);
    struct span name;
    bool first = true;
    while (settings_next_word(&names, ' ', &name)) {
        add_words(page, first ? SPAN("[env:") : SPAN("or"));
        add_words(page, name);
        first = false;
    }
    if (!first)
        add(page, SPAN("]"));
}

static void add_option(struct page *page, const struct setting *row)
{
    page->column = 0;
    /* Long spellings stand below each other, whether a short one comes first or not. */
    add(page, row->option[1] == '-' ? SPAN("      ") : SPAN("  "));
    add(page, span_of(row->option));
    if (row->type != SETTING_FLAG && row->value_name) {
        add(page, SPAN(" "));
        add(page, span_of(row->value_name));
    }
    move_to_help_column(page);
    add_words(page, span_of(row->help));
    add_default(page, row);
    add_environment(page, row);
    strbuf_add_char(page->out, '\n');
}

void settings_help(const struct setting *table, struct strbuf *out)
{
    struct page page = {.out = out};
    for (const struct setting *row = table; row->name; row++) {
        if (row->option)
            add_option(&page, row);
    }
}
