#include "celery_proto/codec/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

#define TEXT_MAX 100000

static const struct cel_event_origin origin = {.hostname = SPAN("celery@host1"), .pid = 17552};
static const struct cel_event_moment moment = {.clock = 12, .now_us = 1795379699132224};

static void assert_text(struct strbuf *out, const char *wanted)
{
    assert_int_equal(strbuf_status(out), CELERIAC_OK);
    assert_string_equal(strbuf_text(out), wanted);
    strbuf_clear(out);
}

/* As captured from a worker, but for what names the software. */
static void test_checklist_78_worker_events(void **state)
{
    const struct cel_worker_state worker = {.freq = 2.0,
                                            .active = 3,
                                            .processed = 25,
                                            .load = {1.14, 0.951, 1e300},
                                            .version = SPAN("0.1")};
    struct strbuf out;

    (void)state;
    strbuf_init(&out, TEXT_MAX);
    cel_event_worker(&origin, &moment, CEL_WORKER_ONLINE, &worker, &out);
    assert_text(
        &out, "{\"hostname\": \"celery@host1\", \"utcoffset\": 0.0, \"pid\": 17552, \"clock\": 12, "
              "\"freq\": 2.0, \"active\": 3, \"processed\": 25, \"loadavg\": [1.14, 0.96, 0.0], "
              "\"sw_ident\": \"celeriac\", \"sw_ver\": \"0.1\", \"sw_sys\": \"Linux\", "
              "\"timestamp\": 1795379699.132224, \"type\": \"worker-online\"}");
    cel_event_worker(&origin, &moment, CEL_WORKER_PROMPTED, &worker, &out);
    assert_text(
        &out,
        "{\"hostname\": \"celery@host1\", \"utcoffset\": 0.0, \"pid\": 17552, \"clock\": 12, "
        "\"freq\": 5, \"sw_ident\": \"celeriac\", \"sw_ver\": \"0.1\", \"sw_sys\": \"Linux\", "
        "\"timestamp\": 1795379699.132224, \"type\": \"worker-heartbeat\"}");
    strbuf_close(&out);
}

static void test_checklist_79_received(void **state)
{
    struct cel_task_message message = {.protocol = CEL_PROTOCOL_2,
                                       .id = SPAN("i1"),
                                       .task = SPAN("t.add"),
                                       .argsrepr = SPAN("(1, 2)"),
                                       .root_id = SPAN("r1"),
                                       .retries = 2,
                                       .eta = {.set = true, .us = 0}};
    struct strbuf out;

    (void)state;
    strbuf_init(&out, TEXT_MAX);
    cel_event_received(&origin, &moment, &message, &out);
    assert_text(
        &out, "{\"hostname\": \"celery@host1\", \"utcoffset\": 0.0, \"pid\": 17552, \"clock\": 12, "
              "\"uuid\": \"i1\", \"name\": \"t.add\", \"args\": \"(1, 2)\", \"kwargs\": \"\", "
              "\"root_id\": \"r1\", \"parent_id\": null, \"retries\": 2, "
              "\"eta\": \"1970-01-01T00:00:00+00:00\", \"expires\": null, "
              "\"timestamp\": 1795379699.132224, \"type\": \"task-received\"}");
    /* The shadow name wins; protocol 1 brings no texts, so they are made. */
    message = (struct cel_task_message){.protocol = CEL_PROTOCOL_1,
                                        .id = SPAN("i1"),
                                        .task = SPAN("t.add"),
                                        .shadow = SPAN("other"),
                                        .args = SPAN("[1, \"a\"]"),
                                        .kwargs = SPAN("{\"k\": null}")};
    cel_event_received(&origin, &moment, &message, &out);
    assert_non_null(strstr(strbuf_text(&out),
                           "\"name\": \"other\", \"args\": \"[1, 'a']\", \"kwargs\": "
                           "\"{'k': None}\""));
    strbuf_close(&out);
}

static void assert_fields(const struct cel_task_event_fields *fields, const char *wanted)
{
    struct strbuf out;

    strbuf_init(&out, TEXT_MAX);
    cel_event_task(&origin, &moment, fields, &out);
    assert_int_equal(strbuf_status(&out), CELERIAC_OK);
    assert_non_null(strstr(strbuf_text(&out), wanted));
    strbuf_close(&out);
}

