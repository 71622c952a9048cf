/* The client half of libceleriac: see celeriac/client.h. */
#include "celeriac/client.h"

#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/uuid.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/exception_doc.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/codec/result_doc.h"
#include "celery_proto/codec/send_options.h"
#include "celery_proto/codec/task_send.h"
#include "celery_proto/redis/client_state.h"

#define HOST_NAME_SIZE 256 /* POSIX HOST_NAME_MAX with its NUL */
#define ORIGIN_MAX 512     /* "gen", a process id, '@' and the host */

/* ---- life ---------------------------------------------------------------------------------- */

static enum celeriac_err open_addresses(const struct celeriac_client_options *options,
                                        struct cel_addresses *addresses, struct celeriac_error *err)
{
    const struct cel_address_texts texts = {
        .broker_url = options->broker_url,
        .result_backend = options->result_backend,
        .broker_transport_options = options->broker_transport_options,
        .result_backend_transport_options = options->result_backend_transport_options,
        .broker_use_ssl = options->broker_use_ssl,
        .redis_backend_use_ssl = options->redis_backend_use_ssl,
        .broker_failover_strategy = options->broker_failover_strategy,
        .global_keyprefix = options->global_keyprefix,
        .task_routes = options->task_routes,
    };
    enum celeriac_err code = cel_addresses_open(&texts, addresses, err);

    if (code == CELERIAC_OK && !addresses->backend) {
        cel_addresses_close(addresses);
        code = celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "result_backend: a client cannot do without");
    }
    return code;
}

static enum celeriac_err open_parts(struct celeriac_client *client, struct celeriac_error *err)
{
    const struct cel_addresses *at = client->at;
    const struct cel_publisher_options publisher = {
        .conn = cel_to_broker(at, "celeriac-publish"), .keys = at->keys, .wake_fd = -1};
    enum celeriac_err code = cel_publisher_create(&publisher, &client->publisher, err);

    if (code == CELERIAC_OK && at->backend) {
        const struct cel_result_store_options results = {.conn =
                                                             cel_to_backend(at, "celeriac-read"),
                                                         .keys = at->keys,
                                                         .expires = client->result_expires};

        code = cel_result_store_create(&results, &client->results, err);
    }
    return code;
}

/* Takes the addresses in own, if there are any, also on failure. */
static enum celeriac_err create(struct cel_addresses *own_steal,
                                const struct cel_addresses *borrowed, uint32_t result_expires,
                                struct celeriac_client **client, struct celeriac_error *err)
{
    struct celeriac_client *c = mem_calloc(1, sizeof *c);
    char host[HOST_NAME_SIZE] = "localhost";
    enum celeriac_err code;

    if (!c) {
        cel_addresses_close(own_steal);
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    }
    c->own = *own_steal;
    c->at = borrowed ? borrowed : &c->own;
    strbuf_init(&c->origin, ORIGIN_MAX);
    strbuf_init(&c->scratch, CEL_ENVELOPE_MAX);
    strbuf_init(&c->envelopes, SIZE_MAX / 2);
    uuid_new(c->reply_to);
    c->result_expires = result_expires;
    code = open_parts(c, err);
    /* An unreadable host name leaves "localhost": the origin is informational. */
    if (gethostname(host, sizeof host - 1))
        memcpy(host, "localhost", sizeof "localhost");
    strbuf_printf(&c->origin, "gen%ld@%s", (long)getpid(), host);
    if (code == CELERIAC_OK && strbuf_status(&c->origin))
        code = celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    if (code) {
        celeriac_client_destroy(c);
        return code;
    }
    *client = c;
    return CELERIAC_OK;
}

enum celeriac_err celeriac_client_create(const struct celeriac_client_options *options,
                                         struct celeriac_client **client,
                                         struct celeriac_error *err)
{
    struct cel_addresses addresses = {0};
    struct celeriac_client *made = NULL;
    enum celeriac_err code = open_addresses(options, &addresses, err);

