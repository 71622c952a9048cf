/* Result records, and the exceptions in them. */
#include "tests/fuzz/fuzz_target.h"

#include "base/iso8601.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/exception_doc.h"
#include "celery_proto/codec/result_doc.h"

static struct cel_result_reader reader, second;
static struct strbuf out, text, shown;
static int started;

/* An exception that can be read can be written, read again and shown. */
static void check_exception(const struct json_node *node)
{
    struct cel_exception e, again;
    struct json_doc doc;

    strbuf_clear(&text);
    if (cel_exception_read(node, &text, &e) != CELERIAC_OK)
        return;
    strbuf_clear(&out);
    strbuf_clear(&shown);
    FUZZ_PROMISE(cel_exception_write(&e, &out) == CELERIAC_OK);
    cel_exception_repr(&e, &shown);
    cel_exception_line(&e, &shown);
    FUZZ_PROMISE(strbuf_status(&shown) == CELERIAC_OK);
    json_init(&doc);
    FUZZ_PROMISE(json_parse(&doc, strbuf_span(&out), NULL, NULL) == CELERIAC_OK);
    strbuf_clear(&shown);
    FUZZ_PROMISE(cel_exception_read(json_root(&doc), &shown, &again) == CELERIAC_OK);
    FUZZ_PROMISE(span_equal(again.type, e.type) && span_equal(again.args, e.args));
    json_close(&doc);
}

/* A record that can be read can be written, and then says the same. */
static void check_record(const struct cel_result_view *v)
{
    const struct cel_result r = {.state = v->state,
                                 .status = v->status,
                                 .task_id = v->task_id,
                                 .result = v->result != NULL ? json_raw(v->result) : SPAN("null"),
                                 .traceback = v->traceback,
                                 .date_done = v->date_done,
                                 .group_id = v->group_id,
                                 .parent_id = v->parent_id};
    struct cel_result_view again;

    strbuf_clear(&out);
    if (cel_result_write(&r, &out) != CELERIAC_OK)
        return;
    FUZZ_PROMISE(cel_result_read(&second, strbuf_span(&out), &again, NULL) == CELERIAC_OK);
    FUZZ_PROMISE(again.state == v->state && span_equal(again.status, v->status));
    FUZZ_PROMISE(span_equal(again.task_id, v->task_id));
    FUZZ_PROMISE(span_equal(json_raw(again.result), r.result));
    FUZZ_PROMISE(!cel_state_is_ready(v->state) || again.date_done.us == v->date_done.us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span json = {(const char *)data, size};
    struct cel_result_view v;

    if (!started) {
        cel_result_reader_init(&reader);
        cel_result_reader_init(&second);
        strbuf_init(&out, CEL_ENVELOPE_MAX);
        strbuf_init(&text, CEL_ENVELOPE_MAX);
        strbuf_init(&shown, CEL_ENVELOPE_MAX);
        started = 1;
    }
    (void)cel_result_peek_state(&reader, json);
    if (cel_result_read(&reader, json, &v, NULL) != CELERIAC_OK)
        return 0;
    check_exception(v.result);
    check_exception(v.record);
    check_record(&v);
    return 0;
}
