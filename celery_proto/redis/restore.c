#include "celery_proto/redis/restore.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/parse_num.h"
#include "base/uuid.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/codec/priority.h"
#include "celery_proto/redis/bindings.h"
#include "celery_proto/redis/envelope_tag.h"
#include "celery_proto/redis/own_keys.h"
#include "celery_proto/redis/quarantine.h"
#include "celery_proto/redis/script.h"

/* Keys of restore.lua before the lists, and its arguments before the deliveries. */
#define FIXED_KEYS 4
#define FIXED_ARGS 4

/* Queues one message may go back to. */
#define QUEUES_MAX 64

/* Bytes of one chunk. */
#define CHUNK_BYTES_MAX ((size_t)1 << 30)

/* A piece of `bytes`. */
struct piece {
    size_t start, len;
};

/* One push. */
struct push {
    struct piece key;
    struct piece message;
    bool is_quarantine;
};

/* One delivery. Spans lie in the replies of the reading pipelines. */
struct delivery {
    struct span tag;
    struct span said; /* by the worker's own hash, or its score when it is overdue */
    struct span entry;
    struct piece exchange_piece, routing_key_piece;
    struct span envelope;
    bool is_readable;
    size_t first_push, push_count;
};

/* One field of a worker's own hash. */
struct owned {
    struct span tag, said;
    int64_t order;
};

struct cel_restorer {
    const struct cel_keys *keys;
    struct cel_bindings *bindings;
    struct cel_pipeline index, own, entries, call;
    struct strbuf owner; /* worker whose own hash was read and is not done with; empty: none */
    struct owned *owned; /* newest first; spans lie in the reply of `own` */
    size_t owned_count, owned_next;
    struct cel_envelope_reader reader;
    struct json_doc doc;
    struct strbuf names; /* own key, workers key */
    struct strbuf bytes;
    struct delivery deliveries[CEL_RESTORE_CHUNK];
    size_t count;
    struct push *pushes;
    size_t push_count, push_cap;
};

enum celeriac_err cel_restorer_create(const struct cel_keys *keys, struct cel_restorer **restorer)
{
    struct cel_restorer *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        return CELERIAC_ERR_MEMORY;
    r->keys = keys;
    cel_pipeline_init(&r->index);
    cel_pipeline_init(&r->own);
    strbuf_init(&r->owner, CEL_WORKER_ID_MAX);
    cel_pipeline_init(&r->entries);
    cel_pipeline_init(&r->call);
    cel_envelope_reader_init(&r->reader);
    json_init(&r->doc);
    strbuf_init(&r->names, 8 * (size_t)CEL_KEY_OPTION_MAX);
    strbuf_init(&r->bytes, CHUNK_BYTES_MAX);
    enum celeriac_err code = cel_bindings_create(keys, &r->bindings);
    if (code != CELERIAC_OK) {
        cel_restorer_destroy(r);
        return code;
    }
    *restorer = r;
    return CELERIAC_OK;
}

void cel_restorer_destroy(struct cel_restorer *restorer)
{
    if (restorer == NULL)
        return;
    cel_bindings_destroy(restorer->bindings);
    cel_pipeline_close(&restorer->index);
    cel_pipeline_close(&restorer->own);
    strbuf_close(&restorer->owner);
    mem_free(restorer->owned);
    cel_pipeline_close(&restorer->entries);
    cel_pipeline_close(&restorer->call);
    cel_envelope_reader_close(&restorer->reader);
    json_close(&restorer->doc);
    strbuf_close(&restorer->names);
    strbuf_close(&restorer->bytes);
    mem_free(restorer->pushes);
    mem_free(restorer);
}

static struct span span_at(const struct cel_restorer *r, struct piece piece)
{
    return piece.len > 0 ? (struct span){r->bytes.ptr + piece.start, piece.len} : (struct span){0};
}

/* Runs a pipeline of one command. */
static enum celeriac_err run_one(struct cel_pipeline *p, struct cel_conn *conn,
                                 struct celeriac_error *err)
{
    enum celeriac_err code = cel_pipeline_run(p, conn, err);
    return code == CELERIAC_OK ? cel_reply_check(cel_pipeline_reply(p, 0), err) : code;
}

