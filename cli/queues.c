#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/hashmap.h"
#include "celery_proto/codec/event.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/codec/pidbox.h"
#include "celery_proto/redis/queue_info.h"
#include "cli/cli.h"

/* Most queues shown: far above any fleet's. */
#define QUEUES_MAX 4096

/* Keys looked at by one SCAN. */
#define SCAN_COUNT 1000

#define NAMES_MAX ((size_t)16 * 1024 * 1024)

/* Names of queues, each once. */
struct names {
    struct hashmap *seen;
    struct strbuf text;
    size_t start[QUEUES_MAX + 1];
    size_t count;
};

static enum celeriac_err add_name(struct names *names, struct span name, struct celeriac_error *err)
{
    enum celeriac_err code;

    if (name.len == 0 || hashmap_get(names->seen, name))
        return CELERIAC_OK;
    if (names->count == QUEUES_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "more than %d queues", QUEUES_MAX);
    code = hashmap_set(names->seen, name, names, NULL);
    names->start[names->count] = strbuf_span(&names->text).len;
    strbuf_add_span(&names->text, name);
    names->start[++names->count] = strbuf_span(&names->text).len;
    if (code == CELERIAC_OK)
        code = strbuf_status(&names->text);
    return code ? celeriac_error_set(err, code, "out of memory") : CELERIAC_OK;
}

static struct span name_at(const struct names *names, size_t i)
{
    return (struct span){.ptr = names->text.ptr + names->start[i],
                         .len = names->start[i + 1] - names->start[i]};
}

static void close_names(struct names *names)
{
    if (!names)
        return;
    hashmap_destroy(names->seen, NULL);
    strbuf_close(&names->text);
    mem_free(names);
}

/* An empty list, which the caller closes. */
static enum celeriac_err open_names(struct names **names, struct celeriac_error *err)
{
    struct names *n = mem_calloc(1, sizeof *n);

    if (!n || hashmap_create(&n->seen)) {
        mem_free(n);
        (void)celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
        return CELERIAC_ERR_MEMORY;
    }
    strbuf_init(&n->text, NAMES_MAX);
    *names = n;
    return CELERIAC_OK;
}

/* Whether a binding's key is of what is no queue of tasks: remote control, replies, events. */
static bool is_internal(struct span key)
{
    return span_ends(key, SPAN("." CEL_PIDBOX_EXCHANGE)) ||
           span_ends(key, SPAN("." CEL_EVENT_EXCHANGE));
}

static enum celeriac_err add_bindings(struct cli *cli, const struct redisReply *keys,
                                      struct names *names, struct celeriac_error *err)
{
    struct cel_pipeline p;
    enum celeriac_err code = CELERIAC_OK;

    cel_pipeline_init(&p);
    for (size_t i = 0; i < cel_reply_count(keys); i++)
        if (!is_internal(cel_reply_span(cel_reply_at(keys, i))))
            CEL_COMMAND(&p, SPAN("SMEMBERS"), cel_reply_span(cel_reply_at(keys, i)));
    if (p.count > 0)
        code = cel_pipeline_run(&p, cli->conn, err);
    for (size_t i = 0; code == CELERIAC_OK && i < p.count; i++) {
        const struct redisReply *members = cel_pipeline_reply(&p, i);

        for (size_t k = 0; code == CELERIAC_OK && k < cel_reply_count(members); k++) {
            struct span routing_key;
            struct span pattern;
            struct span queue;

            if (cel_binding_split(cli->addresses.keys, cel_reply_span(cel_reply_at(members, k)),
                                  &routing_key, &pattern, &queue))
                code = add_name(names, queue, err);
        }
    }
    cel_pipeline_close(&p);
    return code;
}

/* All queues that have a binding. */
static enum celeriac_err find_queues(struct cli *cli, struct names *names,
                                     struct celeriac_error *err)
{
    struct strbuf pattern;
    struct strbuf cursor;
    enum celeriac_err code = CELERIAC_OK;

