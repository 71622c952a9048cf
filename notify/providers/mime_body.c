#include "notify/providers/mime_body.h"

#include <stdbool.h>
#include <string.h>

#include "notify/providers/header_fold.h"
#include "notify/rules/python_text.h"

/* Longest line of quoted-printable, RFC 2045 section 6.7, and what is left of it before a final
 * '='. */
#define QP_WIDTH 76
#define QP_CUT (QP_WIDTH - 1)

static bool has_long_line(struct span body)
{
    struct span line, rest = body;

    while (python_text_line(rest, &line, &rest)) {
        if (line.len > MIME_BODY_LINE_MAX)
            return true;
    }
    return false;
}

const char *mime_body_encoding(struct span body)
{
    if (has_long_line(body))
        return "quoted-printable";
    return header_is_ascii(body) ? "7bit" : "8bit";
}

/*
 * The bytes up to the next line end of a mail (\n, \r or \r\n). Returns whether there was an end.
 */
static bool next_line(struct span *rest, struct span *line)
{
    size_t n = 0;

    while (n < rest->len && rest->ptr[n] != '\n' && rest->ptr[n] != '\r')
        n++;
    *line = (struct span){rest->ptr, n};
    if (n == rest->len) {
        *rest = (struct span){rest->ptr + n, 0};
        return false;
    }
    if (rest->ptr[n] == '\r' && n + 1 < rest->len && rest->ptr[n + 1] == '\n')
        n++;
    *rest = (struct span){rest->ptr + n + 1, rest->len - n - 1};
    return true;
}

static void write_plain(struct strbuf *out, struct span body)
{
    struct span line;

    while (body.len > 0) {
        (void)next_line(&body, &line);
        strbuf_add_span(out, line);
        strbuf_add_text(out, "\r\n");
    }
}

static bool is_plain(unsigned char c)
{
    return (c >= ' ' && c <= '~' && c != '=') || c == '\t';
}

/* The end of an encoded line that has not been written yet: short enough that it may still be
 * whole. */
struct tail {
    char text[QP_WIDTH + 4];
    size_t len;
};

/* Writes the first `cut` bytes of the tail, then `mark`, and a line end. */
static void break_line(struct strbuf *out, struct tail *t, size_t cut, const char *mark)
{
    strbuf_add(out, t->text, cut);
    strbuf_add_text(out, mark);
    strbuf_add_text(out, "\r\n");
    t->len -= cut;
    memmove(t->text, t->text + cut, t->len);
}

/*
 * Cuts a tail that is too long for one line. An escape is not torn apart: its '=' is left at the
 * end of the line as the soft break, and the next line begins with the escape itself.
 */
static void cut_tail(struct strbuf *out, struct tail *t)
{
    if (t->text[QP_CUT - 2] == '=')
        break_line(out, t, QP_CUT - 2, "=");
    else if (t->text[QP_CUT - 1] == '=')
        break_line(out, t, QP_CUT - 1, "=");
    else
        break_line(out, t, QP_CUT, "=");
}

/* Writes the rest of a line. White space at its end would be lost on the way and is encoded. */
static void end_tail(struct strbuf *out, struct tail *t)
{
    char last = t->len > 0 ? t->text[t->len - 1] : '\0';

    if (last != ' ' && last != '\t') {
        strbuf_add(out, t->text, t->len);
        return;
    }
    strbuf_add(out, t->text, t->len - 1);
    if (t->len == QP_CUT)
        strbuf_printf(out, "%c=\r\n", last);
    else
        strbuf_printf(out, "%s=%02X", t->len < QP_CUT ? "" : "=\r\n", (unsigned)last);
}

static void write_quoted_line(struct strbuf *out, struct span line)
{
    static const char digits[] = "0123456789ABCDEF";
    struct tail t = {.len = 0};

    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.ptr[i];

        if (is_plain(c)) {
            t.text[t.len++] = (char)c;
        } else {
            t.text[t.len++] = '=';
            t.text[t.len++] = digits[c >> 4];
            t.text[t.len++] = digits[c & 15];
        }
        if (t.len > QP_WIDTH)
            cut_tail(out, &t);
    }
    end_tail(out, &t);
}

static void write_quoted(struct strbuf *out, struct span body)
{
    struct span line;

    while (body.len > 0) {
        bool ended = next_line(&body, &line);

        write_quoted_line(out, line);
        /* White space at the very end may have left a soft break, which is a line end already. */
        if (ended || !span_ends(strbuf_span(out), SPAN("\r\n")))
            strbuf_add_text(out, "\r\n");
    }
}

void mime_body_write(struct strbuf *out, struct span body)
{
    if (has_long_line(body))
        write_quoted(out, body);
    else
        write_plain(out, body);
}