/* The deliveries' entries in `unacked`. */
static enum celeriac_err read_entries(struct cel_restorer *r, struct cel_conn *conn,
                                      struct celeriac_error *err)
{
    cel_pipeline_clear(&r->entries);
    cel_pipeline_begin(&r->entries, 2 + r->count);
    cel_pipeline_arg(&r->entries, SPAN("HMGET"));
    cel_pipeline_arg(&r->entries, cel_key_unacked(r->keys));
    for (size_t i = 0; i < r->count; i++)
        cel_pipeline_arg(&r->entries, r->deliveries[i].tag);
    enum celeriac_err code = run_one(&r->entries, conn, err);
    const struct redisReply *entries = cel_pipeline_reply(&r->entries, 0);
    for (size_t i = 0; i < r->count && code == CELERIAC_OK; i++)
        r->deliveries[i].entry = cel_reply_span(cel_reply_at(entries, i));
    return code;
}

/* Appends a JSON string's text to `bytes`. */
static enum celeriac_err add_string(struct cel_restorer *r, const struct json_node *node,
                                    struct piece *piece)
{
    size_t start = r->bytes.len;
    enum celeriac_err code = json_decode_string(node, &r->bytes);
    *piece = (struct piece){start, r->bytes.len - start};
    return code;
}

/* Takes [envelope, exchange, routing_key] apart. Anything else stays unreadable. */
static enum celeriac_err split_entry(struct cel_restorer *r, struct delivery *d)
{
    const struct json_options options = {.keep_depth = 2};
    enum celeriac_err code = json_parse(&r->doc, d->entry, &options, NULL);
    if (code == CELERIAC_ERR_MEMORY)
        return code;
    const struct json_node *root = code == CELERIAC_OK ? json_root(&r->doc) : NULL;
    if (root == NULL || root->type != JSON_ARRAY || root->count != 3)
        return CELERIAC_OK;
    d->envelope = json_raw(json_at(root, 0));
    code = add_string(r, json_at(root, 1), &d->exchange_piece);
    if (code == CELERIAC_OK)
        code = add_string(r, json_at(root, 2), &d->routing_key_piece);
    if (code == CELERIAC_ERR_MEMORY || code == CELERIAC_ERR_LIMIT)
        return code;
    d->is_readable = code == CELERIAC_OK;
    return CELERIAC_OK;
}

static enum celeriac_err add_push(struct cel_restorer *r, struct delivery *d, struct push push)
{
    if (r->push_count == r->push_cap) {
        size_t cap = r->push_cap == 0 ? CEL_RESTORE_CHUNK : r->push_cap * 2;
        struct push *larger = mem_resize(r->pushes, cap, sizeof *larger);
        if (larger == NULL)
            return CELERIAC_ERR_MEMORY;
        r->pushes = larger;
        r->push_cap = cap;
    }
    r->pushes[r->push_count++] = push;
    d->push_count++;
    return strbuf_status(&r->bytes);
}

static enum celeriac_err add_quarantine(struct cel_restorer *r, struct delivery *d,
                                        const char *reason, struct span message)
{
    struct push push = {.is_quarantine = true};
    push.key.start = r->bytes.len;
    strbuf_add_span(&r->bytes, cel_key_quarantine(r->keys));
    push.key.len = r->bytes.len - push.key.start;
    push.message.start = r->bytes.len;
    cel_quarantine_entry(&r->bytes, reason, clock_wall_us(), (struct span){0}, message);
    push.message.len = r->bytes.len - push.message.start;
    log_error("redis", "a delivery cannot go back to a queue and is kept in the quarantine list",
              LOG_STR("reason", reason), LOG_SPAN("tag", d->tag));
    return add_push(r, d, push);
}

/* Where a message goes: its queue by the anonymous exchange, else those bound to its exchange. */
static size_t find_queues(const struct cel_restorer *r, const struct delivery *d,
                          struct span queues[QUEUES_MAX])
{
    struct span exchange = span_at(r, d->exchange_piece);
    struct span routing_key = span_at(r, d->routing_key_piece);
    if (exchange.len == 0) {
        queues[0] = routing_key;
        return routing_key.len > 0 ? 1 : 0;
    }
    /* The exchange's type is not stored anywhere; a topic exchange has patterns. */
    size_t n = cel_bindings_find(r->bindings, exchange, CEL_EXCHANGE_DIRECT, routing_key, queues,
                                 QUEUES_MAX);
    if (n == 0)
        n = cel_bindings_find(r->bindings, exchange, CEL_EXCHANGE_TOPIC, routing_key, queues,
                              QUEUES_MAX);
    return n;
}

