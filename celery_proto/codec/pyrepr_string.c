#include "celery_proto/codec/pyrepr.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* First and last of a run of code points. */
struct code_range {
    uint32_t first;
    uint32_t last;
};

/*
 * What str.isprintable() denies beyond ASCII: separators other than the space, format characters,
 * surrogates and private use (Unicode categories Zs, Zl, Zp, Cf, Cs, Co; unicodedata of
 * Python 3.11). Ascending.
 */
static const struct code_range not_printable[] = {
    {0x80, 0xa0},       {0xad, 0xad},       {0x600, 0x605},     {0x61c, 0x61c},
    {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},
    {0x1680, 0x1680},   {0x180e, 0x180e},   {0x2000, 0x200f},   {0x2028, 0x202f},
    {0x205f, 0x206f},   {0x3000, 0x3000},   {0xd800, 0xf8ff},   {0xfeff, 0xfeff},
    {0xfff0, 0xfffb},   {0xfffe, 0xffff},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd},
    {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe007f},
    {0xf0000, 0x10ffff}};

static bool is_printable(uint32_t c)
{
    if (c < 0x80)
        return c >= 0x20 && c != 0x7f;
    for (size_t i = 0; i < sizeof(not_printable) / sizeof(not_printable[0]); i++) {
        if (c < not_printable[i].first)
            return true;
        if (c <= not_printable[i].last)
            return false;
    }
    return true;
}

/*
 * The next code point of text, which json_decode_string() made: UTF-8, lone surrogates as three
 * bytes. *len gets its bytes; a byte that begins nothing stands for itself, alone
 * and beyond ASCII, and is escaped.
 */
static uint32_t next_code_point(struct span text, size_t *len)
{
    const unsigned char *p = (const unsigned char *)text.ptr;
    unsigned char lead = p[0];
    size_t wanted = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t c = wanted == 1 ? lead : lead & (0x7fu >> wanted);

    *len = 1;
    if (wanted > text.len)
        return lead;
    for (size_t i = 1; i < wanted; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return lead;
        c = c << 6 | (p[i] & 0x3fu);
    }
    *len = wanted;
    return c;
}

static void add_escape(uint32_t c, struct strbuf *out)
{
    if (c == '\t' || c == '\n' || c == '\r') {
        strbuf_add_text(out, c == '\t' ? "\\t" : c == '\n' ? "\\n" : "\\r");
        return;
    }
    if (c <= 0xff)
        strbuf_printf(out, "\\x%02x", (unsigned)c);
    else if (c <= 0xffff)
        strbuf_printf(out, "\\u%04x", (unsigned)c);
    else
        strbuf_printf(out, "\\U%08x", (unsigned)c);
}

void cel_pyrepr_string(struct span text, struct strbuf *out)
{
    bool has_single = text.len > 0 && memchr(text.ptr, '\'', text.len) != NULL;
    bool has_double = text.len > 0 && memchr(text.ptr, '"', text.len) != NULL;
    char quote = has_single && !has_double ? '"' : '\'';

    strbuf_add_char(out, quote);
    while (text.len > 0) {
        size_t len;
        uint32_t c = next_code_point(text, &len);

        if (c == (unsigned char)quote || c == '\\') {
            strbuf_add_char(out, '\\');
            strbuf_add_char(out, (char)c);
        } else if (is_printable(c) && (len > 1 || c < 0x80)) {
            strbuf_add(out, text.ptr, len);
        } else {
            add_escape(c, out);
        }
        text = (struct span){text.ptr + len, text.len - len};
    }
    strbuf_add_char(out, quote);
}
