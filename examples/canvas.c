/*
 * Builds a canvas from the tasks of tasks.c, sends it, and waits for its end:
 *
 *     chord([add(1, 1), add(2, 2), add(3, 3)], report())
 *
 * The three additions run side by side, on whatever workers there are; the last to end sends
 * shop.report with the list of their results. REDIS_URL says where the broker is.
 */
#include <celeriac/client.h>
#include <celeriac/signature.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE_MS 30000
#define PARTS 3

static enum celeriac_err build(struct celeriac_signature **canvas, struct celeriac_error *err)
{
    static const char *const arguments[PARTS] = {"[1, 1]", "[2, 2]", "[3, 3]"};
    struct celeriac_signature *parts[PARTS] = {NULL};
    struct celeriac_signature *body = NULL;
    enum celeriac_err code = celeriac_signature_create(
        &(struct celeriac_send){.task = "shop.report"}, false, &body, err);

    for (size_t i = 0; code == CELERIAC_OK && i < PARTS; i++)
        code = celeriac_signature_create(
            &(struct celeriac_send){.task = "shop.add", .args_json = arguments[i]}, false,
            &parts[i], err);
    if (code == CELERIAC_OK)
        code = celeriac_signature_chord(parts, PARTS, body, canvas, err);
    /* What was put into the chord was copied. */
    for (size_t i = 0; i < PARTS; i++)
        celeriac_signature_destroy(parts[i]);
    celeriac_signature_destroy(body);
    return code;
}

static enum celeriac_err send_and_wait(struct celeriac_client *client,
                                       const struct celeriac_signature *canvas,
                                       struct celeriac_error *err)
{
    struct celeriac_result result;
    char id[CELERIAC_TASK_ID_SIZE];
    enum celeriac_err code = celeriac_client_apply(client, canvas, id, err);

    if (code == CELERIAC_OK)
        code = celeriac_client_wait(client, id, PATIENCE_MS, &result, err);
    if (code)
        return code;
    printf("%s %s\n", result.status, result.result_json);
    celeriac_result_close(&result);
    return CELERIAC_OK;
}

int main(void)
{
    const struct celeriac_client_options options = {.broker_url = getenv("REDIS_URL")};
    struct celeriac_signature *canvas = NULL;
    struct celeriac_client *client = NULL;
    struct celeriac_error err = {0};
    enum celeriac_err code = build(&canvas, &err);

    if (code == CELERIAC_OK)
        code = celeriac_client_create(&options, &client, &err);
    if (code == CELERIAC_OK)
        code = send_and_wait(client, canvas, &err);
    if (code)
        fprintf(stderr, "canvas: %s\n", err.text);
    celeriac_client_destroy(client);
    celeriac_signature_destroy(canvas);
    return code ? EXIT_FAILURE : EXIT_SUCCESS;
}
