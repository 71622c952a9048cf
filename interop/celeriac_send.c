/*
 * Sends one task through the public headers alone, as a program of somebody else's would:
 *
 *     celeriac-send TASK ARGS_JSON [COUNTDOWN_MS [WAIT_MS]]
 *
 * (ARGS_JSON of "-": from standard input, where they may be longer than a command line allows)
 * prints the task's id and, with WAIT_MS, its state and result once it has ended. The broker is
 * REDIS_URL. It stands for the C producer in the cells of interop.py that no HTTP call can make.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "celeriac/client.h"

/* A day: more than any test waits. */
#define MILLISECONDS_MAX INT64_C(86400000)

/* More than any test sends. */
#define ARGUMENTS_MAX ((size_t)64 << 20)

static const char *read_arguments(void)
{
    static char text[ARGUMENTS_MAX + 1];
    size_t len = fread(text, 1, ARGUMENTS_MAX, stdin);

    if (len == 0 || len == ARGUMENTS_MAX) {
        fprintf(stderr, "celeriac-send: no arguments on standard input, or too many\n");
        exit(2);
    }
    return text;
}

static int64_t milliseconds(int argc, char **argv, int at)
{
    int64_t value = 0;

    if (at >= argc)
        return 0;
    for (const char *digit = argv[at]; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9' || value > MILLISECONDS_MAX) {
            fprintf(stderr, "celeriac-send: not a number of milliseconds: %s\n", argv[at]);
            exit(2);
        }
        value = value * 10 + (*digit - '0');
    }
    return value;
}

static enum celeriac_err send_and_wait(struct celeriac_client *client,
                                       const struct celeriac_send *wish, int64_t wait_ms,
                                       struct celeriac_error *err)
{
    char ids[1][CELERIAC_TASK_ID_SIZE];
    struct celeriac_result result;
    enum celeriac_err code = celeriac_client_send(client, wish, 1, ids, err);

    if (code)
        return code;
    printf("%s\n", ids[0]);
    if (wait_ms == 0)
        return CELERIAC_OK;
    code = celeriac_client_wait(client, ids[0], wait_ms, &result, err);
    if (code)
        return code;
    printf("%s %s\n", result.status, result.result_json);
    celeriac_result_close(&result);
    return CELERIAC_OK;
}

int main(int argc, char **argv)
{
    const struct celeriac_client_options options = {.broker_url = getenv("REDIS_URL")};
    struct celeriac_client *client = NULL;
    struct celeriac_error err = {0};
    enum celeriac_err code;

    if (argc < 3 || argc > 5) {
        fprintf(stderr, "usage: celeriac-send TASK ARGS_JSON [COUNTDOWN_MS [WAIT_MS]]\n");
        return 2;
    }
    const struct celeriac_send wish = {.task = argv[1],
                                       .args_json =
                                           strcmp(argv[2], "-") == 0 ? read_arguments() : argv[2],
                                       .countdown_ms = milliseconds(argc, argv, 3)};
    code = celeriac_client_create(&options, &client, &err);
    if (code == CELERIAC_OK)
        code = send_and_wait(client, &wish, milliseconds(argc, argv, 4), &err);
    if (code)
        fprintf(stderr, "celeriac-send: %s\n", err.text);
    celeriac_client_destroy(client);
    return code ? EXIT_FAILURE : EXIT_SUCCESS;
}