    if (code == CELERIAC_OK)
        code = create(&addresses, NULL, options->result_expires, &made, err);
    if (code || !made)
        return code;
    made->default_queue = mem_dup(options->default_queue);
    if (options->default_queue && !made->default_queue) {
        celeriac_client_destroy(made);
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    }
    *client = made;
    return CELERIAC_OK;
}

enum celeriac_err cel_client_create_at(const struct cel_addresses *addresses,
                                       uint32_t result_expires, struct celeriac_client **client,
                                       struct celeriac_error *err)
{
    struct cel_addresses none = {0};

    return create(&none, addresses, result_expires, client, err);
}

void celeriac_client_destroy(struct celeriac_client *client)
{
    if (!client)
        return;
    cel_publisher_destroy(client->publisher);
    cel_result_store_destroy(client->results);
    cel_chord_store_destroy(client->chords);
    cel_addresses_close(&client->own);
    mem_free(client->default_queue);
    strbuf_close(&client->origin);
    strbuf_close(&client->scratch);
    strbuf_close(&client->envelopes);
    mem_free(client);
}

/* ---- sending ------------------------------------------------------------------------------- */

/* Queue, or exchange and routing key. Without an exchange both are the queue's name. */
struct destination {
    struct span queue;
    struct span exchange;
    struct span routing_key;
    int priority;
};

/* One batch on its way: where each envelope lies, and the ids and tags that were made for it. */
struct outgoing {
    struct destination to;
    size_t start;
    size_t len;
    char id[UUID_SIZE];
    char tag[UUID_SIZE];
    struct cel_send_route route;
};

static struct span text_or(const char *text, struct span otherwise)
{
    return text && *text ? span_of(text) : otherwise;
}

/* `link` takes one signature or an array of them; the body always holds an array. */
static enum celeriac_err as_array(const char *json, const char *field, struct strbuf *out,
                                  struct celeriac_error *err)
{
    static const struct json_options top_only = {.keep_depth = 1};
    struct celeriac_error why = {0};
    struct json_doc doc;
    enum celeriac_err code;

    if (!json)
        return CELERIAC_OK;
    json_init(&doc);
    code = json_parse(&doc, span_of(json), &top_only, &why);
    if (code) {
        celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: %s", field, why.text);
        code = CELERIAC_ERR_VALUE;
    } else {
        bool is_array = json_root(&doc)->type == JSON_ARRAY;

        strbuf_add_text(out, is_array ? "" : "[");
        strbuf_add_span(out, json_raw(json_root(&doc)));
        strbuf_add_text(out, is_array ? "" : "]");
        code = strbuf_status(out);
    }
    json_close(&doc);
    return code;
}

/*
 * Where a task goes; what the send does not say its route does, and what that does not say its
 * parent, or else the client.
 */
static struct destination destination_of(const struct celeriac_client *client,
                                         const struct cel_client_parent *parent,
                                         const struct celeriac_send *send)
{
    const struct cel_route *route = cel_routes_find(client->at->routes, span_of(send->task));
    struct destination to = {.queue = span_of(send->queue), .priority = send->priority};

    /* A route with both wins over a queue, as in amqp.send_task_message(). */
    if (span_of(send->exchange).len > 0) {
        to.exchange = span_of(send->exchange);
        to.routing_key = span_of(send->routing_key);
    } else if (route->exchange.len > 0 && route->routing_key.len > 0) {
        to.queue = (struct span){0};
        to.exchange = route->exchange;
        to.routing_key = route->routing_key;
    } else {
        if (to.queue.len == 0)
            to.queue = route->queue;
        if (to.queue.len == 0)
            to.queue = parent ? parent->queue : text_or(client->default_queue, SPAN("celery"));
        to.routing_key = to.queue;
    }
    if (to.priority == 0 && route->has_priority)
        to.priority = route->priority;
    else if (to.priority == 0 && parent && parent->has_priority)
        to.priority = parent->priority;
    return to;
}

