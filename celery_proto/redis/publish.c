#include "celery_proto/redis/publish.h"

#include <poll.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hashmap.h"
#include "base/uuid.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/codec/priority.h"
#include "celery_proto/redis/bindings.h"
#include "celery_proto/redis/envelope_tag.h"
#include "celery_proto/redis/net.h"
#include "celery_proto/redis/own_keys.h"
#include "celery_proto/redis/script.h"

/* Most messages of one call. */
#define MESSAGES_MAX 100000

/* Queues whose declaration is remembered on one connection. */
#define DECLARED_MAX 10000

/* Longest key: prefix, name of our own, queue or once key, separator, step. */
#define KEY_MAX (4 * (size_t)CEL_KEY_OPTION_MAX + CEL_NAME_MAX + CEL_ONCE_KEY_MAX)

/* kombu's defaults: celery/app/defaults.py task_publish_retry_policy. */
#define RETRIES 3
#define RETRY_STEP_MS 200
#define RETRY_MAX_MS 1000

/* What is known of one message during a call. */
struct plan {
    enum cel_publish_outcome outcome;
    bool is_over;       /* nothing is to be sent for it any more */
    size_t first_reply; /* in the pipeline of the current attempt */
    size_t reply_count;
    size_t once_number; /* 1-based place in the script's reply; 0: none */
};

struct cel_publisher {
    struct cel_conn *conn;
    const struct cel_keys *keys;
    struct cel_publish_retry retry;
    int wake_fd;
    struct cel_bindings *bindings;
    struct hashmap *declared;
    uint64_t generation; /* on which `declared` holds */
    bool has_script;     /* publish_once was loaded on that connection */
    struct cel_pipeline pipeline;
    struct cel_envelope_reader reader;
    struct strbuf key, member, copy;
    struct plan *plans;
    size_t plan_cap;
    struct span *queues; /* room for CEL_BINDINGS_MAX: those of the current message */
};

static char declared_mark;

enum celeriac_err cel_publisher_create(const struct cel_publisher_options *options,
                                       struct cel_publisher **publisher, struct celeriac_error *err)
{
    if (options->keys == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "a publisher needs keys");
    struct cel_publisher *p = mem_calloc(1, sizeof *p);
    if (p == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for a publisher");
    p->keys = options->keys;
    p->retry = options->retry;
    p->wake_fd = options->wake_fd > 0 ? options->wake_fd : -1;
    if (p->retry.max_retries == 0)
        p->retry.max_retries = RETRIES;
    if (p->retry.step_ms == 0)
        p->retry.step_ms = RETRY_STEP_MS;
    if (p->retry.max_ms == 0)
        p->retry.max_ms = RETRY_MAX_MS;
    cel_pipeline_init(&p->pipeline);
    cel_envelope_reader_init(&p->reader);
    strbuf_init(&p->key, KEY_MAX);
    strbuf_init(&p->member, KEY_MAX);
    strbuf_init(&p->copy, CEL_MESSAGE_MAX + KEY_MAX);
    p->queues = mem_alloc(CEL_BINDINGS_MAX * sizeof *p->queues);
    enum celeriac_err code = p->queues != NULL ? CELERIAC_OK : CELERIAC_ERR_MEMORY;
    if (code == CELERIAC_OK)
        code = hashmap_create(&p->declared);
    if (code == CELERIAC_OK)
        code = cel_bindings_create(options->keys, &p->bindings);
    if (code != CELERIAC_OK)
        (void)celeriac_error_set(err, code, "no memory for a publisher");
    if (code == CELERIAC_OK)
        code = cel_conn_create(&options->conn, &p->conn, err);
    if (code != CELERIAC_OK) {
        cel_publisher_destroy(p);
        return code;
    }
    *publisher = p;
    return CELERIAC_OK;
}

void cel_publisher_destroy(struct cel_publisher *publisher)
{
    if (publisher == NULL)
        return;
    cel_conn_destroy(publisher->conn);
    cel_bindings_destroy(publisher->bindings);
    hashmap_destroy(publisher->declared, NULL);
    cel_pipeline_close(&publisher->pipeline);
    cel_envelope_reader_close(&publisher->reader);
    strbuf_close(&publisher->key);
    strbuf_close(&publisher->member);
    strbuf_close(&publisher->copy);
    mem_free(publisher->plans);
    mem_free(publisher->queues);
    mem_free(publisher);
}

struct cel_conn *cel_publisher_conn(struct cel_publisher *publisher)
{
    return publisher->conn;
}

static enum celeriac_err check_message(const struct cel_outgoing *m, struct celeriac_error *err)
{
    if (m->message.len == 0 || m->message.len > CEL_MESSAGE_MAX)
        return celeriac_error_set(err,
                                  m->message.len == 0 ? CELERIAC_ERR_VALUE : CELERIAC_ERR_LIMIT,
                                  "message must have 1 to %zu bytes", CEL_MESSAGE_MAX);
    if (m->queue.len > CEL_NAME_MAX || m->exchange.len > CEL_NAME_MAX ||
        m->routing_key.len > CEL_NAME_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT,
                                  "queue, exchange and routing_key have at most %d bytes",
                                  CEL_NAME_MAX);
    if (m->queue.len == 0 && m->exchange.len == 0 && m->routing_key.len == 0)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "queue is missing");
    if (m->once_key.len > CEL_ONCE_KEY_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "once_key has at most %d bytes",
                                  CEL_ONCE_KEY_MAX);
    if (m->once_key.len > 0 && m->queue.len == 0)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "once_key needs queue");
    return CELERIAC_OK;
}

