#include "api/charset.h"

#include <string.h>

#define REPLACEMENT 0xfffdU

/* Names that lead Python to a codec of ours, after lower-casing and '_', ' ' to '-'. */
static const struct {
    const char *name;
    enum charset charset;
} names[] = {
    {"utf-8", CHARSET_UTF8},
    {"utf8", CHARSET_UTF8},
    {"u8", CHARSET_UTF8},
    {"utf", CHARSET_UTF8},
    {"cp65001", CHARSET_UTF8},
    {"us-ascii", CHARSET_ASCII},
    {"ascii", CHARSET_ASCII},
    {"646", CHARSET_ASCII},
    {"iso-8859-1", CHARSET_LATIN1},
    {"iso8859-1", CHARSET_LATIN1},
    {"latin-1", CHARSET_LATIN1},
    {"latin1", CHARSET_LATIN1},
    {"l1", CHARSET_LATIN1},
    {"8859", CHARSET_LATIN1},
    {"cp819", CHARSET_LATIN1},
    {"utf-16", CHARSET_UNSUPPORTED},
    {"utf16", CHARSET_UNSUPPORTED},
    {"utf-16le", CHARSET_UNSUPPORTED},
    {"utf-16-le", CHARSET_UNSUPPORTED},
    {"utf-16be", CHARSET_UNSUPPORTED},
    {"utf-16-be", CHARSET_UNSUPPORTED},
    {"utf-32", CHARSET_UNSUPPORTED},
    {"utf32", CHARSET_UNSUPPORTED},
    {"utf-7", CHARSET_UNSUPPORTED},
    {"utf-8-sig", CHARSET_UNSUPPORTED},
    {"iso-8859-15", CHARSET_UNSUPPORTED},
    {"iso-8859-2", CHARSET_UNSUPPORTED},
    {"windows-1252", CHARSET_UNSUPPORTED},
    {"cp1252", CHARSET_UNSUPPORTED},
    {"windows-1251", CHARSET_UNSUPPORTED},
    {"cp1251", CHARSET_UNSUPPORTED},
    {"koi8-r", CHARSET_UNSUPPORTED},
    {"shift-jis", CHARSET_UNSUPPORTED},
    {"euc-jp", CHARSET_UNSUPPORTED},
    {"euc-kr", CHARSET_UNSUPPORTED},
    {"gbk", CHARSET_UNSUPPORTED},
    {"gb2312", CHARSET_UNSUPPORTED},
    {"gb18030", CHARSET_UNSUPPORTED},
    {"big5", CHARSET_UNSUPPORTED},
};

/* Longest name in the table above, with room to notice longer ones. */
#define CHARSET_NAME_MAX 16

enum charset charset_find(struct span name)
{
    char plain[CHARSET_NAME_MAX + 1];

    if (name.len == 0 || name.len > CHARSET_NAME_MAX)
        return CHARSET_UNKNOWN;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        plain[i] = c == '_' || c == ' ' ? '-' : c;
    }
    plain[name.len] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(plain, names[i].name) == 0)
            return names[i].charset;
    }
    return CHARSET_UNKNOWN;
}

static unsigned char byte_at(struct span s, size_t i)
{
    return (unsigned char)s.ptr[i];
}

/*
 * Looks at the sequence that text starts with. Returns its bytes and sets *c when it is
 * well-formed; else returns minus the bytes of its longest prefix that could have begun one, at
 * least 1, as CPython's decoder counts them.
 */
static int look(struct span text, uint32_t *c)
{
    unsigned char lead = byte_at(text, 0);
    unsigned char low = 0x80, high = 0xbf;
    int need;
    uint32_t value;

    if (lead < 0x80) {
        *c = lead;
        return 1;
    }
    if (lead < 0xc2 || lead > 0xf4)
        return -1;
    need = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    value = lead & (0x3fU >> need);
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f;
    for (int i = 1; i <= need; i++) {
        if ((size_t)i == text.len || byte_at(text, (size_t)i) < low ||
            byte_at(text, (size_t)i) > high)
            return -i;
        value = value << 6 | (byte_at(text, (size_t)i) & 0x3fU);
        low = 0x80;
        high = 0xbf;
    }
    *c = value;
    return need + 1;
}

bool charset_find_surrogate(struct span text, uint32_t *code)
{
    for (size_t i = 0; i + 2 < text.len; i++) {
        if (byte_at(text, i) == 0xed && byte_at(text, i + 1) >= 0xa0) {
            *code = 0xd000U | (byte_at(text, i + 1) & 0x3fU) << 6 | (byte_at(text, i + 2) & 0x3fU);
            return true;
        }
    }
    return false;
}

void charset_add_char(struct strbuf *out, uint32_t c)
{
    char utf8[4];

    if (c < 0x80) {
        strbuf_add_char(out, (char)c);
    } else if (c < 0x800) {
        utf8[0] = (char)(0xc0 | c >> 6);
        utf8[1] = (char)(0x80 | (c & 0x3f));
        strbuf_add(out, utf8, 2);
    } else if (c < 0x10000) {
        utf8[0] = (char)(0xe0 | c >> 12);
        utf8[1] = (char)(0x80 | (c >> 6 & 0x3f));
        utf8[2] = (char)(0x80 | (c & 0x3f));
        strbuf_add(out, utf8, 3);
    } else {
        utf8[0] = (char)(0xf0 | c >> 18);
        utf8[1] = (char)(0x80 | (c >> 12 & 0x3f));
        utf8[2] = (char)(0x80 | (c >> 6 & 0x3f));
        utf8[3] = (char)(0x80 | (c & 0x3f));
        strbuf_add(out, utf8, 4);
    }
}

size_t charset_whole_utf8(struct span bytes)
{
    /* A sequence has four bytes at most, so one that lacks some began among the last three. */
    for (size_t len = 1; len <= 3 && len <= bytes.len; len++) {
        struct span last = {bytes.ptr + bytes.len - len, len};
        unsigned char lead = byte_at(last, 0);
        uint32_t c;

        if (lead >= 0xc2 && lead <= 0xf4 && look(last, &c) == -(int)len)
            return bytes.len - len;
        if ((lead & 0xc0) != 0x80)
            break;
    }
    return bytes.len;
}

void charset_decode_replace(struct strbuf *out, struct span bytes, enum charset charset)
{
    size_t plain = 0;

    while (plain < bytes.len) {
        struct span rest = {bytes.ptr + plain, bytes.len - plain};
        uint32_t c = REPLACEMENT;
        int used;

        if (byte_at(bytes, plain) < 0x80) {
            plain++;
            continue;
        }
        strbuf_add(out, bytes.ptr, plain);
        if (charset == CHARSET_UTF8) {
            used = look(rest, &c);
        } else {
            used = 1;
            if (charset == CHARSET_LATIN1)
                c = byte_at(rest, 0);
        }
        charset_add_char(out, used > 0 ? c : REPLACEMENT);
        plain += (size_t)(used > 0 ? used : -used);
        bytes = (struct span){bytes.ptr + plain, bytes.len - plain};
        plain = 0;
    }
    strbuf_add(out, bytes.ptr, plain);
}
