#include "celery_proto/redis/mailbox.h"

#include <poll.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/codec/pidbox.h"
#include "celery_proto/redis/pipeline.h"
#include "celery_proto/redis/pubsub.h"

/* Silence after which the subscribed connection is asked whether it still lives. */
#define CHECK_INTERVAL_NS (5 * NS_PER_SEC)

/* Longest channel, binding key and binding member. */
#define NAME_MAX_BYTES ((size_t)16 * 1024)

struct cel_mailbox {
    const struct cel_keys *keys;
    struct cel_pubsub *pubsub;
    struct cel_publisher *publisher;
    cel_mailbox_handler_fn *handler;
    void *context;
    cel_mailbox_handler_fn *other; /* of the exchange that is listened to besides; NULL: none */
    void *other_context;
    struct strbuf binding; /* key of the binding set */
    struct strbuf member;  /* our binding */
    uint64_t subscribed;   /* generations on which we are known; 0: none */
    uint64_t bound;
};

static void on_message(void *context, struct span subscription, struct span channel,
                       struct span payload)
{
    struct cel_mailbox *mailbox = context;

    (void)subscription;
    (void)channel;
    mailbox->handler(mailbox->context, payload);
}

static enum celeriac_err subscribe(struct cel_mailbox *mailbox)
{
    struct strbuf channel;
    enum celeriac_err code;

    strbuf_init(&channel, NAME_MAX_BYTES);
    cel_channel_fanout(mailbox->keys, SPAN(CEL_PIDBOX_EXCHANGE), (struct span){0}, &channel);
    code = strbuf_status(&channel);
    if (code == CELERIAC_OK)
        code = cel_pubsub_add(mailbox->pubsub, strbuf_span(&channel), false, on_message, mailbox);
    strbuf_close(&channel);
    return code;
}

static void on_other(void *context, struct span subscription, struct span channel,
                     struct span payload)
{
    struct cel_mailbox *mailbox = context;

    (void)subscription;
    (void)channel;
    mailbox->other(mailbox->other_context, payload);
}

enum celeriac_err cel_mailbox_listen(struct cel_mailbox *mailbox, struct span exchange,
                                     struct span routing_key, cel_mailbox_handler_fn *handler,
                                     void *context)
{
    struct strbuf pattern;
    enum celeriac_err code;

    if (mailbox->other)
        return CELERIAC_ERR_EXISTS;
    mailbox->other = handler;
    mailbox->other_context = context;
    strbuf_init(&pattern, NAME_MAX_BYTES);
    cel_channel_pattern(mailbox->keys, exchange, routing_key, &pattern);
    code = strbuf_status(&pattern);
    if (code == CELERIAC_OK)
        code = cel_pubsub_add(mailbox->pubsub, strbuf_span(&pattern), true, on_other, mailbox);
    strbuf_close(&pattern);
    return code;
}

/* kombu binds the queue `<node>.celery.pidbox` to the exchange, without a key. */
static enum celeriac_err write_binding(struct cel_mailbox *mailbox, struct span node)
{
    struct strbuf queue;
    enum celeriac_err code;

    strbuf_init(&queue, NAME_MAX_BYTES);
    strbuf_add_span(&queue, node);
    strbuf_add_text(&queue, "." CEL_PIDBOX_EXCHANGE);
    cel_key_binding(mailbox->keys, SPAN(CEL_PIDBOX_EXCHANGE), &mailbox->binding);
    cel_binding_member(mailbox->keys, (struct span){0}, (struct span){0}, strbuf_span(&queue),
                       &mailbox->member);
    code = strbuf_status(&queue);
    if (code == CELERIAC_OK)
        code = strbuf_status(&mailbox->binding);
    if (code == CELERIAC_OK)
        code = strbuf_status(&mailbox->member);
    strbuf_close(&queue);
    return code;
}

enum celeriac_err cel_mailbox_create(const struct cel_mailbox_options *options,
                                     struct cel_mailbox **mailbox, struct celeriac_error *err)
{
    struct cel_publisher_options sending = {
        .conn = options->conn, .keys = options->keys, .retry = {.never = true}};
    struct cel_mailbox *m = mem_calloc(1, sizeof *m);
    enum celeriac_err code;

    if (!m)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for a mailbox");
    m->keys = options->keys;
    m->handler = options->handler;
    m->context = options->context;
    strbuf_init(&m->binding, NAME_MAX_BYTES);
    strbuf_init(&m->member, NAME_MAX_BYTES);
    code = cel_pubsub_create(&options->conn, &m->pubsub, err);
    if (code == CELERIAC_OK)
        code = cel_publisher_create(&sending, &m->publisher, err);
    if (code == CELERIAC_OK)
        code = subscribe(m);
    if (code == CELERIAC_OK)
        code = write_binding(m, options->node);
    if (code) {
        cel_mailbox_destroy(m);
        return celeriac_error_set(err, code, "no memory for a mailbox");
    }
    *mailbox = m;
    return CELERIAC_OK;
}

