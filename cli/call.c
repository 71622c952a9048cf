#include <string.h>

#include "base/clock.h"
#include "base/iso8601.h"
#include "base/parse_num.h"
#include "celeriac/client.h"
#include "cli/cli.h"

/* Longest time ahead that --expires takes in seconds: ten years, as --countdown. */
#define EXPIRES_MAX_S 315360000

static enum celeriac_err open_client(const struct cli *cli, struct celeriac_client **client,
                                     struct celeriac_error *err)
{
    const struct settings *s = cli->settings;
    const struct celeriac_client_options options = {
        .broker_url = settings_text(s, "broker"),
        .result_backend = settings_text(s, "result_backend"),
        .broker_transport_options = settings_text(s, "broker_transport_options"),
        .result_backend_transport_options = settings_text(s, "result_backend_transport_options"),
        .broker_use_ssl = settings_text(s, "broker_use_ssl"),
        .redis_backend_use_ssl = settings_text(s, "redis_backend_use_ssl"),
        .broker_failover_strategy = settings_text(s, "broker_failover_strategy"),
    };

    return celeriac_client_create(&options, client, err);
}

/* An instant, or seconds from now where may_be_seconds. */
static enum celeriac_err read_time(const struct cli *cli, const char *option, bool may_be_seconds,
                                   int64_t *us, struct celeriac_error *err)
{
    struct span text = span_of(settings_text(cli->settings, option));
    int64_t seconds;

    *us = 0;
    if (text.len == 0)
        return CELERIAC_OK;
    if (may_be_seconds && parse_int64(text, 0, EXPIRES_MAX_S, &seconds) == CELERIAC_OK) {
        *us = clock_wall_us() + seconds * US_PER_SEC;
        return CELERIAC_OK;
    }
    if (iso8601_parse(text, us))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "option --%s: not a time of ISO 8601",
                                  option);
    return CELERIAC_OK;
}

enum celeriac_err cli_call(struct cli *cli, struct celeriac_error *err)
{
    const struct settings *s = cli->settings;
    struct celeriac_client *client = NULL;
    char ids[1][CELERIAC_TASK_ID_SIZE];
    struct celeriac_send send = {
        .args_json = settings_text(s, "args"),
        .kwargs_json = settings_text(s, "kwargs"),
        .id = settings_text(s, "task_id"),
        .queue = settings_text(s, "queue"),
        .countdown_ms = settings_seconds_ns(s, "countdown") / NS_PER_MS,
        .priority = (int)settings_int(s, "priority"),
        .headers_json = settings_text(s, "headers"),
        .serializer = settings_text(s, "serializer"),
        .compression = settings_text(s, "compression"),
        .exchange = settings_text(s, "exchange"),
        .routing_key = settings_text(s, "routing_key"),
        .exchange_type = settings_text(s, "exchange_type"),
        .stamps_json = settings_text(s, "stamps"),
    };
    enum celeriac_err code;

    if (cli->word_count != 1)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "call: needs the name of one task");
    send.task = cli->words[0];
    code = read_time(cli, "eta", false, &send.eta_us, err);
    if (code == CELERIAC_OK)
        code = read_time(cli, "expires", true, &send.expires_us, err);
    if (code == CELERIAC_OK)
        code = open_client(cli, &client, err);
    if (code == CELERIAC_OK)
        code = celeriac_client_send(client, &send, 1, ids, err);
    if (code == CELERIAC_OK) {
        const char *id = send.id ? send.id : ids[0];

        strbuf_add_text(&cli->out, cli->json ? "{\"task_id\": " : "");
        if (cli->json)
            json_quote(&cli->out, span_of(id), JSON_STYLE_PYTHON);
        else
            strbuf_add_text(&cli->out, id);
        strbuf_add_text(&cli->out, cli->json ? "}\n" : "\n");
    }
    celeriac_client_destroy(client);
    return code;
}

static void show_json(struct cli *cli, const char *id, const struct celeriac_result *result)
{
    struct json_writer w;
    char date[ISO8601_MAX];

    json_writer_init(&w, &cli->out, JSON_STYLE_PYTHON);
    json_begin_object(&w);
    json_key(&w, "task_id");
    json_text(&w, id);
    json_key(&w, "status");
    json_text(&w, result->status);
    json_key(&w, "result");
    json_value(&w, span_of(result->result_json));
    json_key(&w, "traceback");
    json_text(&w, result->traceback);
    json_key(&w, "date_done");
    if (result->date_done_us)
        json_string(&w, (struct span){date, iso8601_python(result->date_done_us, date)});
    else
        json_null(&w);
    json_end_object(&w);
    strbuf_add_char(&cli->out, '\n');
}

static void show_text(struct cli *cli, const struct celeriac_result *result)
{
    if (result->state == CELERIAC_SUCCESS) {
        strbuf_add_text(&cli->out, result->result_json);
    } else if (result->traceback) {
        strbuf_add_text(&cli->out, result->traceback);
    } else {
        strbuf_add_text(&cli->out, result->status);
        strbuf_add_text(&cli->out, ": ");
        strbuf_add_text(&cli->out, result->result_json);
    }
    strbuf_add_char(&cli->out, '\n');
}

enum celeriac_err cli_result(struct cli *cli, struct celeriac_error *err)
{
    bool is_limited = settings_origin(cli->settings, "timeout") != SETTING_DEFAULT;
    int64_t timeout_ms =
        is_limited ? settings_seconds_ns(cli->settings, "timeout") / NS_PER_MS : -1;
    struct celeriac_client *client = NULL;
    struct celeriac_result result = {0};
    enum celeriac_err code;

    if (cli->word_count != 1)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "result: needs one task id");
    code = open_client(cli, &client, err);
    if (code == CELERIAC_OK)
        code = celeriac_client_wait(client, cli->words[0], timeout_ms, &result, err);
    if (code == CELERIAC_ERR_TIMEOUT)
        (void)celeriac_error_set(err, code, "no result yet");
    if (code == CELERIAC_OK) {
        if (cli->json)
            show_json(cli, cli->words[0], &result);
        else
            show_text(cli, &result);
        cli->status = result.state == CELERIAC_SUCCESS ? CLI_OK : CLI_FAILED;
    }
    celeriac_result_close(&result);
    celeriac_client_destroy(client);
    return code;
}
