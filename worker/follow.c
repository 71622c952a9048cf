#include "worker/follow.h"

#include <poll.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "celery_proto/codec/exception_doc.h"
#include "celery_proto/redis/publish.h"
#include "worker/chord_join.h"

/* Pause before a step is tried again. */
#define AGAIN_MS 200

/* Chords whose body completes another chord, and so on. */
#define NESTING_MAX 40

struct cel_follow {
    struct cel_runtime *runtime;
    struct cel_follow_host host;
    struct cel_chord_store *chords; /* NULL: no result backend */
    struct cel_publisher *publisher;
};

enum celeriac_err cel_follow_create(struct cel_runtime *runtime,
                                    const struct cel_chord_options *options,
                                    const struct cel_conn_options *broker,
                                    const struct cel_keys *broker_keys,
                                    const struct cel_follow_host *host, struct cel_follow **follow,
                                    struct celeriac_error *err)
{
    const struct cel_publisher_options publisher = {
        .conn = *broker, .keys = broker_keys, .wake_fd = host->stop_fd};
    struct cel_follow *f = mem_calloc(1, sizeof *f);
    enum celeriac_err code = CELERIAC_OK;

    if (!f)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    f->runtime = runtime;
    f->host = *host;
    if (options->results.conn.url)
        code = cel_chord_store_create(options, &f->chords, err);
    if (code == CELERIAC_OK)
        code = cel_publisher_create(&publisher, &f->publisher, err);
    if (code) {
        cel_follow_destroy(f);
        return code;
    }
    *follow = f;
    return CELERIAC_OK;
}

void cel_follow_destroy(struct cel_follow *follow)
{
    if (!follow)
        return;
    cel_chord_store_destroy(follow->chords);
    cel_publisher_destroy(follow->publisher);
    mem_free(follow);
}

/* ---- items --------------------------------------------------------------------------------- */

bool cel_item_list_add(struct cel_item_list *list, struct cel_finish_item item)
{
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 64;
        struct cel_finish_item *larger = mem_resize(list->items, cap, sizeof *larger);

        if (!larger)
            return false;
        list->items = larger;
        list->cap = cap;
    }
    list->items[list->count++] = item;
    return true;
}

static bool add_records(const struct cel_aftermath *a, struct cel_item_list *list)
{
    bool ok = true;

    for (size_t i = 0; ok && i < a->record_count; i++)
        ok = cel_item_list_add(
            list, (struct cel_finish_item){.result = {.task_id = a->records[i].task_id,
                                                      .document = a->records[i].document}});
    return ok;
}

/* Messages for queues; those for named exchanges went by the publisher. */
static bool add_messages(const struct cel_aftermath *a, enum cel_finish_to to,
                         struct cel_item_list *list)
{
    const struct cel_canvas_op *ops;
    size_t count = 0;
    bool ok = true;

    if (!a->canvas)
        return true;
    ops = cel_canvas_ops(a->canvas, &count);
    for (size_t i = 0; ok && i < count; i++)
        if (ops[i].kind == CEL_CANVAS_PUBLISH && ops[i].exchange.len == 0)
            ok = cel_item_list_add(list, (struct cel_finish_item){.to = to,
                                                                  .message = ops[i].message,
                                                                  .queue = ops[i].routing_key,
                                                                  .priority = ops[i].priority});
    return ok;
}

static size_t op_count(const struct cel_aftermath *a)
{
    size_t count = 0;

    if (a->canvas)
        (void)cel_canvas_ops(a->canvas, &count);
    return count;
}

bool cel_follow_add(const struct cel_request *request, struct cel_item_list *list)
{
    const struct cel_aftermath *a = &request->settlement.aftermath;
    size_t before = list->count;
    bool together = list->items[before - 1].tag.len > 0 && op_count(a) <= CEL_FOLLOW_TOGETHER_MAX;

    if (add_messages(a, together ? CEL_FINISH_FOLLOW : CEL_FINISH_PUBLISH, list) &&
        add_records(a, list))
        return true;
    list->count = before;
    return false;
}

/* ---- doing --------------------------------------------------------------------------------- */

/* After a failed step: waits for the next attempt. False when there shall be none. */
static bool try_again(struct cel_follow *f, enum celeriac_err code, struct celeriac_error *err)
{
    struct pollfd stop = {.fd = f->host.stop_fd, .events = POLLIN};

    if (code != CELERIAC_ERR_UNAVAILABLE && code != CELERIAC_ERR_MEMORY) {
        log_error("worker", "a chord cannot be served", LOG_ERR(err));
        return false;
    }
    log_warning("worker", "the result backend is away, chords wait", LOG_ERR(err));
    celeriac_error_clear(err);
    if (!f->host.may_go_on(f->host.context))
        return false;
    if (poll(&stop, 1, AGAIN_MS) > 0)
        return f->host.may_go_on(f->host.context);
    return true;
}

