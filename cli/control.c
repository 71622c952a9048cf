#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/parse_num.h"
#include "cli/mailbox.h"

/* Longest request: ids to revoke by the thousand. */
#define ARGUMENTS_MAX ((size_t)4 * 1024 * 1024)

enum argument_type { TEXT, WHOLE, DECIMAL, YES_OR_NO };

/* The positional arguments of a command, as celery/worker/control.py declares them. */
struct remote_command {
    const char *name;
    bool is_control; /* changes something; else it only asks */
    struct {
        const char *name;
        enum argument_type type;
    } args[4];
    const char *rest; /* the argument that takes all further words, as an array; NULL: none */
};

static const struct remote_command commands[] = {
    {"active", false, {{NULL, TEXT}}, NULL},
    {"active_queues", false, {{NULL, TEXT}}, NULL},
    {"clock", false, {{NULL, TEXT}}, NULL},
    {"conf", false, {{"with_defaults", YES_OR_NO}}, NULL},
    {"memdump", false, {{"samples", WHOLE}}, NULL},
    {"memsample", false, {{NULL, TEXT}}, NULL},
    {"objgraph", false, {{"type", TEXT}, {"num", WHOLE}, {"max_depth", WHOLE}}, NULL},
    {"ping", false, {{NULL, TEXT}}, NULL},
    {"query_task", false, {{NULL, TEXT}}, "ids"},
    {"registered", false, {{NULL, TEXT}}, "taskinfoitems"},
    {"report", false, {{NULL, TEXT}}, NULL},
    {"reserved", false, {{NULL, TEXT}}, NULL},
    {"revoked", false, {{NULL, TEXT}}, NULL},
    {"scheduled", false, {{NULL, TEXT}}, NULL},
    {"stats", false, {{NULL, TEXT}}, NULL},
    {"add_consumer",
     true,
     {{"queue", TEXT}, {"exchange", TEXT}, {"exchange_type", TEXT}, {"routing_key", TEXT}},
     NULL},
    {"autoscale", true, {{"max", WHOLE}, {"min", WHOLE}}, NULL},
    {"cancel_consumer", true, {{"queue", TEXT}}, NULL},
    {"disable_events", true, {{NULL, TEXT}}, NULL},
    {"enable_events", true, {{NULL, TEXT}}, NULL},
    {"heartbeat", true, {{NULL, TEXT}}, NULL},
    {"pool_grow", true, {{"n", WHOLE}}, NULL},
    {"pool_restart", true, {{NULL, TEXT}}, NULL},
    {"pool_shrink", true, {{"n", WHOLE}}, NULL},
    {"rate_limit", true, {{"task_name", TEXT}, {"rate_limit", TEXT}}, NULL},
    {"revoke", true, {{NULL, TEXT}}, "task_id"},
    {"revoke_by_stamped_headers", true, {{NULL, TEXT}}, "headers"},
    {"shutdown", true, {{NULL, TEXT}}, NULL},
    {"terminate", true, {{"signal", TEXT}}, "task_id"},
    {"time_limit", true, {{"task_name", TEXT}, {"soft", DECIMAL}, {"hard", DECIMAL}}, NULL},
};

/* ---- the request --------------------------------------------------------------------------- */

static enum celeriac_err add_value(struct json_writer *w, const char *name, enum argument_type type,
                                   const char *word, struct celeriac_error *err)
{
    int64_t whole = 0;
    double decimal = 0;

    switch (type) {
    case TEXT:
        json_text(w, word);
        return CELERIAC_OK;
    case WHOLE:
        if (parse_int64(span_of(word), INT32_MIN, INT32_MAX, &whole) != CELERIAC_OK)
            break;
        json_integer(w, whole);
        return CELERIAC_OK;
    case DECIMAL:
        if (parse_double(span_of(word), &decimal) != CELERIAC_OK)
            break;
        json_number(w, decimal);
        return CELERIAC_OK;
    case YES_OR_NO:
        json_boolean(w, span_is_nocase(span_of(word), "true") ||
                            span_is_nocase(span_of(word), "yes") || span_is(span_of(word), "1"));
        return CELERIAC_OK;
    }
    return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: not a number: %s", name, word);
}

static enum celeriac_err write_arguments(const struct remote_command *command, char *const *words,
                                         struct strbuf *out, struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;
    struct json_writer w;
    size_t i = 0;

    json_writer_init(&w, out, JSON_STYLE_PYTHON);
    json_begin_object(&w);
    for (; i < 4 && command->args[i].name && words[i] && code == CELERIAC_OK; i++) {
        json_key(&w, command->args[i].name);
        code = add_value(&w, command->args[i].name, command->args[i].type, words[i], err);
    }
    if (command->rest && code == CELERIAC_OK) {
        json_key(&w, command->rest);
        json_begin_array(&w);
        for (; words[i]; i++)
            json_text(&w, words[i]);
        json_end_array(&w);
    }
    if (code == CELERIAC_OK && words[i])
        code = celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: too many arguments: %s",
                                  command->name, words[i]);
    json_end_object(&w);
    return code;
}

