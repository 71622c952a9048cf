/* The message of one task out of a signature's options: app.send_task(). */
#include "base/clock.h"
#include "base/iso8601.h"
#include "celery_proto/codec/canvas_state.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/task_send.h"

static struct span text_option(struct cel_canvas *c, struct cel_value *options, const char *name)
{
    return cel_value_text(c->tree, cel_value_get(c->tree, options, name));
}

static struct span raw_option(struct cel_canvas *c, struct cel_value *options, const char *name)
{
    struct cel_value *value = cel_value_get(c->tree, options, name);

    return cel_value_is_null(value) ? (struct span){0} : cel_value_json(c->tree, value);
}

/* link and link_error: one signature or a list of them. */
static struct span list_option(struct cel_canvas *c, struct cel_value *options, const char *name)
{
    struct cel_value *value = cel_value_get(c->tree, options, name);

    if (!cel_value_is_true(c->tree, value))
        return (struct span){0};
    return cel_value_json(c->tree, canvas_list(c, value));
}

static double seconds_option(struct cel_canvas *c, struct cel_value *options, const char *name)
{
    double seconds = 0;

    return cel_value_number(cel_value_get(c->tree, options, name), &seconds) && seconds > 0
               ? seconds
               : 0;
}

/* An instant: ISO 8601 text, or a number of seconds from now. */
static struct cel_time time_option(struct cel_canvas *c, struct cel_value *options,
                                   const char *name)
{
    struct cel_value *value = cel_value_get(c->tree, options, name);
    struct cel_time time = {0};
    double seconds;

    if (cel_value_is_text(value)) {
        time.set = iso8601_parse(cel_value_text(c->tree, value), &time.us) == CELERIAC_OK;
        if (!time.set)
            canvas_refuse(c, CELERIAC_ERR_VALUE, "signature: a time is not ISO 8601");
    } else if (cel_value_number(value, &seconds) && seconds < 1e11 && seconds > -1e11) {
        time.us = c->context.now_us + (int64_t)(seconds * (double)US_PER_SEC);
        time.set = true;
    }
    return time;
}

/* Celery asks whether the countdown is true: 0 is none. */
static struct cel_time eta_of(struct cel_canvas *c, struct cel_value *options)
{
    if (cel_value_is_true(c->tree, cel_value_get(c->tree, options, "countdown")))
        return time_option(c, options, "countdown");
    return time_option(c, options, "eta");
}

/* What we cannot write is left out: it is for the reader's and the wire's comfort only. */
static enum cel_compression compression_option(struct cel_canvas *c, struct cel_value *options)
{
    return cel_compression_is_zlib(text_option(c, options, "compression")) ? CEL_COMPRESSION_ZLIB
                                                                           : CEL_COMPRESSION_NONE;
}

/* {name: value} of the stamps among the options; empty when there are none. */
static struct span stamps_of(struct cel_canvas *c, struct cel_value *options)
{
    struct cel_value *names = cel_value_get(c->tree, options, "stamped_headers");
    struct cel_value *stamps = cel_tree_object(c->tree);

    for (size_t i = 0; i < cel_value_count(c->tree, names); i++) {
        struct span name = cel_value_text(c->tree, cel_value_at(c->tree, names, i));

        if (name.ptr)
            cel_value_set_span(c->tree, stamps, name, cel_value_get(c->tree, options, name.ptr));
    }
    return cel_value_json(c->tree, stamps);
}

/*
 * Queue, exchange and routing key as Router.route() and amqp.send_task_message() work them out:
 * what the options do not say the task's route does.
 */
static void set_destination(struct cel_canvas *c, struct cel_value *options,
                            const struct cel_route *route, struct cel_task_send *send)
{
    struct span queue = text_option(c, options, "queue");
    struct span exchange = text_option(c, options, "exchange");
    struct span routing_key = text_option(c, options, "routing_key");

    queue = queue.len > 0 ? queue : route->queue;
    exchange = exchange.len > 0 ? exchange : route->exchange;
    routing_key = routing_key.len > 0 ? routing_key : route->routing_key;
    if (exchange.len > 0 && routing_key.len > 0) {
        send->exchange = exchange;
        send->routing_key = routing_key;
        return;
    }
    send->routing_key = queue.len > 0 ? queue : c->context.queue;
}

