#include "celeriac/error.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {
    [CELERIAC_OK] = "no error",
    [CELERIAC_ERR_MEMORY] = "out of memory",
    [CELERIAC_ERR_LIMIT] = "limit exceeded",
    [CELERIAC_ERR_SYNTAX] = "malformed input",
    [CELERIAC_ERR_VALUE] = "value not allowed",
    [CELERIAC_ERR_NOT_FOUND] = "not found",
    [CELERIAC_ERR_EXISTS] = "exists already",
    [CELERIAC_ERR_UNAVAILABLE] = "unavailable",
    [CELERIAC_ERR_TIMEOUT] = "timed out",
    [CELERIAC_ERR_PROTOCOL] = "protocol violated",
    [CELERIAC_ERR_AUTH] = "authentication failed",
    [CELERIAC_ERR_SHUTDOWN] = "shutting down",
    [CELERIAC_ERR_SYSTEM] = "system call failed",
    [CELERIAC_ERR_UNSUPPORTED] = "unsupported",
};

void celeriac_error_clear(struct celeriac_error *e)
{
    if (!e)
        return;
    e->code = CELERIAC_OK;
    e->text[0] = '\0';
}

/* Takes an unfinished UTF-8 sequence off the end of a text that was cut. */
static void drop_partial_char(char *text, size_t len)
{
    size_t back = 1;
    while (back < 4 && back < len && ((unsigned char)text[len - back] & 0xc0) == 0x80)
        back++;
    unsigned char lead = (unsigned char)text[len - back];
    size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (want > back)
        text[len - back] = '\0';
}

enum celeriac_err celeriac_error_set(struct celeriac_error *e, enum celeriac_err code,
                                     const char *format, ...)
{
    if (!e || e->code != CELERIAC_OK)
        return code;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    e->code = code;
    if (n < 0)
        e->text[0] = '\0';
    else if ((size_t)n >= sizeof e->text)
        drop_partial_char(e->text, sizeof e->text - 1);
    return code;
}

const char *celeriac_err_name(enum celeriac_err code)
{
    size_t index = (size_t)code;
    if (index >= sizeof names / sizeof names[0])
        return "unknown error";
    return names[index];
}
