/*
 * The algorithm is CPython's, so that a subject reaches the reader's mailbox in the same bytes from
 * either side: words are put on the current line one after the other, and a line that has become
 * too long is cut where the text allows it best. Where Python keeps a list of pairs, the current
 * line here is one buffer of bytes and the lengths of its parts.
 */
#include "notify/providers/header_fold.h"

#include <string.h>

#include "base/base64.h"
#include "notify/rules/python_text.h"

/* Header's default maxlinelen. */
#define WIDTH 78

/* "=?utf-8?q?" and "?=" around an encoded word. */
#define CHROME 12

/*
 * A line is cut as soon as it is wider than WIDTH, and every part but the first has at least one
 * character, so it never has more than WIDTH + 3 parts (one too many, an empty one, a transition).
 */
#define PARTS_MAX (WIDTH + 8)

/* Where a line is cut, best first: Header.encode()'s splitchars. */
static const char split_chars[] = ";, \t";

/* White space and the text that follows it. */
struct part {
    size_t space;
    size_t text;
};

struct formatter {
    struct strbuf *out;
    const char *newline;
    size_t lines; /* lines already in out */

    struct strbuf current; /* the bytes of the parts below, one after the other */
    struct part parts[PARTS_MAX];
    size_t count;
    size_t taken; /* columns that the header's name takes on the first line */

    struct strbuf word; /* scratch for one encoded word */
};

/* Errors of the scratch buffers become errors of the output, which nothing clears. */
static bool is_sound(struct formatter *f)
{
    if (f->out->status == CELERIAC_OK)
        f->out->status = strbuf_status(&f->current);
    if (f->out->status == CELERIAC_OK)
        f->out->status = strbuf_status(&f->word);
    return f->out->status == CELERIAC_OK;
}

static void push(struct formatter *f, struct span space, struct span text)
{
    if (f->count == PARTS_MAX) {
        f->out->status = CELERIAC_ERR_LIMIT;
        return;
    }
    f->parts[f->count++] = (struct part){space.len, text.len};
    strbuf_add_span(&f->current, space);
    strbuf_add_span(&f->current, text);
}

static size_t width(const struct formatter *f)
{
    return f->taken + strbuf_span(&f->current).len;
}

static bool is_blank(struct span s)
{
    return s.len > 0 && python_text_strip(s).len == 0;
}

static void add_line(struct formatter *f, struct span line)
{
    if (f->lines++ > 0)
        strbuf_add_text(f->out, f->newline);
    strbuf_add_span(f->out, line);
}

/* Ends the current line. A lone space at its end was only there for a word that did not come. */
static void end_line(struct formatter *f)
{
    struct span line = strbuf_span(&f->current);
    const struct part *last = f->count > 0 ? &f->parts[f->count - 1] : NULL;

    if (!is_sound(f))
        return;
    if (last != NULL && last->space == 1 && last->text == 0 && line.ptr[line.len - 1] == ' ')
        line.len--;
    if (f->taken + line.len > 0) {
        if (f->taken == 0 && is_blank(line) && f->lines > 0)
            strbuf_add_span(f->out, line);
        else
            add_line(f, line);
    }
    strbuf_clear(&f->current);
    f->count = 0;
    f->taken = 0;
}

/* Whether part i, with `before` bytes of the line in front of it, may start a new line because of
 * c. */
static bool may_cut(const struct formatter *f, size_t i, size_t before, char c)
{
    const char *line = strbuf_span(&f->current).ptr;

    if ((c == ' ' || c == '\t') && f->parts[i].space > 0 && line[before] == c)
        return true;
    return f->parts[i - 1].text > 0 && line[before - 1] == c;
}

/* Finds the part that should start a new line; false when the line cannot be cut. */
static bool find_cut(const struct formatter *f, size_t *part, size_t *bytes)
{
    for (const char *c = split_chars; *c != '\0'; c++) {
        size_t before = strbuf_span(&f->current).len;

        for (size_t i = f->count; i-- > 1;) {
            before -= f->parts[i].space + f->parts[i].text;
            if (may_cut(f, i, before, *c)) {
                *part = i;
                *bytes = before;
                return true;
            }
        }
    }
    return false;
}