/* The queue a message goes straight to: named, or by the anonymous exchange; empty: look up. */
static struct span direct_queue(const struct cel_outgoing *m)
{
    if (m->queue.len > 0)
        return m->queue;
    return m->exchange.len == 0 ? m->routing_key : (struct span){0};
}

static bool needs_table(const struct cel_outgoing *m)
{
    return direct_queue(m).len == 0 && m->exchange_type != CEL_EXCHANGE_FANOUT;
}

/* SADD of a queue's own binding, unless this connection has done it. */
static enum celeriac_err declare(struct cel_publisher *p, struct span queue)
{
    if (hashmap_get(p->declared, queue) != NULL || hashmap_count(p->declared) >= DECLARED_MAX)
        return CELERIAC_OK;
    strbuf_clear(&p->key);
    strbuf_clear(&p->member);
    cel_key_binding(p->keys, queue, &p->key);
    cel_binding_member(p->keys, queue, (struct span){0}, queue, &p->member);
    if (strbuf_status(&p->key) != CELERIAC_OK || strbuf_status(&p->member) != CELERIAC_OK)
        return CELERIAC_ERR_MEMORY;
    CEL_COMMAND(&p->pipeline, SPAN("SADD"), strbuf_span(&p->key), strbuf_span(&p->member));
    return hashmap_set(p->declared, queue, &declared_mark, NULL);
}

/* The key of the list that takes a message of this priority. */
static enum celeriac_err list_key(struct cel_publisher *p, struct span queue, int priority)
{
    int step = cel_priority_step(cel_keys_steps(p->keys), cel_priority_clamp(priority));
    strbuf_clear(&p->key);
    cel_key_queue(p->keys, queue, step, &p->key);
    return strbuf_status(&p->key);
}

static enum celeriac_err push(struct cel_publisher *p, struct span queue,
                              const struct cel_outgoing *m, struct span message)
{
    enum celeriac_err code = list_key(p, queue, m->priority);
    if (code != CELERIAC_OK)
        return code;
    CEL_COMMAND(&p->pipeline, SPAN("LPUSH"), strbuf_span(&p->key), message);
    if (m->list_seconds > 0) {
        cel_pipeline_begin(&p->pipeline, 3);
        cel_pipeline_arg(&p->pipeline, SPAN("EXPIRE"));
        cel_pipeline_arg(&p->pipeline, strbuf_span(&p->key));
        cel_pipeline_arg_int(&p->pipeline, m->list_seconds);
    }
    return CELERIAC_OK;
}