/* The redelivered envelope for one queue; every copy but the first gets a tag of its own. */
static enum celeriac_err add_copy(struct cel_restorer *r, struct delivery *d, struct span queue,
                                  int step, struct piece marked)
{
    struct push push = {.message = marked};
    push.key.start = r->bytes.len;
    cel_key_queue(r->keys, queue, step, &r->bytes);
    push.key.len = r->bytes.len - push.key.start;
    if (d->push_count > 0) {
        struct cel_envelope envelope;
        struct strbuf copy;
        char tag[UUID_SIZE];
        uuid_new(tag);
        enum celeriac_err code =
            cel_envelope_read(&r->reader, span_at(r, marked), &envelope, NULL, NULL);
        if (code != CELERIAC_OK)
            return code;
        strbuf_init(&copy, CHUNK_BYTES_MAX);
        cel_envelope_add_with_tag(&envelope, (struct span){tag, UUID_LEN}, &copy);
        push.message = (struct piece){r->bytes.len, copy.len};
        strbuf_add_span(&r->bytes, strbuf_span(&copy));
        code = strbuf_status(&copy);
        strbuf_close(&copy);
        if (code != CELERIAC_OK)
            return code;
    }
    return add_push(r, d, push);
}

/* Decides where one delivery goes. */
static enum celeriac_err plan(struct cel_restorer *r, struct delivery *d)
{
    struct cel_envelope envelope;
    struct span queues[QUEUES_MAX];
    d->first_push = r->push_count;
    if (d->entry.len == 0)
        return CELERIAC_OK;
    if (!d->is_readable)
        return add_quarantine(r, d, "bad-unacked-entry", d->entry);
    enum celeriac_err code = cel_envelope_read(&r->reader, d->envelope, &envelope, NULL, NULL);
    if (code == CELERIAC_ERR_MEMORY)
        return code;
    if (code != CELERIAC_OK)
        return add_quarantine(r, d, "bad-unacked-entry", d->entry);
    int step = cel_priority_step(cel_keys_steps(r->keys), envelope.priority);
    size_t count = find_queues(r, d, queues);
    if (count == 0)
        return add_quarantine(r, d, "no-queue-bound", d->envelope);
    /* Queue names may lie in `bytes`, which moves when it grows. */
    if (queues[0].len > CEL_NAME_MAX)
        return add_quarantine(r, d, "bad-unacked-entry", d->entry);
    char first[CEL_NAME_MAX];
    for (size_t i = 0; i < queues[0].len; i++)
        first[i] = queues[0].ptr[i];
    queues[0].ptr = first;

    struct piece marked = {.start = r->bytes.len};
    code = cel_envelope_mark_redelivered(&r->reader, d->envelope, &r->bytes, NULL);
    marked.len = r->bytes.len - marked.start;
    for (size_t i = 0; i < count && code == CELERIAC_OK; i++)
        code = add_copy(r, d, queues[i], step, marked);
    return code;
}

static enum celeriac_err plan_all(struct cel_restorer *r, struct cel_conn *conn,
                                  struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;
    strbuf_clear(&r->bytes);
    r->push_count = 0;
    cel_bindings_clear(r->bindings);
    for (size_t i = 0; i < r->count && code == CELERIAC_OK; i++)
        code = split_entry(r, &r->deliveries[i]);
    for (size_t i = 0; i < r->count && code == CELERIAC_OK; i++) {
        struct span exchange = span_at(r, r->deliveries[i].exchange_piece);
        code = cel_bindings_load(r->bindings, conn, &exchange, 1, err);
    }
    for (size_t i = 0; i < r->count && code == CELERIAC_OK; i++)
        code = plan(r, &r->deliveries[i]);
    return code == CELERIAC_OK ? code : celeriac_error_set(err, code, "cannot restore messages");
}

