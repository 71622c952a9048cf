#include "celery_proto/codec/event_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "celery_proto/codec/event.h"

/* Writes the envelope of an event with this body. */
static void wrap(const char *body, struct strbuf *out)
{
    strbuf_clear(out);
    assert_int_equal(
        cel_event_envelope(SPAN("w@h"), "worker.heartbeat", SPAN("tag"), span_of(body), out),
        CELERIAC_OK);
}

static void what_we_write_is_read(void **state)
{
    const struct cel_event_origin origin = {.hostname = SPAN("w@h"), .pid = 7};
    const struct cel_event_moment moment = {.clock = 12, .now_us = 1795379699500000};
    const struct cel_worker_state worker = {.freq = 2.5, .version = SPAN("1")};
    struct cel_event_reader reader;
    struct cel_heard_event event;
    struct strbuf body, out;

    (void)state;
    cel_event_reader_init(&reader);
    strbuf_init(&body, 10000);
    strbuf_init(&out, 10000);
    cel_event_worker(&origin, &moment, CEL_WORKER_ONLINE, &worker, &body);
    wrap(strbuf_text(&body), &out);
    assert_int_equal(cel_event_read(&reader, strbuf_span(&out), &event, NULL), CELERIAC_OK);
    assert_true(span_is(event.type, "worker-online"));
    assert_true(span_is(event.hostname, "w@h"));
    assert_true(event.has_clock);
    assert_int_equal(event.clock, 12);
    assert_true(event.timestamp > 1795379699.4 && event.timestamp < 1795379699.6);
    assert_true(event.freq > 2.4 && event.freq < 2.6);
    strbuf_close(&out);
    strbuf_close(&body);
    cel_event_reader_close(&reader);
}

static void fields_that_make_no_sense_are_missing(void **state)
{
    struct cel_event_reader reader;
    struct cel_heard_event event;
    struct strbuf out;

    (void)state;
    cel_event_reader_init(&reader);
    strbuf_init(&out, 10000);
    wrap("{\"type\": \"worker-\\u00e9\", \"hostname\": \"a\\\"b\", \"clock\": -1, \"freq\": \"2\", "
         "\"timestamp\": NaN}",
         &out);
    assert_int_equal(cel_event_read(&reader, strbuf_span(&out), &event, NULL), CELERIAC_OK);
    assert_true(span_is(event.type, "worker-\xc3\xa9"));
    assert_true(span_is(event.hostname, "a\"b"));
    assert_false(event.has_clock);
    assert_true(event.freq == 0 && event.timestamp == 0);
    strbuf_close(&out);
    cel_event_reader_close(&reader);
}

static void what_is_no_event_is_refused(void **state)
{
    static const struct {
        const char *body;
        enum celeriac_err code;
    } bad[] = {
        {"[]", CELERIAC_ERR_UNSUPPORTED},
        {"5", CELERIAC_ERR_VALUE},
        {"{}", CELERIAC_ERR_VALUE},
        {"{\"type\": \"worker-online\"}", CELERIAC_ERR_VALUE},
        {"{\"type\": \"\", \"hostname\": \"w@h\"}", CELERIAC_ERR_VALUE},
        {"{\"type\": 1, \"hostname\": \"w@h\"}", CELERIAC_ERR_VALUE},
        {"{", CELERIAC_ERR_SYNTAX},
    };
    struct cel_heard_event event = {.clock = 77};
    struct cel_event_reader reader;
    struct strbuf out;

    (void)state;
    cel_event_reader_init(&reader);
    strbuf_init(&out, 10000);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct celeriac_error err = {0};

        wrap(bad[i].body, &out);
        assert_int_equal(cel_event_read(&reader, strbuf_span(&out), &event, &err), bad[i].code);
        assert_int_not_equal(err.text[0], '\0');
    }
    /* Cut anywhere it is no event either. */
    wrap("{\"type\": \"worker-online\", \"hostname\": \"w@h\"}", &out);
    for (size_t len = 0; len < strbuf_span(&out).len; len++)
        assert_int_not_equal(cel_event_read(&reader, (struct span){out.ptr, len}, &event, NULL),
                             CELERIAC_OK);
    assert_int_equal(event.clock, 77);
    strbuf_close(&out);
    cel_event_reader_close(&reader);
}

/* Blanks around the JSON make an envelope of exactly the limit. */
static void events_have_a_limit(void **state)
{
    struct cel_event_reader reader;
    struct cel_heard_event event;
    struct strbuf out;

    (void)state;
    cel_event_reader_init(&reader);
    strbuf_init(&out, 2 * CEL_WORKER_EVENT_MAX);
    wrap("{\"type\": \"worker-online\", \"hostname\": \"w@h\"}", &out);
    while (strbuf_span(&out).len < CEL_WORKER_EVENT_MAX)
        strbuf_add_char(&out, ' ');
    assert_int_equal(cel_event_read(&reader, strbuf_span(&out), &event, NULL), CELERIAC_OK);
    strbuf_add_char(&out, ' ');
    assert_int_equal(cel_event_read(&reader, strbuf_span(&out), &event, NULL), CELERIAC_ERR_LIMIT);
    strbuf_close(&out);
    cel_event_reader_close(&reader);
}

static void survives_every_failing_allocation(void **state)
{
    enum celeriac_err code = CELERIAC_ERR_MEMORY;
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 10000);
    wrap("{\"type\": \"worker-\\u00e9\", \"hostname\": \"w@h\"}", &out);
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct cel_event_reader reader;
        struct cel_heard_event event;

        cel_event_reader_init(&reader);
        mem_fail_at(n);
        code = cel_event_read(&reader, strbuf_span(&out), &event, NULL);
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
        cel_event_reader_close(&reader);
    }
    strbuf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_we_write_is_read),
        cmocka_unit_test(fields_that_make_no_sense_are_missing),
        cmocka_unit_test(what_is_no_event_is_refused),
        cmocka_unit_test(events_have_a_limit),
        cmocka_unit_test(survives_every_failing_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
