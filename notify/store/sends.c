#include "notify/store/sends.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"
#include "notify/store/bind.h"
#include "notify/store/kinds.h"
#include "notify/store/row.h"
#include "notify/store/sql.h"

/* Columns of sql/begin_send.sql. */
enum {
    COLUMN_ID,
    COLUMN_STATE,
    COLUMN_AGE,
    COLUMN_TENANT,
    COLUMN_CHANNEL,
    COLUMN_TO,
    COLUMN_DATA,
    COLUMN_TEMPLATE,
    COLUMN_SUBJECT,
    COLUMN_BODY
};

/* A busy notification is asked about again after so long while its sender gives signs of life. */
#define LOOK_AGAIN_NS NS_PER_SEC

/* A sender that missed two signs of life may be dead: look again just after it counts as such. */
#define DOUBT_US INT64_C(2000000)
#define LOOK_AGAIN_MIN_NS (250 * NS_PER_MS)

/* Between two attempts to give back a claim while memory is short. */
#define GIVE_BACK_PAUSE_NS (100 * NS_PER_MS)

/* A template's text, shared by the calls of one batch that use it. */
struct shared_text {
    atomic_uint users;
    struct store_template_text text;
    char bytes[];
};

static struct store_begin_send *begin_of(struct store_call *call)
{
    return (struct store_begin_send *)call;
}

static struct shared_text *shared_of(const struct store_template_text *text)
{
    return (struct shared_text *)((char *)(uintptr_t)text - offsetof(struct shared_text, text));
}

static void drop_text(struct shared_text *shared)
{
    if (shared && atomic_fetch_sub_explicit(&shared->users, 1, memory_order_acq_rel) == 1)
        mem_free(shared);
}

/* Copies a template's text from the row that carries it; one user. NULL when memory is short. */
static struct shared_text *take_text(struct store_row r)
{
    struct span subject = store_row_span(r, COLUMN_SUBJECT);
    struct span body = store_row_span(r, COLUMN_BODY);
    struct shared_text *shared = mem_alloc(sizeof *shared + subject.len + body.len + 2);
    if (!shared)
        return NULL;
    char *at = shared->bytes;
    atomic_init(&shared->users, 1);
    shared->text.id = store_row_int8(r, COLUMN_TEMPLATE);
    shared->text.body = (struct span){at, body.len};
    memcpy(at, body.ptr, body.len);
    at[body.len] = '\0';
    at += body.len + 1;
    shared->text.subject = (struct span){0};
    if (subject.ptr) {
        shared->text.subject = (struct span){at, subject.len};
        memcpy(at, subject.ptr, subject.len);
        at[subject.len] = '\0';
    }
    return shared;
}

static void bind_begin(struct store_params *p, struct store_call **calls, size_t count,
                       const struct store_context *context)
{
    struct store_set set = store_each_once(calls, count, offsetof(struct store_begin_send, id));
    store_bind_uuids(p, &set, offsetof(struct store_begin_send, id));
    store_bind_int8s(p, &set, offsetof(struct store_begin_send, token));
    store_params_uuid(p, &context->sender);
}

static enum celeriac_err take_send(struct store_begin_send *begin, struct store_row r,
                                   struct shared_text *shared)
{
    void *rows;
    struct store_block block;
    if (!store_row_is_null(r, COLUMN_TEMPLATE) && !shared)
        return CELERIAC_ERR_MEMORY;
    if (store_block_create(&begin->call, r.result, r.row, 1, 0, &rows, &block) != CELERIAC_OK)
        return CELERIAC_ERR_MEMORY;
    store_row_uuid(r, COLUMN_TENANT, &begin->send.tenant_id);
    begin->send.channel = store_block_column(&block, r, COLUMN_CHANNEL);
    begin->send.to = store_block_column(&block, r, COLUMN_TO);
    begin->send.data = store_block_column(&block, r, COLUMN_DATA);
    if (shared) {
        atomic_fetch_add_explicit(&shared->users, 1, memory_order_relaxed);
        begin->send.template = &shared->text;
    }
    return CELERIAC_OK;
}

/* How long to wait before asking about a notification whose sender was silent for `age` (NULL:
 * new). */
