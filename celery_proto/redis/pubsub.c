#include "celery_proto/redis/pubsub.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hashmap.h"
#include "celery_proto/redis/conn_io.h"
#include "celery_proto/redis/pipeline.h"
#include "celery_proto/redis/reply.h"
#include "celery_proto/redis/resp.h"

/* Bytes of subscribe and unsubscribe commands sent at once. */
#define COMMANDS_MAX ((size_t)64 * 1024 * 1024)

struct subscription {
    cel_pubsub_handler_fn *handler;
    void *context;
    bool is_pattern;
    uint64_t generation; /* of the connection on which it was sent; 0: never */
    uint64_t confirmed;  /* likewise, on which the server has confirmed it */
};

struct cel_pubsub {
    struct cel_conn *conn;
    struct hashmap *subscriptions; /* 'p' or 'c' and the name -> struct subscription */
    struct strbuf key;             /* for look-ups */
    struct strbuf removals;        /* encoded commands to send with the next ensure */
    size_t removal_count;
    size_t unsent;       /* subscriptions not sent on this connection */
    uint64_t generation; /* of the connection whose state this is */
    int64_t client_id;
    size_t confirmations; /* that the server still owes */
    int64_t heard_ns;     /* when something was last received */
    int64_t pinged_ns;    /* when an unanswered PING was sent; 0: none */
};

