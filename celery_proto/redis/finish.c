#include "celery_proto/redis/finish.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/codec/priority.h"
#include "celery_proto/redis/finish_results.h"
#include "celery_proto/redis/own_keys.h"
#include "celery_proto/redis/pipeline.h"
#include "celery_proto/redis/publish.h"
#include "celery_proto/redis/quarantine.h"
#include "celery_proto/redis/result_state.h"
#include "celery_proto/redis/script.h"

/* Keys and arguments of finish.lua before those of the items. */
#define FIXED_KEYS 4
#define FIXED_ARGS 6

/* Bytes of list and result keys, and of quarantine entries, in one call. */
#define KEYS_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define ENTRIES_BYTES_MAX ((size_t)512 * 1024 * 1024)

/* How many keys back an equal one is looked for; most batches have one list. */
#define KEY_SEARCH 16

/* A piece of one of the buffers. */
struct piece {
    size_t start;
    size_t len;
};

struct cel_finisher {
    struct cel_conn *conn;
    const struct cel_keys *keys;
    struct strbuf names;
    struct span own_key, record_key;
    struct finish_results *results;
    uint32_t seconds;
    struct cel_pipeline pipeline;
    uint64_t batch;       /* number of the last batch */
    uint64_t answered;    /* number of the last batch with deliveries that was answered; 0: none */
    uint64_t fingerprint; /* of its items, while its reply is owed; else 0 */
    struct strbuf list_keys;
    struct strbuf result_keys;
    struct strbuf entries; /* quarantine entries */
    struct piece *lists;   /* distinct lists of this batch */
    size_t list_count;
    size_t *list_of_item;
    struct piece *entry_of_item;
    struct piece *key_of_result;
    struct cel_result_record *records; /* of this batch, in the order of the items */
    size_t record_count;
};

static enum celeriac_err allocate(struct cel_finisher *f)
{
    f->lists = mem_calloc(CEL_FINISH_ITEMS_MAX, sizeof *f->lists);
    f->list_of_item = mem_calloc(CEL_FINISH_ITEMS_MAX, sizeof *f->list_of_item);
    f->entry_of_item = mem_calloc(CEL_FINISH_ITEMS_MAX, sizeof *f->entry_of_item);
    f->key_of_result = mem_calloc(CEL_FINISH_ITEMS_MAX, sizeof *f->key_of_result);
    f->records = mem_calloc(CEL_FINISH_ITEMS_MAX, sizeof *f->records);
    if (f->lists == NULL || f->list_of_item == NULL || f->entry_of_item == NULL ||
        f->key_of_result == NULL || f->records == NULL)
        return CELERIAC_ERR_MEMORY;
    return CELERIAC_OK;
}

static enum celeriac_err write_names(struct cel_finisher *f, const char *worker_id)
{
    struct span id = span_of(worker_id);
    strbuf_init(&f->names, 4 * (size_t)CEL_KEY_OPTION_MAX);
    cel_key_own(f->keys, id, &f->names);
    size_t own_len = f->names.len;
    cel_key_claim(f->keys, id, &f->names);
    if (strbuf_status(&f->names) != CELERIAC_OK)
        return strbuf_status(&f->names);
    f->own_key = (struct span){f->names.ptr, own_len};
    f->record_key = (struct span){f->names.ptr + own_len, f->names.len - own_len};
    return CELERIAC_OK;
}

