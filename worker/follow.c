#include "worker/follow.h"

#include <poll.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "celery_proto/codec/exception_doc.h"
#include "celery_proto/redis/publish.h"
#include "worker/chord_join.h"
#include "worker/chord_wait.h"

/* Pause before a step is tried again; between looks at a backend that is away it doubles. */
#define AGAIN_MS 200
#define AGAIN_LAST_MS 3200

/* Chords whose body completes another chord, and so on. */
#define NESTING_MAX 40

/* A chord that has failed, to be told so when all that its failure completes has ended too. */
struct failed_chord {
    struct failed_chord *next;
    const struct cel_request *request;
    size_t len;
    char group_id[];
};

struct cel_follow {
    struct cel_runtime *runtime;
    struct cel_follow_host host;
    struct cel_chord_store *chords; /* NULL: no result backend */
    struct cel_publisher *publisher;
    struct cel_chord_wait *waits; /* complete chords whose results are read */
    struct failed_chord *failed;
    int64_t away_ns; /* until when the backend is left alone; 0: it answers */
    int64_t pause_ms;
};

/* What one ended request sets off. */
struct chain_of_ends {
    struct cel_request *request;
    struct cel_aftermath_context context;
    unsigned depth; /* chords that have ended on the way here */
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
    while (follow->waits) {
        struct cel_chord_wait *next = follow->waits->next;

        cel_chord_wait_destroy(follow->waits);
        follow->waits = next;
    }
    while (follow->failed) {
        struct failed_chord *next = follow->failed->next;

        mem_free(follow->failed);
        follow->failed = next;
    }
    cel_chord_store_destroy(follow->chords);
    cel_publisher_destroy(follow->publisher);
    mem_free(follow);
}

/* ---- steps --------------------------------------------------------------------------------- */

/* Waits for the next attempt at something. False when there shall be none. */
static bool pause_a_little(struct cel_follow *f)
{
    struct pollfd stop = {.fd = f->host.stop_fd, .events = POLLIN};

    if (!f->host.may_go_on(f->host.context))
        return false;
    if (poll(&stop, 1, AGAIN_MS) > 0)
        return f->host.may_go_on(f->host.context);
    return true;
}

/* After a failed step: waits for the next attempt. False when there shall be none. */
static bool try_again(struct cel_follow *f, enum celeriac_err code, struct celeriac_error *err)
{
    if (code != CELERIAC_ERR_UNAVAILABLE && code != CELERIAC_ERR_MEMORY) {
        log_error("worker", "a chord cannot be served", LOG_ERR(err));
        return false;
    }
    log_warning("worker", "the result backend is away, chords wait", LOG_ERR(err));
    celeriac_error_clear(err);
    return pause_a_little(f);
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
    bool ok = true;

    while (ok && !cel_follow_list(a, CEL_FINISH_PUBLISH, &list)) {
        list.count = 0;
        ok = pause_a_little(f);
    }
    if (ok && list.count > 0)
        ok = f->host.write(f->host.context, list.items, list.count);
    mem_free(list.items);
    return ok;
}

static bool return_parts(struct cel_follow *f, const struct cel_aftermath *a,
                         const struct chain_of_ends *ends);

/* The aftermath of a chord: its body with the results, or its failure when there is a reason. */
static enum celeriac_err make_end(const struct cel_chord_part *part, const struct strbuf *results,
                                  struct strbuf *why, const struct chain_of_ends *ends,
                                  struct cel_aftermath *end)
{
    struct celeriac_error err = {0};
    enum celeriac_err code = CELERIAC_OK;

    if (strbuf_span(why).len == 0) {
        code = cel_aftermath_join(end, part->body, strbuf_span(results), &ends->context, &err);
        if (code != CELERIAC_ERR_VALUE && code != CELERIAC_ERR_LIMIT)
            return code;
        cel_aftermath_close(end);
        strbuf_printf(why, "Callback error: ValueError('%s')", err.text);
        code = strbuf_status(why);
    }
    if (code) {
        strbuf_clear(why);
        return code;
    }
    log_error("worker", "chord failed", LOG_SPAN("group", part->group_id),
              LOG_SPAN("reason", strbuf_span(why)));
    return cel_aftermath_break(end, part->body, strbuf_span(why), &ends->context);
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

/* Keeps a failed chord as it is until the request's last chord has ended. */
static bool mark_later(struct cel_follow *f, const struct cel_request *request,
                       struct span group_id)
{
    struct failed_chord *failed;