void cel_mailbox_destroy(struct cel_mailbox *mailbox)
{
    if (!mailbox)
        return;
    cel_pubsub_destroy(mailbox->pubsub);
    cel_publisher_destroy(mailbox->publisher);
    strbuf_close(&mailbox->binding);
    strbuf_close(&mailbox->member);
    mem_free(mailbox);
}

/* SADD or SREM of a binding. */
static enum celeriac_err change_member(struct cel_mailbox *mailbox, struct span command,
                                       struct span key, struct span member,
                                       struct celeriac_error *err)
{
    struct cel_pipeline p;
    enum celeriac_err code;

    cel_pipeline_init(&p);
    CEL_COMMAND(&p, command, key, member);
    code = cel_pipeline_run(&p, cel_publisher_conn(mailbox->publisher), err);
    if (code == CELERIAC_OK)
        code = cel_reply_check(cel_pipeline_reply(&p, 0), err);
    cel_pipeline_close(&p);
    return code;
}

/* The same of our own. */
static enum celeriac_err change_binding(struct cel_mailbox *mailbox, struct span command,
                                        struct celeriac_error *err)
{
    return change_member(mailbox, command, strbuf_span(&mailbox->binding),
                         strbuf_span(&mailbox->member), err);
}

enum celeriac_err cel_mailbox_bind(struct cel_mailbox *mailbox, struct span exchange,
                                   struct span routing_key, struct span queue,
                                   struct celeriac_error *err)
{
    struct strbuf key;
    struct strbuf member;
    enum celeriac_err code;

    strbuf_init(&key, NAME_MAX_BYTES);
    strbuf_init(&member, NAME_MAX_BYTES);
    cel_key_binding(mailbox->keys, exchange, &key);
    cel_binding_member(mailbox->keys, routing_key, (struct span){0}, queue, &member);
    code = strbuf_status(&key);
    if (code == CELERIAC_OK)
        code = strbuf_status(&member);
    if (code)
        (void)celeriac_error_set(err, code, "exchange, routing_key or queue: too long");
    else
        code = change_member(mailbox, SPAN("SADD"), strbuf_span(&key), strbuf_span(&member), err);
    strbuf_close(&key);
    strbuf_close(&member);
    return code;
}

enum celeriac_err cel_mailbox_connect(struct cel_mailbox *mailbox, bool *is_new,
                                      struct celeriac_error *err)
{
    struct cel_conn *sending = cel_publisher_conn(mailbox->publisher);
    enum celeriac_err code = cel_pubsub_ensure(mailbox->pubsub, err);
    uint64_t subscribed;

    if (code == CELERIAC_OK)
        code = cel_conn_ensure(sending, err);
    if (code == CELERIAC_OK && mailbox->bound != cel_conn_generation(sending))
        code = change_binding(mailbox, SPAN("SADD"), err);
    if (code)
        return code;
    subscribed = cel_conn_generation(cel_pubsub_conn(mailbox->pubsub));
    *is_new = mailbox->bound != cel_conn_generation(sending) || mailbox->subscribed != subscribed;
    mailbox->bound = cel_conn_generation(sending);
    mailbox->subscribed = subscribed;
    return CELERIAC_OK;
}

enum celeriac_err cel_mailbox_collect(struct cel_mailbox *mailbox, struct span reply_key,
                                      cel_mailbox_reply_fn *see, void *context,
                                      struct celeriac_error *err)
{
    const struct redisReply *replies;
    struct cel_pipeline p;
    struct strbuf queue;
    struct strbuf list;
    struct strbuf key;
    struct strbuf member;
    enum celeriac_err code;

    cel_pipeline_init(&p);
    strbuf_init(&queue, NAME_MAX_BYTES);
    strbuf_init(&list, NAME_MAX_BYTES);
    strbuf_init(&key, NAME_MAX_BYTES);
    strbuf_init(&member, NAME_MAX_BYTES);
    cel_pidbox_reply_queue(reply_key, &queue);
    cel_key_queue(mailbox->keys, strbuf_span(&queue), 0, &list);
    cel_key_binding(mailbox->keys, SPAN(CEL_PIDBOX_REPLY_EXCHANGE), &key);
    cel_binding_member(mailbox->keys, reply_key, (struct span){0}, strbuf_span(&queue), &member);
    CEL_COMMAND(&p, SPAN("LRANGE"), strbuf_span(&list), SPAN("0"), SPAN("-1"));
    CEL_COMMAND(&p, SPAN("DEL"), strbuf_span(&list));
    CEL_COMMAND(&p, SPAN("SREM"), strbuf_span(&key), strbuf_span(&member));
    code = strbuf_status(&member);
    if (code == CELERIAC_OK)
        code = cel_pipeline_run(&p, cel_publisher_conn(mailbox->publisher), err);
    replies = code == CELERIAC_OK ? cel_pipeline_reply(&p, 0) : NULL;
    for (size_t i = 0; i < cel_reply_count(replies); i++)
        see(context, cel_reply_span(cel_reply_at(replies, i)));
    strbuf_close(&member);
    strbuf_close(&key);
    strbuf_close(&list);
    strbuf_close(&queue);
    cel_pipeline_close(&p);
    return code;
}

