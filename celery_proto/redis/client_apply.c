/* Sending canvases: celeriac_client_apply() of celeriac/signature.h. */
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "celeriac/signature.h"
#include "celery_proto/codec/canvas.h"
#include "celery_proto/redis/client_state.h"

static void new_id(void *context, char id[UUID_SIZE])
{
    (void)context;
    uuid_new(id);
}

static enum celeriac_err need_chords(struct celeriac_client *client, struct celeriac_error *err)
{
    struct cel_chord_options options = {
        .results = {.keys = client->at->keys, .expires = client->result_expires}};

    if (client->chords)
        return CELERIAC_OK;
    if (!client->at->backend)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "result_backend: a chord cannot do without");
    options.results.conn = cel_to_backend(client->at, "celeriac-chords");
    return cel_chord_store_create(&options, &client->chords, err);
}

/* Publishes a run of messages in one round trip. */
static enum celeriac_err publish(struct celeriac_client *client, const struct cel_canvas_op *ops,
                                 size_t count, struct celeriac_error *err)
{
    struct cel_outgoing *messages = mem_calloc(count, sizeof *messages);
    enum celeriac_err code;

    if (!messages)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        messages[i].message = ops[i].message;
        messages[i].exchange = ops[i].exchange;
        messages[i].routing_key = ops[i].routing_key;
        messages[i].priority = ops[i].priority;
        if (ops[i].exchange.len == 0)
            messages[i].queue = ops[i].routing_key;
    }
    code = cel_publish(client->publisher, messages, count, NULL, err);
    mem_free(messages);
    return code;
}

static enum celeriac_err write_chord(struct celeriac_client *client, const struct cel_canvas_op *op,
                                     struct celeriac_error *err)
{
    enum celeriac_err code = need_chords(client, err);

    if (code)
        return code;
    if (op->kind == CEL_CANVAS_CHORD_SIZE)
        return cel_chord_set_size(client->chords, op->group_id, op->size, err);
    return cel_chord_save_group(client->chords, op->group_id, op->message, err);
}

/* The operations in their order: messages in runs, what chords need in between. */
static enum celeriac_err carry_out(struct celeriac_client *client, const struct cel_canvas *canvas,
                                   struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;
    const struct cel_canvas_op *ops;
    size_t count = 0;
    size_t i = 0;

    ops = cel_canvas_ops(canvas, &count);
    while (code == CELERIAC_OK && i < count) {
        size_t end = i;

        while (end < count && ops[end].kind == CEL_CANVAS_PUBLISH)
            end++;
        if (end > i)
            code = publish(client, ops + i, end - i, err);
        else
            code = write_chord(client, &ops[end++], err);
        i = end;
    }
    return code;
}

/* The result tuples without their brackets; what finds no room is left out. */
static enum celeriac_err add_children(struct cel_canvas *canvas, struct strbuf *scratch,
                                      struct strbuf *children)
{
    struct span all = {0};
    enum celeriac_err code = cel_canvas_children(canvas, &all);

    if (code || all.len <= 2)
        return code;
    strbuf_clear(scratch);
    strbuf_add_text(scratch, strbuf_span(children).len > 0 ? ", " : "");
    strbuf_add_span(scratch, (struct span){all.ptr + 1, all.len - 2});
    if (strbuf_status(scratch) == CELERIAC_OK)
        strbuf_add_span(children, strbuf_span(scratch));
    return CELERIAC_OK;
}

enum celeriac_err celeriac_client_apply(struct celeriac_client *client,
                                        const struct celeriac_signature *signature, char *id,
                                        struct celeriac_error *err)
{
    return cel_client_apply(client, NULL, signature, id, NULL, err);
}

enum celeriac_err cel_client_apply(struct celeriac_client *client,
                                   const struct cel_client_parent *parent,
                                   const struct celeriac_signature *signature, char *id,
                                   struct strbuf *children, struct celeriac_error *err)
{
    struct cel_canvas_context context = {
        .new_id = new_id,
        .now_us = clock_wall_us(),
        .origin = strbuf_span(&client->origin),
        .reply_to = span_of(client->reply_to),
        .queue = client->default_queue ? span_of(client->default_queue) : SPAN("celery"),
        .routes = client->at->routes,
    };
    struct celeriac_bytes json = celeriac_signature_json(signature);
    struct cel_canvas *canvas = NULL;
    struct span whole = {0};
    enum celeriac_err code;

    if (parent) {
        context.queue = parent->queue;
        context.parent_id = parent->task_id;
        context.root_id = parent->root_id;
        context.has_priority = parent->has_priority;
        context.priority = parent->priority;
    }
    code = cel_canvas_create(&context, &canvas);
    if (code)
        return celeriac_error_set(err, code, "out of memory");
    code =
        cel_canvas_apply(canvas, (struct span){json.ptr, json.len}, (struct span){0}, &whole, err);
    if (code == CELERIAC_OK)
        code = carry_out(client, canvas, err);
    /* Too late to fail: it was sent. */
    if (code == CELERIAC_OK && children && add_children(canvas, &client->scratch, children))
        strbuf_clear(&client->scratch);
    if (code == CELERIAC_OK && id) {
        id[0] = '\0';
        if (whole.len < CELERIAC_TASK_ID_SIZE) {
            memcpy(id, whole.ptr, whole.len);
            id[whole.len] = '\0';
        }
    }
    cel_canvas_destroy(canvas);
    return code;
}
