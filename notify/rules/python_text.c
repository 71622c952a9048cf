#include "notify/rules/python_text.h"

#define REPLACEMENT 0xFFFDu

/* Bytes of the sequence that a lead byte promises, and the bits it contributes; 0 for no lead byte.
 */
static size_t lead_length(unsigned char lead, uint32_t *bits)
{
    if (lead < 0x80) {
        *bits = lead;
        return 1;
    }
    if (lead >= 0xC2 && lead <= 0xDF) {
        *bits = lead & 0x1Fu;
        return 2;
    }
    if (lead >= 0xE0 && lead <= 0xEF) {
        *bits = lead & 0x0Fu;
        return 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        *bits = lead & 0x07u;
        return 4;
    }
    return 0;
}

/* Longer forms than needed, surrogates and what lies above Unicode. */
static bool is_malformed(uint32_t c, size_t len)
{
    return (len == 3 && (c < 0x800 || (c >= 0xD800 && c <= 0xDFFF))) ||
           (len == 4 && (c < 0x10000 || c > 0x10FFFF));
}

uint32_t python_text_next(struct span s, size_t *len)
{
    uint32_t c = 0;
    size_t want = lead_length((unsigned char)s.ptr[0], &c);

    *len = 1;
    if (want == 0 || want > s.len)
        return REPLACEMENT;
    for (size_t i = 1; i < want; i++) {
        unsigned char next = (unsigned char)s.ptr[i];

        if ((next & 0xC0) != 0x80)
            return REPLACEMENT;
        c = c << 6 | (next & 0x3Fu);
    }
    if (is_malformed(c, want))
        return REPLACEMENT;
    *len = want;
    return c;
}

size_t python_text_length(struct span s)
{
    size_t count = 0;

    while (s.len > 0) {
        size_t len;

        (void)python_text_next(s, &len);
        s.ptr += len;
        s.len -= len;
        count++;
    }
    return count;
}

bool python_text_is_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

int python_text_digit(uint32_t c)
{
    /* The zero of each script in Unicode 14; its nine fellows follow it. */
    static const uint32_t zeros[] = {
        0x0030,  0x0660,  0x06f0,  0x07c0,  0x0966,  0x09e6,  0x0a66,  0x0ae6,  0x0b66,  0x0be6,
        0x0c66,  0x0ce6,  0x0d66,  0x0de6,  0x0e50,  0x0ed0,  0x0f20,  0x1040,  0x1090,  0x17e0,
        0x1810,  0x1946,  0x19d0,  0x1a80,  0x1a90,  0x1b50,  0x1bb0,  0x1c40,  0x1c50,  0xa620,
        0xa8d0,  0xa900,  0xa9d0,  0xa9f0,  0xaa50,  0xabf0,  0xff10,  0x104a0, 0x10d30, 0x11066,
        0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0,
        0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2,
        0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0};

    for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++) {
        if (c >= zeros[i] && c - zeros[i] < 10)
            return (int)(c - zeros[i]);
    }
    return -1;
}

struct span python_text_strip(struct span s)
{
    size_t len;

    while (s.len > 0 && python_text_is_space(python_text_next(s, &len))) {
        s.ptr += len;
        s.len -= len;
    }
    while (s.len > 0) {
        size_t start = s.len - 1;
        struct span last;

        while (start > 0 && s.len - start < 4 && ((unsigned char)s.ptr[start] & 0xC0) == 0x80)
            start--;
        last = (struct span){s.ptr + start, s.len - start};
        if (!python_text_is_space(python_text_next(last, &len)) || len != last.len)
            break;
        s.len = start;
    }
    return s;
}

static bool ends_line(uint32_t c)
{
    return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
           c == 0x2029;
}

bool python_text_line(struct span s, struct span *line, struct span *rest)
{
    size_t pos = 0;

    if (s.len == 0)
        return false;
    while (pos < s.len) {
        size_t len;
        uint32_t c = python_text_next((struct span){s.ptr + pos, s.len - pos}, &len);

        if (ends_line(c)) {
            size_t next = pos + len;

            if (c == '\r' && next < s.len && s.ptr[next] == '\n')
                next++;
            *line = (struct span){s.ptr, pos};
            *rest = (struct span){s.ptr + next, s.len - next};
            return true;
        }
        pos += len;
    }
    *line = s;
    *rest = (struct span){s.ptr + s.len, 0};
    return true;
}

/* What repr() writes as an escape, as far as the header says. */
static bool is_unprintable(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0xAD || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200F) || (c >= 0x2028 && c <= 0x202F) ||
           (c >= 0x205F && c <= 0x206F) || c == 0x3000 || c == 0xFEFF;
}

static void repr_char(struct strbuf *out, uint32_t c, struct span bytes, char quote)
{
    if (c == '\n')
        strbuf_add_text(out, "\\n");
    else if (c == '\r')
        strbuf_add_text(out, "\\r");
    else if (c == '\t')
        strbuf_add_text(out, "\\t");
    else if (c == '\\' || c == (uint32_t)quote)
        strbuf_printf(out, "\\%c", (char)c);
    else if (!is_unprintable(c))
        strbuf_add_span(out, bytes);
    else
        strbuf_printf(out, c < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)c);
}

void python_text_repr(struct strbuf *out, struct span s)
{
    bool single = false, dual = false;
    char quote;

    for (size_t i = 0; i < s.len; i++) {
        single = single || s.ptr[i] == '\'';
        dual = dual || s.ptr[i] == '"';
    }
    quote = single && !dual ? '"' : '\'';
    strbuf_add_char(out, quote);
    while (s.len > 0) {
        size_t len;
        uint32_t c = python_text_next(s, &len);

        repr_char(out, c, (struct span){s.ptr, len}, quote);
        s.ptr += len;
        s.len -= len;
    }
    strbuf_add_char(out, quote);
}