/* Pushes to every bound queue; all copies but the first get a tag of their own. */
static enum celeriac_err push_copies(struct cel_publisher *p, const struct cel_outgoing *m,
                                     size_t count, struct celeriac_error *err)
{
    struct cel_envelope envelope;
    enum celeriac_err code = push(p, p->queues[0], m, m->message);
    if (code == CELERIAC_OK && count > 1)
        code = cel_envelope_read(&p->reader, m->message, &envelope, NULL, err);
    for (size_t i = 1; i < count && code == CELERIAC_OK; i++) {
        char tag[UUID_SIZE];
        uuid_new(tag);
        strbuf_clear(&p->copy);
        cel_envelope_add_with_tag(&envelope, (struct span){tag, UUID_LEN}, &p->copy);
        code = strbuf_status(&p->copy);
        if (code == CELERIAC_OK)
            code = push(p, p->queues[i], m, strbuf_span(&p->copy));
    }
    return code;
}

static enum celeriac_err add_routed(struct cel_publisher *p, const struct cel_outgoing *m,
                                    struct plan *plan, struct celeriac_error *err)
{
    if (m->exchange_type == CEL_EXCHANGE_FANOUT) {
        strbuf_clear(&p->key);
        cel_channel_fanout(p->keys, m->exchange, m->routing_key, &p->key);
        CEL_COMMAND(&p->pipeline, SPAN("PUBLISH"), strbuf_span(&p->key), m->message);
        return strbuf_status(&p->key);
    }
    size_t count = cel_bindings_find(p->bindings, m->exchange, m->exchange_type, m->routing_key,
                                     p->queues, CEL_BINDINGS_MAX);
    if (count == 0) {
        plan->outcome = CEL_PUBLISH_UNROUTED;
        plan->is_over = true;
        return CELERIAC_OK;
    }
    return push_copies(p, m, count, err);
}

/* Adds the commands of one message; those with a once_key go into the script later. */
static enum celeriac_err add_message(struct cel_publisher *p, const struct cel_outgoing *m,
                                     struct plan *plan, struct celeriac_error *err)
{
    struct span queue = direct_queue(m);
    enum celeriac_err code = CELERIAC_OK;
    plan->first_reply = p->pipeline.count;
    if (queue.len == 0) {
        code = add_routed(p, m, plan, err);
    } else {
        code = declare(p, queue);
        if (code == CELERIAC_OK && m->once_key.len == 0)
            code = push(p, queue, m, m->message);
    }
    plan->reply_count = p->pipeline.count - plan->first_reply;
    return code == CELERIAC_OK ? code : celeriac_error_set(err, code, "cannot build a message");
}

/* One call of publish_once for all messages with a once_key. *added tells whether there was one. */
static enum celeriac_err add_once(struct cel_publisher *p, const struct cel_outgoing *messages,
                                  size_t count, bool *added)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        p->plans[i].once_number = 0;
        if (!p->plans[i].is_over && messages[i].once_key.len > 0)
            p->plans[i].once_number = ++n;
    }
    *added = n > 0;
    if (n == 0)
        return CELERIAC_OK;
    cel_script_begin(&p->pipeline, &cel_script_publish_once, 2 * n, 2 * n);
    for (size_t i = 0; i < count; i++) {
        if (p->plans[i].once_number == 0)
            continue;
        strbuf_clear(&p->key);
        cel_key_once(p->keys, messages[i].once_key, &p->key);
        if (strbuf_status(&p->key) != CELERIAC_OK)
            return strbuf_status(&p->key);
        cel_pipeline_arg(&p->pipeline, strbuf_span(&p->key));
        enum celeriac_err code = list_key(p, messages[i].queue, messages[i].priority);
        if (code != CELERIAC_OK)
            return code;
        cel_pipeline_arg(&p->pipeline, strbuf_span(&p->key));
    }
    for (size_t i = 0; i < count; i++) {
        if (p->plans[i].once_number == 0)
            continue;
        uint32_t seconds = messages[i].once_seconds;
        cel_pipeline_arg_int(&p->pipeline, seconds != 0 ? seconds : CEL_ONCE_SECONDS);
        cel_pipeline_arg(&p->pipeline, messages[i].message);
    }
    return CELERIAC_OK;
}

