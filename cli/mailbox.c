#include "cli/mailbox.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/uuid.h"
#include "celery_proto/codec/body.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/codec/pidbox.h"

/* Where answers go. */
#define REPLY_EXCHANGE "reply." CEL_PIDBOX_EXCHANGE

/* Seconds that a list of answers outlives its reader at most: late answers would stay for ever. */
#define REPLY_EXPIRES_S "60"

/* One BRPOP waits at most so long: well within the time after which a server counts as silent. */
#define POP_NS (1 * NS_PER_SEC)

#define NAME_MAX_BYTES ((size_t)16 * 1024)

/* One conversation. */
struct talk {
    char key[UUID_SIZE]; /* routing key of the answers */
    struct strbuf queue; /* name of their queue */
    struct strbuf list;  /* its key */
    struct strbuf binding, member;
    struct strbuf channel;
    struct strbuf envelope;
    struct strbuf node; /* of the answer at hand */
    struct strbuf body, scratch;
    size_t wanted; /* answers after which nobody else is waited for; 0: not known */
};

static void open_talk(struct talk *t)
{
    struct strbuf *const names[] = {&t->queue,  &t->list,    &t->binding,
                                    &t->member, &t->channel, &t->node};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        strbuf_init(names[i], NAME_MAX_BYTES);
    strbuf_init(&t->envelope, CEL_ENVELOPE_MAX);
    strbuf_init(&t->body, CEL_ENVELOPE_MAX);
    strbuf_init(&t->scratch, CEL_ENVELOPE_MAX);
    uuid_new(t->key);
    t->wanted = 0;
}

static void close_talk(struct talk *t)
{
    struct strbuf *const all[] = {&t->queue, &t->list,     &t->binding, &t->member, &t->channel,
                                  &t->node,  &t->envelope, &t->body,    &t->scratch};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        strbuf_close(all[i]);
}

static void write_destination(struct cli *cli, struct talk *t, struct json_writer *w)
{
    struct span list = span_of(settings_text(cli->settings, "destination"));
    struct span item;

    if (list.len == 0) {
        json_null(w);
        return;
    }
    json_begin_array(w);
    while (cli_next_item(&list, &item)) {
        json_string(w, item);
        t->wanted++;
    }
    json_end_array(w);
}

static void write_body(struct cli *cli, struct talk *t, const struct cli_request *request)
{
    char ticket[UUID_SIZE];
    struct json_writer w;

    uuid_new(ticket);
    json_writer_init(&w, &t->body, JSON_STYLE_PYTHON);
    json_begin_object(&w);
    json_key(&w, "method");
    json_string(&w, request->method);
    json_key(&w, "arguments");
    json_value(&w, request->arguments);
    json_key(&w, "destination");
    write_destination(cli, t, &w);
    json_key(&w, "pattern");
    json_null(&w);
    json_key(&w, "matcher");
    json_null(&w);
    json_key(&w, "ticket");
    json_text(&w, ticket);
    json_key(&w, "reply_to");
    json_begin_object(&w);
    json_key(&w, "exchange");
    json_text(&w, REPLY_EXCHANGE);
    json_key(&w, "routing_key");
    json_text(&w, t->key);
    json_end_object(&w);
    json_end_object(&w);
}

static enum celeriac_err write_request(struct cli *cli, struct talk *t,
                                       const struct cli_request *request,
                                       struct celeriac_error *err)
{
    const struct cel_keys *keys = cli->addresses.keys;
    char tag[UUID_SIZE];
    struct cel_envelope_fields fields = {.body_encoding = CEL_BODY_BASE64,
                                         .headers = SPAN("{\"clock\": 1}"),
                                         .exchange = SPAN(CEL_PIDBOX_EXCHANGE)};

    uuid_new(tag);
    strbuf_printf(&t->queue, "%s.%s", t->key, REPLY_EXCHANGE);
    cel_key_queue(keys, strbuf_span(&t->queue), 0, &t->list);
    cel_key_binding(keys, SPAN(REPLY_EXCHANGE), &t->binding);
    cel_binding_member(keys, span_of(t->key), (struct span){0}, strbuf_span(&t->queue), &t->member);
    cel_channel_fanout(keys, SPAN(CEL_PIDBOX_EXCHANGE), (struct span){0}, &t->channel);
    write_body(cli, t, request);
    fields.body = strbuf_span(&t->body);
    fields.delivery_tag = span_of(tag);
    return cel_envelope_write(&fields, &t->envelope, err);
}

/* Declares where answers go, and asks. */
static enum celeriac_err publish(struct cli *cli, struct talk *t, size_t *heard,
                                 struct celeriac_error *err)
{
    enum celeriac_err code;

    cel_pipeline_clear(&cli->pipeline);
    CEL_COMMAND(&cli->pipeline, SPAN("SADD"), strbuf_span(&t->binding), strbuf_span(&t->member));
    CEL_COMMAND(&cli->pipeline, SPAN("PUBLISH"), strbuf_span(&t->channel),
                strbuf_span(&t->envelope));
    code = cli_run(cli, err);
    *heard = (size_t)cel_reply_int(cel_pipeline_reply(&cli->pipeline, 1));
    return code;
}