static enum celeriac_err find(const struct cli *cli, bool is_control,
                              const struct remote_command **found, struct celeriac_error *err)
{
    struct strbuf known;

    strbuf_init(&known, ARGUMENTS_MAX);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (commands[i].is_control != is_control)
            continue;
        strbuf_printf(&known, " %s", commands[i].name);
        if (cli->word_count > 0 && span_is(span_of(cli->words[0]), commands[i].name))
            *found = &commands[i];
    }
    if (!*found)
        (void)celeriac_error_set(err, CELERIAC_ERR_VALUE, "commands are:%s", strbuf_text(&known));
    strbuf_close(&known);
    return *found ? CELERIAC_OK : CELERIAC_ERR_VALUE;
}

/* ---- the answers --------------------------------------------------------------------------- */

struct answers {
    struct cli *cli;
    size_t count;
};

/* A worker answers {"ok": ...}, {"error": ...} or anything else. */
static enum celeriac_err show_answer(void *context, struct span node, struct span answer,
                                     struct celeriac_error *err)
{
    struct answers *answers = context;
    struct strbuf *out = &answers->cli->out;

    (void)err;
    if (answers->cli->json) {
        strbuf_add_text(out, answers->count > 0 ? ", " : "{");
        json_quote(out, node, JSON_STYLE_PYTHON);
        strbuf_add_text(out, ": ");
        strbuf_add_span(out, answer);
    } else {
        bool failed = span_starts(answer, SPAN("{\"error\":"));

        strbuf_add_text(out, "->  ");
        strbuf_add_span(out, node);
        strbuf_add_text(out, failed ? ": ERROR\n        " : ": OK\n        ");
        strbuf_add_span(out, answer);
        strbuf_add_char(out, '\n');
    }
    answers->count++;
    return CELERIAC_OK;
}

static enum celeriac_err ask(struct cli *cli, const struct cli_request *request,
                             struct celeriac_error *err)
{
    struct answers answers = {.cli = cli};
    size_t heard = 0;
    enum celeriac_err code = cli_ask(cli, request, show_answer, &answers, &heard, err);

    /* Who stops has no time to answer. */
    bool is_told = heard > 0 && span_is(request->method, "shutdown");

    if (code)
        return code;
    if (cli->json) {
        strbuf_add_text(&cli->out, answers.count > 0 ? "}\n" : "{}\n");
    } else if (answers.count > 0) {
        strbuf_printf(&cli->out, "\n%zu node%s online.\n", answers.count,
                      answers.count == 1 ? "" : "s");
    } else if (is_told) {
        strbuf_printf(&cli->out, "%zu node%s told.\n", heard, heard == 1 ? " was" : "s were");
    } else {
        strbuf_add_text(&cli->out, "No nodes replied within time constraint\n");
    }
    cli->status = answers.count > 0 || is_told ? CLI_OK : CLI_NO_NODE;
    return code;
}

static enum celeriac_err remote(struct cli *cli, bool is_control, struct celeriac_error *err)
{
    const struct remote_command *command = NULL;
    struct cli_request request = {0};
    struct strbuf arguments;
    enum celeriac_err code = find(cli, is_control, &command, err);

    if (code)
        return code;
    strbuf_init(&arguments, ARGUMENTS_MAX);
    code = write_arguments(command, cli->words + 1, &arguments, err);
    if (code == CELERIAC_OK && strbuf_status(&arguments))
        code = celeriac_error_set(err, strbuf_status(&arguments), "too many arguments");
    request.method = span_of(command->name);
    request.arguments = strbuf_span(&arguments);
    if (code == CELERIAC_OK)
        code = ask(cli, &request, err);
    strbuf_close(&arguments);
    return code;
}

enum celeriac_err cli_inspect(struct cli *cli, struct celeriac_error *err)
{
    return remote(cli, false, err);
}

enum celeriac_err cli_control(struct cli *cli, struct celeriac_error *err)
{
    return remote(cli, true, err);
}

/* ---- status -------------------------------------------------------------------------------- */

static enum celeriac_err show_online(void *context, struct span node, struct span answer,
                                     struct celeriac_error *err)
{
    struct answers *answers = context;

    if (answers->cli->json)
        return show_answer(context, node, answer, err);
    strbuf_add_span(&answers->cli->out, node);
    strbuf_add_text(&answers->cli->out, ": OK\n");
    answers->count++;
    return CELERIAC_OK;
}

enum celeriac_err cli_status(struct cli *cli, struct celeriac_error *err)
{
    const struct cli_request request = {.method = SPAN("ping"), .arguments = SPAN("{}")};
    struct answers answers = {.cli = cli};
    size_t heard = 0;
    enum celeriac_err code = cli_ask(cli, &request, show_online, &answers, &heard, err);

    if (code)
        return code;
    if (cli->json)
        strbuf_add_text(&cli->out, answers.count > 0 ? "}\n" : "{}\n");
    else
        strbuf_printf(&cli->out, "\n%zu node%s online.\n", answers.count,
                      answers.count == 1 ? "" : "s");
    cli->status = answers.count > 0 ? CLI_OK : CLI_NO_NODE;
    return CELERIAC_OK;
}
