#include "base/base64.h"
#include "base/json.h"
#include "base/parse_num.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/keys.h"
#include "cli/cli.h"

/* Entries read at once. */
#define CHUNK 500

/* Most entries that can be counted: more would not fit into a list. */
#define NUMBER_MAX INT64_C(4294967296)

/* Attempts when somebody else changes the quarantine at the same time. */
#define TRIES 20

#define NAME_MAX_BYTES ((size_t)64 * 1024)

/* One entry taken apart. */
struct entry {
    struct json_doc doc;
    struct strbuf message; /* the bytes as they came */
    struct strbuf queue;   /* where from; empty when unknown */
    const struct json_node *reason, *time;
};

static void open_entry(struct entry *entry)
{
    json_init(&entry->doc);
    strbuf_init(&entry->message, 2 * CEL_ENVELOPE_MAX);
    strbuf_init(&entry->queue, NAME_MAX_BYTES);
}

static void close_entry(struct entry *entry)
{
    json_close(&entry->doc);
    strbuf_close(&entry->message);
    strbuf_close(&entry->queue);
}

static enum celeriac_err decode(const struct json_node *root, struct entry *entry)
{
    const struct json_node *text = json_get(root, "message");
    const struct json_node *base64 = json_get(root, "message_base64");
    const struct json_node *queue = json_get(root, "queue");
    enum celeriac_err code = CELERIAC_OK;
    struct strbuf encoded;

    if (queue && queue->type == JSON_STRING)
        code = json_decode_string(queue, &entry->queue);
    if (code == CELERIAC_OK && text)
        return json_decode_string(text, &entry->message);
    strbuf_init(&encoded, 3 * CEL_ENVELOPE_MAX);
    if (code == CELERIAC_OK)
        code = base64 ? json_decode_string(base64, &encoded) : CELERIAC_ERR_VALUE;
    if (code == CELERIAC_OK)
        code = base64_decode(&entry->message, strbuf_span(&encoded));
    strbuf_close(&encoded);
    return code;
}

static enum celeriac_err read_entry(struct span raw, struct entry *entry,
                                    struct celeriac_error *err)
{
    enum celeriac_err code;

    strbuf_clear(&entry->message);
    strbuf_clear(&entry->queue);
    code = json_parse(&entry->doc, raw, NULL, NULL);
    if (code == CELERIAC_OK)
        code = decode(json_root(&entry->doc), entry);
    if (code)
        return celeriac_error_set(err, code == CELERIAC_ERR_MEMORY ? code : CELERIAC_ERR_PROTOCOL,
                                  "an entry of the quarantine cannot be read");
    entry->reason = json_get(json_root(&entry->doc), "reason");
    entry->time = json_get(json_root(&entry->doc), "time");
    return CELERIAC_OK;
}

static void add_node(struct strbuf *out, const struct json_node *node)
{
    if (json_is_null(node) || json_decode_string(node, out))
        strbuf_add_char(out, '-');
}

/* ---- list ---------------------------------------------------------------------------------- */

static void list_one(struct cli *cli, int64_t number, const struct entry *entry)
{
    struct json_writer w;

    if (!cli->json) {
        strbuf_printf(&cli->out, "%6lld  ", (long long)number);
        add_node(&cli->out, entry->time);
        strbuf_add_text(&cli->out, "  ");
        add_node(&cli->out, entry->reason);
        strbuf_printf(&cli->out, "  %zu bytes  ", strbuf_span(&entry->message).len);
        strbuf_add_span(&cli->out, entry->queue.len > 0 ? strbuf_span(&entry->queue) : SPAN("-"));
        strbuf_add_char(&cli->out, '\n');
        return;
    }
    json_writer_init(&w, &cli->out, JSON_STYLE_PYTHON);
    json_begin_object(&w);
    json_key(&w, "number");
    json_integer(&w, number);
    json_key(&w, "time");
    json_value(&w, entry->time ? json_raw(entry->time) : SPAN("null"));
    json_key(&w, "reason");
    json_value(&w, entry->reason ? json_raw(entry->reason) : SPAN("null"));
    json_key(&w, "queue");
    if (entry->queue.len > 0)
        json_string(&w, strbuf_span(&entry->queue));
    else
        json_null(&w);
    json_key(&w, "bytes");
    json_integer(&w, (int64_t)strbuf_span(&entry->message).len);
    json_end_object(&w);
}

