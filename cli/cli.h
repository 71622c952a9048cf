/*
 * What every command of the tool `celeriac` works with. One thread.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json_writer.h"
#include "base/settings.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "celery_proto/redis/addresses.h"
#include "celery_proto/redis/pipeline.h"

/* Exit codes, those of Celery's own commands and of sysexits.h. */
#define CLI_OK 0
#define CLI_FAILED 1
#define CLI_USAGE 64   /* EX_USAGE: a wrong command line */
#define CLI_NO_NODE 69 /* EX_UNAVAILABLE: no worker has answered */

/* Most bytes of output that one command gathers. */
#define CLI_OUTPUT_MAX ((size_t)1 << 30)

struct cli {
    struct settings *settings;
    struct cel_addresses addresses;
    struct cel_conn *conn; /* to the broker */
    struct cel_pipeline pipeline;
    struct strbuf out; /* what will be printed */
    bool json;
    char **words; /* after the command's name; NULL-terminated */
    size_t word_count;
    int status; /* exit code of a command that returns CELERIAC_OK */
};

/*
 * Runs a command. CELERIAC_ERR_VALUE, _SYNTAX and _UNSUPPORTED are mistakes of the command line or
 * a setting, other codes failures.
 */
typedef enum celeriac_err cli_command_fn(struct cli *cli, struct celeriac_error *err);

struct cli_command {
    const char *name;
    cli_command_fn *run;
    const char *usage; /* what follows the name; empty: nothing may */
    const char *help;  /* one sentence without a full stop */
};

/* All commands; ends with a row whose name is NULL. */
extern const struct cli_command cli_commands[];

/* The options of all commands; ends with a row whose name is NULL. */
extern const struct setting cli_options[];

/* Prints and empties `out`. CELERIAC_ERR_SYSTEM when standard output is gone. */
enum celeriac_err cli_flush(struct cli *cli, struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Sends the pipeline's commands and looks that no answer is an error. */
enum celeriac_err cli_run(struct cli *cli, struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* The part after the next comma of a list option; false at the end. Empty parts are skipped. */
bool cli_next_item(struct span *list, struct span *item);

cli_command_fn cli_queues, cli_purge, cli_call, cli_result, cli_quarantine, cli_status, cli_inspect,
    cli_control, cli_events;

#endif
