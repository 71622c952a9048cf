#include "celery_proto/codec/content_type.h"

#include <stddef.h>

struct content_name {
    enum cel_content_type type;
    const char *mime;
    const char *serializer; /* kombu's own name; NULL = none */
};

/* kombu/serialization.py register_*(); text/plain comes from raw_encode's encoders. */
static const struct content_name content_names[] = {
    {CEL_CONTENT_JSON, "application/json", "json"},
    {CEL_CONTENT_DATA, "application/data", "raw"},
    {CEL_CONTENT_TEXT, "text/plain", NULL},
    {CEL_CONTENT_YAML, "application/x-yaml", "yaml"},
    {CEL_CONTENT_MSGPACK, "application/x-msgpack", "msgpack"},
    {CEL_CONTENT_PICKLE, "application/x-python-serialize", "pickle"},
};

#define CONTENT_NAMES (sizeof(content_names) / sizeof(content_names[0]))

enum cel_content_type cel_content_type_of(struct span name)
{
    for (size_t i = 0; i < CONTENT_NAMES; i++) {
        if (span_is(name, content_names[i].mime))
            return content_names[i].type;
        if (content_names[i].serializer != NULL && span_is(name, content_names[i].serializer))
            return content_names[i].type;
    }
    return CEL_CONTENT_OTHER;
}

enum celeriac_err cel_accept_add(struct cel_accept *accept, struct span name,
                                 struct celeriac_error *err)
{
    enum cel_content_type type = cel_content_type_of(name);

    if (type == CEL_CONTENT_OTHER)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "accept_content: \"%.*s\" is no serializer", SPAN_PRINTF(name));
    if (type != CEL_CONTENT_JSON)
        return celeriac_error_set(err, CELERIAC_ERR_UNSUPPORTED,
                                  "accept_content: \"%.*s\" cannot be read here, only json can",
                                  SPAN_PRINTF(name));
    accept->mask |= 1u << type;
    return CELERIAC_OK;
}

bool cel_accept_has(const struct cel_accept *accept, enum cel_content_type type)
{
    unsigned mask = accept != NULL && accept->mask != 0 ? accept->mask : 1u << CEL_CONTENT_JSON;

    return (mask & 1u << type) != 0;
}