    strbuf_init(&pattern, NAMES_MAX);
    strbuf_init(&cursor, NAMES_MAX);
    cel_key_binding(cli->addresses.keys, SPAN("*"), &pattern);
    strbuf_add_char(&cursor, '0');
    do {
        const struct redisReply *reply;

        cel_pipeline_clear(&cli->pipeline);
        cel_pipeline_begin(&cli->pipeline, 6);
        cel_pipeline_arg(&cli->pipeline, SPAN("SCAN"));
        cel_pipeline_arg(&cli->pipeline, strbuf_span(&cursor));
        cel_pipeline_arg(&cli->pipeline, SPAN("MATCH"));
        cel_pipeline_arg(&cli->pipeline, strbuf_span(&pattern));
        cel_pipeline_arg(&cli->pipeline, SPAN("COUNT"));
        cel_pipeline_arg_int(&cli->pipeline, SCAN_COUNT);
        code = cli_run(cli, err);
        reply = cel_pipeline_reply(&cli->pipeline, 0);
        strbuf_clear(&cursor);
        strbuf_add_span(&cursor, cel_reply_span(cel_reply_at(reply, 0)));
        if (code == CELERIAC_OK)
            code = add_bindings(cli, cel_reply_at(reply, 1), names, err);
    } while (code == CELERIAC_OK && !span_is(strbuf_span(&cursor), "0"));
    strbuf_close(&cursor);
    strbuf_close(&pattern);
    return code;
}

static enum celeriac_err named_queues(struct cli *cli, struct names *names,
                                      struct celeriac_error *err)
{
    struct span list = span_of(settings_text(cli->settings, "queues"));
    struct span item;
    enum celeriac_err code = CELERIAC_OK;

    while (code == CELERIAC_OK && cli_next_item(&list, &item))
        code = add_name(names, item, err);
    return code;
}

static enum celeriac_err ask_lengths(struct cli *cli, const struct names *names,
                                     struct celeriac_error *err)
{
    const struct cel_priority_steps *steps = cel_keys_steps(cli->addresses.keys);
    struct strbuf key;

    strbuf_init(&key, NAMES_MAX);
    cel_pipeline_clear(&cli->pipeline);
    for (size_t i = 0; i < names->count; i++) {
        for (size_t k = 0; k < steps->count; k++) {
            strbuf_clear(&key);
            cel_key_queue(cli->addresses.keys, name_at(names, i), steps->step[k], &key);
            CEL_COMMAND(&cli->pipeline, SPAN("LLEN"), strbuf_span(&key));
        }
    }
    CEL_COMMAND(&cli->pipeline, SPAN("HLEN"), cel_key_unacked(cli->addresses.keys));
    CEL_COMMAND(&cli->pipeline, SPAN("LLEN"), cel_key_quarantine(cli->addresses.keys));
    strbuf_close(&key);
    return cli_run(cli, err);
}