/* Ends the line before the given part and goes on with the rest. */
static void cut_line(struct formatter *f, size_t part, size_t bytes)
{
    struct span line = strbuf_span(&f->current);
    size_t rest = line.len - bytes;

    add_line(f, (struct span){line.ptr, bytes});
    memmove(f->current.ptr, f->current.ptr + bytes, rest);
    strbuf_truncate(&f->current, rest);
    f->count -= part;
    memmove(f->parts, f->parts + part, f->count * sizeof f->parts[0]);
    f->taken = 0;
}

/* The only part is too wide beside the header's name: gives it a line of its own. */
static void move_below_name(struct formatter *f)
{
    struct part only = f->parts[0];
    struct span line = strbuf_span(&f->current);

    add_line(f, (struct span){NULL, 0});
    f->taken = 0;
    if (only.space == 0 && strbuf_reserve(&f->current, 1) != NULL) {
        strbuf_grow(&f->current, 1);
        memmove(f->current.ptr + 1, f->current.ptr, line.len);
        f->current.ptr[0] = ' ';
        f->parts[0].space = 1;
    }
}

static void append(struct formatter *f, struct span space, struct span text)
{
    size_t part, bytes;

    push(f, space, text);
    if (!is_sound(f) || width(f) <= WIDTH)
        return;
    if (find_cut(f, &part, &bytes))
        cut_line(f, part, bytes);
    else if (f->taken > 0)
        move_below_name(f);
}

static bool is_fold(char c)
{
    return c == ' ' || c == '\t';
}

/* Appends one line of plain text: white space and word in turn. */
static void feed_ascii(struct formatter *f, struct span line)
{
    size_t pos = 0;

    while (pos < line.len) {
        size_t space = pos, text;

        while (space < line.len && is_fold(line.ptr[space]))
            space++;
        text = space;
        while (text < line.len && !is_fold(line.ptr[text]))
            text++;
        append(f, (struct span){line.ptr + pos, space - pos},
               (struct span){line.ptr + space, text - space});
        pos = text;
    }
}

/* A byte that stands for itself in a 'q' word. */
static bool is_q_safe(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-!*+/", c) != NULL);
}

static size_t q_length(struct span bytes)
{
    size_t len = 0;

    for (size_t i = 0; i < bytes.len; i++)
        len += is_q_safe((unsigned char)bytes.ptr[i]) || bytes.ptr[i] == ' ' ? 1 : 3;
    return len;
}

static size_t b_length(size_t bytes)
{
    return (bytes + 2) / 3 * 4;
}

static void q_encode(struct strbuf *out, struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];

        if (is_q_safe(c))
            strbuf_add_char(out, (char)c);
        else if (c == ' ')
            strbuf_add_char(out, '_');
        else
            strbuf_printf(out, "=%02X", c);
    }
}

/* One encoded word of some characters; nothing at all of none. */
static struct span encode_word(struct formatter *f, struct span bytes, bool base64)
{
    if (!is_sound(f))
        return (struct span){NULL, 0};
    strbuf_clear(&f->word);
    if (bytes.len > 0) {
        strbuf_add_text(&f->word, base64 ? "=?utf-8?b?" : "=?utf-8?q?");
        if (base64)
            base64_encode(&f->word, bytes);
        else
            q_encode(&f->word, bytes);
        strbuf_add_text(&f->word, "?=");
    }
    return strbuf_span(&f->word);
}

/* Puts an encoded word at the end of the line when it is the first one, else on a new line. */
static void put_word(struct formatter *f, struct span space, struct span word, bool first)
{
    if (first) {
        append(f, space, word);
    } else {
        end_line(f);
        push(f, SPAN(" "), word);
    }
}