enum celeriac_err cel_finisher_create(const struct cel_finisher_options *options,
                                      struct cel_finisher **finisher, struct celeriac_error *err)
{
    if (options->keys == NULL || options->worker_id == NULL || options->worker_id[0] == '\0' ||
        strlen(options->worker_id) > CEL_WORKER_ID_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "a finisher needs keys and a worker_id of 1 to %d bytes",
                                  CEL_WORKER_ID_MAX);
    struct cel_finisher *f = mem_calloc(1, sizeof *f);
    if (f == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for a finisher");
    f->keys = options->keys;
    /* Another finisher may have used this worker id before; its numbers must not come again. */
    f->batch = (uint64_t)clock_wall_us();
    cel_pipeline_init(&f->pipeline);
    strbuf_init(&f->list_keys, KEYS_BYTES_MAX);
    strbuf_init(&f->result_keys, KEYS_BYTES_MAX);
    strbuf_init(&f->entries, ENTRIES_BYTES_MAX);
    f->seconds = options->results.keep ? 0
                                       : (options->results.expires != 0 ? options->results.expires
                                                                        : CEL_RESULT_EXPIRES);
    enum celeriac_err code = allocate(f);
    if (code == CELERIAC_OK)
        code = write_names(f, options->worker_id);
    if (code != CELERIAC_OK)
        (void)celeriac_error_set(err, code, "no memory for a finisher");
    if (code == CELERIAC_OK)
        code = cel_conn_create(&options->conn, &f->conn, err);
    if (code == CELERIAC_OK)
        code = finish_results_create(&options->results, options->conn.url, &f->results, err);
    if (code != CELERIAC_OK) {
        cel_finisher_destroy(f);
        return code;
    }
    *finisher = f;
    return CELERIAC_OK;
}

void cel_finisher_destroy(struct cel_finisher *finisher)
{
    if (finisher == NULL)
        return;
    cel_conn_destroy(finisher->conn);
    finish_results_destroy(finisher->results);
    cel_pipeline_close(&finisher->pipeline);
    strbuf_close(&finisher->names);
    strbuf_close(&finisher->list_keys);
    strbuf_close(&finisher->result_keys);
    strbuf_close(&finisher->entries);
    mem_free(finisher->lists);
    mem_free(finisher->list_of_item);
    mem_free(finisher->entry_of_item);
    mem_free(finisher->key_of_result);
    mem_free(finisher->records);
    mem_free(finisher);
}

static struct span span_at(const struct strbuf *b, struct piece piece)
{
    return piece.len > 0 ? (struct span){b->ptr + piece.start, piece.len} : (struct span){0};
}

static enum celeriac_err check_items(const struct cel_finish_item *items, size_t count,
                                     struct celeriac_error *err)
{
    if (count > CEL_FINISH_ITEMS_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "more than %d items in one call",
                                  CEL_FINISH_ITEMS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct cel_finish_item *item = &items[i];
        bool needs_queue = item->to != CEL_FINISH_DELETE && item->to != CEL_FINISH_QUARANTINE;
        bool takes_none = item->to == CEL_FINISH_PUBLISH || item->to == CEL_FINISH_FOLLOW;
        bool needs_tag = item->to != CEL_FINISH_DELETE && !takes_none;
        if (item->tag.len == 0 && needs_tag)
            return celeriac_error_set(err, CELERIAC_ERR_VALUE, "tag is missing");
        if (item->tag.len > 0 && takes_none)
            return celeriac_error_set(err, CELERIAC_ERR_VALUE, "tag: this move takes none");
        if (needs_queue && (item->queue.len == 0 || item->queue.len > CEL_NAME_MAX))
            return celeriac_error_set(err, CELERIAC_ERR_VALUE, "queue must have 1 to %d bytes",
                                      CEL_NAME_MAX);
        if (item->to != CEL_FINISH_DELETE && item->message.len == 0)
            return celeriac_error_set(err, CELERIAC_ERR_VALUE, "message is missing");
    }
    return CELERIAC_OK;
}

/* The number of the list (from 1) whose key was just appended to list_keys at start. */
static size_t intern_list(struct cel_finisher *f, size_t start)
{
    struct piece key = {start, f->list_keys.len - start};
    size_t first = f->list_count > KEY_SEARCH ? f->list_count - KEY_SEARCH : 0;
    for (size_t i = f->list_count; i > first; i--) {
        if (span_equal(span_at(&f->list_keys, f->lists[i - 1]), span_at(&f->list_keys, key))) {
            strbuf_truncate(&f->list_keys, start);
            return i;
        }
    }
    f->lists[f->list_count++] = key;
    return f->list_count;
}

/* Works out every key and entry of the batch. */
static enum celeriac_err prepare(struct cel_finisher *f, const struct cel_finish_item *items,
                                 size_t count)
{
    const struct cel_priority_steps *steps = cel_keys_steps(f->keys);
    strbuf_clear(&f->list_keys);
    strbuf_clear(&f->result_keys);
    strbuf_clear(&f->entries);
    f->list_count = 0;
    f->record_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct cel_finish_item *item = &items[i];
        size_t start = f->list_keys.len;
        if (item->to == CEL_FINISH_QUARANTINE) {
            size_t entry = f->entries.len;
            cel_quarantine_entry(&f->entries, item->reason, clock_wall_us(), item->queue,
                                 item->message);
            f->entry_of_item[i] = (struct piece){entry, f->entries.len - entry};
            strbuf_add_span(&f->list_keys, cel_key_quarantine(f->keys));
        } else if (item->to != CEL_FINISH_DELETE) {
            cel_key_queue(f->keys, item->queue,
                          cel_priority_step(steps, cel_priority_clamp(item->priority)),
                          &f->list_keys);
        }
        if (strbuf_status(&f->list_keys) != CELERIAC_OK)
            return strbuf_status(&f->list_keys);
        if (item->to != CEL_FINISH_DELETE)
            f->list_of_item[i] = intern_list(f, start);
        if (item->result.task_id.len == 0 || !finish_results_is_on(f->results))
            continue;
        if (!cel_result_is_storable(&item->result)) {
            finish_results_judge(f->results, &item->result, NULL);
        } else {
            size_t key = f->result_keys.len;
            cel_key_result(f->keys, item->result.task_id, &f->result_keys);
            f->key_of_result[f->record_count] = (struct piece){key, f->result_keys.len - key};
            f->records[f->record_count++] = item->result;
        }
    }
    return strbuf_status(&f->result_keys) != CELERIAC_OK ? strbuf_status(&f->result_keys)
                                                         : strbuf_status(&f->entries);
}

