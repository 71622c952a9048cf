#include "celery_proto/redis/result_backlog.h"

#include <string.h>

#include "base/alloc.h"

struct waiting_result {
    struct waiting_result *next;
    size_t id_len;
    size_t document_len;
    char bytes[]; /* task id, document */
};

struct result_backlog {
    struct waiting_result *first;
    struct waiting_result *last;
    size_t count;
    size_t bytes;
    uint64_t dropped;
};

enum celeriac_err result_backlog_create(struct result_backlog **backlog)
{
    struct result_backlog *b = mem_calloc(1, sizeof *b);
    if (b == NULL)
        return CELERIAC_ERR_MEMORY;
    *backlog = b;
    return CELERIAC_OK;
}

void result_backlog_destroy(struct result_backlog *backlog)
{
    if (backlog == NULL)
        return;
    result_backlog_remove(backlog, backlog->count);
    mem_free(backlog);
}

static size_t size_of(const struct waiting_result *r)
{
    return sizeof *r + r->id_len + r->document_len;
}

void result_backlog_add(struct result_backlog *backlog, const struct cel_result_record *record)
{
    size_t size;
    struct waiting_result *r = NULL;
    if (size_add(record->task_id.len, record->document.len, &size) &&
        size_add(size, sizeof *r, &size) && size <= CEL_RESULT_BACKLOG_BYTES)
        r = mem_alloc(size);
    if (r == NULL) {
        backlog->dropped++;
        return;
    }
    while (backlog->count >= CEL_RESULT_BACKLOG_COUNT ||
           size > CEL_RESULT_BACKLOG_BYTES - backlog->bytes) {
        result_backlog_remove(backlog, 1);
        backlog->dropped++;
    }
    r->next = NULL;
    r->id_len = record->task_id.len;
    r->document_len = record->document.len;
    memcpy(r->bytes, record->task_id.ptr, r->id_len);
    memcpy(r->bytes + r->id_len, record->document.ptr, r->document_len);
    if (backlog->last != NULL)
        backlog->last->next = r;
    else
        backlog->first = r;
    backlog->last = r;
    backlog->count++;
    backlog->bytes += size;
}

size_t result_backlog_peek(const struct result_backlog *backlog, struct cel_result_record *records,
                           size_t max)
{
    size_t n = 0;
    for (const struct waiting_result *r = backlog->first; r != NULL && n < max; r = r->next)
        records[n++] = (struct cel_result_record){
            .task_id = {r->bytes, r->id_len}, .document = {r->bytes + r->id_len, r->document_len}};
    return n;
}

void result_backlog_remove(struct result_backlog *backlog, size_t count)
{
    while (count > 0 && backlog->first != NULL) {
        struct waiting_result *r = backlog->first;
        backlog->first = r->next;
        if (backlog->first == NULL)
            backlog->last = NULL;
        backlog->count--;
        backlog->bytes -= size_of(r);
        mem_free(r);
        count--;
    }
}

size_t result_backlog_count(const struct result_backlog *backlog)
{
    return backlog->count;
}

uint64_t result_backlog_dropped(const struct result_backlog *backlog)
{
    return backlog->dropped;
}

void result_backlog_count_dropped(struct result_backlog *backlog, size_t count)
{
    backlog->dropped += count;
}
