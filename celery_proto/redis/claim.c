#include "celery_proto/redis/claim.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/redis/claim_queues.h"
#include "celery_proto/redis/claim_state.h"
#include "celery_proto/redis/own_keys.h"
#include "celery_proto/redis/script.h"

/* Elements of one list that one script looks at: a megabyte of ordinary messages. */
#define LOOK_MAX 1024

/* Scripts of one cel_claim() in search of our messages among others'. */
#define SEARCH_ROUNDS 8

/* Keys and arguments of claim.lua before the lists and the task names. */
#define FIXED_KEYS 5
#define FIXED_ARGS 7

static enum celeriac_err copy_tasks(struct cel_claimer *c,
                                    const struct cel_claimer_options *options)
{
    if (options->tasks == NULL)
        return CELERIAC_OK;
    c->tasks = mem_calloc(options->task_count + 1, sizeof(char *));
    if (c->tasks == NULL)
        return CELERIAC_ERR_MEMORY;
    enum celeriac_err code = hashmap_create(&c->known_tasks);
    for (size_t i = 0; i < options->task_count && code == CELERIAC_OK; i++) {
        c->tasks[i] = mem_dup(options->tasks[i]);
        if (c->tasks[i] == NULL)
            return CELERIAC_ERR_MEMORY;
        c->task_count++;
        code = hashmap_set(c->known_tasks, span_of(c->tasks[i]), c->tasks[i], NULL);
    }
    return code;
}

/* Writes the names that never change; spans are set when the buffer has stopped moving. */
static enum celeriac_err write_names(struct cel_claimer *c, const char *worker_id)
{
    struct strbuf *b = &c->names;
    struct span id = span_of(worker_id);
    size_t end[4];

    strbuf_add_span(b, id);
    end[0] = b->len;
    cel_key_workers(c->keys, b);
    end[1] = b->len;
    cel_key_own(c->keys, id, b);
    end[2] = b->len;
    cel_key_claim(c->keys, id, b);
    end[3] = b->len;
    if (strbuf_status(b) != CELERIAC_OK)
        return strbuf_status(b);
    c->worker_id = (struct span){b->ptr, end[0]};
    c->workers_key = (struct span){b->ptr + end[0], end[1] - end[0]};
    c->own_key = (struct span){b->ptr + end[1], end[2] - end[1]};
    c->record_key = (struct span){b->ptr + end[2], end[3] - end[2]};
    return CELERIAC_OK;
}

static enum celeriac_err check_options(const struct cel_claimer_options *options,
                                       struct celeriac_error *err)
{
    if (options->keys == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "a claimer needs keys");
    if (options->worker_id == NULL || options->worker_id[0] == '\0' ||
        strlen(options->worker_id) > CEL_WORKER_ID_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "worker_id must have 1 to %d bytes",
                                  CEL_WORKER_ID_MAX);
    if (options->task_count > CEL_CLAIM_TASKS_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "more than %d tasks",
                                  CEL_CLAIM_TASKS_MAX);
    return CELERIAC_OK;
}