static void show_json(struct cli *cli, const struct names *names)
{
    const struct cel_priority_steps *steps = cel_keys_steps(cli->addresses.keys);
    struct json_writer w;
    size_t at = 0;

    json_writer_init(&w, &cli->out, JSON_STYLE_PYTHON);
    json_begin_object(&w);
    json_key(&w, "queues");
    json_begin_array(&w);
    for (size_t i = 0; i < names->count; i++) {
        int64_t sum = 0;
        char step[4] = "";

        json_begin_object(&w);
        json_key(&w, "name");
        json_string(&w, name_at(names, i));
        json_key(&w, "priorities");
        json_begin_object(&w);
        for (size_t k = 0; k < steps->count; k++) {
            int64_t length = cel_reply_int(cel_pipeline_reply(&cli->pipeline, at++));

            /* A step is one digit. */
            step[0] = (char)('0' + steps->step[k]);
            json_key(&w, step);
            json_integer(&w, length);
            sum += length;
        }
        json_end_object(&w);
        json_key(&w, "messages");
        json_integer(&w, sum);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_key(&w, "unacked");
    json_integer(&w, cel_reply_int(cel_pipeline_reply(&cli->pipeline, at++)));
    json_key(&w, "quarantine");
    json_integer(&w, cel_reply_int(cel_pipeline_reply(&cli->pipeline, at)));
    json_end_object(&w);
    strbuf_add_char(&cli->out, '\n');
}

static void show_text(struct cli *cli, const struct names *names)
{
    const struct cel_priority_steps *steps = cel_keys_steps(cli->addresses.keys);
    size_t at = 0;

    for (size_t i = 0; i < names->count; i++) {
        int64_t sum = 0;

        for (size_t k = 0; k < steps->count; k++)
            sum += cel_reply_int(cel_pipeline_reply(&cli->pipeline, at + k));
        strbuf_printf(&cli->out, "%-32.*s %8lld ", SPAN_PRINTF(name_at(names, i)), (long long)sum);
        for (size_t k = 0; k < steps->count; k++)
            strbuf_printf(&cli->out, " %u:%lld", steps->step[k],
                          (long long)cel_reply_int(cel_pipeline_reply(&cli->pipeline, at++)));
        strbuf_add_char(&cli->out, '\n');
    }
    strbuf_printf(&cli->out, "%-32s %8lld\n", "(held by workers)",
                  (long long)cel_reply_int(cel_pipeline_reply(&cli->pipeline, at)));
    strbuf_printf(&cli->out, "%-32s %8lld\n", "(quarantine)",
                  (long long)cel_reply_int(cel_pipeline_reply(&cli->pipeline, at + 1)));
}

enum celeriac_err cli_queues(struct cli *cli, struct celeriac_error *err)
{
    struct names *names = NULL;
    enum celeriac_err code = open_names(&names, err);

    if (code == CELERIAC_OK)
        code = settings_text(cli->settings, "queues") ? named_queues(cli, names, err)
                                                      : find_queues(cli, names, err);
    if (code == CELERIAC_OK)
        code = ask_lengths(cli, names, err);
    if (code == CELERIAC_OK && cli->json)
        show_json(cli, names);
    else if (code == CELERIAC_OK)
        show_text(cli, names);
    close_names(names);
    return code;
}

/* Asks on a terminal; anything but yes is no. */
static bool is_wanted(const struct cli *cli, const struct names *names)
{
    char answer[8] = "";

    if (settings_bool(cli->settings, "force"))
        return true;
    fputs("This deletes all waiting messages of:", stderr);
    for (size_t i = 0; i < names->count; i++) {
        fputs(i > 0 ? ", " : " ", stderr);
        fwrite(name_at(names, i).ptr, 1, name_at(names, i).len, stderr);
    }
    fputs(".\nThere is no way back. (--force does not ask.)\nGo on? [y/N] ", stderr);
    return isatty(STDIN_FILENO) && fgets(answer, sizeof answer, stdin) &&
           (answer[0] == 'y' || answer[0] == 'Y');
}

static enum celeriac_err purge(struct cli *cli, const struct names *names,
                               struct celeriac_error *err)
{
    struct span *spans = mem_calloc(names->count, sizeof *spans);
    uint64_t purged = 0;
    enum celeriac_err code;

    if (!spans)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < names->count; i++)
        spans[i] = name_at(names, i);
    code = cel_queue_purge(cli->conn, cli->addresses.keys, spans, names->count, &purged, err);
    mem_free(spans);
    if (code)
        return code;
    if (cli->json)
        strbuf_printf(&cli->out, "{\"purged\": %llu}\n", (unsigned long long)purged);
    else
        strbuf_printf(&cli->out, "Purged %llu message%s from %zu known task queue%s.\n",
                      (unsigned long long)purged, purged == 1 ? "" : "s", names->count,
                      names->count == 1 ? "" : "s");
    return CELERIAC_OK;
}

enum celeriac_err cli_purge(struct cli *cli, struct celeriac_error *err)
{
    struct names *names = NULL;
    enum celeriac_err code = open_names(&names, err);

    if (code == CELERIAC_OK)
        code = named_queues(cli, names, err);
    if (code == CELERIAC_OK && names->count == 0)
        code = add_name(names, SPAN("celery"), err);
    if (code == CELERIAC_OK && !is_wanted(cli, names))
        cli->status = CLI_FAILED;
    else if (code == CELERIAC_OK)
        code = purge(cli, names, err);
    close_names(names);
    return code;
}