/* Whether the script hears of the item as a move; the others have only a result. */
static bool is_move(const struct cel_finish_item *item)
{
    return item->tag.len > 0 || item->to == CEL_FINISH_PUBLISH || item->to == CEL_FINISH_FOLLOW;
}

/* The letter by which finish.lua knows a move that pushes. */
static struct span letter_of(enum cel_finish_to to)
{
    if (to == CEL_FINISH_FRONT)
        return SPAN("f");
    if (to == CEL_FINISH_FOLLOW)
        return SPAN("c");
    return to == CEL_FINISH_PUBLISH ? SPAN("p") : SPAN("b");
}

static size_t count_arguments(const struct cel_finish_item *items, size_t count, size_t *deliveries)
{
    size_t n = 0;
    *deliveries = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_move(&items[i]))
            continue;
        (*deliveries)++;
        n += items[i].to == CEL_FINISH_DELETE ? 2 : 4;
    }
    return n;
}

static void write_delivery(struct cel_finisher *f, const struct cel_finish_item *item, size_t i)
{
    struct cel_pipeline *p = &f->pipeline;
    cel_pipeline_arg(p, item->tag);
    if (item->to == CEL_FINISH_DELETE) {
        cel_pipeline_arg(p, SPAN("d"));
        return;
    }
    cel_pipeline_arg(p, letter_of(item->to));
    cel_pipeline_arg_int(p, (int64_t)f->list_of_item[i]);
    cel_pipeline_arg(p, item->to == CEL_FINISH_QUARANTINE
                            ? span_at(&f->entries, f->entry_of_item[i])
                            : item->message);
}

/* The call of finish.lua; results are those that go into the same script. */
static void write_call(struct cel_finisher *f, const struct cel_finish_item *items, size_t count,
                       size_t results)
{
    struct cel_pipeline *p = &f->pipeline;
    size_t deliveries;
    size_t arguments = count_arguments(items, count, &deliveries);
    cel_pipeline_clear(p);
    cel_script_begin(p, &cel_script_finish, FIXED_KEYS + f->list_count + results,
                     FIXED_ARGS + arguments + results);
    cel_pipeline_arg(p, cel_key_unacked(f->keys));
    cel_pipeline_arg(p, cel_key_unacked_index(f->keys));
    cel_pipeline_arg(p, f->own_key);
    cel_pipeline_arg(p, f->record_key);
    for (size_t i = 0; i < f->list_count; i++)
        cel_pipeline_arg(p, span_at(&f->list_keys, f->lists[i]));
    for (size_t i = 0; i < results; i++)
        cel_pipeline_arg(p, span_at(&f->result_keys, f->key_of_result[i]));
    cel_pipeline_arg_int(p, (int64_t)f->batch);
    cel_pipeline_arg_int(p, (int64_t)deliveries);
    cel_pipeline_arg_int(p, (int64_t)f->list_count);
    cel_pipeline_arg_int(p, (int64_t)results);
    cel_pipeline_arg_int(p, f->seconds);
    cel_pipeline_arg_int(p, (int64_t)f->answered);
    for (size_t i = 0; i < count; i++) {
        if (is_move(&items[i]))
            write_delivery(f, &items[i], i);
    }
    for (size_t i = 0; i < results; i++)
        cel_pipeline_arg(p, f->records[i].document);
}

