#include "notify/store/text.h"

#include <stdint.h>
#include <string.h>

/* U+FFFD, the replacement character. */
#define REPLACEMENT "\xef\xbf\xbd"

bool store_text_is_storable(struct span text)
{
    if (text.len == 0)
        return true;
    return !memchr(text.ptr, '\0', text.len) && span_is_utf8(text);
}

/* Characters of valid UTF-8: all bytes but continuation bytes. */
static size_t count_characters(struct span text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((uint8_t)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

static enum celeriac_err check_size(size_t size, const char *unit, const char *field, size_t min,
                                    size_t max, struct celeriac_error *err)
{
    if (size < min)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: fewer than %zu %s", field, min,
                                  unit);
    if (size > max)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: more than %zu %s", field, max,
                                  unit);
    return CELERIAC_OK;
}

static enum celeriac_err check_storable(struct span text, const char *field,
                                        struct celeriac_error *err)
{
    if (text.len > 0 && memchr(text.ptr, '\0', text.len))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: has a NUL character", field);
    if (!span_is_utf8(text))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: is not valid UTF-8", field);
    return CELERIAC_OK;
}

enum celeriac_err store_text_check(struct span text, const char *field, size_t min, size_t max,
                                   struct celeriac_error *err)
{
    enum celeriac_err rc = check_storable(text, field, err);
    if (rc != CELERIAC_OK)
        return rc;
    return check_size(count_characters(text), "characters", field, min, max, err);
}

enum celeriac_err store_text_check_bytes(struct span text, const char *field, size_t min,
                                         size_t max, struct celeriac_error *err)
{
    enum celeriac_err rc = check_size(text.len, "bytes", field, min, max, err);
    if (rc != CELERIAC_OK)
        return rc;
    return check_storable(text, field, err);
}

/* Bytes of the storable character at the start of text, 0 when there is none. */
static size_t character_length(struct span text)
{
    uint8_t first = (uint8_t)text.ptr[0];
    if (first == 0)
        return 0;
    if (first < 0x80)
        return 1;
    size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (len > text.len || !span_is_utf8((struct span){text.ptr, len}))
        return 0;
    return len;
}

void store_text_clean(struct strbuf *out, struct span text, size_t max_bytes)
{
    size_t left = max_bytes;
    while (text.len > 0) {
        size_t len = character_length(text);
        size_t used = len > 0 ? len : 1;
        struct span add = len > 0 ? (struct span){text.ptr, len} : SPAN(REPLACEMENT);
        if (add.len > left)
            return;
        strbuf_add_span(out, add);
        left -= add.len;
        text.ptr += used;
        text.len -= used;
    }
}