    while (!(failed = mem_alloc(sizeof *failed + group_id.len)))
        if (!pause_a_little(f))
            return false;
    failed->request = request;
    failed->len = group_id.len;
    memcpy(failed->group_id, group_id.ptr, group_id.len);
    failed->next = f->failed;
    f->failed = failed;
    return true;
}

static bool mark_failed(struct cel_follow *f, const struct cel_request *request)
{
    struct failed_chord **at = &f->failed;
    bool ok = true;

    while (ok && *at) {
        struct failed_chord *failed = *at;

        if (failed->request != request) {
            at = &failed->next;
            continue;
        }
        *at = failed->next;
        ok = mark_done(f, (struct span){failed->group_id, failed->len}, true);
        mem_free(failed);
    }
    return ok;
}

/*
 * Sends a chord's body, or tells of its failure. A failure can complete the chords that the body is
 * a part of: should we be killed, then these are found again as long as this one is not marked.
 */
static bool end_chord(struct cel_follow *f, const struct cel_chord_part *part,
                      const struct strbuf *results, struct strbuf *why,
                      const struct chain_of_ends *ends)
{
    struct chain_of_ends inner = *ends;
    unsigned waits = ends->request->chord_waits;
    struct cel_aftermath end;
    enum celeriac_err code;
    bool ok = true;

    inner.depth++;
    cel_aftermath_init(&end);
    while (ok && (code = make_end(part, results, why, ends, &end)) == CELERIAC_ERR_MEMORY) {
        cel_aftermath_close(&end);
        ok = pause_a_little(f);
    }
    if (ok && code)
        log_critical("worker", "a complete chord could not be ended",
                     LOG_SPAN("group", part->group_id), LOG_STR("reason", celeriac_err_name(code)));
    else if (ok)
        ok = do_ops(f, &end) && write_out(f, &end) && return_parts(f, &end, &inner) &&
             (ends->request->chord_waits == waits
                  ? mark_done(f, part->group_id, strbuf_span(why).len > 0)
                  : mark_later(f, ends->request, part->group_id));
    cel_aftermath_close(&end);
    return ok;
}

/* A complete chord whose header has tasks only. */
static bool end_simple(struct cel_follow *f, const struct cel_chord_part *part,
                       const struct redisReply *outcome, const struct chain_of_ends *ends)
{
    struct strbuf results;
    struct strbuf why;
    enum celeriac_err code;
    bool ok = true;

    strbuf_init(&results, CEL_JOIN_MAX);
    strbuf_init(&why, CEL_JOIN_MAX);
    while (ok && (code = cel_chord_join(outcome, &results, &why)) == CELERIAC_ERR_MEMORY) {
        strbuf_close(&results);
        strbuf_close(&why);
        ok = pause_a_little(f);
    }
    if (ok && code) {
        strbuf_clear(&why);
        strbuf_add_text(&why, "Join error: RuntimeError('the results are too long')");
    }
    ok = ok && end_chord(f, part, &results, &why, ends);
    strbuf_close(&why);
    strbuf_close(&results);
    return ok;
}

/* ---- headers with groups ------------------------------------------------------------------- */

static void add_wait(struct cel_follow *f, struct cel_chord_wait *wait)
{
    struct cel_chord_wait **at = &f->waits;

    while (*at)
        at = &(*at)->next;
    wait->next = NULL;
    *at = wait;
}

static bool is_waiting(const struct cel_follow *f, struct span group_id)
{
    for (const struct cel_chord_wait *wait = f->waits; wait; wait = wait->next)
        if (span_equal(wait->part.group_id, group_id))
            return true;
    return false;
}

static struct chain_of_ends ends_of(const struct cel_follow *f, struct cel_request *request,
                                    unsigned depth)
{
    return (struct chain_of_ends){
        .request = request,
        .context = cel_aftermath_context_of(request->message, &f->runtime->world,
                                            f->runtime->inherit_priority, clock_wall_us()),
        .depth = depth};
}

static void note_absence(struct cel_follow *f, int64_t now_ns, const struct celeriac_error *err)
{
    if (f->pause_ms == 0)
        log_warning("worker", "the result backend is away, chords wait", LOG_ERR(err));
    f->pause_ms = f->pause_ms == 0 ? AGAIN_MS : f->pause_ms * 2;
    if (f->pause_ms > AGAIN_LAST_MS)
        f->pause_ms = AGAIN_LAST_MS;
    f->away_ns = now_ns + f->pause_ms * NS_PER_MS;
}

/* One look at a chord that is in no list; it goes back into the list, or ends. */
static bool look_at(struct cel_follow *f, struct cel_chord_wait *wait)
{
    struct chain_of_ends ends = ends_of(f, wait->request, wait->depth);
    int64_t now_ns = clock_monotonic_ns();
    struct celeriac_error err = {0};
    enum cel_chord_wait_state state;
    struct strbuf results;
    struct strbuf why;
    bool ok = true;

    strbuf_init(&results, CEL_JOIN_MAX);
    strbuf_init(&why, CEL_JOIN_MAX);
    state = cel_chord_wait_look(wait, f->chords, now_ns, &results, &why, &err);
    if (state == CEL_CHORD_AWAY)
        note_absence(f, now_ns, &err);
    else
        f->away_ns = f->pause_ms = 0;
    if (state == CEL_CHORD_JOINED)
        ok = end_chord(f, &wait->part, &results, &why, &ends);
    else if (state == CEL_CHORD_TAKEN)
        log_info("worker", "a chord was ended by a peer", LOG_SPAN("group", wait->part.group_id));
    if (state == CEL_CHORD_WAITS || state == CEL_CHORD_AWAY) {
        add_wait(f, wait);
    } else {
        /* A chord that could not be ended keeps its request from ever being acknowledged. */
        if (ok)
            wait->request->chord_waits--;
        cel_chord_wait_destroy(wait);
    }
    strbuf_close(&why);
    strbuf_close(&results);
    return ok;
}

/* A complete chord whose header has groups: what is missing is waited for without blocking. */
static bool end_complex(struct cel_follow *f, const struct cel_chord_part *part, int64_t size,
                        struct span record, const struct chain_of_ends *ends)
{
    struct cel_chord_wait *wait = NULL;
    struct celeriac_error err = {0};
    struct strbuf why;
    enum celeriac_err code;
    bool ok = true;

