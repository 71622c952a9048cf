/* Reading again what was claimed and put aside: cel_claim_recall() of claim.h. */
#include "base/json.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/redis/claim_state.h"
#include "celery_proto/redis/script.h"

/* Keys of recall.lua. */
#define FIXED_KEYS 3

/* The envelope out of `[envelope, exchange, routing_key]`; empty when it is something else. */
static enum celeriac_err envelope_of(struct json_doc *doc, struct span entry, struct span *envelope)
{
    static const struct json_options elements = {.keep_depth = 2};
    enum celeriac_err code = json_parse(doc, entry, &elements, NULL);
    const struct json_node *root = json_root(doc);

    *envelope = (struct span){0};
    if (code == CELERIAC_ERR_MEMORY)
        return code;
    if (code == CELERIAC_OK && root->type == JSON_ARRAY && root->count > 0)
        *envelope = json_raw(json_first(root));
    return CELERIAC_OK;
}

enum celeriac_err cel_claim_recall(struct cel_claimer *claimer, const struct span *tags,
                                   size_t count, struct span *envelopes, struct celeriac_error *err)
{
    struct cel_pipeline *p = &claimer->other;
    const struct redisReply *reply;
    struct json_doc doc;
    enum celeriac_err code;

    if (count == 0 || count > CEL_RECALL_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "1 to %d messages in one call",
                                  CEL_RECALL_MAX);
    cel_pipeline_clear(p);
    cel_script_begin(p, &cel_script_recall, FIXED_KEYS, count);
    cel_pipeline_arg(p, cel_key_unacked(claimer->keys));
    cel_pipeline_arg(p, cel_key_unacked_index(claimer->keys));
    cel_pipeline_arg(p, claimer->own_key);
    for (size_t i = 0; i < count; i++)
        cel_pipeline_arg(p, tags[i]);
    code = cel_script_run(p, claimer->conn, &cel_script_recall, err);
    if (code != CELERIAC_OK)
        return code;
    reply = cel_pipeline_reply(p, 0);
    json_init(&doc);
    for (size_t i = 0; i < count && code == CELERIAC_OK; i++)
        code = envelope_of(&doc, cel_reply_span(cel_reply_at(reply, i)), &envelopes[i]);
    json_close(&doc);
    return code ? celeriac_error_set(err, code, "no memory to read messages") : CELERIAC_OK;
}