enum celeriac_err cel_claimer_create(const struct cel_claimer_options *options,
                                     struct cel_claimer **claimer, struct celeriac_error *err)
{
    enum celeriac_err code = check_options(options, err);
    if (code != CELERIAC_OK)
        return code;
    struct cel_claimer *c = mem_calloc(1, sizeof *c);
    if (c == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for a claimer");
    c->keys = options->keys;
    c->steps = cel_keys_steps(options->keys);
    c->order = options->order;
    /* Another claimer may have used this worker id before; numbers only ever grow. */
    c->number = (uint64_t)clock_wall_us();
    c->takes = c->number;
    strbuf_init(&c->names, 8 * (size_t)CEL_KEY_OPTION_MAX);
    cel_pipeline_init(&c->claim);
    cel_pipeline_init(&c->other);
    cel_envelope_reader_init(&c->reader);

    code = write_names(c, options->worker_id);
    if (code == CELERIAC_OK)
        code = copy_tasks(c, options);
    if (code != CELERIAC_OK)
        (void)celeriac_error_set(err, code, "no memory for a claimer");
    if (code == CELERIAC_OK)
        code = cel_claimer_set_queues(c, options->queues, options->queue_count, err);
    if (code == CELERIAC_OK)
        code = cel_conn_create(&options->conn, &c->conn, err);
    if (code == CELERIAC_OK)
        code = cel_pubsub_create(&options->conn, &c->pubsub, err);
    if (code == CELERIAC_OK)
        code = claim_wait_init(c);
    if (code != CELERIAC_OK) {
        (void)celeriac_error_set(err, code, "no memory for a claimer");
        cel_claimer_destroy(c);
        return code;
    }
    *claimer = c;
    return CELERIAC_OK;
}

static void drop_kept(struct cel_claimer *c)
{
    for (size_t i = 0; i < c->kept_count; i++)
        strbuf_close(&c->kept[i]);
    c->kept_count = 0;
}

void cel_claimer_destroy(struct cel_claimer *claimer)
{
    if (claimer == NULL)
        return;
    cel_pubsub_destroy(claimer->pubsub);
    cel_conn_destroy(claimer->conn);
    claim_queues_destroy(claimer->queues, claimer->queue_count);
    for (size_t i = 0; i < claimer->task_count; i++)
        mem_free(claimer->tasks[i]);
    mem_free(claimer->tasks);
    hashmap_destroy(claimer->known_tasks, NULL);
    cel_pipeline_close(&claimer->claim);
    cel_pipeline_close(&claimer->other);
    cel_envelope_reader_close(&claimer->reader);
    drop_kept(claimer);
    mem_free(claimer->kept);
    mem_free(claimer->messages);
    if (claimer->has_doubt)
        strbuf_close(&claimer->doubt.bytes);
    strbuf_close(&claimer->names);
    mem_free(claimer);
}

enum celeriac_err cel_claimer_set_queues(struct cel_claimer *claimer, const char *const *queues,
                                         size_t count, struct celeriac_error *err)
{
    struct claim_queue **made = NULL;
    if (claimer->is_in_doubt || claimer->has_doubt)
        return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE,
                                  "a claim is in doubt; claim again before changing queues");
    enum celeriac_err code =
        claim_queues_create(claimer->keys, queues, count, claimer->order, &made, err);
    if (code != CELERIAC_OK)
        return code;
    claim_queues_destroy(claimer->queues, claimer->queue_count);
    claimer->queues = made;
    claimer->queue_count = count;
    claimer->declared = 0;
    claimer->is_armed = false;
    return CELERIAC_OK;
}

struct claim_list *claim_list_at(const struct cel_claimer *c, size_t number,
                                 struct claim_queue **queue)
{
    size_t index = number - 1;
    *queue = c->queues[index % c->queue_count];
    return &(*queue)->list[index / c->queue_count];
}

enum celeriac_err claim_add(struct cel_claimer *c, struct span tag, struct span envelope,
                            struct claim_queue *queue, int step)
{
    if (c->count == c->cap) {
        size_t cap = c->cap == 0 ? 64 : c->cap * 2;
        struct cel_claimed *larger = mem_resize(c->messages, cap, sizeof *larger);
        if (larger == NULL)
            return CELERIAC_ERR_MEMORY;
        c->messages = larger;
        c->cap = cap;
    }
    c->messages[c->count++] =
        (struct cel_claimed){.tag = tag, .envelope = envelope, .queue = queue->name, .step = step};
    queue->has_produced = true;
    c->is_armed = false;
    return CELERIAC_OK;
}

/* SADD of the queues' bindings, once on each connection. */
static enum celeriac_err declare(struct cel_claimer *c, struct celeriac_error *err)
{
    enum celeriac_err code = cel_conn_ensure(c->conn, err);
    if (code != CELERIAC_OK || c->declared == cel_conn_generation(c->conn))
        return code;
    cel_pipeline_clear(&c->other);
    for (size_t i = 0; i < c->queue_count; i++)
        CEL_COMMAND(&c->other, SPAN("SADD"), c->queues[i]->binding_key,
                    c->queues[i]->binding_member);
    code = cel_pipeline_run(&c->other, c->conn, err);
    bool is_refused = false;
    for (size_t i = 0; i < c->queue_count && code == CELERIAC_OK; i++) {
        const struct redisReply *reply = cel_pipeline_reply(&c->other, i);
        /* A server short of memory needs somebody who empties its queues, declared or not. */
        if (cel_reply_is_error_word(reply, "OOM"))
            is_refused = true;
        else
            code = cel_reply_check(reply, err);
    }
    if (code == CELERIAC_OK && !is_refused)
        c->declared = cel_conn_generation(c->conn);
    return code;
}

