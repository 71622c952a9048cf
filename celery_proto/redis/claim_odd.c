#include "base/alloc.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "base/uuid.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/redis/claim_state.h"
#include "celery_proto/redis/envelope_tag.h"
#include "celery_proto/redis/quarantine.h"
#include "celery_proto/redis/script.h"

/* Keys and arguments of take.lua. */
#define TAKE_KEYS 6
#define TAKE_ARGS 6

/* Fresh tags that are tried; a second collision of random UUIDs does not happen. */
#define TAG_TRIES 3

/* What take.lua answers. */
enum take_verdict { TAKE_UNREGISTERED = -1, TAKE_GONE = 0, TAKE_DONE = 1, TAKE_TAG_IN_USE = 2 };

/* Keeps the bytes of a message until the next claim. */
static enum celeriac_err keep(struct cel_claimer *c, struct strbuf *bytes)
{
    if (c->kept_count == c->kept_cap) {
        size_t cap = c->kept_cap == 0 ? 8 : c->kept_cap * 2;
        struct strbuf *larger = mem_resize(c->kept, cap, sizeof *larger);
        if (larger == NULL)
            return CELERIAC_ERR_MEMORY;
        c->kept = larger;
        c->kept_cap = cap;
    }
    c->kept[c->kept_count++] = *bytes;
    *bytes = (struct strbuf){0};
    return CELERIAC_OK;
}

/* Runs take.lua. */
static enum celeriac_err run_take(struct cel_claimer *c, const struct claim_odd *odd,
                                  enum take_verdict *verdict, struct celeriac_error *err)
{
    struct cel_pipeline *p = &c->other;
    cel_pipeline_clear(p);
    cel_script_begin(p, &cel_script_take, TAKE_KEYS, TAKE_ARGS);
    cel_pipeline_arg(p, odd->list->key);
    cel_pipeline_arg(p, cel_key_unacked(c->keys));
    cel_pipeline_arg(p, cel_key_unacked_index(c->keys));
    cel_pipeline_arg(p, c->workers_key);
    cel_pipeline_arg(p, c->own_key);
    cel_pipeline_arg(p, cel_key_quarantine(c->keys));
    cel_pipeline_arg(p, c->worker_id);
    cel_pipeline_arg(p, odd->raw);
    cel_pipeline_arg(p, odd->is_quarantine ? SPAN("quarantine") : SPAN("claim"));
    cel_pipeline_arg(p, odd->tag);
    cel_pipeline_arg(p, odd->entry);
    cel_pipeline_arg_int(p, (int64_t)odd->number);
    enum celeriac_err code = cel_script_run(p, c->conn, &cel_script_take, err);
    if (code == CELERIAC_OK)
        *verdict = (enum take_verdict)cel_reply_int(cel_pipeline_reply(p, 0));
    return code;
}

/*
 * Acts on the verdict; the odd message's bytes are then kept or released. A tag in use is the
 * caller's to handle before.
 */
static enum celeriac_err conclude(struct cel_claimer *c, struct claim_odd *odd,
                                  enum take_verdict verdict, struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;
    c->is_armed = false;
    if (verdict == TAKE_DONE && odd->is_quarantine) {
        c->quarantined++;
    } else if (verdict == TAKE_DONE) {
        code = claim_add(c, odd->tag, odd->envelope, odd->queue, odd->list->step);
        if (code == CELERIAC_OK)
            code = keep(c, &odd->bytes);
        if (code != CELERIAC_OK)
            (void)celeriac_error_set(err, code, "no memory for a message");
    } else if (verdict == TAKE_UNREGISTERED) {
        code = celeriac_error_set(err, CELERIAC_ERR_NOT_FOUND, "this worker is not registered");
    }
    strbuf_close(&odd->bytes);
    return code;
}

/* Spans of what was appended to bytes, part by part, now that it moves no more. */
static enum celeriac_err cut(struct claim_odd *odd, size_t tag_at, size_t envelope_at,
                             size_t entry_at)
{
    const struct strbuf *b = &odd->bytes;
    if (strbuf_status(b) != CELERIAC_OK)
        return strbuf_status(b);
    odd->raw = (struct span){b->ptr, tag_at};
    odd->tag = (struct span){b->ptr + tag_at, envelope_at - tag_at};
    odd->envelope = (struct span){b->ptr + envelope_at, entry_at - envelope_at};
    odd->entry = (struct span){b->ptr + entry_at, b->len - entry_at};
    return CELERIAC_OK;
}

static enum celeriac_err prepare_quarantine(struct claim_odd *odd, struct span raw,
                                            enum cel_refuse cause)
{
    strbuf_init(&odd->bytes, 8 * CEL_ENVELOPE_MAX);
    odd->is_quarantine = true;
    strbuf_add_span(&odd->bytes, raw);
    cel_quarantine_entry(&odd->bytes, cel_refuse_name(cause), clock_wall_us(), odd->queue->name,
                         raw);
    return cut(odd, raw.len, raw.len, raw.len);
}

