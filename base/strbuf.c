#include "base/strbuf.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* First allocation: most keys, header values and log fields fit without growing. */
#define FIRST_CAP 128

void strbuf_init(struct strbuf *b, size_t max)
{
    /* One byte is kept back so that max plus the NUL cannot overflow. */
    *b = (struct strbuf){.max = max < SIZE_MAX ? max : SIZE_MAX - 1};
}

void strbuf_close(struct strbuf *b)
{
    mem_free(b->ptr);
    strbuf_init(b, b->max);
}

void strbuf_clear(struct strbuf *b)
{
    b->len = 0;
    b->status = CELERIAC_OK;
    if (b->ptr)
        b->ptr[0] = '\0';
}

/* Makes cap at least need bytes; need is at most max + 1. */
static bool enlarge(struct strbuf *b, size_t need)
{
    size_t cap = b->cap < FIRST_CAP ? FIRST_CAP : b->cap;
    while (cap < need) {
        if (!size_mul(cap, 2, &cap))
            cap = need;
    }
    if (cap > b->max + 1)
        cap = b->max + 1;
    char *ptr = mem_resize(b->ptr, cap, 1);
    if (!ptr) {
        b->status = CELERIAC_ERR_MEMORY;
        return false;
    }
    b->ptr = ptr;
    b->cap = cap;
    return true;
}

char *strbuf_reserve(struct strbuf *b, size_t len)
{
    if (b->status != CELERIAC_OK)
        return NULL;
    if (len > b->max - b->len) {
        b->status = CELERIAC_ERR_LIMIT;
        return NULL;
    }
    size_t need = b->len + len + 1;
    if (need > b->cap && !enlarge(b, need))
        return NULL;
    return b->ptr + b->len;
}

void strbuf_grow(struct strbuf *b, size_t len)
{
    b->len += len;
    b->ptr[b->len] = '\0';
}

void strbuf_add(struct strbuf *b, const void *bytes, size_t len)
{
    char *to = strbuf_reserve(b, len);
    if (!to)
        return;
    if (len > 0)
        memcpy(to, bytes, len);
    strbuf_grow(b, len);
}

void strbuf_add_span(struct strbuf *b, struct span s)
{
    strbuf_add(b, s.ptr, s.len);
}

void strbuf_add_text(struct strbuf *b, const char *text)
{
    strbuf_add(b, text, strlen(text));
}

void strbuf_add_char(struct strbuf *b, char c)
{
    strbuf_add(b, &c, 1);
}

void strbuf_add_int(struct strbuf *b, int64_t n)
{
    char digits[20]; /* 2^63 has 19 digits, and a sign */
    size_t at = sizeof digits;
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (n < 0)
        digits[--at] = '-';
    strbuf_add(b, digits + at, sizeof digits - at);
}

void strbuf_printf(struct strbuf *b, const char *format, ...)
{
    if (b->status != CELERIAC_OK)
        return;
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) {
        b->status = CELERIAC_ERR_LIMIT; /* longer than an int can say */
    } else {
        char *to = strbuf_reserve(b, (size_t)n);
        if (to) {
            (void)vsnprintf(to, (size_t)n + 1, format, again);
            b->len += (size_t)n;
        }
    }
    va_end(again);
}

void strbuf_truncate(struct strbuf *b, size_t len)
{
    if (len >= b->len)
        return;
    b->len = len;
    b->ptr[len] = '\0';
}

enum celeriac_err strbuf_status(const struct strbuf *b)
{
    return b->status;
}

struct span strbuf_span(const struct strbuf *b)
{
    return (struct span){b->ptr, b->len};
}

const char *strbuf_text(const struct strbuf *b)
{
    return b->ptr ? b->ptr : "";
}

enum celeriac_err strbuf_take(struct strbuf *b, char **text, size_t *len)
{
    /* Reserving nothing still makes room for the NUL of an empty text. */
    char *end = strbuf_reserve(b, 0);
    if (!end)
        return b->status;
    *end = '\0';
    *text = b->ptr;
    if (len)
        *len = b->len;
    strbuf_init(b, b->max);
    return CELERIAC_OK;
}