static void write_claim(struct cel_claimer *c, size_t room)
{
    struct cel_pipeline *p = &c->claim;
    size_t lists = c->steps->count * c->queue_count;
    struct claim_queue *queue;

    cel_pipeline_clear(p);
    cel_script_begin(p, &cel_script_claim, FIXED_KEYS + lists, FIXED_ARGS + c->task_count + lists);
    cel_pipeline_arg(p, cel_key_unacked(c->keys));
    cel_pipeline_arg(p, cel_key_unacked_index(c->keys));
    cel_pipeline_arg(p, c->workers_key);
    cel_pipeline_arg(p, c->own_key);
    cel_pipeline_arg(p, c->record_key);
    for (size_t n = 1; n <= lists; n++)
        cel_pipeline_arg(p, claim_list_at(c, n, &queue)->key);
    cel_pipeline_arg(p, c->worker_id);
    cel_pipeline_arg_int(p, (int64_t)c->number);
    cel_pipeline_arg(p, c->is_in_doubt ? SPAN("1") : SPAN("0"));
    cel_pipeline_arg_int(p, (int64_t)room);
    cel_pipeline_arg_int(p, (int64_t)c->queue_count);
    cel_pipeline_arg_int(p, LOOK_MAX);
    cel_pipeline_arg_int(p, (int64_t)c->task_count);
    for (size_t i = 0; i < c->task_count; i++)
        cel_pipeline_arg(p, span_of(c->tasks[i]));
    for (size_t n = 1; n <= lists; n++)
        cel_pipeline_arg_int(p, claim_list_at(c, n, &queue)->offset);
}

/*
 * Takes over where the search in each list stands. A search that began at the tail, found nothing
 * on the way and reached the other end has seen every message: only then may we wait.
 */
static void note_offsets(struct cel_claimer *c, const struct redisReply *offsets)
{
    size_t lists = c->steps->count * c->queue_count;
    struct claim_queue *queue;
    size_t at = 0;
    for (size_t n = 1; n <= lists; n++) {
        struct claim_list *list = claim_list_at(c, n, &queue);
        uint32_t offset = 0;
        if (at < cel_reply_count(offsets) &&
            cel_reply_int(cel_reply_at(offsets, at)) == (int64_t)n) {
            offset = (uint32_t)cel_reply_int(cel_reply_at(offsets, at + 1));
            at += 2;
        }
        if (list->offset == 0)
            list->is_whole_search = true;
        if (list->offset != 0 && offset == list->offset)
            list->is_whole_search = false;
        if (offset != 0 || (list->offset != 0 && !list->is_whole_search))
            c->more = true;
        list->offset = offset;
    }
}

/* The list that a reply names, or NULL when the number makes no sense. */
static struct claim_list *list_named(const struct cel_claimer *c, const struct redisReply *number,
                                     struct claim_queue **queue)
{
    int64_t n = cel_reply_int(number);
    if (n < 1 || (uint64_t)n > c->steps->count * c->queue_count)
        return NULL;
    return claim_list_at(c, (size_t)n, queue);
}

static enum celeriac_err read_messages(struct cel_claimer *c, const struct redisReply *messages)
{
    for (size_t i = 0; i + 2 < cel_reply_count(messages); i += 3) {
        struct claim_queue *queue;
        struct claim_list *list = list_named(c, cel_reply_at(messages, i), &queue);
        if (list == NULL)
            return CELERIAC_ERR_PROTOCOL;
        enum celeriac_err code =
            claim_add(c, cel_reply_span(cel_reply_at(messages, i + 1)),
                      cel_reply_span(cel_reply_at(messages, i + 2)), queue, list->step);
        if (code != CELERIAC_OK)
            return code;
    }
    return CELERIAC_OK;
}

/*
 * The messages that the script left to the parser. What was claimed already must reach the caller,
 * so a connection lost here only ends this part.
 */
static enum celeriac_err read_odd(struct cel_claimer *c, const struct redisReply *odd, size_t room)
{
    for (size_t i = 0; i + 1 < cel_reply_count(odd); i += 2) {
        struct claim_queue *queue;
        struct claim_list *list = list_named(c, cel_reply_at(odd, i), &queue);
        if (list == NULL)
            return CELERIAC_ERR_PROTOCOL;
        if (c->count >= room) {
            c->more = true;
            return CELERIAC_OK;
        }
        enum celeriac_err code =
            claim_take_odd(c, queue, list, cel_reply_span(cel_reply_at(odd, i + 1)), NULL);
        if (code == CELERIAC_ERR_MEMORY)
            return code;
        if (code != CELERIAC_OK) {
            c->more = true;
            return CELERIAC_OK;
        }
    }
    return CELERIAC_OK;
}

