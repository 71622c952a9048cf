/*
 * A worker with a few tasks, for tests that look at it from Python: task_worker NAME CONCURRENCY
 * [WORD...] [QUEUE...]; the words are in read_word(). The broker is REDIS_URL. Ends on SIGTERM, at
 * once on SIGQUIT.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/parse_num.h"
#include "base/strbuf.h"
#include "tests/integration/worker/worker_program.h"
#include "tests/support/sample_tasks.h"

/* Until a file is gone, so that a test says when. */
static void hold(struct celeriac_task *task, void *user)
{
    struct celeriac_bytes file;

    (void)user;
    if (celeriac_task_arg_text(task, 0, "file", &file))
        return;
    while (access(file.ptr, F_OK) == 0 && !celeriac_task_stopping(task))
        usleep(2000);
    celeriac_task_return_text(task, "held");
}

/* Goes on whoever wants to stop. */
static void stubborn(struct celeriac_task *task, void *user)
{
    double seconds;

    (void)user;
    if (celeriac_task_arg_double(task, 0, "seconds", &seconds))
        return;
    usleep((useconds_t)(seconds * (double)US_PER_SEC));
    celeriac_task_return_null(task);
}

/* The same, busy all the time. */
static void burn_while(struct celeriac_task *task, void *user)
{
    struct celeriac_bytes file;

    (void)user;
    if (celeriac_task_arg_text(task, 0, "file", &file))
        return;
    while (access(file.ptr, F_OK) == 0 && !celeriac_task_stopping(task))
        continue;
    celeriac_task_return_null(task);
}

/* Busy all the time, so that it competes with the control thread for the processor. */
static void burn(struct celeriac_task *task, void *user)
{
    double seconds;
    int64_t until;

    (void)user;
    if (celeriac_task_arg_double(task, 0, "seconds", &seconds))
        return;
    until = clock_monotonic_ns() + (int64_t)(seconds * (double)NS_PER_SEC);
    while (clock_monotonic_ns() < until && !celeriac_task_stopping(task))
        continue;
    celeriac_task_return_null(task);
}

static void patient(struct celeriac_task *task, void *user)
{
    int64_t times;
    int64_t seconds;

    (void)user;
    if (celeriac_task_arg_int(task, 0, "times", &times) ||
        celeriac_task_arg_int(task, 1, "seconds", &seconds))
        return;
    if (celeriac_task_retries(task) < times)
        celeriac_task_retry(task, seconds, NULL);
    else
        celeriac_task_return_int(task, celeriac_task_retries(task));
}

static void reject(struct celeriac_task *task, void *user)
{
    (void)user;
    celeriac_task_reject(task, false);
}

static void mul(struct celeriac_task *task, void *user)
{
    int64_t x;
    int64_t y;

    (void)user;
    if (celeriac_task_arg_int(task, 0, "x", &x) || celeriac_task_arg_int(task, 1, "y", &y))
        return;
    celeriac_task_return_int(task, x * y);
}

/* Adds up every number in a value, however deep. */
static void xsum(struct celeriac_task *task, void *user)
{
    struct celeriac_bytes json;
    struct json_doc doc;
    int64_t sum = 0;

    (void)user;
    json_init(&doc);
    if (celeriac_task_arg_json(task, 0, "numbers", &json) ||
        json_parse(&doc, (struct span){json.ptr, json.len}, NULL, NULL)) {
        celeriac_task_fail(task, &(struct celeriac_exception){.type = "TypeError"});
    } else {
        for (uint32_t i = 0; i < doc.count; i++) {
            int64_t n;

            if (json_int(&doc.nodes[i], INT64_MIN, INT64_MAX, &n) == CELERIAC_OK)
                sum += n;
        }
        celeriac_task_return_int(task, sum);
    }
    json_close(&doc);
}