static void test_checklist_79_fields_of_each_kind(void **state)
{
    (void)state;
    assert_fields(&(struct cel_task_event_fields){.kind = CEL_TASK_STARTED, .id = SPAN("i")},
                  "\"uuid\": \"i\", \"timestamp\": 1795379699.132224, \"type\": \"task-started\"}");
    assert_fields(
        &(struct cel_task_event_fields){
            .kind = CEL_TASK_SUCCEEDED, .id = SPAN("i"), .result = SPAN("'x'"), .runtime = 0.5},
        "\"uuid\": \"i\", \"result\": \"'x'\", \"runtime\": 0.5, \"timestamp\"");
    assert_fields(&(struct cel_task_event_fields){.kind = CEL_TASK_FAILED,
                                                  .id = SPAN("i"),
                                                  .exception = SPAN("E()"),
                                                  .traceback = SPAN("T\n")},
                  "\"exception\": \"E()\", \"traceback\": \"T\\n\", \"timestamp\"");
    assert_fields(&(struct cel_task_event_fields){.kind = CEL_TASK_FAILED,
                                                  .id = SPAN("i"),
                                                  .exception = SPAN("E()")},
                  "\"exception\": \"E()\", \"timestamp\"");
    assert_fields(&(struct cel_task_event_fields){.kind = CEL_TASK_RETRIED,
                                                  .id = SPAN("i"),
                                                  .exception = SPAN("None"),
                                                  .traceback = SPAN("T")},
                  "\"type\": \"task-retried\"}");
    assert_fields(
        &(struct cel_task_event_fields){.kind = CEL_TASK_REVOKED, .id = SPAN("i"), .expired = true},
        "\"terminated\": false, \"signum\": null, \"expired\": true, ");
    assert_fields(
        &(struct cel_task_event_fields){
            .kind = CEL_TASK_REVOKED, .id = SPAN("i"), .terminated = true, .signum = 15},
        "\"terminated\": true, \"signum\": 15, \"expired\": false, ");
    assert_fields(&(struct cel_task_event_fields){.kind = CEL_TASK_REJECTED,
                                                  .id = SPAN("i"),
                                                  .requeue = true},
                  "\"requeue\": true, ");
    assert_fields(&(struct cel_task_event_fields){.kind = CEL_TASK_CANCELLED, .id = SPAN("i")},
                  "\"type\": \"task-cancelled\"}");
}

static void test_routing_key_has_dots(void **state)
{
    char key[CEL_EVENT_KEY_MAX + 1];

    (void)state;
    cel_event_routing_key("worker-heartbeat", key);
    assert_string_equal(key, "worker.heartbeat");
    cel_event_routing_key("", key);
    assert_string_equal(key, "");
}

static void test_envelope_survives_short_memory(void **state)
{
    struct strbuf out;
    enum celeriac_err code = CELERIAC_ERR_MEMORY;

    (void)state;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        strbuf_init(&out, TEXT_MAX);
        mem_fail_at(n);
        code = cel_event_envelope(SPAN("n@h"), "task.multi", SPAN("t"), SPAN("[]"), &out);
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
        if (code)
            strbuf_close(&out);
    }
    assert_string_equal(
        strbuf_text(&out),
        "{\"body\": \"W10=\", \"content-encoding\": \"utf-8\", \"content-type\": "
        "\"application/json\", \"headers\": {\"hostname\": \"n@h\"}, \"properties\": "
        "{\"delivery_mode\": 1, \"delivery_info\": {\"exchange\": \"celeryev\", "
        "\"routing_key\": \"task.multi\"}, \"priority\": 0, \"body_encoding\": "
        "\"base64\", \"delivery_tag\": \"t\"}}");
    strbuf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checklist_78_worker_events),
        cmocka_unit_test(test_checklist_79_received),
        cmocka_unit_test(test_checklist_79_fields_of_each_kind),
        cmocka_unit_test(test_routing_key_has_dots),
        cmocka_unit_test(test_envelope_survives_short_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
