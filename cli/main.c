/* celeriac: looks after a fleet of workers. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/cli.h"

/* The daemons' file, so that the tool finds their broker where they are run. */
#define DOTENV ".env"

static const struct setting *const tables[] = {cli_options, NULL};

static void add_usage(struct strbuf *out)
{
    strbuf_add_text(out, "usage: celeriac COMMAND [options]\n\ncommands:\n");
    for (const struct cli_command *c = cli_commands; c->name; c++)
        strbuf_printf(out, "  %s%s%s\n      %s\n", c->name, *c->usage ? " " : "", c->usage,
                      c->help);
    strbuf_add_text(out, "\n");
    settings_help(cli_options, out);
}

static const struct cli_command *find(const char *name)
{
    for (const struct cli_command *c = cli_commands; name && c->name; c++)
        if (span_is(span_of(name), c->name))
            return c;
    return NULL;
}

/* By which settings the fields come about that errors about addresses name. */
static const struct setting_field fields[] = {
    {"broker_url", "broker"},
    {"result_backend", "result_backend broker"},
    {"broker_transport_options", "broker_transport_options"},
    {"result_backend_transport_options",
     "result_backend_transport_options broker_transport_options"},
    {"broker_use_ssl", "broker_use_ssl"},
    {"redis_backend_use_ssl", "redis_backend_use_ssl broker_use_ssl"},
    {"broker_failover_strategy", "broker_failover_strategy"},
    {NULL, NULL},
};

/* A value that is wrong in whatever way is a mistake of whoever gave it. */
static enum celeriac_err blame(const struct settings *settings, enum celeriac_err code,
                               struct celeriac_error *err)
{
    (void)settings_blame(settings, fields, err);
    if (code == CELERIAC_ERR_LIMIT || code == CELERIAC_ERR_UNSUPPORTED)
        code = CELERIAC_ERR_VALUE;
    return code;
}

static enum celeriac_err connect_to_broker(struct cli *cli, struct celeriac_error *err)
{
    const struct settings *s = cli->settings;
    const struct cel_address_texts texts = {
        .broker_url = settings_text(s, "broker"),
        .result_backend = settings_text(s, "result_backend"),
        .broker_transport_options = settings_text(s, "broker_transport_options"),
        .result_backend_transport_options = settings_text(s, "result_backend_transport_options"),
        .broker_use_ssl = settings_text(s, "broker_use_ssl"),
        .redis_backend_use_ssl = settings_text(s, "redis_backend_use_ssl"),
        .broker_failover_strategy = settings_text(s, "broker_failover_strategy"),
    };
    struct cel_conn_options options;
    enum celeriac_err code = cel_addresses_open(&texts, &cli->addresses, err);

    if (code)
        return blame(s, code, err);
    options = cel_to_broker(&cli->addresses, "celeriac-cli");
    return cel_conn_create(&options, &cli->conn, err);
}

/* Reads the command line, the environment and .env; *command NULL: only --help or --version. */
static enum celeriac_err prepare(struct cli *cli, int argc, char **argv, char ***words,
                                 const struct cli_command **command, struct celeriac_error *err)
{
    enum celeriac_err code = settings_create(tables, &cli->settings, err);

    if (code == CELERIAC_OK)
        code = settings_read_options(cli->settings, argc, argv, words, err);
    if (code == CELERIAC_OK)
        code = settings_read_environment(cli->settings, environ, err);
    if (code == CELERIAC_OK)
        code = settings_read_dotenv(cli->settings, DOTENV, true, err);
    if (code || settings_bool(cli->settings, "help") || settings_bool(cli->settings, "version"))
        return code;
    *command = find((*words)[0]);
    if (!*command)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  (*words)[0] ? "no such command: %s" : "%s",
                                  (*words)[0] ? (*words)[0] : "a command is missing, see --help");
    cli->json = settings_bool(cli->settings, "json");
    cli->words = *words + 1;
    while (cli->words[cli->word_count])
        cli->word_count++;
    if (!*(*command)->usage && cli->word_count > 0)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: unexpected argument: %s",
                                  (*command)->name, cli->words[0]);
    return connect_to_broker(cli, err);
}

static int status_of(enum celeriac_err code)
{
    return code == CELERIAC_ERR_VALUE || code == CELERIAC_ERR_SYNTAX ||
                   code == CELERIAC_ERR_UNSUPPORTED
               ? CLI_USAGE
               : CLI_FAILED;
}

static void close_all(struct cli *cli)
{
    cel_pipeline_close(&cli->pipeline);
    cel_conn_destroy(cli->conn);
    cel_addresses_close(&cli->addresses);
    settings_destroy(cli->settings);
    strbuf_close(&cli->out);
}

int main(int argc, char **argv)
{
    struct cli cli = {0};
    struct celeriac_error err = {0};
    const struct cli_command *command = NULL;
    char **words = NULL;
    enum celeriac_err code;

    strbuf_init(&cli.out, CLI_OUTPUT_MAX);
    cel_pipeline_init(&cli.pipeline);
    code = prepare(&cli, argc, argv, &words, &command, &err);
    if (code == CELERIAC_OK && command)
        code = command->run(&cli, &err);
    else if (code == CELERIAC_OK && settings_bool(cli.settings, "version"))
        strbuf_add_text(&cli.out, "celeriac " CELERIAC_VERSION "\n");
    else if (code == CELERIAC_OK)
        add_usage(&cli.out);
    if (code == CELERIAC_OK)
        code = cli_flush(&cli, &err);
    if (code) {
        fprintf(stderr, "celeriac: %s\n", err.text);
        cli.status = status_of(code);
    }
    mem_free(words);
    close_all(&cli);
    return cli.status;
}
