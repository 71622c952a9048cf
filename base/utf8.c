#include "base/utf8.h"

size_t utf8_decode(struct span text, uint32_t *c)
{
    static const uint32_t smallest[UTF8_MAX + 1] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)text.ptr;
    if (text.len == 0 || (p[0] >= 0x80 && p[0] < 0xc2) || p[0] > 0xf4)
        return 0;
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (len > text.len)
        return 0;
    /* The lead byte of a sequence of n bytes keeps its lowest 7 - n bits. */
    uint32_t n = len == 1 ? p[0] : p[0] & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        n = n << 6 | (p[i] & 0x3f);
    }
    if (n < smallest[len] || n > 0x10ffff)
        return 0;
    *c = n;
    return len;
}

size_t utf8_encode(uint32_t c, char bytes[UTF8_MAX])
{
    if (c < 0x80) {
        bytes[0] = (char)c;
        return 1;
    }
    size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        bytes[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    bytes[0] = (char)(0xf00 >> len | c); /* 110, 1110 or 11110 above the top bits */
    return len;
}

/* What a sequence of bytes is: complete, or bad in one of Python's three ways. */
enum verdict { VALID, BAD_START, BAD_CONTINUATION, CUT_OFF };

static size_t wanted_len(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* Whether the second byte of a sequence is allowed: shortest forms, no surrogates, no 0x110000. */
static bool second_allowed(unsigned char lead, unsigned char second)
{
    switch (lead) {
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf;
    case 0xed:
        return second >= 0x80 && second <= 0x9f;
    case 0xf0:
        return second >= 0x90 && second <= 0xbf;
    case 0xf4:
        return second >= 0x80 && second <= 0x8f;
    default:
        return (second & 0xc0) == 0x80;
    }
}

/* Judges what starts at bytes[at]; *len gets its length, for a bad one the bytes Python reports. */
static enum verdict judge(struct span bytes, size_t at, size_t *len)
{
    const unsigned char *p = (const unsigned char *)bytes.ptr + at;
    size_t left = bytes.len - at;
    size_t want = wanted_len(p[0]);
    *len = 1;
    if (want > 1 && (p[0] < 0xc2 || p[0] > 0xf4))
        return BAD_START;
    for (; *len < want; ++*len) {
        if (*len == left)
            return CUT_OFF;
        unsigned char next = p[*len];
        if (*len == 1 ? !second_allowed(p[0], next) : (next & 0xc0) != 0x80)
            return BAD_CONTINUATION;
    }
    return VALID;
}

enum celeriac_err utf8_error(struct span bytes, struct celeriac_error *err)
{
    static const char *const words[] = {
        [BAD_START] = "invalid start byte",
        [BAD_CONTINUATION] = "invalid continuation byte",
        [CUT_OFF] = "unexpected end of data",
    };
    size_t len;
    for (size_t at = 0; at < bytes.len; at += len) {
        enum verdict verdict = judge(bytes, at, &len);
        if (verdict == VALID)
            continue;
        if (len > 1)
            return celeriac_error_set(err, CELERIAC_ERR_SYNTAX,
                                      "'utf-8' codec can't decode bytes in position %zu-%zu: %s",
                                      at, at + len - 1, words[verdict]);
        return celeriac_error_set(err, CELERIAC_ERR_SYNTAX,
                                  "'utf-8' codec can't decode byte 0x%02x in position %zu: %s",
                                  (unsigned char)bytes.ptr[at], at, words[verdict]);
    }
    return CELERIAC_OK;
}