/* The tables of all exchanges in use, read anew: bindings may have changed since the last call. */
static enum celeriac_err load_tables(struct cel_publisher *p, const struct cel_outgoing *messages,
                                     size_t count, struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;
    cel_bindings_clear(p->bindings);
    for (size_t i = 0; i < count && code == CELERIAC_OK; i++) {
        if (!p->plans[i].is_over && needs_table(&messages[i]))
            code = cel_bindings_load(p->bindings, p->conn, &messages[i].exchange, 1, err);
    }
    return code;
}

/* A fresh connection knows nothing of what was declared on the old one. */
static enum celeriac_err begin_generation(struct cel_publisher *p, bool has_once,
                                          struct celeriac_error *err)
{
    enum celeriac_err code = cel_conn_ensure(p->conn, err);
    if (code != CELERIAC_OK)
        return code;
    if (p->generation != cel_conn_generation(p->conn)) {
        size_t position = 0;
        struct span name;
        void *value;
        while (hashmap_next(p->declared, &position, &name, &value))
            (void)hashmap_remove(p->declared, name);
        p->generation = cel_conn_generation(p->conn);
        p->has_script = false;
    }
    if (has_once && !p->has_script) {
        code = cel_script_load(p->conn, &cel_script_publish_once, err);
        p->has_script = code == CELERIAC_OK;
    }
    return code;
}

/* What the replies say of one message. */
static enum celeriac_err judge(struct cel_publisher *p, struct plan *plan,
                               const struct redisReply *once, struct celeriac_error *err)
{
    for (size_t i = 0; i < plan->reply_count; i++) {
        enum celeriac_err code =
            cel_reply_check(cel_pipeline_reply(&p->pipeline, plan->first_reply + i), err);
        if (code != CELERIAC_OK)
            return code;
    }
    if (plan->once_number > 0) {
        if (cel_reply_is_error_word(once, "NOSCRIPT")) {
            p->has_script = false;
            return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "the script was flushed");
        }
        enum celeriac_err code = cel_reply_check(once, err);
        if (code != CELERIAC_OK)
            return code;
    }
    bool is_new =
        plan->once_number == 0 || cel_reply_int(cel_reply_at(once, plan->once_number - 1)) == 1;
    plan->outcome = is_new ? CEL_PUBLISHED : CEL_PUBLISH_DUPLICATE;
    plan->is_over = true;
    return CELERIAC_OK;
}

/* Judges all that was sent; the answer that makes trying again worth while wins. */
static enum celeriac_err judge_all(struct cel_publisher *p, size_t count, bool has_once,
                                   struct celeriac_error *err)
{
    const struct redisReply *once =
        has_once ? cel_pipeline_reply(&p->pipeline, p->pipeline.count - 1) : NULL;
    enum celeriac_err worst = CELERIAC_OK;
    for (size_t i = 0; i < count; i++) {
        if (p->plans[i].is_over)
            continue;
        enum celeriac_err code = judge(p, &p->plans[i], once, err);
        if (code != CELERIAC_OK && worst != CELERIAC_ERR_UNAVAILABLE)
            worst = code;
    }
    return worst;
}

/* One attempt for everything that is not over. CELERIAC_ERR_UNAVAILABLE: trying again may help. */
static enum celeriac_err attempt(struct cel_publisher *p, const struct cel_outgoing *messages,
                                 size_t count, struct celeriac_error *err)
{
    bool has_once = false;
    for (size_t i = 0; i < count; i++)
        has_once = has_once || messages[i].once_key.len > 0;
    enum celeriac_err code = begin_generation(p, has_once, err);
    if (code == CELERIAC_OK)
        code = load_tables(p, messages, count, err);
    cel_pipeline_clear(&p->pipeline);
    for (size_t i = 0; i < count && code == CELERIAC_OK; i++) {
        if (!p->plans[i].is_over)
            code = add_message(p, &messages[i], &p->plans[i], err);
    }
    if (code == CELERIAC_OK)
        code = add_once(p, messages, count, &has_once);
    if (code == CELERIAC_OK && p->pipeline.count > 0)
        code = cel_pipeline_run(&p->pipeline, p->conn, err);
    if (code != CELERIAC_OK) {
        /* What was to be declared may not have been. */
        p->generation = 0;
        return code;
    }
    return judge_all(p, count, has_once, err);
}