static struct cel_task_send fields_of(const struct celeriac_client *client,
                                      const struct cel_client_parent *parent,
                                      const struct celeriac_send *send, struct outgoing *made,
                                      int64_t now_us)
{
    int64_t eta_us = send->eta_us;

    made->to = destination_of(client, parent, send);
    uuid_new(made->tag);
    uuid_new(made->id);
    if (send->countdown_ms > 0)
        eta_us = now_us + send->countdown_ms * 1000;
    return (struct cel_task_send){
        .task = span_of(send->task),
        .id = text_or(send->id, span_of(made->id)),
        .delivery_tag = span_of(made->tag),
        .routing_key = made->to.routing_key,
        .exchange = made->to.exchange,
        .parent_id = parent ? parent->task_id : (struct span){0},
        .root_id = parent ? parent->root_id : (struct span){0},
        .reply_to = span_of(client->reply_to),
        .origin = strbuf_span(&client->origin),
        .args = span_of(send->args_json),
        .kwargs = span_of(send->kwargs_json),
        .eta = {.set = eta_us != 0, .us = eta_us},
        .expires = {.set = send->expires_us != 0, .us = send->expires_us},
        .now_us = now_us,
        .time_limit = send->time_limit,
        .soft_time_limit = send->soft_time_limit,
        .priority = made->to.priority,
        .shadow = span_of(send->shadow),
        .ignore_result = send->ignore_result,
        .headers = span_of(send->headers_json),
    };
}

static enum celeriac_err write_one(struct celeriac_client *client,
                                   const struct cel_client_parent *parent,
                                   const struct celeriac_send *send, struct outgoing *made,
                                   struct celeriac_error *err)
{
    struct cel_task_send fields = fields_of(client, parent, send, made, clock_wall_us());
    struct strbuf links;
    struct strbuf error_links;
    struct strbuf stamped;
    enum celeriac_err code;

    if (fields.task.len == 0)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "task: is missing");
    if (made->to.exchange.len > 0 && span_of(send->exchange).len == 0 && send->unique_key)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "unique_key: the task's route has an exchange");
    strbuf_init(&links, CEL_ENVELOPE_MAX);
    strbuf_init(&error_links, CEL_ENVELOPE_MAX);
    strbuf_init(&stamped, CEL_ENVELOPE_MAX);
    code = as_array(send->link_json, "link_json", &links, err);
    if (code == CELERIAC_OK)
        code = as_array(send->link_error_json, "link_error_json", &error_links, err);
    if (code == CELERIAC_OK)
        code = cel_send_options_read(send, &fields, &made->route, &stamped, err);
    fields.callbacks = strbuf_span(&links);
    fields.errbacks = strbuf_span(&error_links);
    made->start = strbuf_span(&client->envelopes).len;
    if (code == CELERIAC_OK)
        code = cel_task_send_write(&fields, &client->scratch, &client->envelopes, err);
    made->len = strbuf_span(&client->envelopes).len - made->start;
    strbuf_close(&stamped);
    strbuf_close(&error_links);
    strbuf_close(&links);
    return code;
}

static enum celeriac_err publish_all(struct celeriac_client *client,
                                     const struct celeriac_send *sends, const struct outgoing *made,
                                     size_t count, struct celeriac_error *err)
{
    struct cel_outgoing *messages = mem_calloc(count, sizeof *messages);
    struct span all = strbuf_span(&client->envelopes);
    enum celeriac_err code;

    if (!messages)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        messages[i].message = (struct span){.ptr = all.ptr + made[i].start, .len = made[i].len};
        messages[i].queue = made[i].to.queue;
        messages[i].exchange = made[i].to.exchange;
        messages[i].routing_key = made[i].to.routing_key;
        if (made[i].route.is_topic)
            messages[i].exchange_type = CEL_EXCHANGE_TOPIC;
        messages[i].priority = made[i].to.priority;
        messages[i].once_key = span_of(sends[i].unique_key);
        messages[i].once_seconds = sends[i].unique_seconds;
    }
    code = cel_publish(client->publisher, messages, count, NULL, err);
    mem_free(messages);
    return code;
}

