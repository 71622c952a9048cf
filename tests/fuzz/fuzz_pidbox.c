/* Remote control: requests and replies, whole or as bodies in a sound envelope. */
#include "tests/fuzz/fuzz_target.h"

#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/pidbox.h"

/* Input beyond this takes long and teaches nothing. */
#define INPUT_MAX ((size_t)64 * 1024)

static struct cel_pidbox_reader reader, second;
static struct strbuf wrapped, out;
static int started;

/* Whoever can be asked can be answered, and the answer can be read. */
static void check_answer(const struct cel_pidbox_request *request)
{
    struct cel_pidbox_reply reply;

    strbuf_clear(&out);
    FUZZ_PROMISE(cel_pidbox_reply(request, SPAN("n@h"), SPAN("{\"ok\": 1}"), 3, SPAN("tag"),
                                  &out) == CELERIAC_OK);
    /* A ticket need not be text when asked, and is passed on as it came. */
    if (cel_pidbox_read_reply(&second, strbuf_span(&out), &reply, NULL) != CELERIAC_OK)
        return;
    FUZZ_PROMISE(reply.clock == 3);
    FUZZ_PROMISE(json_get(reply.answers, "n@h") != NULL);
}

static void check(struct span raw)
{
    struct cel_pidbox_request request;
    struct cel_pidbox_reply reply;
    bool is_for = false;

    if (cel_pidbox_read(&reader, raw, &request, NULL) == CELERIAC_OK) {
        FUZZ_PROMISE(request.method.len > 0);
        FUZZ_PROMISE(!request.wants_reply || request.reply_exchange.len > 0);
        FUZZ_PROMISE(cel_pidbox_is_for(&request, SPAN("celery@host1"), &is_for, NULL) !=
                     CELERIAC_ERR_MEMORY);
        check_answer(&request);
    }
    if (cel_pidbox_read_reply(&reader, raw, &reply, NULL) == CELERIAC_OK)
        FUZZ_PROMISE(reply.answers->type == JSON_OBJECT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = {(const char *)data, size < INPUT_MAX ? size : INPUT_MAX};
    struct cel_envelope_fields fields = {.body = input, .delivery_tag = SPAN("tag")};

    if (!started) {
        cel_pidbox_reader_init(&reader);
        cel_pidbox_reader_init(&second);
        strbuf_init(&wrapped, CEL_ENVELOPE_MAX);
        strbuf_init(&out, CEL_ENVELOPE_MAX);
        started = 1;
    }
    check(input);
    strbuf_clear(&wrapped);
    FUZZ_PROMISE(cel_envelope_write(&fields, &wrapped, NULL) == CELERIAC_OK);
    check(strbuf_span(&wrapped));
    return 0;
}