static enum celeriac_err make_plans(struct cel_publisher *p, size_t count,
                                    struct celeriac_error *err)
{
    if (count > p->plan_cap) {
        struct plan *larger = mem_resize(p->plans, count, sizeof *larger);
        if (larger == NULL)
            return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory to publish");
        p->plans = larger;
        p->plan_cap = count;
    }
    for (size_t i = 0; i < count; i++)
        p->plans[i] = (struct plan){.outcome = CEL_PUBLISH_UNKNOWN};
    return CELERIAC_OK;
}

/* Sleeps before retry number n (from 0). */
static enum celeriac_err pause(const struct cel_publisher *p, unsigned n)
{
    uint64_t ms = (uint64_t)p->retry.start_ms + (uint64_t)n * p->retry.step_ms;
    if (ms > p->retry.max_ms)
        ms = p->retry.max_ms;
    int64_t until = clock_monotonic_ns() + (int64_t)ms * NS_PER_MS;
    short events = p->wake_fd >= 0 ? POLLIN : 0;
    return net_wait(p->wake_fd, events, until) == CELERIAC_OK ? CELERIAC_ERR_SHUTDOWN : CELERIAC_OK;
}

enum celeriac_err cel_publish(struct cel_publisher *publisher, const struct cel_outgoing *messages,
                              size_t count, enum cel_publish_outcome *outcomes,
                              struct celeriac_error *err)
{
    struct cel_publisher *p = publisher;
    struct celeriac_error why = {0};
    enum celeriac_err code = CELERIAC_OK;
    if (count > MESSAGES_MAX)
        code = celeriac_error_set(&why, CELERIAC_ERR_LIMIT, "more than %d messages", MESSAGES_MAX);
    for (size_t i = 0; i < count && code == CELERIAC_OK; i++)
        code = check_message(&messages[i], &why);
    if (code == CELERIAC_OK)
        code = make_plans(p, count, &why);
    for (size_t i = 0; i < count && outcomes != NULL; i++)
        outcomes[i] = CEL_PUBLISH_UNKNOWN;
    if (code != CELERIAC_OK)
        return celeriac_error_set(err, code, "%s", why.text);

    for (unsigned n = 0;; n++) {
        celeriac_error_clear(&why);
        code = attempt(p, messages, count, &why);
        if (code != CELERIAC_ERR_UNAVAILABLE || p->retry.never || n == p->retry.max_retries)
            break;
        if (pause(p, n) != CELERIAC_OK) {
            code = CELERIAC_ERR_SHUTDOWN;
            break;
        }
    }
    for (size_t i = 0; i < count && outcomes != NULL; i++)
        outcomes[i] = p->plans[i].outcome;
    return code == CELERIAC_OK ? code : celeriac_error_set(err, code, "%s", why.text);
}

enum celeriac_err cel_publish_forget(struct cel_publisher *publisher, const struct span *once_keys,
                                     size_t count, struct celeriac_error *err)
{
    struct cel_publisher *p = publisher;
    if (count == 0)
        return CELERIAC_OK;
    cel_pipeline_clear(&p->pipeline);
    for (size_t i = 0; i < count; i++) {
        strbuf_clear(&p->key);
        cel_key_once(p->keys, once_keys[i], &p->key);
        if (strbuf_status(&p->key) != CELERIAC_OK)
            return celeriac_error_set(err, strbuf_status(&p->key), "once_key is too long");
        CEL_COMMAND(&p->pipeline, SPAN("DEL"), strbuf_span(&p->key));
    }
    enum celeriac_err code = cel_pipeline_run(&p->pipeline, p->conn, err);
    for (size_t i = 0; i < count && code == CELERIAC_OK; i++)
        code = cel_reply_check(cel_pipeline_reply(&p->pipeline, i), err);
    return code;
}