/* Sleeps on both descriptors until something happens or the deadline has passed. */
static void sleep_on(struct cel_mailbox *mailbox, int64_t deadline_ns, int wake_fd)
{
    struct pollfd fds[] = {{.fd = cel_conn_fd(cel_pubsub_conn(mailbox->pubsub)), .events = POLLIN},
                           {.fd = wake_fd, .events = POLLIN}};

    if (cel_pubsub_has_buffered(mailbox->pubsub))
        return;
    /* Interrupted or not, the caller looks at everything again. */
    (void)poll(fds, 2, clock_poll_ms(clock_monotonic_ns(), deadline_ns));
}

enum celeriac_err cel_mailbox_wait(struct cel_mailbox *mailbox, int64_t deadline_ns, int wake_fd,
                                   struct celeriac_error *err)
{
    int64_t check_ns = 0;
    enum celeriac_err code =
        cel_pubsub_check(mailbox->pubsub, clock_monotonic_ns(), CHECK_INTERVAL_NS, &check_ns, err);

    if (code)
        return code;
    sleep_on(mailbox, check_ns < deadline_ns ? check_ns : deadline_ns, wake_fd);
    return cel_pubsub_read(mailbox->pubsub, NULL, err);
}

enum celeriac_err cel_mailbox_send(struct cel_mailbox *mailbox, const struct cel_outgoing *messages,
                                   size_t count, struct celeriac_error *err)
{
    return cel_publish(mailbox->publisher, messages, count, NULL, err);
}

/* The envelope out of what `unacked` holds: [envelope, exchange, routing key]. */
static bool see_one(const struct redisReply *reply, struct json_doc *doc, cel_mailbox_held_fn *see,
                    void *context)
{
    const struct json_options options = {.keep_depth = 2};
    const struct json_node *root;

    if (cel_reply_is_nil(reply) ||
        json_parse(doc, cel_reply_span(reply), &options, NULL) != CELERIAC_OK)
        return true;
    root = json_root(doc);
    if (root->type != JSON_ARRAY || root->count == 0)
        return true;
    return see(context, json_raw(json_first(root)));
}

enum celeriac_err cel_mailbox_held(struct cel_mailbox *mailbox, const struct span *tags,
                                   size_t count, cel_mailbox_held_fn *see, void *context,
                                   bool *go_on, struct celeriac_error *err)
{
    const struct redisReply *found;
    struct cel_pipeline p;
    struct json_doc doc;
    enum celeriac_err code;

    cel_pipeline_init(&p);
    json_init(&doc);
    cel_pipeline_begin(&p, count + 2);
    cel_pipeline_arg(&p, SPAN("HMGET"));
    cel_pipeline_arg(&p, cel_key_unacked(mailbox->keys));
    for (size_t i = 0; i < count; i++)
        cel_pipeline_arg(&p, tags[i]);
    code = cel_pipeline_run(&p, cel_publisher_conn(mailbox->publisher), err);
    if (code == CELERIAC_OK)
        code = cel_reply_check(cel_pipeline_reply(&p, 0), err);
    found = code == CELERIAC_OK ? cel_pipeline_reply(&p, 0) : NULL;
    *go_on = true;
    for (size_t i = 0; *go_on && i < cel_reply_count(found); i++)
        *go_on = see_one(cel_reply_at(found, i), &doc, see, context);
    json_close(&doc);
    cel_pipeline_close(&p);
    return code;
}

enum celeriac_err cel_mailbox_pause(struct cel_mailbox *mailbox, int wake_fd)
{
    struct cel_conn *sending = cel_publisher_conn(mailbox->publisher);
    struct cel_conn *listening = cel_pubsub_conn(mailbox->pubsub);
    bool is_worse = cel_conn_failures(listening) > cel_conn_failures(sending);

    return cel_conn_pause(is_worse ? listening : sending, wake_fd);
}

enum celeriac_err cel_mailbox_leave(struct cel_mailbox *mailbox, struct celeriac_error *err)
{
    mailbox->bound = 0;
    return change_binding(mailbox, SPAN("SREM"), err);
}
