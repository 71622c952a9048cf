#include "celery_proto/redis/resp.h"

#include <string.h>

/* Digits of 2^64 with a sign. */
#define DIGITS_MAX 24

/* Appends a type character, a number and the line end. */
static void add_line(struct strbuf *out, char type, uint64_t n)
{
    char text[DIGITS_MAX];
    size_t at = sizeof text;
    text[--at] = '\n';
    text[--at] = '\r';
    do {
        text[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    text[--at] = type;
    strbuf_add(out, text + at, sizeof text - at);
}

void resp_begin(struct strbuf *out, size_t argc)
{
    add_line(out, '*', argc);
}

void resp_arg(struct strbuf *out, struct span arg)
{
    add_line(out, '$', arg.len);
    strbuf_add_span(out, arg);
    strbuf_add(out, "\r\n", 2);
}

void resp_arg_int(struct strbuf *out, int64_t n)
{
    char text[DIGITS_MAX];
    size_t at = sizeof text;
    uint64_t magnitude = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do {
        text[--at] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (n < 0)
        text[--at] = '-';
    resp_arg(out, (struct span){text + at, sizeof text - at});
}
