#include "notify/providers/answer_text.h"

#include "base/utf8.h"

static bool is_surrogate(uint32_t c)
{
    return c >= 0xD800 && c <= 0xDFFF;
}

/* false when the buffer is full. */
static bool add_char(struct strbuf *out, uint32_t c)
{
    char bytes[UTF8_MAX];
    size_t len;

    if (c == 0)
        return true;
    len = utf8_encode(is_surrogate(c) ? '?' : c, bytes);
    if (len > out->max - out->len)
        return false;
    strbuf_add(out, bytes, len);
    return true;
}

static void add_text(struct strbuf *out, struct span text)
{
    size_t len;
    uint32_t c;

    while ((len = utf8_decode(text, &c)) > 0 && add_char(out, c))
        text = (struct span){text.ptr + len, text.len - len};
}

bool notify_answer_text(const struct json_node *object, const char *key, struct strbuf *out)
{
    const struct json_node *value = json_get(object, key);
    struct strbuf decoded;
    bool has_memory;

    if (value == NULL || value->type != JSON_STRING)
        return true;
    strbuf_init(&decoded, value->len);
    has_memory = json_decode_string(value, &decoded) == CELERIAC_OK;
    if (has_memory) {
        add_text(out, strbuf_span(&decoded));
        has_memory = strbuf_status(out) == CELERIAC_OK;
    }
    strbuf_close(&decoded);
    return has_memory;
}
