#include "notify/providers/answer_text.h"

bool notify_answer_text(const struct json_node *object, const char *key, struct strbuf *out)
{
    const struct json_node *value = json_get(object, key);

    if (value == NULL || value->type != JSON_STRING)
        return true;
    return json_decode_string(value, out) != CELERIAC_ERR_MEMORY;
}
