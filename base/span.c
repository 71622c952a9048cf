#include "base/span.h"

#include <stdint.h>
#include <string.h>

struct span span_of(const char *text)
{
    return (struct span){text, text ? strlen(text) : 0};
}

bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool span_is(struct span a, const char *text)
{
    return span_equal(a, span_of(text));
}

static unsigned char ascii_lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool span_is_nocase(struct span a, const char *text)
{
    struct span b = span_of(text);
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
            return false;
    }
    return true;
}

bool span_starts(struct span a, struct span prefix)
{
    if (prefix.len > a.len)
        return false;
    return prefix.len == 0 || memcmp(a.ptr, prefix.ptr, prefix.len) == 0;
}

bool span_ends(struct span a, struct span suffix)
{
    if (suffix.len > a.len)
        return false;
    return suffix.len == 0 || memcmp(a.ptr + (a.len - suffix.len), suffix.ptr, suffix.len) == 0;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct span span_trim(struct span a)
{
    while (a.len > 0 && is_space(a.ptr[0])) {
        a.ptr++;
        a.len--;
    }
    while (a.len > 0 && is_space(a.ptr[a.len - 1]))
        a.len--;
    return a;
}

bool span_cut(struct span a, char separator, struct span *head, struct span *rest)
{
    const char *at = a.len > 0 ? memchr(a.ptr, separator, a.len) : NULL;
    if (!at) {
        *head = a;
        *rest = (struct span){NULL, 0};
        return false;
    }
    size_t before = (size_t)(at - a.ptr);
    *head = (struct span){a.ptr, before};
    *rest = (struct span){at + 1, a.len - before - 1};
    return true;
}

/* Steps over ASCII in blocks that the compiler turns into vector code. */
static const unsigned char *skip_ascii(const unsigned char *p, const unsigned char *end)
{
    while (end - p >= 32) {
        uint64_t w[4];
        memcpy(w, p, sizeof w);
        if ((w[0] | w[1] | w[2] | w[3]) & UINT64_C(0x8080808080808080))
            break;
        p += 32;
    }
    while (p < end && *p < 0x80)
        p++;
    return p;
}

static bool is_continuation(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* Length of the valid sequence of two to four bytes at p, or 0. */
static size_t sequence_len(const unsigned char *p, const unsigned char *end)
{
    size_t left = (size_t)(end - p);
    unsigned char lead = p[0];
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    if (lead < 0xe0)
        return left >= 2 && is_continuation(p[1]) ? 2 : 0;
    if (lead < 0xf0) {
        if (left < 3 || !is_continuation(p[1]) || !is_continuation(p[2]))
            return 0;
        bool overlong = lead == 0xe0 && p[1] < 0xa0;
        bool surrogate = lead == 0xed && p[1] >= 0xa0;
        return overlong || surrogate ? 0 : 3;
    }
    if (left < 4 || !is_continuation(p[1]) || !is_continuation(p[2]) || !is_continuation(p[3]))
        return 0;
    bool overlong = lead == 0xf0 && p[1] < 0x90;
    bool too_large = lead == 0xf4 && p[1] >= 0x90;
    return overlong || too_large ? 0 : 4;
}

bool span_is_utf8(struct span a)
{
    if (a.len == 0)
        return true;
    const unsigned char *p = (const unsigned char *)a.ptr;
    const unsigned char *end = p + a.len;
    while ((p = skip_ascii(p, end)) < end) {
        while (p < end && *p >= 0x80) {
            size_t n = sequence_len(p, end);
            if (n == 0)
                return false;
            p += n;
        }
    }
    return true;
}
