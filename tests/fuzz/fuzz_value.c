/* JSON values: typed ones, signatures, and how they are shown; names and numbers in options. */
#include "tests/fuzz/fuzz_target.h"

#include "base/json.h"
#include "base/strbuf.h"
#include "celery_proto/codec/celery_value.h"
#include "celery_proto/codec/content_type.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/codec/priority.h"
#include "celery_proto/codec/pyrepr.h"
#include "celery_proto/codec/signature.h"

static struct json_doc doc;
static struct strbuf out;
static struct cel_keys *keys;

/* Names that stand in Redis rather than in JSON. */
static void check_names(struct span text)
{
    struct cel_priority_steps steps;
    struct span routing_key, pattern, queue;

    FUZZ_PROMISE(cel_queue_of_key(keys, text).len <= text.len);
    if (cel_binding_split(keys, text, &routing_key, &pattern, &queue)) {
        strbuf_clear(&out);
        cel_binding_member(keys, routing_key, pattern, queue, &out);
        FUZZ_PROMISE(span_equal(strbuf_span(&out), text));
    }
    if (cel_priority_steps_parse(text, &steps, NULL) == CELERIAC_OK)
        FUZZ_PROMISE(steps.count >= 1 && steps.count <= CEL_PRIORITY_STEPS_MAX);
    (void)cel_content_type_of(text);
    strbuf_clear(&out);
    cel_pyrepr_string(text, &out);
    FUZZ_PROMISE(out.len >= text.len + 2);
}

static void check_typed(const struct json_node *node)
{
    struct uuid uuid;
    int64_t us = 0;
    int priority = cel_priority_of(node);

    FUZZ_PROMISE(priority >= CEL_PRIORITY_MIN && priority <= CEL_PRIORITY_MAX);
    (void)cel_value_type_of(node, NULL);
    if (cel_value_datetime(node, &us) == CELERIAC_OK)
        FUZZ_PROMISE(cel_value_date(node, &us) != CELERIAC_OK || us % 86400000000 == 0);
    if (cel_value_time(node, &us) == CELERIAC_OK)
        FUZZ_PROMISE(us >= 0 && us < 86400000000);
    (void)!cel_value_uuid(node, &uuid);
    strbuf_clear(&out);
    (void)!cel_value_decimal(node, &out);
    (void)!cel_value_bytes(node, &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    struct cel_signature signature;

    if (keys == NULL) {
        FUZZ_PROMISE(cel_keys_create(NULL, &keys, NULL) == CELERIAC_OK);
        strbuf_init(&out, CEL_ENVELOPE_MAX * 4);
        json_init(&doc);
    }
    check_names(text);
    if (json_parse(&doc, text, NULL, NULL) != CELERIAC_OK)
        return 0;
    check_typed(json_root(&doc));
    if (cel_signature_read(json_root(&doc), &signature, NULL) == CELERIAC_OK)
        FUZZ_PROMISE(span_equal(signature.raw, json_raw(json_root(&doc))));
    strbuf_clear(&out);
    FUZZ_PROMISE(cel_pyrepr(text, true, CEL_PYREPR_MAX, &out) == CELERIAC_OK);
    /* The limit cuts within a token at the latest; what was opened is closed behind it. */
    FUZZ_PROMISE(out.len <= CEL_PYREPR_MAX * 4 * 2 + 64);
    strbuf_clear(&out);
    FUZZ_PROMISE(cel_pyrepr(text, false, 7, &out) == CELERIAC_OK);
    strbuf_clear(&out);
    FUZZ_PROMISE(cel_pyrepr_exact_text(text, false, &out) == CELERIAC_OK);
    return 0;
}
