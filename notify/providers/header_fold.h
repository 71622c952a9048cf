/*
 * Header values encoded and folded as Python's email.header.Header.encode() does it (CPython 3.8 to
 * 3.14 agree), with its default width of 78. Pure; any thread.
 */
#ifndef NOTIFY_PROVIDERS_HEADER_FOLD_H
#define NOTIFY_PROVIDERS_HEADER_FOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/* The charset argument of Header: what a line may hold and whether it becomes RFC 2047 words. */
enum header_charset {
    HEADER_ASCII, /* text stays as it is and is folded at white space, after ';' and ',' first */
    HEADER_UTF8   /* everything becomes encoded words, 'q' or 'b', whichever is shorter */
};

/*
 * Appends Header(value, charset, header_name).encode(): name_len is the header's name with ": ", or
 * 0 without a header_name. Lines are separated by newline and end without one. value is UTF-8, with
 * HEADER_ASCII plain ASCII; its own line ends (of all the kinds str.splitlines() knows) stay line
 * ends. CELERIAC_ERR_VALUE, and out as before, when a line of the result would not start with white
 * space and thus become a header of its own. Memory and size errors are sticky in out.
 */
enum celeriac_err header_fold(struct strbuf *out, struct span value, enum header_charset charset,
                              size_t name_len, const char *newline) CELERIAC_MUST_CHECK;

/* Whether all bytes are ASCII. */
bool header_is_ascii(struct span value);

#endif