static enum celeriac_err do_op(struct cel_follow *f, const struct cel_canvas_op *op,
                               struct celeriac_error *err)
{
    struct cel_outgoing outgoing = {.message = op->message,
                                    .exchange = op->exchange,
                                    .routing_key = op->routing_key,
                                    .priority = op->priority};

    switch (op->kind) {
    case CEL_CANVAS_CHORD_SIZE:
        return cel_chord_set_size(f->chords, op->group_id, op->size, err);
    case CEL_CANVAS_SAVE_GROUP:
        return cel_chord_save_group(f->chords, op->group_id, op->message, err);
    case CEL_CANVAS_PUBLISH:
        break;
    }
    return op->exchange.len > 0 ? cel_publish(f->publisher, &outgoing, 1, NULL, err) : CELERIAC_OK;
}

/* Everything of an aftermath but the messages for queues, which have their time. */
static bool do_ops(struct cel_follow *f, const struct cel_aftermath *a)
{
    const struct cel_canvas_op *ops;
    size_t count = 0;

    if (!a->canvas)
        return true;
    ops = cel_canvas_ops(a->canvas, &count);
    for (size_t i = 0; i < count; i++) {
        struct celeriac_error err = {0};
        enum celeriac_err code;

        if (ops[i].kind != CEL_CANVAS_PUBLISH && !f->chords)
            continue;
        while ((code = do_op(f, &ops[i], &err)))
            if (!try_again(f, code, &err))
                return !f->host.may_go_on(f->host.context) ? false : true;
    }
    return true;
}

/* Messages and records of what no message of ours is waiting for. */
static bool write_out(struct cel_follow *f, const struct cel_aftermath *a)
{
    struct cel_item_list list = {0};
    bool ok = add_records(a, &list) && add_messages(a, CEL_FINISH_PUBLISH, &list);

    if (!ok)
        log_critical("worker", "out of memory while a chord's body was sent");
    if (ok && list.count > 0)
        ok = f->host.write(f->host.context, list.items, list.count);
    mem_free(list.items);
    return ok;
}

static bool return_parts(struct cel_follow *f, const struct cel_aftermath *a,
                         const struct cel_aftermath_context *context, unsigned depth);

/* The aftermath of a chord: its body, or its failure. */
static enum celeriac_err make_end(struct cel_follow *f, const struct cel_chord_part *part,
                                  const struct redisReply *outcome,
                                  const struct cel_aftermath_context *context,
                                  struct cel_aftermath *end, bool *failed)
{
    struct celeriac_error err = {0};
    struct strbuf results;
    struct strbuf why;
    enum celeriac_err code;

    strbuf_init(&results, CEL_JOIN_MAX);
    strbuf_init(&why, CEL_JOIN_MAX);
    code = cel_chord_join(f->chords, outcome, f->host.stop_fd, &results, &why, &err);
    if (code == CELERIAC_OK && strbuf_span(&why).len == 0) {
        code = cel_aftermath_join(end, part->body, strbuf_span(&results), context, &err);
        if (code == CELERIAC_ERR_VALUE || code == CELERIAC_ERR_LIMIT) {
            cel_aftermath_close(end);
            strbuf_printf(&why, "Callback error: ValueError('%s')", err.text);
            code = strbuf_status(&why);
        }
    }
    *failed = strbuf_span(&why).len > 0;
    if (code == CELERIAC_OK && *failed) {
        log_error("worker", "chord failed", LOG_SPAN("group", part->group_id),
                  LOG_SPAN("reason", strbuf_span(&why)));
        code = cel_aftermath_break(end, part->body, strbuf_span(&why), context);
    }
    strbuf_close(&why);
    strbuf_close(&results);
    return code;
}

static bool mark_done(struct cel_follow *f, struct span group_id, bool failed)
{
    struct celeriac_error err = {0};
    enum celeriac_err code;

    for (;;) {
        code = failed ? cel_chord_failed(f->chords, group_id, &err)
                      : cel_chord_done(f->chords, group_id, &err);
        if (code == CELERIAC_OK)
            return true;
        if (!try_again(f, code, &err))
            return f->host.may_go_on(f->host.context);
    }
}