/* Runs restore.lua for what was planned. own_key is empty for overdue deliveries. */
static enum celeriac_err carry_out(struct cel_restorer *r, struct cel_conn *conn,
                                   struct span own_key, struct span workers_key,
                                   struct span worker_id, struct span registration, bool *is_alive,
                                   struct celeriac_error *err)
{
    struct cel_pipeline *p = &r->call;
    cel_pipeline_clear(p);
    cel_script_begin(p, &cel_script_restore, FIXED_KEYS + r->push_count,
                     FIXED_ARGS + 3 * r->count + 3 * r->push_count);
    cel_pipeline_arg(p, cel_key_unacked(r->keys));
    cel_pipeline_arg(p, cel_key_unacked_index(r->keys));
    cel_pipeline_arg(p, own_key);
    cel_pipeline_arg(p, workers_key);
    for (size_t i = 0; i < r->push_count; i++)
        cel_pipeline_arg(p, span_at(r, r->pushes[i].key));
    cel_pipeline_arg(p, own_key.len > 0 ? SPAN("lease") : SPAN("visible"));
    cel_pipeline_arg(p, worker_id);
    cel_pipeline_arg(p, registration);
    cel_pipeline_arg_int(p, (int64_t)r->count);
    for (size_t i = 0; i < r->count; i++) {
        const struct delivery *d = &r->deliveries[i];
        cel_pipeline_arg(p, d->tag);
        cel_pipeline_arg(p, d->said);
        cel_pipeline_arg_int(p, (int64_t)d->push_count);
        for (size_t k = d->first_push; k < d->first_push + d->push_count; k++) {
            cel_pipeline_arg(p, r->pushes[k].is_quarantine ? SPAN("l") : SPAN("r"));
            cel_pipeline_arg_int(p, (int64_t)k + 1);
            cel_pipeline_arg(p, span_at(r, r->pushes[k].message));
        }
    }
    enum celeriac_err code = cel_script_run(p, conn, &cel_script_restore, err);
    if (code == CELERIAC_OK)
        *is_alive = cel_reply_int(cel_pipeline_reply(p, 0)) < 0;
    return code;
}

static void count_up(const struct cel_restorer *r, struct cel_restore_report *report)
{
    for (size_t i = 0; i < r->count; i++)
        report->orphans += r->deliveries[i].entry.len == 0 ? 1 : 0;
    for (size_t i = 0; i < r->push_count; i++) {
        if (r->pushes[i].is_quarantine)
            report->quarantined++;
        else
            report->restored++;
    }
}

/* What has to happen with the deliveries that were chosen. */
static enum celeriac_err restore(struct cel_restorer *r, struct cel_conn *conn, struct span own_key,
                                 struct span workers_key, struct span worker_id,
                                 struct span registration, struct cel_restore_report *report,
                                 struct celeriac_error *err)
{
    if (r->count == 0)
        return CELERIAC_OK;
    enum celeriac_err code = read_entries(r, conn, err);
    if (code == CELERIAC_OK)
        code = plan_all(r, conn, err);
    if (code == CELERIAC_OK)
        code = carry_out(r, conn, own_key, workers_key, worker_id, registration, &report->is_alive,
                         err);
    if (code == CELERIAC_OK && !report->is_alive)
        count_up(r, report);
    return code;
}

static int newest_first(const void *a, const void *b)
{
    const struct owned *x = a;
    const struct owned *y = b;
    return (x->order < y->order) - (x->order > y->order);
}

/* The second number of "second order list"; 0 when it is none, which sorts as the oldest. */
static int64_t order_of(struct span said)
{
    struct span second;
    struct span rest;
    struct span order;
    struct span list;
    int64_t n = 0;
    (void)span_cut(said, ' ', &second, &rest);
    (void)span_cut(rest, ' ', &order, &list);
    if (parse_int64(order, 0, INT64_MAX, &n) != CELERIAC_OK)
        return 0;
    return n;
}

/* Reads what a worker owns; what is in `but` (NULL: nothing) is left out. */
static enum celeriac_err read_owned(struct cel_restorer *r, struct cel_conn *conn,
                                    struct span worker_id, struct span own_key,
                                    const struct hashmap *but, struct celeriac_error *err)
{
    strbuf_clear(&r->owner);
    cel_pipeline_clear(&r->own);
    CEL_COMMAND(&r->own, SPAN("HGETALL"), own_key);
    enum celeriac_err code = run_one(&r->own, conn, err);
    if (code != CELERIAC_OK)
        return code;
    const struct redisReply *own = cel_pipeline_reply(&r->own, 0);
    size_t count = cel_reply_count(own) / 2;
    struct owned *owned = mem_resize(r->owned, count + 1, sizeof *owned);
    if (owned == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory to restore messages");
    r->owned = owned;
    r->owned_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct owned *one = &owned[r->owned_count];
        one->tag = cel_reply_span(cel_reply_at(own, 2 * i));
        one->said = cel_reply_span(cel_reply_at(own, 2 * i + 1));
        one->order = order_of(one->said);
        /* The field with the empty name is no delivery. */
        bool is_wanted = one->tag.len > 0 && (but == NULL || hashmap_get(but, one->tag) == NULL);
        r->owned_count += is_wanted ? 1 : 0;
    }
    qsort(owned, r->owned_count, sizeof *owned, newest_first);
    r->owned_next = 0;
    strbuf_add_span(&r->owner, worker_id);
    return strbuf_status(&r->owner);
}