/* Whole tuples or nothing, so that a full list stays one. */
static void add_child(struct celeriac_client *client, struct span id, struct strbuf *children)
{
    struct strbuf *tuple = &client->scratch;

    strbuf_clear(tuple);
    strbuf_add_text(tuple, strbuf_span(children).len > 0 ? ", " : "");
    cel_result_tuple_write(id, tuple);
    if (strbuf_status(tuple) == CELERIAC_OK)
        strbuf_add_span(children, strbuf_span(tuple));
}

/* Tells the caller what was sent. */
static void report(struct celeriac_client *client, const struct celeriac_send *send,
                   const struct outgoing *made, char *id, struct strbuf *children)
{
    struct span sent = text_or(send->id, span_of(made->id));

    if (id) {
        id[0] = '\0';
        if (sent.len < CELERIAC_TASK_ID_SIZE)
            memcpy(id, sent.ptr, sent.len + 1);
    }
    if (children)
        add_child(client, sent, children);
}

enum celeriac_err cel_client_send(struct celeriac_client *client,
                                  const struct cel_client_parent *parent,
                                  const struct celeriac_send *sends, size_t count,
                                  char (*ids)[CELERIAC_TASK_ID_SIZE], struct strbuf *children,
                                  struct celeriac_error *err)
{
    struct outgoing *made;
    enum celeriac_err code = CELERIAC_OK;

    if (count == 0)
        return CELERIAC_OK;
    made = mem_calloc(count, sizeof *made);
    if (!made)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    strbuf_clear(&client->envelopes);
    for (size_t i = 0; code == CELERIAC_OK && i < count; i++)
        code = write_one(client, parent, &sends[i], &made[i], err);
    if (code == CELERIAC_OK)
        code = publish_all(client, sends, made, count, err);
    for (size_t i = 0; code == CELERIAC_OK && i < count; i++)
        report(client, &sends[i], &made[i], ids ? ids[i] : NULL, children);
    mem_free(made);
    return code;
}

enum celeriac_err celeriac_client_send(struct celeriac_client *client,
                                       const struct celeriac_send *sends, size_t count,
                                       char (*ids)[CELERIAC_TASK_ID_SIZE],
                                       struct celeriac_error *err)
{
    return cel_client_send(client, NULL, sends, count, ids, NULL, err);
}

enum celeriac_err celeriac_client_forget_unique(struct celeriac_client *client,
                                                const char *const *keys, size_t count,
                                                struct celeriac_error *err)
{
    struct span *spans;
    enum celeriac_err code;

    if (count == 0)
        return CELERIAC_OK;
    spans = mem_calloc(count, sizeof *spans);
    if (!spans)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++)
        spans[i] = span_of(keys[i]);
    code = cel_publish_forget(client->publisher, spans, count, err);
    mem_free(spans);
    return code;
}

/* ---- results ------------------------------------------------------------------------------- */

static enum celeriac_state public_state(enum cel_state state)
{
    switch (state) {
    case CEL_STATE_PENDING:
        return CELERIAC_PENDING;
    case CEL_STATE_STARTED:
        return CELERIAC_STARTED;
    case CEL_STATE_RETRY:
        return CELERIAC_RETRY;
    case CEL_STATE_SUCCESS:
        return CELERIAC_SUCCESS;
    case CEL_STATE_FAILURE:
        return CELERIAC_FAILURE;
    case CEL_STATE_REVOKED:
        return CELERIAC_REVOKED;
    case CEL_STATE_RECEIVED:
    case CEL_STATE_CUSTOM:
        break;
    }
    return CELERIAC_CUSTOM;
}

/* Copies an exception's parts; what is none in a record of a failed task is left NULL. */
static enum celeriac_err copy_exception(const struct json_node *node, struct celeriac_result *out)
{
    struct cel_exception exception = {0};
    struct strbuf text;
    enum celeriac_err code;

    strbuf_init(&text, CEL_RESULT_MAX);
    code = cel_exception_read(node, &text, &exception);
    if (code == CELERIAC_OK) {
        out->exception_type = mem_dup_span(exception.type);
        out->exception_text = mem_dup_span(exception.args.ptr ? exception.args : SPAN("[]"));
        if (!out->exception_type || !out->exception_text)
            code = CELERIAC_ERR_MEMORY;
    }
    strbuf_close(&text);
    return code == CELERIAC_ERR_VALUE ? CELERIAC_OK : code;
}

