/*
 * Headers of a trace: the first line is traceparent, the rest tracestate. What is passed on is
 * JSON, fits, and is passed on unchanged by whoever gets it.
 */
#include "tests/fuzz/fuzz_target.h"

#include <string.h>

#include "api/trace_context.h"
#include "base/json.h"

static void check(struct span written, struct span traceparent, struct span tracestate)
{
    struct strbuf again;
    struct json_doc doc;
    const struct json_node *parent, *state;
    struct span parent_text, state_text = {NULL, 0};

    json_init(&doc);
    strbuf_init(&again, TRACE_HEADERS_MAX);
    FUZZ_PROMISE(json_parse(&doc, written, NULL, NULL) == CELERIAC_OK);
    parent = json_get(json_root(&doc), "traceparent");
    state = json_get(json_root(&doc), "tracestate");
    FUZZ_PROMISE(json_peek_string(parent, &parent_text) && parent_text.len == TRACEPARENT_LEN);
    FUZZ_PROMISE(span_starts(parent_text, SPAN("00-")));
    FUZZ_PROMISE(memcmp(parent_text.ptr + 2, traceparent.ptr + 2, TRACEPARENT_LEN - 2) == 0);
    if (state != NULL && json_peek_string(state, &state_text))
        FUZZ_PROMISE(span_equal(state_text, tracestate));
    if (state == NULL || state_text.ptr != NULL) {
        FUZZ_PROMISE(trace_context_write(parent_text, state_text, &again));
        FUZZ_PROMISE(span_equal(strbuf_span(&again), written));
    }
    strbuf_close(&again);
    json_close(&doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span all = {(const char *)data, size}, traceparent, tracestate;
    struct strbuf out;

    (void)span_cut(all, '\n', &traceparent, &tracestate);
    strbuf_init(&out, TRACE_HEADERS_MAX);
    if (trace_context_write(traceparent, tracestate, &out)) {
        FUZZ_PROMISE(strbuf_status(&out) == CELERIAC_OK);
        check(strbuf_span(&out), traceparent, tracestate);
    } else {
        FUZZ_PROMISE(out.len == 0);
    }
    strbuf_close(&out);
    return 0;
}