enum celeriac_err cel_pubsub_create(const struct cel_conn_options *options,
                                    struct cel_pubsub **pubsub, struct celeriac_error *err)
{
    struct cel_pubsub *ps = mem_calloc(1, sizeof *ps);
    if (ps == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for subscriptions");
    strbuf_init(&ps->key, CEL_PIPELINE_BYTES_MAX);
    strbuf_init(&ps->removals, COMMANDS_MAX);
    enum celeriac_err code = hashmap_create(&ps->subscriptions);
    if (code != CELERIAC_OK)
        (void)celeriac_error_set(err, code, "no memory for subscriptions");
    if (code == CELERIAC_OK)
        code = cel_conn_create(options, &ps->conn, err);
    if (code != CELERIAC_OK) {
        cel_pubsub_destroy(ps);
        return code;
    }
    *pubsub = ps;
    return CELERIAC_OK;
}

void cel_pubsub_destroy(struct cel_pubsub *pubsub)
{
    if (pubsub == NULL)
        return;
    cel_conn_destroy(pubsub->conn);
    hashmap_destroy(pubsub->subscriptions, mem_free);
    strbuf_close(&pubsub->key);
    strbuf_close(&pubsub->removals);
    mem_free(pubsub);
}

/* The key of a subscription; empty when memory is short, which finds nothing. */
static struct span key_of(struct cel_pubsub *pubsub, struct span name, bool is_pattern)
{
    strbuf_clear(&pubsub->key);
    strbuf_add_char(&pubsub->key, is_pattern ? 'p' : 'c');
    strbuf_add_span(&pubsub->key, name);
    return strbuf_status(&pubsub->key) == CELERIAC_OK ? strbuf_span(&pubsub->key)
                                                      : (struct span){0};
}

enum celeriac_err cel_pubsub_add(struct cel_pubsub *pubsub, struct span name, bool is_pattern,
                                 cel_pubsub_handler_fn *handler, void *context)
{
    struct span key = key_of(pubsub, name, is_pattern);
    if (key.len == 0)
        return CELERIAC_ERR_MEMORY;
    if (hashmap_get(pubsub->subscriptions, key) != NULL)
        return CELERIAC_ERR_EXISTS;
    if (hashmap_count(pubsub->subscriptions) >= CEL_PUBSUB_SUBSCRIPTIONS_MAX)
        return CELERIAC_ERR_LIMIT;
    struct subscription *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return CELERIAC_ERR_MEMORY;
    *s = (struct subscription){.handler = handler, .context = context, .is_pattern = is_pattern};
    enum celeriac_err code = hashmap_set(pubsub->subscriptions, key, s, NULL);
    if (code != CELERIAC_OK) {
        mem_free(s);
        return code;
    }
    pubsub->unsent++;
    return CELERIAC_OK;
}

void cel_pubsub_remove(struct cel_pubsub *pubsub, struct span name, bool is_pattern)
{
    struct subscription *s =
        hashmap_remove(pubsub->subscriptions, key_of(pubsub, name, is_pattern));
    if (s == NULL)
        return;
    if (s->generation == 0 || s->generation != pubsub->generation) {
        pubsub->unsent--;
    } else {
        resp_begin(&pubsub->removals, 2);
        resp_arg(&pubsub->removals, is_pattern ? SPAN("PUNSUBSCRIBE") : SPAN("UNSUBSCRIBE"));
        resp_arg(&pubsub->removals, name);
        pubsub->removal_count++;
    }
    mem_free(s);
}

static void deliver(struct cel_pubsub *pubsub, bool is_pattern, struct span subscription,
                    struct span channel, const struct redisReply *payload)
{
    struct subscription *s =
        hashmap_get(pubsub->subscriptions, key_of(pubsub, subscription, is_pattern));
    /* Unconfirmed, this is meant for an earlier subscription to the same name. */
    if (s == NULL || s->confirmed != pubsub->generation)
        return;
    /* The handler may remove its own subscription. */
    cel_pubsub_handler_fn *handler = s->handler;
    void *context = s->context;
    if (!cel_reply_is_array(payload)) {
        handler(context, subscription, channel, cel_reply_span(payload));
        return;
    }
    /* Keys that changed, on the invalidation channel. */
    for (size_t i = 0; i < cel_reply_count(payload); i++)
        handler(context, subscription, channel, cel_reply_span(cel_reply_at(payload, i)));
}

/* The server has answered a command that subscribes or unsubscribes. */
static void confirm(struct cel_pubsub *pubsub, struct span kind, struct span name)
{
    bool is_pattern = span_is(kind, "psubscribe");
    struct subscription *s = NULL;
    if (pubsub->confirmations > 0)
        pubsub->confirmations--;
    if (is_pattern || span_is(kind, "subscribe"))
        s = hashmap_get(pubsub->subscriptions, key_of(pubsub, name, is_pattern));
    if (s != NULL)
        s->confirmed = pubsub->generation;
}

/* Acts on one reply of the server; *delivered counts messages. */
static void dispatch(struct cel_pubsub *pubsub, const struct redisReply *reply, size_t *delivered)
{
    struct span kind = cel_reply_span(cel_reply_at(reply, 0));
    pubsub->heard_ns = clock_monotonic_ns();
    if (span_is(kind, "message")) {
        deliver(pubsub, false, cel_reply_span(cel_reply_at(reply, 1)),
                cel_reply_span(cel_reply_at(reply, 1)), cel_reply_at(reply, 2));
        (*delivered)++;
    } else if (span_is(kind, "pmessage")) {
        deliver(pubsub, true, cel_reply_span(cel_reply_at(reply, 1)),
                cel_reply_span(cel_reply_at(reply, 2)), cel_reply_at(reply, 3));
        (*delivered)++;
    } else if (span_ends(kind, SPAN("subscribe"))) {
        confirm(pubsub, kind, cel_reply_span(cel_reply_at(reply, 1)));
    } else {
        /* The answer to a PING: an array in subscribe mode, a status without subscriptions. */
        pubsub->pinged_ns = 0;
    }
}

/* A fresh connection: learns its id and forgets what the old one had. */
static enum celeriac_err begin_generation(struct cel_pubsub *pubsub, struct celeriac_error *err)
{
    struct cel_pipeline p;
    cel_pipeline_init(&p);
    CEL_COMMAND(&p, SPAN("CLIENT"), SPAN("ID"));
    enum celeriac_err code = cel_pipeline_run(&p, pubsub->conn, err);
    if (code == CELERIAC_OK) {
        pubsub->client_id = cel_reply_int(cel_pipeline_reply(&p, 0));
        pubsub->generation = cel_conn_generation(pubsub->conn);
        pubsub->unsent = hashmap_count(pubsub->subscriptions);
        pubsub->confirmations = 0;
        pubsub->pinged_ns = 0;
        pubsub->heard_ns = clock_monotonic_ns();
        pubsub->removal_count = 0;
        strbuf_clear(&pubsub->removals);
    }
    cel_pipeline_close(&p);
    return code;
}

/* Appends the commands that bring the server up to date; *count of them. */
static void write_changes(struct cel_pubsub *pubsub, struct strbuf *out, size_t *count)
{
    size_t position = 0;
    struct span key;
    void *value;

    strbuf_add_span(out, strbuf_span(&pubsub->removals));
    *count = pubsub->removal_count;
    if (pubsub->unsent == 0)
        return;
    while (hashmap_next(pubsub->subscriptions, &position, &key, &value)) {
        const struct subscription *s = value;
        if (s->generation == pubsub->generation)
            continue;
        resp_begin(out, 2);
        resp_arg(out, s->is_pattern ? SPAN("PSUBSCRIBE") : SPAN("SUBSCRIBE"));
        resp_arg(out, (struct span){key.ptr + 1, key.len - 1});
        (*count)++;
    }
}

static void mark_sent(struct cel_pubsub *pubsub, size_t count)
{
    size_t position = 0;
    struct span key;
    void *value;
    while (hashmap_next(pubsub->subscriptions, &position, &key, &value))
        ((struct subscription *)value)->generation = pubsub->generation;
    pubsub->unsent = 0;
    pubsub->removal_count = 0;
    strbuf_clear(&pubsub->removals);
    pubsub->confirmations += count;
}

/* Waits for one reply and acts on it. An error reply is one to a subscription. */
static enum celeriac_err receive_one(struct cel_pubsub *pubsub, struct celeriac_error *err)
{
    struct redisReply *reply = NULL;
    size_t delivered = 0;
    enum celeriac_err code = cel_conn_receive(pubsub->conn, &reply, err);
    if (code != CELERIAC_OK)
        return code;
    struct celeriac_error why = {0};
    code = cel_reply_check(reply, &why);
    if (code == CELERIAC_OK)
        dispatch(pubsub, reply, &delivered);
    else
        (void)cel_conn_fail(pubsub->conn, code, false, why.text, err);
    cel_reply_destroy(reply);
    return code;
}

enum celeriac_err cel_pubsub_ensure(struct cel_pubsub *pubsub, struct celeriac_error *err)
{
    enum celeriac_err code = cel_conn_ensure(pubsub->conn, err);
    if (code == CELERIAC_OK && pubsub->generation != cel_conn_generation(pubsub->conn))
        code = begin_generation(pubsub, err);
    if (code != CELERIAC_OK || (pubsub->unsent == 0 && pubsub->removal_count == 0))
        return code;