/* Oldest first: the number of an entry does not change when others come. */
static enum celeriac_err list(struct cli *cli, struct entry *entry, struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;
    int64_t number = 0;
    size_t count;

    strbuf_add_text(&cli->out, cli->json ? "[" : "");
    do {
        const struct redisReply *reply;

        cel_pipeline_clear(&cli->pipeline);
        cel_pipeline_begin(&cli->pipeline, 4);
        cel_pipeline_arg(&cli->pipeline, SPAN("LRANGE"));
        cel_pipeline_arg(&cli->pipeline, cel_key_quarantine(cli->addresses.keys));
        cel_pipeline_arg_int(&cli->pipeline, -(number + CHUNK));
        cel_pipeline_arg_int(&cli->pipeline, -(number + 1));
        code = cli_run(cli, err);
        reply = cel_pipeline_reply(&cli->pipeline, 0);
        count = cel_reply_count(reply);
        for (size_t i = count; code == CELERIAC_OK && i > 0; i--) {
            code = read_entry(cel_reply_span(cel_reply_at(reply, i - 1)), entry, err);
            if (code == CELERIAC_OK) {
                strbuf_add_text(&cli->out, cli->json && number > 0 ? ", " : "");
                list_one(cli, ++number, entry);
            }
        }
    } while (code == CELERIAC_OK && count == CHUNK);
    strbuf_add_text(&cli->out, cli->json ? "]\n" : "");
    if (code == CELERIAC_OK && number == 0 && !cli->json)
        strbuf_add_text(&cli->out, "The quarantine is empty.\n");
    return code;
}

/* ---- show ---------------------------------------------------------------------------------- */

static enum celeriac_err read_number(const struct cli *cli, int64_t *number,
                                     struct celeriac_error *err)
{
    if (cli->word_count != 2 ||
        parse_int64(span_of(cli->words[1]), 1, NUMBER_MAX, number) != CELERIAC_OK)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "quarantine %s: needs the number of an entry, see "
                                  "\"quarantine list\"",
                                  cli->words[0]);
    return CELERIAC_OK;
}

static enum celeriac_err show(struct cli *cli, struct entry *entry, struct celeriac_error *err)
{
    const struct redisReply *reply;
    int64_t number = 0;
    enum celeriac_err code = read_number(cli, &number, err);

    if (code)
        return code;
    cel_pipeline_begin(&cli->pipeline, 3);
    cel_pipeline_arg(&cli->pipeline, SPAN("LINDEX"));
    cel_pipeline_arg(&cli->pipeline, cel_key_quarantine(cli->addresses.keys));
    cel_pipeline_arg_int(&cli->pipeline, -number);
    code = cli_run(cli, err);
    if (code)
        return code;
    reply = cel_pipeline_reply(&cli->pipeline, 0);
    if (cel_reply_is_nil(reply))
        return celeriac_error_set(err, CELERIAC_ERR_NOT_FOUND, "there is no entry %lld",
                                  (long long)number);
    code = read_entry(cel_reply_span(reply), entry, err);
    if (code)
        return code;
    /* As JSON the entry itself; else the message, byte for byte. */
    strbuf_add_span(&cli->out, cli->json ? cel_reply_span(reply) : strbuf_span(&entry->message));
    strbuf_add_char(&cli->out, '\n');
    return CELERIAC_OK;
}

/* ---- requeue ------------------------------------------------------------------------------- */

/* The list that a message goes back to: by its priority, if it has one that can be read. */
static enum celeriac_err key_of(const struct cli *cli, const struct entry *entry,
                                struct strbuf *key, struct celeriac_error *err)
{
    struct span queue = span_of(settings_text(cli->settings, "queue"));
    struct cel_envelope_reader reader;
    struct cel_envelope envelope;
    int priority = 0;

    if (queue.len == 0)
        queue = strbuf_span(&entry->queue);
    if (queue.len == 0)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "it is not known where the message came from: give --queue");
    cel_envelope_reader_init(&reader);
    if (cel_envelope_read(&reader, strbuf_span(&entry->message), &envelope, NULL, NULL) ==
        CELERIAC_OK)
        priority = envelope.priority;
    cel_envelope_reader_close(&reader);
    strbuf_clear(key);
    cel_key_queue(cli->addresses.keys, queue,
                  cel_priority_step(cel_keys_steps(cli->addresses.keys), priority), key);
    return strbuf_status(key) ? celeriac_error_set(err, strbuf_status(key), "out of memory")
                              : CELERIAC_OK;
}