static enum celeriac_err restore_owned(struct cel_restorer *r, struct cel_conn *conn,
                                       struct span worker_id, struct span registration,
                                       const struct hashmap *but, struct cel_restore_report *report,
                                       struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;
    *report = (struct cel_restore_report){0};
    strbuf_clear(&r->names);
    cel_key_own(r->keys, worker_id, &r->names);
    size_t own_len = r->names.len;
    cel_key_workers(r->keys, &r->names);
    if (strbuf_status(&r->names) != CELERIAC_OK)
        return celeriac_error_set(err, strbuf_status(&r->names), "worker_id is too long");
    struct span own_key = {r->names.ptr, own_len};
    struct span workers_key = {r->names.ptr + own_len, r->names.len - own_len};

    if (!span_equal(strbuf_span(&r->owner), worker_id))
        code = read_owned(r, conn, worker_id, own_key, but, err);
    if (code != CELERIAC_OK)
        return code;
    r->count = r->owned_count - r->owned_next;
    if (r->count > CEL_RESTORE_CHUNK)
        r->count = CEL_RESTORE_CHUNK;
    for (size_t i = 0; i < r->count; i++) {
        const struct owned *one = &r->owned[r->owned_next + i];
        r->deliveries[i] = (struct delivery){.tag = one->tag, .said = one->said};
    }
    code = restore(r, conn, own_key, workers_key, worker_id, registration, report, err);
    if (code != CELERIAC_OK)
        return code;
    r->owned_next += r->count;
    report->is_over = r->owned_next == r->owned_count;
    if (report->is_over || report->is_alive)
        strbuf_clear(&r->owner);
    return CELERIAC_OK;
}

enum celeriac_err cel_restore_owned(struct cel_restorer *restorer, struct cel_conn *conn,
                                    struct span worker_id, struct span registration,
                                    struct cel_restore_report *report, struct celeriac_error *err)
{
    return restore_owned(restorer, conn, worker_id, registration, NULL, report, err);
}

enum celeriac_err cel_restore_forgotten(struct cel_restorer *restorer, struct cel_conn *conn,
                                        struct span worker_id, const struct hashmap *tags,
                                        struct cel_restore_report *report,
                                        struct celeriac_error *err)
{
    return restore_owned(restorer, conn, worker_id, (struct span){0}, tags, report, err);
}

enum celeriac_err cel_restore_overdue(struct cel_restorer *restorer, struct cel_conn *conn,
                                      struct span ceiling, struct cel_restore_report *report,
                                      struct celeriac_error *err)
{
    struct cel_restorer *r = restorer;
    *report = (struct cel_restore_report){0};
    cel_pipeline_clear(&r->index);
    cel_pipeline_begin(&r->index, 8);
    cel_pipeline_arg(&r->index, SPAN("ZREVRANGEBYSCORE"));
    cel_pipeline_arg(&r->index, cel_key_unacked_index(r->keys));
    cel_pipeline_arg(&r->index, ceiling);
    cel_pipeline_arg(&r->index, SPAN("0"));
    cel_pipeline_arg(&r->index, SPAN("WITHSCORES"));
    cel_pipeline_arg(&r->index, SPAN("LIMIT"));
    cel_pipeline_arg_int(&r->index, 0);
    cel_pipeline_arg_int(&r->index, CEL_RESTORE_CHUNK);
    enum celeriac_err code = run_one(&r->index, conn, err);
    if (code != CELERIAC_OK)
        return code;
    const struct redisReply *index = cel_pipeline_reply(&r->index, 0);
    r->count = cel_reply_count(index) / 2;
    for (size_t i = 0; i < r->count; i++)
        r->deliveries[i] =
            (struct delivery){.tag = cel_reply_span(cel_reply_at(index, 2 * i)),
                              .said = cel_reply_span(cel_reply_at(index, 2 * i + 1))};
    report->is_over = r->count < CEL_RESTORE_CHUNK;
    const struct span none = {0};
    return restore(r, conn, none, none, none, none, report, err);
}