/* Takes away what the conversation has left behind. */
static void leave(struct cli *cli, struct talk *t)
{
    struct celeriac_error why = {0};

    cel_pipeline_clear(&cli->pipeline);
    CEL_COMMAND(&cli->pipeline, SPAN("SREM"), strbuf_span(&t->binding), strbuf_span(&t->member));
    CEL_COMMAND(&cli->pipeline, SPAN("EXPIRE"), strbuf_span(&t->list), SPAN(REPLY_EXPIRES_S));
    /* A server that has gone away keeps a name in a set, which harms nobody. */
    if (cli_run(cli, &why))
        celeriac_error_clear(&why);
}

/* Gives the members of an answer {node: answer} to whoever wants them. */
static enum celeriac_err deliver(struct talk *t, struct span raw, cli_answer_fn *answer,
                                 void *context, size_t *answers, struct celeriac_error *err)
{
    struct cel_envelope_reader reader;
    struct cel_envelope envelope;
    enum cel_refuse cause;
    struct json_doc doc;
    const struct json_node *key = NULL;
    enum celeriac_err code;

    cel_envelope_reader_init(&reader);
    json_init(&doc);
    strbuf_clear(&t->body);
    code = cel_envelope_read(&reader, raw, &envelope, &cause, NULL);
    if (code == CELERIAC_OK)
        code = cel_body_decode(envelope.body, envelope.body_encoding, CEL_COMPRESSION_NONE,
                               CEL_ENVELOPE_MAX, &t->scratch, &t->body, &cause, NULL);
    if (code == CELERIAC_OK)
        code = json_parse(&doc, strbuf_span(&t->body), NULL, NULL);
    if (code == CELERIAC_OK && json_root(&doc)->type == JSON_OBJECT)
        key = json_first(json_root(&doc));
    while (key && code == CELERIAC_OK) {
        const struct json_node *value = json_next(json_root(&doc), key);

        strbuf_clear(&t->node);
        code = json_decode_string(key, &t->node);
        if (code == CELERIAC_OK)
            code = answer(context, strbuf_span(&t->node), json_raw(value), err);
        (*answers)++;
        key = json_next(json_root(&doc), value);
    }
    json_close(&doc);
    cel_envelope_reader_close(&reader);
    if (code && code != CELERIAC_ERR_MEMORY)
        return celeriac_error_set(err, CELERIAC_ERR_PROTOCOL, "a worker's answer cannot be read");
    return code;
}

/* Waits for one answer, until the deadline at most; *found false: none came. */
static enum celeriac_err next_answer(struct cli *cli, struct talk *t, int64_t deadline_ns,
                                     struct redisReply **found, struct celeriac_error *err)
{
    int64_t left = deadline_ns - clock_monotonic_ns();
    struct strbuf text;
    enum celeriac_err code;

    if (left > POP_NS)
        left = POP_NS;
    strbuf_init(&text, NAME_MAX_BYTES);
    /* 0 would wait for ever. */
    strbuf_printf(&text, "%.3f", left > NS_PER_MS ? (double)left / 1e9 : 0.001);
    cel_pipeline_clear(&cli->pipeline);
    CEL_COMMAND(&cli->pipeline, SPAN("BRPOP"), strbuf_span(&t->list), strbuf_span(&text));
    code = cli_run(cli, err);
    *found = code == CELERIAC_OK ? cel_pipeline_take_reply(&cli->pipeline, 0) : NULL;
    strbuf_close(&text);
    return code;
}

static enum celeriac_err gather(struct cli *cli, struct talk *t, cli_answer_fn *answer,
                                void *context, struct celeriac_error *err)
{
    int64_t deadline = clock_monotonic_ns() + settings_seconds_ns(cli->settings, "timeout");
    size_t answers = 0;
    enum celeriac_err code = CELERIAC_OK;

    while (code == CELERIAC_OK && clock_monotonic_ns() < deadline &&
           (t->wanted == 0 || answers < t->wanted)) {
        struct redisReply *found = NULL;

        code = next_answer(cli, t, deadline, &found, err);
        if (code == CELERIAC_OK && cel_reply_count(found) == 2)
            code =
                deliver(t, cel_reply_span(cel_reply_at(found, 1)), answer, context, &answers, err);
        cel_reply_destroy(found);
    }
    return code;
}

enum celeriac_err cli_ask(struct cli *cli, const struct cli_request *request, cli_answer_fn *answer,
                          void *context, size_t *heard, struct celeriac_error *err)
{
    struct talk t;
    enum celeriac_err code;

    open_talk(&t);
    code = write_request(cli, &t, request, err);
    if (code == CELERIAC_OK)
        code = publish(cli, &t, heard, err);
    if (code == CELERIAC_OK) {
        if (*heard > 0)
            code = gather(cli, &t, answer, context, err);
        leave(cli, &t);
    }
    close_talk(&t);
    return code;
}
