#include "celery_proto/redis/envelope_tag.h"

#include "base/json_writer.h"

void cel_envelope_add_with_tag(const struct cel_envelope *envelope, struct span tag,
                               struct strbuf *out)
{
    const struct json_node *node = json_get(envelope->properties, "delivery_tag");
    struct span raw = envelope->raw;
    size_t before = (size_t)(node->ptr - raw.ptr);
    strbuf_add(out, raw.ptr, before);
    json_quote(out, tag, JSON_STYLE_PYTHON);
    strbuf_add(out, node->ptr + node->len, raw.len - before - node->len);
}