static enum celeriac_err copy_view(const struct cel_result_view *view, struct celeriac_result *out)
{
    bool failed = view->state == CEL_STATE_FAILURE || view->state == CEL_STATE_RETRY ||
                  view->state == CEL_STATE_REVOKED;

    out->state = public_state(view->state);
    out->status = mem_dup_span(view->status);
    out->result_json = mem_dup_span(view->result ? json_raw(view->result) : SPAN("null"));
    out->date_done_us = view->date_done.set ? view->date_done.us : 0;
    if (!out->status || !out->result_json)
        return CELERIAC_ERR_MEMORY;
    if (view->traceback.ptr && !(out->traceback = mem_dup_span(view->traceback)))
        return CELERIAC_ERR_MEMORY;
    return failed && view->result ? copy_exception(view->result, out) : CELERIAC_OK;
}

static enum celeriac_err read_record(struct span document, struct celeriac_result *result,
                                     struct celeriac_error *err)
{
    struct cel_result_reader reader;
    struct cel_result_view view;
    struct celeriac_result fresh = {.state = CELERIAC_PENDING};
    enum celeriac_err code;

    cel_result_reader_init(&reader);
    code = cel_result_read(&reader, document, &view, err);
    if (code == CELERIAC_OK) {
        code = copy_view(&view, &fresh);
        if (code)
            celeriac_error_set(err, code, "out of memory");
    }
    if (code)
        celeriac_result_close(&fresh);
    else
        *result = fresh;
    cel_result_reader_close(&reader);
    return code;
}

static enum celeriac_err pending(struct celeriac_result *result, struct celeriac_error *err)
{
    struct celeriac_result fresh = {.status = mem_dup("PENDING"), .result_json = mem_dup("null")};

    if (!fresh.status || !fresh.result_json) {
        celeriac_result_close(&fresh);
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    }
    *result = fresh;
    return CELERIAC_OK;
}

enum celeriac_err celeriac_client_get(struct celeriac_client *client, const char *id,
                                      struct celeriac_result *result, struct celeriac_error *err)
{
    struct celeriac_error why = {0};
    struct strbuf document;
    enum celeriac_err code;

    strbuf_init(&document, CEL_RESULT_MAX);
    code = cel_result_get(client->results, span_of(id), &document, &why);
    if (code == CELERIAC_ERR_NOT_FOUND)
        code = pending(result, err);
    else if (code)
        celeriac_error_set(err, code, "%s", why.text);
    else
        code = read_record(strbuf_span(&document), result, err);
    strbuf_close(&document);
    return code;
}

static bool is_final(struct span document)
{
    struct cel_result_reader reader;
    bool ready;

    cel_result_reader_init(&reader);
    ready = cel_state_is_ready(cel_result_peek_state(&reader, document));
    cel_result_reader_close(&reader);
    return ready;
}

enum celeriac_err celeriac_client_wait(struct celeriac_client *client, const char *id,
                                       int64_t timeout_ms, struct celeriac_result *result,
                                       struct celeriac_error *err)
{
    int64_t deadline = -1;
    struct strbuf document;
    enum celeriac_err code;

    if (timeout_ms >= 0 && timeout_ms < INT64_MAX / NS_PER_MS / 2)
        deadline = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    strbuf_init(&document, CEL_RESULT_MAX);
    code = cel_result_wait(client->results, span_of(id), is_final, deadline, -1, &document, err);
    if (code == CELERIAC_OK)
        code = read_record(strbuf_span(&document), result, err);
    strbuf_close(&document);
    return code;
}

void celeriac_result_close(struct celeriac_result *result)
{
    mem_free(result->status);
    mem_free(result->result_json);
    mem_free(result->exception_type);
    mem_free(result->exception_text);
    mem_free(result->traceback);
    *result = (struct celeriac_result){.state = CELERIAC_PENDING};
}
