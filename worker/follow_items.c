#include "worker/follow_items.h"

#include "base/alloc.h"

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
                                                      .document = a->records[i].document,
                                                      .may_be_missed = true}});
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

bool cel_follow_list(const struct cel_aftermath *aftermath, enum cel_finish_to to,
                     struct cel_item_list *list)
{
    size_t before = list->count;

    if (add_messages(aftermath, to, list) && add_records(aftermath, list))
        return true;
    list->count = before;
    return false;
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
    bool together =
        list->items[list->count - 1].tag.len > 0 && op_count(a) <= CEL_FOLLOW_TOGETHER_MAX;

    return cel_follow_list(a, together ? CEL_FINISH_FOLLOW : CEL_FINISH_PUBLISH, list);
}
