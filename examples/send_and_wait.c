/*
 * Sends a task to whoever serves it, in Python or in C, and waits for its result:
 *
 *     send_and_wait shop.add '[40, 2]'
 *
 * REDIS_URL says where the broker is. Waiting is done by subscription: nothing is asked again and
 * again while the task runs.
 */
#include <celeriac/client.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE_MS 30000

static enum celeriac_err send_and_wait(struct celeriac_client *client,
                                       const struct celeriac_send *task, struct celeriac_error *err)
{
    char ids[1][CELERIAC_TASK_ID_SIZE];
    struct celeriac_result result;
    enum celeriac_err code = celeriac_client_send(client, task, 1, ids, err);

    if (code == CELERIAC_OK)
        code = celeriac_client_wait(client, ids[0], PATIENCE_MS, &result, err);
    if (code)
        return code;
    if (result.state == CELERIAC_SUCCESS)
        printf("%s\n", result.result_json);
    else
        printf("%s: %s%s\n", result.status, result.exception_type, result.exception_text);
    celeriac_result_close(&result);
    return CELERIAC_OK;
}

int main(int argc, char **argv)
{
    const struct celeriac_client_options options = {.broker_url = getenv("REDIS_URL")};
    struct celeriac_client *client = NULL;
    struct celeriac_error err = {0};
    enum celeriac_err code;

    if (argc < 2 || argc > 3) {
        fputs("usage: send_and_wait TASK [ARGUMENTS AS A JSON ARRAY]\n", stderr);
        return EXIT_FAILURE;
    }
    code = celeriac_client_create(&options, &client, &err);
    if (code == CELERIAC_OK)
        code = send_and_wait(client, &(struct celeriac_send){.task = argv[1], .args_json = argv[2]},
                             &err);
    if (code)
        fprintf(stderr, "send_and_wait: %s\n", err.text);
    celeriac_client_destroy(client);
    return code ? EXIT_FAILURE : EXIT_SUCCESS;
}