/* Sends a task by its name. */
static void send_task(struct celeriac_task *task, void *user)
{
    struct celeriac_bytes name;
    struct celeriac_bytes queue = {0};
    struct celeriac_error err = {0};
    struct celeriac_send one = {0};

    (void)user;
    if (celeriac_task_arg_text(task, 0, "name", &name))
        return;
    if (celeriac_task_arg_text(task, 1, "queue", &queue) == CELERIAC_OK)
        one.queue = queue.ptr;
    one.task = name.ptr;
    celeriac_task_return_null(task);
    if (celeriac_task_send(task, &one, 1, NULL, &err))
        celeriac_task_fail(task, &(struct celeriac_exception){.message = err.text});
}

/* Sends a canvas. */
static void apply(struct celeriac_task *task, void *user)
{
    struct celeriac_signature *signature = NULL;
    struct celeriac_error err = {0};
    struct celeriac_bytes json;
    struct strbuf text;

    (void)user;
    if (celeriac_task_arg_json(task, 0, "sig", &json))
        return;
    strbuf_init(&text, 100000);
    strbuf_add(&text, json.ptr, json.len);
    if (celeriac_signature_from_json(strbuf_text(&text), &signature, &err) ||
        celeriac_task_apply(task, signature, NULL, &err))
        celeriac_task_fail(task, &(struct celeriac_exception){.message = err.text});
    celeriac_signature_destroy(signature);
    strbuf_close(&text);
}

static const struct celeriac_task_options tasks[] = {
    {.name = "t.add", .run = sample_add},
    {.name = "t.sleep", .run = sample_sleep_unless_stopping},
    {.name = "t.sleep_late", .run = sample_sleep_unless_stopping, .acks_late = true},
    {.name = "t.hold", .run = hold},
    {.name = "t.stubborn", .run = stubborn},
    {.name = "t.stubborn_late", .run = stubborn, .acks_late = true},
    {.name = "t.burn", .run = burn},
    {.name = "t.burn_while", .run = burn_while},
    {.name = "t.boom", .run = sample_boom},
    {.name = "t.flaky", .run = sample_flaky},
    {.name = "t.flaky_late", .run = sample_flaky, .acks_late = true},
    {.name = "t.patient", .run = patient},
    {.name = "t.reject", .run = reject, .acks_late = true},
    {.name = "t.mul", .run = mul},
    {.name = "t.mul_late", .run = mul, .acks_late = true},
    {.name = "t.identity", .run = sample_identity},
    {.name = "t.send", .run = send_task},
    {.name = "t.apply", .run = apply},
    {.name = "t.xsum", .run = xsum, .acks_late = true},
};

/* A word of the command line; false when it is the name of a queue. */
static bool read_word(const char *word, struct celeriac_worker_options *options)
{
    if (strcmp(word, "events") == 0)
        options->task_events = true;
    else if (strcmp(word, "noheartbeat") == 0)
        options->without_heartbeat = true;
    else if (strcmp(word, "nogossip") == 0)
        options->without_gossip = true;
    else if (strcmp(word, "fail-unknown") == 0)
        options->unknown_task = CELERIAC_UNKNOWN_FAIL;
    else if (strcmp(word, "debug") == 0)
        log_set_level(LOG_DEBUG);
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    struct celeriac_worker_options options = {.broker_url = getenv("REDIS_URL"),
                                              .task_routes = getenv("PEER_ROUTES"),
                                              .default_queue = getenv("PEER_DEFAULT_QUEUE"),
                                              .heartbeat_interval = 0.5};
    struct strbuf queues;
    int64_t threads = 0;
    int status;

    if (argc < 3 || parse_int64(span_of(argv[2]), 1, 4096, &threads)) {
        fprintf(stderr, "usage: task_worker NAME CONCURRENCY [WORD...] [QUEUE...]\n");
        return EXIT_FAILURE;
    }
    options.hostname = argv[1];
    options.task_defaults.acks_late = getenv("PEER_LATE") != NULL;
    options.concurrency = (unsigned)threads;
    strbuf_init(&queues, 4096);
    log_set_level(LOG_INFO);
    for (int i = 3; i < argc; i++)
        if (!read_word(argv[i], &options))
            strbuf_printf(&queues, "%s%s", queues.len > 0 ? "," : "", argv[i]);
    options.queues = strbuf_text(&queues);
    status = worker_program_run(&options, tasks, sizeof tasks / sizeof tasks[0]);
    strbuf_close(&queues);
    return status;
}