/* Appends one line of text as encoded words, each with as many whole characters as fit. */
static void feed_utf8(struct formatter *f, struct span space, struct span text)
{
    bool base64 = b_length(text.len) < q_length(text);
    size_t room = width(f) + CHROME < WIDTH ? WIDTH - CHROME - width(f) : 0;
    size_t start = 0, pos = 0, q = 0;
    bool first = true;

    while (pos < text.len) {
        size_t len, q_new;

        (void)python_text_next((struct span){text.ptr + pos, text.len - pos}, &len);
        q_new = q + q_length((struct span){text.ptr + pos, len});
        if ((base64 ? b_length(pos + len - start) : q_new) > room) {
            struct span word = encode_word(f, (struct span){text.ptr + start, pos - start}, base64);

            if (!first || word.len > 0)
                put_word(f, space, word, first);
            first = false;
            start = pos;
            q_new -= q;
            room = WIDTH - CHROME - 1;
        }
        q = q_new;
        pos += len;
    }
    put_word(f, space, encode_word(f, (struct span){text.ptr + start, pos - start}, base64), first);
}

static struct span strip_left(struct span s)
{
    size_t len;

    while (s.len > 0 && python_text_is_space(python_text_next(s, &len))) {
        s.ptr += len;
        s.len -= len;
    }
    return s;
}

/* A further line of a value: Python replaces its indentation by one space when it encodes. */
static enum celeriac_err feed_utf8_line(struct formatter *f, struct span line)
{
    struct strbuf text;
    struct span stripped = strip_left(line);
    enum celeriac_err code;

    strbuf_init(&text, stripped.len + 1);
    strbuf_add_char(&text, ' ');
    strbuf_add_span(&text, stripped);
    code = strbuf_status(&text);
    if (code == CELERIAC_OK)
        feed_utf8(f, SPAN(" "), strbuf_span(&text));
    strbuf_close(&text);
    return code;
}

static enum celeriac_err feed(struct formatter *f, struct span value, enum header_charset charset)
{
    struct span line, rest;
    size_t count = 0;
    enum celeriac_err code = CELERIAC_OK;

    if (!python_text_line(value, &line, &rest)) {
        if (charset == HEADER_UTF8)
            append(f, value, value);
        return CELERIAC_OK;
    }
    do {
        if (count++ > 0)
            end_line(f);
        if (charset == HEADER_ASCII)
            feed_ascii(f, line);
        else if (count == 1)
            feed_utf8(f, (struct span){NULL, 0}, line);
        else
            code = feed_utf8_line(f, line);
    } while (code == CELERIAC_OK && python_text_line(rest, &line, &rest));
    if (count > 1)
        end_line(f);
    return code;
}

/* No line but the first may begin with anything but white space. */
static bool is_folded(struct span folded)
{
    for (size_t i = 0; i < folded.len; i++) {
        char next = i + 1 < folded.len ? folded.ptr[i + 1] : '\0';

        if (folded.ptr[i] == '\n' && !is_fold(next))
            return false;
        if (folded.ptr[i] == '\r' && next != '\n')
            return false;
    }
    return true;
}

enum celeriac_err header_fold(struct strbuf *out, struct span value, enum header_charset charset,
                              size_t name_len, const char *newline)
{
    struct formatter f = {.out = out, .newline = newline, .taken = name_len};
    size_t start = strbuf_span(out).len;
    struct span all;
    enum celeriac_err code;

    strbuf_init(&f.current, value.len * 3 + WIDTH);
    strbuf_init(&f.word, WIDTH + CHROME);
    code = feed(&f, value, charset);
    if (code == CELERIAC_OK) {
        /* Header.encode() ends with a transition, which keeps a space that ends the value. */
        push(&f, SPAN(" "), (struct span){NULL, 0});
        end_line(&f);
        code = strbuf_status(out);
    }
    strbuf_close(&f.word);
    strbuf_close(&f.current);
    if (code != CELERIAC_OK)
        return code;
    all = strbuf_span(out);
    if (all.len > start && !is_folded((struct span){all.ptr + start, all.len - start})) {
        strbuf_truncate(out, start);
        return CELERIAC_ERR_VALUE;
    }
    return CELERIAC_OK;
}

bool header_is_ascii(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        if ((unsigned char)value.ptr[i] >= 0x80)
            return false;
    }
    return true;
}
