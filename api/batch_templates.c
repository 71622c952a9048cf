#include "api/batch_templates.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"

enum celeriac_err batch_templates_init(struct batch_templates *t, size_t items)
{
    t->count = 0;
    t->asks = mem_calloc(items, sizeof *t->asks);
    return t->asks ? CELERIAC_OK : CELERIAC_ERR_MEMORY;
}

void batch_templates_close(struct batch_templates *t)
{
    for (size_t i = 0; i < t->count; i++)
        store_call_release(&t->asks[i].find.call);
    mem_free(t->asks);
    t->asks = NULL;
    t->count = 0;
}

static bool is_same(const struct template_ask *ask, struct span name, int64_t id, bool impossible)
{
    return ask->id == id && ask->impossible == impossible && ask->name.len == name.len &&
           (name.len == 0 || memcmp(ask->name.ptr, name.ptr, name.len) == 0);
}

struct template_ask *batch_templates_add(struct batch_templates *t, const struct notify_item *item)
{
    enum notify_template_by by = notify_item_template_by(item);
    struct template_ask *ask;
    struct span name = SPAN("");
    int64_t id = 0;
    bool impossible = false;

    if (by == NOTIFY_TEMPLATE_NONE)
        return NULL;
    if (by == NOTIFY_TEMPLATE_BY_NAME)
        name = notify_item_template_name(item);
    else
        impossible = !notify_item_template_id(item, &id);
    for (size_t i = 0; i < t->count; i++) {
        if (is_same(&t->asks[i], name, id, impossible))
            return &t->asks[i];
    }
    ask = &t->asks[t->count++];
    ask->name = name;
    ask->id = id;
    ask->impossible = impossible;
    return ask;
}

static void end_one(struct batch_templates *t)
{
    if (atomic_fetch_sub(&t->pending, 1) == 1)
        call_continue(t->call, t->next);
}

/* Runs on a thread of the store. */
static void on_found(struct store_call *call)
{
    end_one(call->context);
}

void batch_templates_find(struct batch_templates *t, struct api_call *call, route_handler_fn *next)
{
    int64_t deadline_ns = clock_monotonic_ns() + CALL_STORE_NS;

    t->call = call;
    t->next = next;
    /* One more than there are, so that the last of them cannot end before all are asked for. */
    atomic_store(&t->pending, t->count + 1);
    for (size_t i = 0; i < t->count; i++) {
        struct template_ask *ask = &t->asks[i];

        store_find_template_init(&ask->find, &call->who.tenant_id, ask->name, ask->id);
        ask->find.call.done = on_found;
        ask->find.call.context = t;
        ask->find.call.deadline_ns = deadline_ns;
        if (ask->impossible || store_submit(call->api->store, &ask->find.call) != CELERIAC_OK)
            end_one(t);
    }
    end_one(t);
}

const struct celeriac_error *batch_templates_error(const struct batch_templates *t)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct celeriac_error *error = &t->asks[i].find.call.error;

        if (error->code != CELERIAC_OK && error->code != CELERIAC_ERR_NOT_FOUND)
            return error;
    }
    return NULL;
}

bool template_ask_found(const struct template_ask *ask, int64_t *id)
{
    if (ask->impossible || ask->find.call.error.code != CELERIAC_OK)
        return false;
    *id = ask->find.found_id;
    return true;
}