/*
 * What tells one batch from another (FNV-1a over tags and moves), never 0. A batch that is sent
 * again gets the number it had; a caller that gave up and sends something else gets a new one.
 */
static uint64_t fingerprint_of(const struct cel_finish_item *items, size_t count)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < count; i++) {
        struct span text = items[i].tag.len > 0 ? items[i].tag : items[i].message;
        for (size_t k = 0; k < text.len; k++)
            hash = (hash ^ (unsigned char)text.ptr[k]) * UINT64_C(1099511628211);
        hash = (hash ^ (uint64_t)items[i].to) * UINT64_C(1099511628211);
    }
    return hash == 0 ? 1 : hash;
}

static void read_reply(struct cel_finisher *f, struct cel_finish_item *items, size_t count,
                       size_t results)
{
    const struct redisReply *reply = cel_pipeline_reply(&f->pipeline, 0);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        items[i].held = false;
        if (is_move(&items[i]))
            items[i].held = cel_reply_int(cel_reply_at(reply, at++)) == 1;
    }
    for (size_t i = 0; i < results; i++)
        finish_results_judge(f->results, &f->records[i], cel_reply_at(reply, at + i));
}

/* Sends the moves, with `results` records in the same script. */
static enum celeriac_err move(struct cel_finisher *f, struct cel_finish_item *items, size_t count,
                              size_t results, uint64_t fingerprint, struct celeriac_error *err)
{
    if (fingerprint != f->fingerprint)
        f->batch++;
    f->fingerprint = 0;
    write_call(f, items, count, results);
    enum celeriac_err code = cel_script_run(&f->pipeline, f->conn, &cel_script_finish, err);
    if (code != CELERIAC_OK) {
        f->fingerprint = fingerprint;
        return code;
    }
    read_reply(f, items, count, results);
    for (size_t i = 0; i < count; i++) {
        if (is_move(&items[i]))
            f->answered = f->batch;
    }
    return code;
}

enum celeriac_err cel_finish(struct cel_finisher *finisher, struct cel_finish_item *items,
                             size_t count, struct celeriac_error *err)
{
    struct cel_finisher *f = finisher;
    int64_t next_ns;
    enum celeriac_err code = check_items(items, count, err);
    if (code != CELERIAC_OK)
        return code;
    code = prepare(f, items, count);
    if (code != CELERIAC_OK)
        return celeriac_error_set(err, code, "no memory to finish messages");

    uint64_t fingerprint = fingerprint_of(items, count);
    bool is_shared = finish_results_is_shared(f->results);
    /* Sent again after a lost reply, the results are stored or in the backlog already. */
    if (!is_shared && f->record_count > 0 && fingerprint != f->fingerprint)
        finish_results_put(f->results, f->records, f->record_count);
    code = move(f, items, count, is_shared ? f->record_count : 0, fingerprint, err);
    if (code == CELERIAC_OK)
        finish_results_flush(f->results, &next_ns);
    return code;
}

enum celeriac_err cel_finish_pause(struct cel_finisher *finisher, int wake_fd)
{
    return cel_conn_pause(finisher->conn, wake_fd);
}

uint64_t cel_finish_answered(const struct cel_finisher *finisher)
{
    return finisher->answered;
}

void cel_finish_flush_results(struct cel_finisher *finisher, int64_t *next_ns)
{
    finish_results_flush(finisher->results, next_ns);
    int64_t again_ns = finish_results_announce(finisher->results, finisher->conn);
    if (again_ns >= 0 && (*next_ns < 0 || again_ns < *next_ns))
        *next_ns = again_ns;
}

uint64_t cel_finish_results_dropped(const struct cel_finisher *finisher)
{
    return finish_results_dropped(finisher->results);
}
