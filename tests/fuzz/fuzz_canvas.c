/* Signatures: applied, called back, as the rest of a chain, as the body of a chord that has ended.
 */
#include "tests/fuzz/fuzz_target.h"

#include <stdbool.h>
#include <string.h>

#include "base/json.h"
#include "celery_proto/codec/canvas.h"
#include "celery_proto/codec/task_message.h"
#include "worker/aftermath.h"
#include "worker/chord_join.h"

#define NOW_US INT64_C(1795379699128789)
#define EXCEPTION \
    "{\"exc_type\": \"ValueError\", \"exc_message\": [\"kaboom\"], \"exc_module\": \"builtins\"}"

/* Kept from one input to the next, as a worker keeps it. */
static struct cel_task_decoder *decoder;
static struct strbuf array;

static void next_id(void *context, char id[UUID_SIZE])
{
    unsigned *count = context;

    memcpy(id, "00000000-0000-4000-8000-000000000000", UUID_SIZE);
    for (size_t i = UUID_LEN, n = (*count)++; n > 0; n /= 10)
        id[--i] = (char)('0' + n % 10);
}

static unsigned ids;
static const struct cel_canvas_context world = {.new_id = next_id,
                                                .id_context = &ids,
                                                .now_us = NOW_US,
                                                .origin = SPAN("gen1@test"),
                                                .queue = SPAN("celery"),
                                                .parent_id = SPAN("parent"),
                                                .root_id = SPAN("root")};

static bool is_refusal(enum celeriac_err code)
{
    return code == CELERIAC_ERR_VALUE || code == CELERIAC_ERR_LIMIT || code == CELERIAC_ERR_SYNTAX;
}

/* Whatever we send, every worker must be able to run. */
static void check_message(struct span raw)
{
    struct cel_task_message *m = NULL;

    FUZZ_PROMISE(cel_task_message_create(decoder, raw, &m) == CELERIAC_OK);
    FUZZ_PROMISE(m->refuse == CEL_REFUSE_NONE && m->protocol == CEL_PROTOCOL_2);
    FUZZ_PROMISE(m->id.len > 0 && m->task.len > 0 && m->root_id.len > 0);
    cel_task_message_destroy(m);
}

/* The structure of a header is one that can be joined. */
static void check_group(struct span record)
{
    struct cel_group_join *join = NULL;
    enum celeriac_err code = cel_group_join_create(record, &join, NULL);

    FUZZ_PROMISE(code == CELERIAC_OK || code == CELERIAC_ERR_LIMIT);
    cel_group_join_destroy(join);
}

static void check_ops(const struct cel_canvas *canvas)
{
    size_t count = 0;
    const struct cel_canvas_op *ops = cel_canvas_ops(canvas, &count);

    for (size_t i = 0; i < count; i++) {
        if (ops[i].kind == CEL_CANVAS_PUBLISH)
            check_message(ops[i].message);
        else
            FUZZ_PROMISE(ops[i].group_id.len > 0);
        if (ops[i].kind == CEL_CANVAS_SAVE_GROUP)
            check_group(ops[i].message);
    }
}

static struct cel_canvas *new_canvas(void)
{
    struct cel_canvas *canvas = NULL;

    ids = 1;
    FUZZ_PROMISE(cel_canvas_create(&world, &canvas) == CELERIAC_OK);
    return canvas;
}

static void check_dispatch(struct span signature, struct span list)
{
    struct cel_canvas *applied = new_canvas();
    struct cel_canvas *called = new_canvas();
    struct cel_canvas *failed = new_canvas();
    struct span id = {0};
    struct span children = {0};
    enum celeriac_err code = cel_canvas_apply(applied, signature, SPAN("[[1, 2]]"), &id, NULL);

    FUZZ_PROMISE(code == CELERIAC_OK || is_refusal(code));
    if (code == CELERIAC_OK)
        check_ops(applied);
    code = cel_canvas_succeed(called, list, list, SPAN("{\"x\": 1}"), NULL);
    FUZZ_PROMISE(code == CELERIAC_OK || is_refusal(code));
    if (code == CELERIAC_OK) {
        struct json_doc doc;

        check_ops(called);
        FUZZ_PROMISE(cel_canvas_children(called, &children) == CELERIAC_OK);
        json_init(&doc);
        FUZZ_PROMISE(json_parse(&doc, children, NULL, NULL) == CELERIAC_OK);
        json_close(&doc);
    }
    code = cel_canvas_fail(failed, list, SPAN("failed"), NULL);
    FUZZ_PROMISE(code == CELERIAC_OK || is_refusal(code));
    if (code == CELERIAC_OK)
        check_ops(failed);
    cel_canvas_destroy(applied);
    cel_canvas_destroy(called);
    cel_canvas_destroy(failed);
}

/* What failed must stay failed, whatever was to follow it. */
static void check_failure(struct span signature, struct span list)
{
    const struct cel_task_message message = {.id = SPAN("failed"),
                                             .group = SPAN("group"),
                                             .chain = list,
                                             .errbacks = list,
                                             .chord = signature};
    const struct cel_aftermath_context context =
        cel_aftermath_context_of(&message, &world, false, NOW_US);
    struct cel_aftermath a;
    enum celeriac_err code;

    cel_aftermath_init(&a);
    code = cel_aftermath_fail(&a, &message, SPAN(EXCEPTION), SPAN("\"traceback\""), true, &context);
    FUZZ_PROMISE(code == CELERIAC_OK || code == CELERIAC_ERR_LIMIT);
    if (code == CELERIAC_OK && a.canvas)
        check_ops(a.canvas);
    cel_aftermath_close(&a);
    code = cel_aftermath_break(&a, signature, SPAN("why"), &context);
    FUZZ_PROMISE(code == CELERIAC_OK || code == CELERIAC_ERR_LIMIT);
    if (code == CELERIAC_OK && a.canvas)
        check_ops(a.canvas);
    cel_aftermath_close(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct cel_task_decoder_options options = {.body_max = 1 << 24};
    struct span signature = {(const char *)data, size};
    struct json_doc doc;
    bool is_json;

    if (decoder == NULL) {
        FUZZ_PROMISE(cel_task_decoder_create(&options, &decoder) == CELERIAC_OK);
        strbuf_init(&array, (size_t)1 << 24);
    }
    /* Messages whose bodies are no JSON are refused before anything of them is looked at. */
    json_init(&doc);
    is_json = json_parse(&doc, signature, NULL, NULL) == CELERIAC_OK;
    json_close(&doc);
    if (!is_json)
        return 0;
    strbuf_clear(&array);
    strbuf_add_char(&array, '[');
    strbuf_add_span(&array, signature);
    strbuf_add_text(&array, ", ");
    strbuf_add_span(&array, signature);
    strbuf_add_char(&array, ']');
    FUZZ_PROMISE(strbuf_status(&array) == CELERIAC_OK);
    check_dispatch(signature, strbuf_span(&array));
    check_failure(signature, strbuf_span(&array));
    return 0;
}