/* One attempt to move the entry at -number; *moved false: somebody else changed the quarantine. */
static enum celeriac_err move(struct cli *cli, struct entry *entry, int64_t number, bool *moved,
                              struct celeriac_error *err)
{
    struct span quarantine = cel_key_quarantine(cli->addresses.keys);
    struct cel_pipeline *p = &cli->pipeline;
    struct redisReply *found = NULL;
    struct strbuf key;
    enum celeriac_err code;

    strbuf_init(&key, NAME_MAX_BYTES);
    *moved = false;
    cel_pipeline_clear(p);
    CEL_COMMAND(p, SPAN("WATCH"), quarantine);
    cel_pipeline_begin(p, 3);
    cel_pipeline_arg(p, SPAN("LINDEX"));
    cel_pipeline_arg(p, quarantine);
    cel_pipeline_arg_int(p, -number);
    code = cli_run(cli, err);
    if (code == CELERIAC_OK)
        found = cel_pipeline_take_reply(p, 1);
    if (code == CELERIAC_OK && cel_reply_is_nil(found))
        code = celeriac_error_set(err, CELERIAC_ERR_NOT_FOUND, "there is no entry %lld",
                                  (long long)number);
    if (code == CELERIAC_OK)
        code = read_entry(cel_reply_span(found), entry, err);
    if (code == CELERIAC_OK)
        code = key_of(cli, entry, &key, err);
    if (code == CELERIAC_OK) {
        cel_pipeline_clear(p);
        CEL_COMMAND(p, SPAN("MULTI"));
        CEL_COMMAND(p, SPAN("LPUSH"), strbuf_span(&key), strbuf_span(&entry->message));
        CEL_COMMAND(p, SPAN("LREM"), quarantine, SPAN("-1"), cel_reply_span(found));
        CEL_COMMAND(p, SPAN("EXEC"));
        code = cli_run(cli, err);
        *moved = code == CELERIAC_OK && cel_reply_is_array(cel_pipeline_reply(p, 3));
    }
    cel_reply_destroy(found);
    strbuf_close(&key);
    return code;
}

static enum celeriac_err move_surely(struct cli *cli, struct entry *entry, int64_t number,
                                     struct celeriac_error *err)
{
    for (int i = 0; i < TRIES; i++) {
        bool moved = false;
        enum celeriac_err code = move(cli, entry, number, &moved, err);

        if (code || moved)
            return code;
    }
    return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE,
                              "the quarantine changes too fast; try again");
}

static enum celeriac_err count_entries(struct cli *cli, int64_t *count, struct celeriac_error *err)
{
    enum celeriac_err code;

    cel_pipeline_clear(&cli->pipeline);
    CEL_COMMAND(&cli->pipeline, SPAN("LLEN"), cel_key_quarantine(cli->addresses.keys));
    code = cli_run(cli, err);
    *count = cel_reply_int(cel_pipeline_reply(&cli->pipeline, 0));
    return code;
}

/* All means those that are there now, not those that come back meanwhile. */
static enum celeriac_err requeue(struct cli *cli, struct entry *entry, struct celeriac_error *err)
{
    bool all = cli->word_count == 2 && span_is(span_of(cli->words[1]), "all");
    int64_t number = 1;
    int64_t count = 1;
    int64_t done = 0;
    enum celeriac_err code = all ? count_entries(cli, &count, err) : read_number(cli, &number, err);

    while (code == CELERIAC_OK && done < count) {
        code = move_surely(cli, entry, number, err);
        done += code == CELERIAC_OK ? 1 : 0;
    }
    if (cli->json)
        strbuf_printf(&cli->out, "{\"requeued\": %lld}\n", (long long)done);
    else
        strbuf_printf(&cli->out, "%lld message%s back in %s queue%s\n", (long long)done,
                      done == 1 ? "" : "s", done == 1 ? "its" : "their", done == 1 ? "" : "s");
    return code;
}

enum celeriac_err cli_quarantine(struct cli *cli, struct celeriac_error *err)
{
    static const struct {
        const char *name;
        enum celeriac_err (*run)(struct cli *cli, struct entry *entry, struct celeriac_error *err);
    } commands[] = {{"list", list}, {"show", show}, {"requeue", requeue}};
    struct span word = cli->word_count > 0 ? span_of(cli->words[0]) : SPAN("list");
    struct entry entry;

    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (span_is(word, commands[i].name)) {
            enum celeriac_err code;

            open_entry(&entry);
            code = commands[i].run(cli, &entry, err);
            close_entry(&entry);
            return code;
        }
    }
    return celeriac_error_set(err, CELERIAC_ERR_VALUE, "quarantine: list, show or requeue");
}