static int64_t look_again(struct store_row r)
{
    int64_t age_us = store_row_int8(r, COLUMN_AGE);
    if (store_row_is_null(r, COLUMN_AGE) || age_us < DOUBT_US)
        return LOOK_AGAIN_NS;
    int64_t left_ns = (STORE_SENDER_SILENCE_US - age_us) * 1000;
    return left_ns < LOOK_AGAIN_MIN_NS ? LOOK_AGAIN_MIN_NS : left_ns;
}

/* The first (oldest) of the sorted calls with the row's id; count when there is none. */
static size_t find_first(struct store_call **calls, size_t count, const struct uuid *id)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(&begin_of(calls[middle])->id, id, sizeof *id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Gives one row to the calls that asked for its id: the first may get it, the rest find it busy. */
static void take_row(struct store_call **calls, size_t count, struct store_row r,
                     struct shared_text *shared)
{
    struct uuid id;
    store_row_uuid(r, COLUMN_ID, &id);
    enum store_send_state state = (enum store_send_state)store_row_int4(r, COLUMN_STATE);
    for (size_t i = find_first(calls, count, &id);
         i < count && memcmp(&begin_of(calls[i])->id, &id, sizeof id) == 0; i++) {
        struct store_begin_send *begin = begin_of(calls[i]);
        begin->state = state;
        if (state == STORE_SEND_BUSY)
            begin->look_again_ns = look_again(r);
        if (state != STORE_SEND_READY)
            continue;
        if (take_send(begin, r, shared) != CELERIAC_OK)
            store_call_no_memory(&begin->call);
        state = STORE_SEND_BUSY;
    }
}

static void take_begin(struct store_call **calls, size_t count, const PGresult *result)
{
    struct shared_text *shared = NULL;
    for (size_t i = 0; i < count; i++) {
        begin_of(calls[i])->state = STORE_SEND_MISSING;
        begin_of(calls[i])->look_again_ns = LOOK_AGAIN_NS;
    }
    for (int i = 0; i < PQntuples(result); i++) {
        struct store_row r = {result, i};
        if (!store_row_is_null(r, COLUMN_BODY)) {
            drop_text(shared);
            shared = take_text(r);
        } else if (shared && store_row_int8(r, COLUMN_TEMPLATE) != shared->text.id) {
            drop_text(shared);
            shared = NULL;
        }
        take_row(calls, count, r, shared);
    }
    drop_text(shared);
}

static void release_begin(struct store_call *call)
{
    struct store_begin_send *begin = begin_of(call);
    if (begin->send.template)
        drop_text(shared_of(begin->send.template));
    begin->send.template = NULL;
}

const struct store_kind store_kind_begin_send = {
    .id = STORE_KIND_BEGIN_SEND,
    .name = "begin_send",
    .sql = store_sql_begin_send,
    .combined = true,
    .needs_sender = true,
    .bind = bind_begin,
    .take = take_begin,
    .release = release_begin,
};

void store_begin_send_init(struct store_begin_send *begin, const struct uuid *id)
{
    memset(begin, 0, sizeof *begin);
    store_call_init(&begin->call, &store_kind_begin_send);
    begin->id = *id;
    begin->token = (int64_t)random_os(NULL);
}

/*
 * Gives back the claim of a begin that failed. Nothing else would: this process lives on, so the
 * claim would stand, and the notification would be busy for ever.
 */
static void give_back(struct store *s, const struct store_begin_send *begin)
{
    const struct timespec pause = {.tv_nsec = GIVE_BACK_PAUSE_NS};
    struct store_end_send end;
    enum celeriac_err rc;
    do {
        store_release_claim_init(&end, &begin->id);
        end.token = begin->token;
        rc = store_run(s, &end.call);
        store_call_release(&end.call);
        if (rc == CELERIAC_ERR_MEMORY)
            (void)nanosleep(&pause, NULL);
    } while (rc == CELERIAC_ERR_MEMORY);
}

enum celeriac_err store_begin_send(struct store *s, const struct uuid *id,
                                   struct store_begin_send *begin)
{
    store_begin_send_init(begin, id);
    enum celeriac_err rc = store_run(s, &begin->call);
    if (rc == CELERIAC_ERR_MEMORY)
        give_back(s, begin);
    return rc;
}