/*
 * The message as it will stand in `unacked`. With fresh_tag its delivery tag is replaced in place,
 * every other byte stays: topic copies of kombu share one tag (see publish.h).
 */
static enum celeriac_err prepare_claim(struct claim_odd *odd, struct span raw,
                                       const struct cel_envelope *envelope, bool fresh_tag)
{
    struct strbuf *b = &odd->bytes;
    strbuf_init(b, 4 * CEL_ENVELOPE_MAX);
    strbuf_add_span(b, raw);
    size_t tag_at = b->len;
    size_t envelope_at;
    if (fresh_tag) {
        char tag[UUID_SIZE];
        uuid_new(tag);
        strbuf_add(b, tag, UUID_LEN);
        envelope_at = b->len;
        cel_envelope_add_with_tag(envelope, (struct span){tag, UUID_LEN}, b);
    } else {
        strbuf_add_span(b, envelope->delivery_tag);
        envelope_at = b->len;
        strbuf_add_span(b, raw);
    }
    size_t entry_at = b->len;
    struct span routing_key = envelope->routing_key;
    if (envelope->exchange.len == 0 && routing_key.len == 0)
        routing_key = odd->queue->name;
    strbuf_add_char(b, '[');
    /* A copy out of the buffer itself: reserve first, so that it does not move meanwhile. */
    size_t len = entry_at - envelope_at;
    char *room = strbuf_reserve(b, len);
    if (room != NULL) {
        for (size_t i = 0; i < len; i++)
            room[i] = b->ptr[envelope_at + i];
        strbuf_grow(b, len);
    }
    strbuf_add_text(b, ", ");
    json_quote(b, envelope->exchange, JSON_STYLE_PYTHON);
    strbuf_add_text(b, ", ");
    json_quote(b, routing_key, JSON_STYLE_PYTHON);
    strbuf_add_char(b, ']');
    return cut(odd, tag_at, envelope_at, entry_at);
}

/* Whether the message's task is known to belong to somebody else. */
static bool is_stray(struct cel_claimer *c, const struct cel_envelope *envelope)
{
    struct span name;
    if (c->known_tasks == NULL || c->task_count == 0)
        return false;
    const struct json_node *task = json_get(envelope->headers, "task");
    /* A name with escapes is decoded by the worker, which hands the message back if need be. */
    return json_peek_string(task, &name) && name.len > 0 &&
           hashmap_get(c->known_tasks, name) == NULL;
}

static enum celeriac_err take(struct cel_claimer *c, struct claim_odd *odd,
                              enum take_verdict *verdict, struct celeriac_error *err)
{
    enum celeriac_err code = run_take(c, odd, verdict, err);
    if (code == CELERIAC_OK)
        return CELERIAC_OK;
    if (cel_pipeline_reply(&c->other, 0) == NULL && cel_pipeline_was_sent(&c->other)) {
        c->doubt = *odd;
        c->has_doubt = true;
    } else {
        strbuf_close(&odd->bytes);
    }
    return code;
}

enum celeriac_err claim_take_odd(struct cel_claimer *c, struct claim_queue *queue,
                                 const struct claim_list *list, struct span raw,
                                 struct celeriac_error *err)
{
    for (int tries = 0; tries <= TAG_TRIES; tries++) {
        struct claim_odd odd = {.queue = queue, .list = list, .number = ++c->takes};
        struct cel_envelope envelope;
        enum cel_refuse cause = CEL_REFUSE_NONE;
        enum take_verdict verdict = TAKE_GONE;
        enum celeriac_err code = cel_envelope_read(&c->reader, raw, &envelope, &cause, NULL);
        if (code == CELERIAC_ERR_MEMORY)
            return celeriac_error_set(err, code, "no memory to read a message");
        if (code == CELERIAC_OK && is_stray(c, &envelope)) {
            c->strays++;
            return CELERIAC_OK;
        }
        code = code == CELERIAC_OK ? prepare_claim(&odd, raw, &envelope, tries > 0)
                                   : prepare_quarantine(&odd, raw, cause);
        if (code != CELERIAC_OK) {
            strbuf_close(&odd.bytes);
            return celeriac_error_set(err, code, "cannot keep a message");
        }
        code = take(c, &odd, &verdict, err);
        if (code != CELERIAC_OK)
            return code;
        if (verdict != TAKE_TAG_IN_USE)
            return conclude(c, &odd, verdict, err);
        strbuf_close(&odd.bytes);
    }
    return CELERIAC_OK;
}

enum celeriac_err claim_settle_doubt(struct cel_claimer *c, struct celeriac_error *err)
{
    enum take_verdict verdict = TAKE_GONE;
    enum celeriac_err code = run_take(c, &c->doubt, &verdict, err);
    if (code != CELERIAC_OK)
        return code;
    struct claim_odd odd = c->doubt;
    c->has_doubt = false;
    /* With a tag in use nothing was taken; the next search finds the message again. */
    return conclude(c, &odd, verdict == TAKE_TAG_IN_USE ? TAKE_GONE : verdict, err);
}