    /* The last part once more: the request that brought it first will end the chord. */
    if (is_waiting(f, part->group_id))
        return true;
    while (ok && (code = cel_chord_wait_create(part, size, record, ends->request, ends->depth,
                                               &wait, &err)) == CELERIAC_ERR_MEMORY) {
        celeriac_error_clear(&err);
        ok = pause_a_little(f);
    }
    if (!ok)
        return false;
    if (code == CELERIAC_OK) {
        ends->request->chord_waits++;
        return look_at(f, wait);
    }
    strbuf_init(&why, CEL_JOIN_MAX);
    strbuf_printf(&why, "Join error: RuntimeError('%s')", err.text);
    ok = end_chord(f, part, NULL, &why, ends);
    strbuf_close(&why);
    return ok;
}

bool cel_follow_look(struct cel_follow *follow, int64_t *next_ns)
{
    struct cel_chord_wait **at = &follow->waits;
    int64_t now_ns = clock_monotonic_ns();

    while (*at && now_ns >= follow->away_ns) {
        struct cel_chord_wait *wait = *at;
        struct cel_request *request = wait->request;

        if (now_ns < wait->due_ns) {
            at = &wait->next;
            continue;
        }
        *at = wait->next;
        if (!look_at(follow, wait) || (request->chord_waits == 0 && !mark_failed(follow, request)))
            return false;
    }
    *next_ns = -1;
    for (struct cel_chord_wait *wait = follow->waits; wait; wait = wait->next) {
        int64_t due_ns = wait->due_ns > follow->away_ns ? wait->due_ns : follow->away_ns;

        if (*next_ns < 0 || due_ns < *next_ns)
            *next_ns = due_ns;
    }
    return true;
}

/* ---- parts --------------------------------------------------------------------------------- */

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
                        const struct chain_of_ends *ends)
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
    for (size_t i = 0; ok && i < count; i++) {
        const struct redisReply *outcome = cel_reply_at(reply, i);
        struct span group = cel_chord_group(outcome);

        if (!cel_reply_is_array(outcome))
            continue;
        ok = group.len > 0 ? end_complex(f, &parts[i], returns[i].size, group, ends)
                           : end_simple(f, &parts[i], outcome, ends);
    }
    cel_reply_destroy(reply);
    return ok;
}

static bool return_parts(struct cel_follow *f, const struct cel_aftermath *a,
                         const struct chain_of_ends *ends)
{
    bool ok = true;

    if (a->part_count == 0)
        return true;
    if (!f->chords || ends->depth > NESTING_MAX) {
        log_error("worker", "a chord cannot be counted",
                  LOG_STR("reason", f->chords ? "nested too deeply" : "no result backend"));
        return true;
    }
    for (size_t i = 0; ok && i < a->part_count; i += CEL_CHORD_PARTS_MAX) {
        size_t left = a->part_count - i;

        ok = return_some(f, a->parts + i, left < CEL_CHORD_PARTS_MAX ? left : CEL_CHORD_PARTS_MAX,
                         ends);
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
        struct cel_finish_item item = {.result = {.task_id = requests[i]->message->id,
                                                  .document = strbuf_span(&settlement->record)}};

        if (settlement->aftermath.part_count == 0 || item.result.document.len == 0)
            continue;
        while (ok && !cel_item_list_add(&list, item))
            ok = pause_a_little(f);
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
        const struct cel_aftermath *a = &requests[i]->settlement.aftermath;
        struct chain_of_ends ends = ends_of(follow, requests[i], 0);

        ok = do_ops(follow, a) && return_parts(follow, a, &ends);
    }
    return ok;
}
