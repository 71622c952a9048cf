#include "celery_proto/codec/json_fields.h"

#include <string.h>

#include "base/span.h"

/* The table's index of a key without escapes, looked for from `hint` on; count when it has none. */
static size_t find_plain(struct span key, const struct cel_field_name *names, size_t count,
                         size_t hint)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = hint + i < count ? hint + i : hint + i - count;

        if (names[at].len == key.len && memcmp(names[at].name, key.ptr, key.len) == 0)
            return at;
    }
    return count;
}

/* The same for a key that spells a name with escapes: legal, though nobody does it. */
static size_t find_escaped(const struct json_node *key, const struct cel_field_name *names,
                           size_t count)
{
    size_t at = 0;

    while (at < count && !json_string_is(key, names[at].name))
        at++;
    return at;
}

void cel_json_fields(const struct json_node *object, const struct cel_field_name *names,
                     size_t count, const struct json_node **values)
{
    size_t hint = 0;

    if (object == NULL || object->type != JSON_OBJECT)
        return;
    for (const struct json_node *key = json_first(object); key != NULL;) {
        const struct json_node *value = json_next(object, key);
        struct span text;
        size_t at = json_peek_string(key, &text) ? find_plain(text, names, count, hint)
                                                 : find_escaped(key, names, count);

        if (at < count) {
            values[at] = value;
            hint = at + 1 < count ? at + 1 : 0;
        }
        key = json_next(object, value);
    }
}
