/*
 * The few things that Python's str does and our rules depend on, for UTF-8 bytes. Pure; any thread.
 * Bytes that are not UTF-8 count as one character each.
 */
#ifndef NOTIFY_RULES_PYTHON_TEXT_H
#define NOTIFY_RULES_PYTHON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"

/* len(s): code points. What varchar(n) and DRF's max_length count. */
size_t python_text_length(struct span s);

/* s.strip(): without Unicode white space at either end (DRF trims every CharField so). Borrowed. */
struct span python_text_strip(struct span s);

/* c.isspace() for one code point, as CPython 3.11's Unicode 14 tables have it. */
bool python_text_is_space(uint32_t c);

/* unicodedata.decimal(c), which int() goes by: 0 to 9 in any script; -1 when c is no such digit. */
int python_text_digit(uint32_t c);

/*
 * One line of s.splitlines(): *line gets it without its end, *rest what follows. Lines end with \n,
 * \r, \r\n, \v, \f, \x1c to \x1e, U+0085, U+2028 and U+2029. False when s is empty: there are no
 * more.
 */
bool python_text_line(struct span s, struct span *line, struct span *rest);

/*
 * The next code point of s (not empty) and its length in bytes; a byte that starts no valid
 * sequence gives U+FFFD and 1.
 */
uint32_t python_text_next(struct span s, size_t *len);

/*
 * Appends repr(s): single quotes unless s has some and no double ones, \n \r \t \\ escaped, control
 * characters, spaces other than ' ' and format characters of Latin-1 and General Punctuation as
 * \x.. or \u....; other characters as they are (Python also escapes unassigned ones).
 */
void python_text_repr(struct strbuf *out, struct span s);

#endif
