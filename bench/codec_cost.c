/*
 * What the codec costs: nanoseconds for each message read and written, on one thread.
 *
 *     build/release/bench/codec_cost
 *
 * The message is that of add.delay(1, 2), 1.1 KB on the wire; "body 1 KB" has a longer argument.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/result_doc.h"
#include "celery_proto/codec/task_message.h"
#include "celery_proto/codec/task_retry.h"
#include "celery_proto/codec/task_send.h"

/* Long enough for a stable average, short enough to wait for. */
#define ROUNDS 200000

/* Everything the measured steps use, as a thread of the worker would keep it. */
struct tools {
    struct cel_task_decoder *decoder;
    struct cel_envelope_reader reader;
    struct cel_result_reader results;
    struct cel_task_send send;
    struct cel_task_message *message;
    struct strbuf raw, scratch, out;
};

static enum celeriac_err step_send(struct tools *t)
{
    return cel_task_send_write(&t->send, &t->scratch, &t->out, NULL);
}

static enum celeriac_err step_envelope(struct tools *t)
{
    struct cel_envelope e;

    return cel_envelope_read(&t->reader, strbuf_span(&t->raw), &e, NULL, NULL);
}

static enum celeriac_err step_decode(struct tools *t)
{
    struct cel_task_message *m = NULL;
    enum celeriac_err code = cel_task_message_create(t->decoder, strbuf_span(&t->raw), &m);

    cel_task_message_destroy(m);
    return code;
}

static enum celeriac_err step_retry(struct tools *t)
{
    const struct cel_task_retry retry = {.delivery_tag =
                                             SPAN("72bb4f73-0df5-4a61-a1a6-0f7d1d7c3a55"),
                                         .eta = {.set = true, .us = INT64_C(1795379699134672)}};

    return cel_task_retry_write(t->message, &retry, &t->scratch, &t->out, NULL);
}

static enum celeriac_err step_redelivered(struct tools *t)
{
    return cel_envelope_mark_redelivered(&t->reader, strbuf_span(&t->raw), &t->out, NULL);
}

static enum celeriac_err step_result(struct tools *t)
{
    const struct cel_result r = {.state = CEL_STATE_SUCCESS,
                                 .task_id = t->send.id,
                                 .result = SPAN("3"),
                                 .date_done = {.set = true, .us = INT64_C(1795379699134672)}};

    return cel_result_write(&r, &t->out);
}

static enum celeriac_err step_read_result(struct tools *t)
{
    struct cel_result_view v;

    return cel_result_read(&t->results,
                           SPAN("{\"status\": \"SUCCESS\", \"result\": 3, \"traceback\": null, "
                                "\"children\": [], \"date_done\": "
                                "\"2026-11-22T20:34:59.134672+00:00\", \"task_id\": "
                                "\"9ac60fa6-5ac4-4109-ae42-c1be7ec4e841\"}"),
                           &v, NULL);
}

static const struct {
    const char *name;
    enum celeriac_err (*run)(struct tools *t);
} steps[] = {
    {"write a new task message", step_send},   {"read an envelope", step_envelope},
    {"read a task message", step_decode},      {"write a retry", step_retry},
    {"mark as redelivered", step_redelivered}, {"write a result", step_result},
    {"read a result", step_read_result},
};

/* Runs each step ROUNDS times and prints its average. */
static enum celeriac_err measure(struct tools *t, const char *title)
{
    enum celeriac_err code;

    strbuf_clear(&t->raw);
    code = cel_task_send_write(&t->send, &t->scratch, &t->raw, NULL);
    if (code == CELERIAC_OK)
        code = cel_task_message_create(t->decoder, strbuf_span(&t->raw), &t->message);
    printf("%s: %zu bytes on the wire\n", title, t->raw.len);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && code == CELERIAC_OK; i++) {
        int64_t start = clock_monotonic_ns();

        for (int n = 0; n < ROUNDS && code == CELERIAC_OK; n++) {
            strbuf_clear(&t->out);
            code = steps[i].run(t);
        }
        printf("  %-26s %6" PRId64 " ns\n", steps[i].name, (clock_monotonic_ns() - start) / ROUNDS);
    }
    cel_task_message_destroy(t->message);
    t->message = NULL;
    return code;
}

int main(void)
{
    struct tools t = {.send = {.task = SPAN("t.add"),
                               .id = SPAN("9ac60fa6-5ac4-4109-ae42-c1be7ec4e841"),
                               .delivery_tag = SPAN("b2b8f2e5-04ed-4138-9e8b-20dd7a84b513"),
                               .routing_key = SPAN("celery"),
                               .reply_to = SPAN("dac95fb1-7c48-3690-bd3b-7c56affc72bf"),
                               .origin = SPAN("gen12110@vm"),
                               .args = SPAN("[1, 2]")}};
    struct strbuf long_args;
    enum celeriac_err code;

    cel_envelope_reader_init(&t.reader);
    cel_result_reader_init(&t.results);
    strbuf_init(&t.raw, CEL_ENVELOPE_MAX);
    strbuf_init(&t.scratch, CEL_ENVELOPE_MAX);
    strbuf_init(&t.out, CEL_ENVELOPE_MAX);
    strbuf_init(&long_args, CEL_ENVELOPE_MAX);
    code = cel_task_decoder_create(NULL, &t.decoder);
    if (code == CELERIAC_OK)
        code = measure(&t, "add.delay(1, 2)");
    strbuf_add_text(&long_args, "[\"");
    for (int i = 0; i < 100; i++)
        strbuf_add_text(&long_args, "ten chars ");
    strbuf_add_text(&long_args, "\"]");
    t.send.args = strbuf_span(&long_args);
    if (code == CELERIAC_OK)
        code = measure(&t, "body 1 KB");
    cel_task_decoder_destroy(t.decoder);
    cel_envelope_reader_close(&t.reader);
    cel_result_reader_close(&t.results);
    strbuf_close(&t.raw);
    strbuf_close(&t.scratch);
    strbuf_close(&t.out);
    strbuf_close(&long_args);
    return code == CELERIAC_OK ? 0 : 1;
}
