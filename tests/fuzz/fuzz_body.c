/* Bodies inside a whole envelope: protocol 1 and 2 as JSON, and compressed streams. */
#include "tests/fuzz/fuzz_target.h"

#include "base/base64.h"
#include "base/strbuf.h"
#include "celery_proto/codec/body.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/task_message.h"

/* Most bytes of a decompressed body; small, so that the limit is met. */
#define BODY_MAX 4096

static struct cel_task_decoder *decoder;
static struct strbuf raw, out;

/* The body under the given headers; the message must come out, whatever it is. */
static void decode(const char *headers, struct span body)
{
    struct cel_task_message *m = NULL;

    strbuf_clear(&raw);
    strbuf_add_text(&raw, "{\"body\": \"");
    base64_encode(&raw, body);
    strbuf_add_text(&raw, "\", \"content-type\": \"application/json\", \"headers\": ");
    strbuf_add_text(&raw, headers);
    strbuf_add_text(&raw,
                    ", \"properties\": {\"delivery_tag\": \"d\", \"body_encoding\": \"base64\"}}");
    FUZZ_PROMISE(cel_task_message_create(decoder, strbuf_span(&raw), &m) == CELERIAC_OK);
    FUZZ_PROMISE(m->body.len <= BODY_MAX);
    FUZZ_PROMISE((m->refuse == CEL_REFUSE_NONE) == (m->refuse_text[0] == '\0'));
    FUZZ_PROMISE(m->refuse != CEL_REFUSE_NONE || (m->task.len > 0 && m->args.ptr[0] == '['));
    cel_task_message_destroy(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct cel_task_decoder_options options = {.body_max = BODY_MAX};
    struct span body = {(const char *)data, size};
    enum celeriac_err code;

    if (decoder == NULL) {
        FUZZ_PROMISE(cel_task_decoder_create(&options, &decoder) == CELERIAC_OK);
        strbuf_init(&raw, CEL_ENVELOPE_MAX);
        strbuf_init(&out, CEL_ENVELOPE_MAX);
    }
    decode("{\"task\": \"t\", \"id\": \"i\"}", body);
    decode("{}", body);
    decode("{\"task\": \"t\", \"id\": \"i\", \"compression\": \"gzip\"}", body);
    strbuf_clear(&out);
    code = cel_body_decompress(body, BODY_MAX, &out);
    FUZZ_PROMISE(code == CELERIAC_OK || out.len == 0);
    FUZZ_PROMISE(out.len <= BODY_MAX);
    /* What was compressed here comes back. */
    strbuf_clear(&raw);
    strbuf_clear(&out);
    FUZZ_PROMISE(cel_body_compress(body, &raw) == CELERIAC_OK);
    FUZZ_PROMISE(cel_body_decompress(strbuf_span(&raw), size, &out) == CELERIAC_OK);
    FUZZ_PROMISE(span_equal(strbuf_span(&out), body));
    return 0;
}