/* One script. */
static enum celeriac_err claim_once(struct cel_claimer *c, size_t room, struct celeriac_error *err)
{
    write_claim(c, room);
    enum celeriac_err code = cel_script_run(&c->claim, c->conn, &cel_script_claim, err);
    const struct redisReply *reply = cel_pipeline_reply(&c->claim, 0);
    if (code != CELERIAC_OK) {
        /* An error reply says that nothing was done; no reply says nothing. */
        if (reply == NULL && cel_pipeline_was_sent(&c->claim))
            c->is_in_doubt = true;
        return code;
    }
    c->checked_ns = clock_monotonic_ns();
    int64_t verdict = cel_reply_int(cel_reply_at(reply, 0));
    if (verdict == -1)
        return celeriac_error_set(err, CELERIAC_ERR_NOT_FOUND, "this worker is not registered");
    if (verdict != 0)
        return celeriac_error_set(err, CELERIAC_ERR_PROTOCOL,
                                  "another claimer uses this worker's id");
    c->is_in_doubt = false;
    c->number++;
    c->strays += (size_t)cel_reply_int(cel_reply_at(reply, 1));
    note_offsets(c, cel_reply_at(reply, 2));
    code = read_messages(c, cel_reply_at(reply, 3));
    if (code == CELERIAC_OK)
        code = read_odd(c, cel_reply_at(reply, 4), room);
    if (code == CELERIAC_OK)
        return CELERIAC_OK;
    /* Asking for the same number again gives what could not be read now. */
    c->number--;
    c->is_in_doubt = true;
    return celeriac_error_set(err, code, "cannot read claimed messages");
}

/* Queues that had messages go behind the others. */
static void rotate(struct cel_claimer *c)
{
    /* A claim in doubt will be answered with the list numbers of this order. */
    if (c->order != CEL_ORDER_ROUND_ROBIN || c->queue_count < 2 || c->is_in_doubt)
        return;
    size_t count = c->queue_count;
    for (size_t i = 0, left = count; left > 0; left--) {
        struct claim_queue *queue = c->queues[i];
        if (!queue->has_produced) {
            i++;
            continue;
        }
        memmove(&c->queues[i], &c->queues[i + 1], (count - i - 1) * sizeof(struct claim_queue *));
        c->queues[count - 1] = queue;
    }
}

enum celeriac_err cel_claim(struct cel_claimer *claimer, size_t room, struct cel_claim_batch *batch,
                            struct celeriac_error *err)
{
    struct cel_claimer *c = claimer;
    c->count = 0;
    c->quarantined = 0;
    c->strays = 0;
    c->more = false;
    drop_kept(c);
    if (room > CEL_CLAIM_ROOM_MAX)
        room = CEL_CLAIM_ROOM_MAX;
    for (size_t i = 0; i < c->queue_count; i++)
        c->queues[i]->has_produced = false;

    enum celeriac_err code = declare(c, err);
    if (code == CELERIAC_OK && c->has_doubt)
        code = claim_settle_doubt(c, err);
    bool has_settled = c->count > 0;
    for (int round = 0; round < SEARCH_ROUNDS && code == CELERIAC_OK && c->count == 0; round++) {
        c->more = false;
        c->strays = 0;
        code = claim_once(c, room, err);
        /* A message in doubt is settled before another may come into doubt: one is remembered. */
        if (!c->more || c->has_doubt)
            break;
    }
    /* A failed look is no look: messages may lie where the last wait saw them. */
    if (code != CELERIAC_OK)
        c->is_armed = false;
    /* What was claimed before a later round failed belongs to the caller. */
    if (code != CELERIAC_OK && c->count == 0)
        return code;
    c->more = c->more || has_settled || c->count >= room;
    rotate(c);
    *batch = (struct cel_claim_batch){.messages = c->messages,
                                      .count = c->count,
                                      .strays = c->strays,
                                      .quarantined = c->quarantined,
                                      .more = c->more};
    return CELERIAC_OK;
}