/* The nearest word counts: options, route, the task that dispatches. */
static void set_priority(struct cel_canvas *c, struct cel_value *options,
                         const struct cel_route *route, struct cel_task_send *send)
{
    int64_t number;

    if (cel_value_int(cel_value_get(c->tree, options, "priority"), &number) && number >= 0 &&
        number <= UINT8_MAX)
        send->priority = (int)number;
    else if (route->has_priority)
        send->priority = route->priority;
    else if (c->context.has_priority)
        send->priority = c->context.priority;
}

static void fill_family(struct cel_canvas *c, struct cel_value *options, struct cel_task_send *send)
{
    int64_t number;

    send->root_id = text_option(c, options, "root_id");
    send->parent_id = text_option(c, options, "parent_id");
    if (send->root_id.len == 0)
        send->root_id = c->context.root_id.len > 0 ? c->context.root_id : c->context.parent_id;
    if (send->parent_id.len == 0)
        send->parent_id = c->context.parent_id;
    send->group = text_option(c, options, "group_id");
    send->has_group_index =
        cel_value_int(cel_value_get(c->tree, options, "group_index"), &send->group_index);
    send->callbacks = list_option(c, options, "link");
    send->errbacks = list_option(c, options, "link_error");
    send->chain = raw_option(c, options, "chain");
    send->chord = raw_option(c, options, "chord");
    if (cel_value_int(cel_value_get(c->tree, options, "retries"), &number))
        send->retries = number;
    if (cel_value_int(cel_value_get(c->tree, options, "replaced_task_nesting"), &number))
        send->replaced_task_nesting = number;
}

void canvas_send_task(struct cel_canvas *c, struct cel_value *name, struct cel_value *args,
                      struct cel_value *kwargs, struct cel_value *options, struct cel_value *id)
{
    char tag[UUID_SIZE];
    struct celeriac_error err = {0};
    struct cel_task_send send = {
        .task = cel_value_text(c->tree, name),
        .id = cel_value_text(c->tree, id),
        .reply_to = text_option(c, options, "reply_to"),
        .origin = c->context.origin,
        .args = cel_value_json(c->tree, args),
        .kwargs = cel_value_json(c->tree, kwargs),
        .eta = eta_of(c, options),
        .expires = time_option(c, options, "expires"),
        .now_us = c->context.now_us,
        .time_limit = seconds_option(c, options, "time_limit"),
        .soft_time_limit = seconds_option(c, options, "soft_time_limit"),
        .shadow = text_option(c, options, "shadow"),
        .ignore_result =
            cel_value_is_true(c->tree, cel_value_get(c->tree, options, "ignore_result")),
        .stamped_headers = raw_option(c, options, "stamped_headers"),
        .headers = raw_option(c, options, "headers"),
        .argsrepr = text_option(c, options, "argsrepr"),
        .kwargsrepr = text_option(c, options, "kwargsrepr"),
        .compression = compression_option(c, options),
    };
    const struct cel_route *route;
    enum celeriac_err code;

    c->context.new_id(c->context.id_context, tag);
    send.delivery_tag = (struct span){tag, UUID_LEN};
    if (send.reply_to.len == 0)
        send.reply_to = c->context.reply_to;
    if (send.stamped_headers.len > 0)
        send.stamps = stamps_of(c, options);
    fill_family(c, options, &send);
    route = cel_routes_find(c->context.routes, send.task);
    set_destination(c, options, route, &send);
    set_priority(c, options, route, &send);
    if (c->status || cel_tree_status(c->tree))
        return;
    strbuf_clear(&c->message);
    code = cel_task_send_write(&send, &c->scratch, &c->message, &err);
    if (code) {
        canvas_refuse(c, code, err.text);
        return;
    }
    canvas_add_op(c, (struct cel_canvas_op){.kind = CEL_CANVAS_PUBLISH,
                                            .message = strbuf_span(&c->message),
                                            .exchange = send.exchange,
                                            .routing_key = send.routing_key,
                                            .priority = send.priority});
}
