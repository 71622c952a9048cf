/*
 * Text that goes into columns: checked where it is a request's field, mended where it is only for
 * humans. PostgreSQL takes valid UTF-8 without NUL, and varchar(n) counts characters. Pure; any
 * thread.
 */
#ifndef NOTIFY_STORE_TEXT_H
#define NOTIFY_STORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/*
 * Valid UTF-8, no NUL, between min and max characters. CELERIAC_ERR_VALUE with the field's name and
 * what is wrong, never the text itself.
 */
enum celeriac_err store_text_check(struct span text, const char *field, size_t min, size_t max,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* The same with the limits in bytes. */
enum celeriac_err store_text_check_bytes(struct span text, const char *field, size_t min,
                                         size_t max,
                                         struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * JSON text that jsonb can hold, as far as its escapes go: the limits in bytes as above, no \u0000
 * and no half of a surrogate pair. Its grammar is the server's to judge. CELERIAC_ERR_VALUE names
 * the field.
 */
enum celeriac_err store_text_check_json(struct span text, const char *field, size_t min, size_t max,
                                        struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Bytes of JSON text as jsonb gives it back, but for spaces: it writes numbers without exponents,
 * so that 1e+308 has 309 digits. Grammar is not checked.
 */
size_t store_text_json_size(struct span text);

/* Whether text could be in a text column at all: valid UTF-8 without NUL. */
bool store_text_is_storable(struct span text);

/*
 * Appends text with NUL and each invalid byte replaced by U+FFFD, cut at a character so that at
 * most max_bytes are added.
 */
void store_text_clean(struct strbuf *out, struct span text, size_t max_bytes);

#endif
