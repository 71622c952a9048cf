#include "base/base64.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Marks a byte outside of the alphabet; the bit is set in no value. */
#define NONE 64

/* Rows of 16 bytes for 0x00 to 0x7f. */
static const uint8_t ascii_values[128] = {
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, 62,   NONE, NONE, NONE, 63,
    52,   53,   54,   55,   56,   57,   58,   59,   60,   61,   NONE, NONE, NONE, NONE, NONE, NONE,
    NONE, 0,    1,    2,    3,    4,    5,    6,    7,    8,    9,    10,   11,   12,   13,   14,
    15,   16,   17,   18,   19,   20,   21,   22,   23,   24,   25,   NONE, NONE, NONE, NONE, NONE,
    NONE, 26,   27,   28,   29,   30,   31,   32,   33,   34,   35,   36,   37,   38,   39,   40,
    41,   42,   43,   44,   45,   46,   47,   48,   49,   50,   51,   NONE, NONE, NONE, NONE, NONE,
};

static uint8_t value_of(unsigned char c)
{
    return c < 0x80 ? ascii_values[c] : NONE;
}

static void encode(struct strbuf *out, struct span bytes, const char *alphabet, bool pad)
{
    size_t groups = bytes.len / 3;
    size_t left = bytes.len % 3;
    size_t tail = left == 0 ? 0 : pad ? 4 : left + 1;
    size_t size;
    if (!size_mul(groups, 4, &size) || !size_add(size, tail, &size))
        size = SIZE_MAX; /* makes the buffer say that it is too much */
    char *to = strbuf_reserve(out, size);
    if (!to)
        return;
    const unsigned char *from = (const unsigned char *)bytes.ptr;
    for (size_t i = 0; i < groups; i++, from += 3, to += 4) {
        uint32_t bits = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
        to[0] = alphabet[bits >> 18];
        to[1] = alphabet[bits >> 12 & 63];
        to[2] = alphabet[bits >> 6 & 63];
        to[3] = alphabet[bits & 63];
    }
    if (left > 0) {
        uint32_t bits = (uint32_t)from[0] << 16 | (left > 1 ? (uint32_t)from[1] << 8 : 0);
        char last[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
                        left > 1 ? alphabet[bits >> 6 & 63] : '=', '='};
        for (size_t i = 0; i < tail; i++)
            to[i] = last[i];
    }
    strbuf_grow(out, size);
}

void base64_encode(struct strbuf *out, struct span bytes)
{
    encode(out, bytes, standard, true);
}

void base64_encode_url(struct strbuf *out, struct span bytes)
{
    encode(out, bytes, url_safe, false);
}

/* Decodes whole groups of four characters until one holds anything else. */
static const unsigned char *decode_groups(const unsigned char *p, const unsigned char *end,
                                          unsigned char **to)
{
    unsigned char *out = *to;
    for (; end - p >= 4; p += 4, out += 3) {
        uint32_t a = value_of(p[0]);
        uint32_t b = value_of(p[1]);
        uint32_t c = value_of(p[2]);
        uint32_t d = value_of(p[3]);
        if ((a | b | c | d) & NONE)
            break;
        uint32_t bits = a << 18 | b << 12 | c << 6 | d;
        out[0] = (unsigned char)(bits >> 16);
        out[1] = (unsigned char)(bits >> 8);
        out[2] = (unsigned char)bits;
    }
    *to = out;
    return p;
}

/*
 * Decodes the rest by the rules of Python's binascii.a2b_base64(): other bytes are skipped, padding
 * counts only once a group has two characters, and what follows complete padding is ignored.
 */
static bool decode_loose(const unsigned char *p, const unsigned char *end, unsigned char **to)
{
    uint32_t bits = 0;
    int chars = 0; /* characters of the current group */
    int pads = 0;
    for (; p < end; p++) {
        if (*p == '=') {
            if (chars >= 2 && chars + ++pads >= 4)
                return true;
            continue;
        }
        uint8_t value = value_of(*p);
        if (value == NONE)
            continue;
        pads = 0;
        bits = bits << 6 | value;
        chars = (chars + 1) % 4;
        /* Every character but the first of a group completes a byte. */
        if (chars != 1)
            *(*to)++ = (unsigned char)(bits >> (chars == 2 ? 4 : chars == 3 ? 2 : 0));
    }
    return chars == 0;
}

/* Most bytes that the text can decode to. */
static size_t decoded_max(struct span text)
{
    size_t chars = 0;
    for (size_t i = 0; i < text.len; i++)
        chars += value_of((unsigned char)text.ptr[i]) != NONE;
    return chars / 4 * 3 + chars % 4 * 3 / 4;
}

enum celeriac_err base64_decode(struct strbuf *out, struct span text)
{
    /* Counting is left for the rare buffer that is nearly full. */
    size_t room = text.len / 4 * 3 + 3;
    if (room > out->max - out->len)
        room = decoded_max(text);
    char *start = strbuf_reserve(out, room);
    if (!start)
        return strbuf_status(out);
    if (text.len == 0)
        return CELERIAC_OK;
    const unsigned char *p = (const unsigned char *)text.ptr;
    const unsigned char *end = p + text.len;
    unsigned char *to = (unsigned char *)start;
    p = decode_groups(p, end, &to);
    if (!decode_loose(p, end, &to)) {
        strbuf_grow(out, 0); /* puts the NUL back that the bytes have overwritten */
        return CELERIAC_ERR_SYNTAX;
    }
    strbuf_grow(out, (size_t)((char *)to - start));
    return CELERIAC_OK;
}