    struct strbuf out;
    size_t count = 0;
    strbuf_init(&out, COMMANDS_MAX);
    write_changes(pubsub, &out, &count);
    code = strbuf_status(&out);
    if (code == CELERIAC_OK)
        code = strbuf_status(&pubsub->removals);
    if (code != CELERIAC_OK)
        (void)celeriac_error_set(err, code, "cannot build subscriptions");
    else
        code = cel_conn_send(pubsub->conn, strbuf_span(&out), err);
    strbuf_close(&out);
    if (code == CELERIAC_OK)
        mark_sent(pubsub, count);
    while (code == CELERIAC_OK && pubsub->confirmations > 0)
        code = receive_one(pubsub, err);
    return code;
}

enum celeriac_err cel_pubsub_read(struct cel_pubsub *pubsub, size_t *delivered,
                                  struct celeriac_error *err)
{
    size_t count = 0;
    enum celeriac_err code = CELERIAC_OK;
    if (!cel_conn_is_connected(pubsub->conn))
        return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "not connected");
    for (;;) {
        struct redisReply *reply = NULL;
        code = cel_conn_try_receive(pubsub->conn, &reply, err);
        if (code != CELERIAC_OK || reply == NULL)
            break;
        dispatch(pubsub, reply, &count);
        cel_reply_destroy(reply);
        /* A handler may have ended the connection's life. */
        if (!cel_conn_is_connected(pubsub->conn))
            break;
    }
    if (delivered != NULL)
        *delivered = count;
    return code;
}

enum celeriac_err cel_pubsub_check(struct cel_pubsub *pubsub, int64_t now_ns, int64_t interval_ns,
                                   int64_t *next_ns, struct celeriac_error *err)
{
    static const char ping[] = "*1\r\n$4\r\nPING\r\n";
    int64_t patience_ns = cel_conn_io_timeout_ms(pubsub->conn) * NS_PER_MS;
    size_t delivered = 0;
    enum celeriac_err code = CELERIAC_OK;
    if (!cel_conn_is_connected(pubsub->conn))
        return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "not connected");
    bool is_overdue = pubsub->pinged_ns != 0 && now_ns - pubsub->pinged_ns >= patience_ns;
    /* The caller may have waited for something else, while the answer was there. */
    if (is_overdue)
        code = cel_pubsub_read(pubsub, &delivered, err);
    if (code != CELERIAC_OK)
        return code;
    if (is_overdue && pubsub->pinged_ns != 0)
        return cel_conn_fail(pubsub->conn, CELERIAC_ERR_UNAVAILABLE, true, "no answer to a PING",
                             err);
    if (pubsub->pinged_ns == 0 && now_ns - pubsub->heard_ns >= CEL_PUBSUB_EARLY(interval_ns)) {
        code = cel_conn_send(pubsub->conn, (struct span){ping, sizeof ping - 1}, err);
        pubsub->pinged_ns = now_ns;
    }
    if (next_ns != NULL)
        *next_ns = pubsub->pinged_ns != 0 ? pubsub->pinged_ns + patience_ns
                                          : pubsub->heard_ns + interval_ns;
    /* What the caller's handlers were told would find it asleep. */
    if (next_ns != NULL && delivered > 0)
        *next_ns = now_ns;
    return code;
}

struct cel_conn *cel_pubsub_conn(struct cel_pubsub *pubsub)
{
    return pubsub->conn;
}

bool cel_pubsub_has_buffered(const struct cel_pubsub *pubsub)
{
    return cel_conn_has_buffered(pubsub->conn);
}

int64_t cel_pubsub_client_id(const struct cel_pubsub *pubsub)
{
    return cel_conn_is_connected(pubsub->conn) &&
                   pubsub->generation == cel_conn_generation(pubsub->conn)
               ? pubsub->client_id
               : 0;
}