static bool end_chord(struct cel_follow *f, const struct cel_chord_part *part,
                      const struct redisReply *outcome, const struct cel_aftermath_context *context,
                      unsigned depth)
{
    struct cel_aftermath end;
    bool failed = false;
    bool ok = true;
    enum celeriac_err code;

    cel_aftermath_init(&end);
    code = make_end(f, part, outcome, context, &end, &failed);
    if (code)
        log_critical("worker", "a complete chord could not be ended",
                     LOG_SPAN("group", part->group_id), LOG_STR("reason", celeriac_err_name(code)));
    else
        ok = do_ops(f, &end) && write_out(f, &end) && mark_done(f, part->group_id, failed) &&
             return_parts(f, &end, context, depth + 1);
    cel_aftermath_close(&end);
    return ok;
}

/* chord_size of a signature by 4.4 or 5.0; 0: it has none. */
static int64_t size_in(struct span body)
{
    static const struct json_options members = {.keep_depth = 2};
    struct json_doc doc;
    int64_t size = 0;

    json_init(&doc);
    if (json_parse(&doc, body, &members, NULL) == CELERIAC_OK &&
        json_int(json_get(json_root(&doc), "chord_size"), 0, INT32_MAX, &size))
        size = 0;
    json_close(&doc);
    return size;
}

/* Up to CEL_CHORD_PARTS_MAX parts in one go. */
static bool return_some(struct cel_follow *f, const struct cel_chord_part *parts, size_t count,
                        const struct cel_aftermath_context *context, unsigned depth)
{
    struct cel_chord_return returns[CEL_CHORD_PARTS_MAX];
    struct celeriac_error err = {0};
    struct redisReply *reply;
    enum celeriac_err code;
    bool ok = true;

    for (size_t i = 0; i < count; i++)
        returns[i] = (struct cel_chord_return){.group_id = parts[i].group_id,
                                               .task_id = parts[i].task_id,
                                               .has_index = parts[i].has_index,
                                               .index = parts[i].index,
                                               .document = parts[i].document,
                                               .size = size_in(parts[i].body)};
    while ((code = cel_chord_return(f->chords, returns, count, &err)))
        if (!try_again(f, code, &err))
            return f->host.may_go_on(f->host.context);
    reply = cel_chord_take_reply(f->chords);
    for (size_t i = 0; ok && i < count; i++)
        if (cel_reply_is_array(cel_reply_at(reply, i)))
            ok = end_chord(f, &parts[i], cel_reply_at(reply, i), context, depth);
    cel_reply_destroy(reply);
    return ok;
}

static bool return_parts(struct cel_follow *f, const struct cel_aftermath *a,
                         const struct cel_aftermath_context *context, unsigned depth)
{
    bool ok = true;

    if (a->part_count == 0)
        return true;
    if (!f->chords || depth > NESTING_MAX) {
        log_error("worker", "a chord cannot be counted",
                  LOG_STR("reason", f->chords ? "nested too deeply" : "no result backend"));
        return true;
    }
    for (size_t i = 0; ok && i < a->part_count; i += CEL_CHORD_PARTS_MAX) {
        size_t left = a->part_count - i;

        ok = return_some(f, a->parts + i, left < CEL_CHORD_PARTS_MAX ? left : CEL_CHORD_PARTS_MAX,
                         context, depth);
    }
    return ok;
}

/* Results of header tasks must be stored before their chord may look for them. */
static bool store_results(struct cel_follow *f, struct cel_request *const *requests, size_t count)
{
    struct cel_item_list list = {0};
    bool ok = true;

    for (size_t i = 0; ok && i < count; i++) {
        const struct cel_settlement *settlement = &requests[i]->settlement;

        if (settlement->aftermath.part_count > 0 && strbuf_span(&settlement->record).len > 0)
            ok = cel_item_list_add(
                &list,
                (struct cel_finish_item){.result = {.task_id = requests[i]->message->id,
                                                    .document = strbuf_span(&settlement->record)}});
    }
    if (ok && list.count > 0)
        ok = f->host.write(f->host.context, list.items, list.count);
    mem_free(list.items);
    return ok;
}

bool cel_follow_before(struct cel_follow *follow, struct cel_request *const *requests, size_t count)
{
    bool ok = store_results(follow, requests, count);

    for (size_t i = 0; ok && i < count; i++) {
        struct cel_request *request = requests[i];
        const struct cel_aftermath *a = &request->settlement.aftermath;
        struct cel_aftermath_context context =
            cel_aftermath_context_of(request->message, &follow->runtime->world,
                                     follow->runtime->inherit_priority, clock_wall_us());

        ok = do_ops(follow, a) && return_parts(follow, a, &context, 0);
    }
    return ok;
}
