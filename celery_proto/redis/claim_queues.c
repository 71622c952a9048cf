#include "celery_proto/redis/claim_queues.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/redis/claim_state.h"
#include "celery_proto/redis/publish.h"

/* Names of one queue: itself, its binding, and a key for each step. */
#define NAMES_MAX \
    ((CEL_PRIORITY_STEPS_MAX + 4) * (size_t)(3 * CEL_NAME_MAX + 4 * CEL_KEY_OPTION_MAX))

static void queue_destroy(struct claim_queue *queue)
{
    if (queue == NULL)
        return;
    strbuf_close(&queue->names);
    mem_free(queue);
}

/* Offsets first, spans when the buffer has stopped moving. */
static enum celeriac_err write_names(struct claim_queue *q, const struct cel_keys *keys,
                                     struct span name)
{
    const struct cel_priority_steps *steps = cel_keys_steps(keys);
    size_t end[CEL_PRIORITY_STEPS_MAX + 3];
    size_t n = 0;

    strbuf_init(&q->names, NAMES_MAX);
    strbuf_add_span(&q->names, name);
    end[n++] = q->names.len;
    cel_key_binding(keys, name, &q->names);
    end[n++] = q->names.len;
    cel_binding_member(keys, name, (struct span){0}, name, &q->names);
    end[n++] = q->names.len;
    for (size_t i = 0; i < steps->count; i++) {
        cel_key_queue(keys, name, steps->step[i], &q->names);
        end[n++] = q->names.len;
    }
    if (strbuf_status(&q->names) != CELERIAC_OK)
        return strbuf_status(&q->names);
    const char *p = q->names.ptr;
    q->name = (struct span){p, end[0]};
    q->binding_key = (struct span){p + end[0], end[1] - end[0]};
    q->binding_member = (struct span){p + end[1], end[2] - end[1]};
    for (size_t i = 0; i < steps->count; i++) {
        q->list[i].key = (struct span){p + end[i + 2], end[i + 3] - end[i + 2]};
        q->list[i].step = steps->step[i];
        q->list[i].is_whole_search = true;
    }
    return CELERIAC_OK;
}

static enum celeriac_err queue_create(const struct cel_keys *keys, const char *name,
                                      struct claim_queue **queue, struct celeriac_error *err)
{
    struct span text = span_of(name);
    if (text.len == 0 || text.len > CEL_NAME_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "a queue's name must have 1 to %d bytes",
                                  CEL_NAME_MAX);
    struct claim_queue *q = mem_calloc(1, sizeof *q);
    enum celeriac_err code = q == NULL ? CELERIAC_ERR_MEMORY : write_names(q, keys, text);
    if (code != CELERIAC_OK) {
        queue_destroy(q);
        return celeriac_error_set(err, code, "no memory for the names of queues");
    }
    *queue = q;
    return CELERIAC_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct claim_queue *x = *(struct claim_queue *const *)a;
    const struct claim_queue *y = *(struct claim_queue *const *)b;
    size_t common = x->name.len < y->name.len ? x->name.len : y->name.len;
    int order = memcmp(x->name.ptr, y->name.ptr, common);
    return order != 0 ? order : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

enum celeriac_err claim_queues_create(const struct cel_keys *keys, const char *const *names,
                                      size_t count, enum cel_queue_order order,
                                      struct claim_queue ***queues, struct celeriac_error *err)
{
    if (count == 0 || count > CEL_CLAIM_QUEUES_MAX)
        return celeriac_error_set(err, count == 0 ? CELERIAC_ERR_VALUE : CELERIAC_ERR_LIMIT,
                                  "a worker consumes 1 to %d queues", CEL_CLAIM_QUEUES_MAX);
    struct claim_queue **made = mem_calloc(count, sizeof(struct claim_queue *));
    if (made == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for queues");
    enum celeriac_err code = CELERIAC_OK;
    for (size_t i = 0; i < count && code == CELERIAC_OK; i++) {
        for (size_t k = 0; k < i; k++) {
            if (span_is(made[k]->name, names[i]))
                code = celeriac_error_set(err, CELERIAC_ERR_VALUE, "queue \"%s\" is given twice",
                                          names[i]);
        }
        if (code == CELERIAC_OK)
            code = queue_create(keys, names[i], &made[i], err);
    }
    if (code != CELERIAC_OK) {
        claim_queues_destroy(made, count);
        return code;
    }
    if (order == CEL_ORDER_SORTED)
        qsort(made, count, sizeof(struct claim_queue *), by_name);
    *queues = made;
    return CELERIAC_OK;
}

void claim_queues_destroy(struct claim_queue **queues, size_t count)
{
    if (queues == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        queue_destroy(queues[i]);
    mem_free(queues);
}
