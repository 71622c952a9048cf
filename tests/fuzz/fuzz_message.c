/* Envelopes: reading, marking for redelivery, and retrying whatever can be run. */
#include "tests/fuzz/fuzz_target.h"

#include <stdbool.h>

#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/task_message.h"
#include "celery_proto/codec/task_retry.h"

/* Kept from one input to the next, as a worker keeps them. */
static struct cel_task_decoder *decoder;
static struct cel_envelope_reader reader;
static struct strbuf marked, twice, scratch, retried;

static void set_up(void)
{
    struct strbuf *buffers[] = {&marked, &twice, &scratch, &retried};
    const struct cel_task_decoder_options options = {.body_max = 1 << 20};

    if (decoder != NULL)
        return;
    FUZZ_PROMISE(cel_task_decoder_create(&options, &decoder) == CELERIAC_OK);
    cel_envelope_reader_init(&reader);
    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        strbuf_init(buffers[i], CEL_ENVELOPE_MAX);
}

static struct cel_task_message *decode(struct span raw)
{
    struct cel_task_message *m = NULL;

    FUZZ_PROMISE(cel_task_message_create(decoder, raw, &m) == CELERIAC_OK);
    FUZZ_PROMISE(span_equal(m->raw, raw));
    FUZZ_PROMISE((m->refuse == CEL_REFUSE_NONE) == (m->refuse_text[0] == '\0'));
    FUZZ_PROMISE(m->refuse >= CEL_REFUSE_NONE && m->refuse < CEL_REFUSE_COUNT);
    return m;
}

/* What the rest of the worker builds on. */
static void check_runnable(const struct cel_task_message *m)
{
    FUZZ_PROMISE(m->task.len > 0 && m->id.len > 0 && m->delivery_tag.len > 0);
    FUZZ_PROMISE(m->args.len >= 2 && m->args.ptr[0] == '[');
    FUZZ_PROMISE(m->kwargs.len >= 2 && m->kwargs.ptr[0] == '{');
    FUZZ_PROMISE(m->retries >= 0 && m->priority >= 0 && m->priority <= 9);
    FUZZ_PROMISE(m->time_limit >= 0 && m->soft_time_limit >= 0);
    FUZZ_PROMISE(m->protocol != CEL_PROTOCOL_UNKNOWN);
}

/* A retried message can be run again and is the same task, one attempt later. */
static void check_retry(const struct cel_task_message *m)
{
    const struct cel_task_retry retry = {.delivery_tag = SPAN("new"), .routing_key = SPAN("queue")};
    struct cel_task_message *next;

    if (m->retries == CEL_RETRIES_MAX)
        return;
    strbuf_clear(&retried);
    FUZZ_PROMISE(cel_task_retry_write(m, &retry, &scratch, &retried, NULL) == CELERIAC_OK);
    next = decode(strbuf_span(&retried));
    FUZZ_PROMISE(next->refuse == CEL_REFUSE_NONE);
    FUZZ_PROMISE(next->protocol == CEL_PROTOCOL_2);
    FUZZ_PROMISE(next->retries == m->retries + 1);
    FUZZ_PROMISE(span_equal(next->id, m->id) && span_equal(next->task, m->task));
    FUZZ_PROMISE(span_equal(next->args, m->args) && span_equal(next->kwargs, m->kwargs));
    FUZZ_PROMISE(span_equal(next->callbacks, m->callbacks) && span_equal(next->chord, m->chord));
    FUZZ_PROMISE(m->protocol != CEL_PROTOCOL_2 || span_equal(next->body, m->body));
    FUZZ_PROMISE(next->parent_id.len > 0 && next->root_id.len > 0);
    cel_task_message_destroy(next);
}

/* Marking succeeds for what can be read, changes nothing but the flags, and is done once. */
static void check_marking(struct span raw, const struct cel_task_message *m)
{
    struct cel_task_message *again;
    struct cel_envelope e;
    bool readable = cel_envelope_read(&reader, raw, &e, NULL, NULL) == CELERIAC_OK;

    strbuf_clear(&marked);
    strbuf_clear(&twice);
    FUZZ_PROMISE((cel_envelope_mark_redelivered(&reader, raw, &marked, NULL) == CELERIAC_OK) ==
                 readable);
    if (!readable)
        return;
    again = decode(strbuf_span(&marked));
    FUZZ_PROMISE(again->redelivered);
    FUZZ_PROMISE(again->refuse == m->refuse);
    FUZZ_PROMISE(span_equal(again->id, m->id) && span_equal(again->task, m->task));
    FUZZ_PROMISE(span_equal(again->body, m->body));
    FUZZ_PROMISE(span_equal(again->delivery_tag, m->delivery_tag));
    cel_task_message_destroy(again);
    FUZZ_PROMISE(cel_envelope_mark_redelivered(&reader, strbuf_span(&marked), &twice, NULL) ==
                 CELERIAC_OK);
    FUZZ_PROMISE(span_equal(strbuf_span(&marked), strbuf_span(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span raw = {(const char *)data, size};
    struct cel_task_message *m;

    set_up();
    m = decode(raw);
    if (m->refuse == CEL_REFUSE_NONE) {
        check_runnable(m);
        check_retry(m);
    }
    check_marking(raw, m);
    cel_task_message_destroy(m);
    return 0;
}
