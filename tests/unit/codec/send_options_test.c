/* celery_proto/codec/send_options.c: checklist lines 11 and 12. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/send_options.h"

static struct strbuf stamped, scratch, out;

static int set_up(void **state)
{
    (void)state;
    strbuf_init(&stamped, 1 << 16);
    strbuf_init(&scratch, 1 << 20);
    strbuf_init(&out, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    strbuf_close(&stamped);
    strbuf_close(&scratch);
    strbuf_close(&out);
    return 0;
}

/* The envelope that the options make of a task with the arguments [1, 2]. */
static const char *written(const struct celeriac_send *send, struct cel_send_route *route)
{
    struct cel_task_send fields = {.task = SPAN("t.add"),
                                   .id = SPAN("9ac60fa6-5ac4-4109-ae42-c1be7ec4e841"),
                                   .delivery_tag = SPAN("b2b8f2e5-04ed-4138-9e8b-20dd7a84b513"),
                                   .routing_key = SPAN("celery"),
                                   .args = SPAN("[1, 2]")};

    strbuf_clear(&stamped);
    strbuf_clear(&out);
    assert_int_equal(cel_send_options_read(send, &fields, route, &stamped, NULL), CELERIAC_OK);
    assert_int_equal(cel_task_send_write(&fields, &scratch, &out, NULL), CELERIAC_OK);
    return strbuf_text(&out);
}

/* As tests/data has it of Celery 5.6: apply_async(compression="gzip"). */
static void checklist_11_compression_is_a_zlib_stream(void **state)
{
    static const char *const names[] = {"gzip", "zlib", "application/x-gzip"};
    struct cel_send_route route;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct celeriac_send send = {.compression = names[i], .serializer = "json"};
        const char *text = written(&send, &route);

        assert_non_null(strstr(text, "{\"body\": \"eJy"));
        assert_non_null(strstr(text, "\"stamps\": {}, \"compression\": \"application/x-gzip\"}"));
        assert_false(route.by_exchange);
    }
    assert_null(strstr(written(&(struct celeriac_send){.compression = ""}, &route), "compression"));
}

static void checklist_11_stamps_are_named_in_their_header(void **state)
{
    const struct celeriac_send send = {.stamps_json =
                                           "{\"monitoring_id\": \"m1\", \"tags\": [\"a\", \"b\"]}",
                                       .argsrepr = "(***)",
                                       .kwargsrepr = "{***}"};
    struct cel_send_route route;
    const char *text = written(&send, &route);

    (void)state;
    assert_non_null(strstr(text, "\"stamped_headers\": [\"monitoring_id\", \"tags\"], \"stamps\": "
                                 "{\"monitoring_id\": \"m1\", \"tags\": [\"a\", \"b\"]}}"));
    assert_non_null(strstr(text, "\"argsrepr\": \"(***)\", \"kwargsrepr\": \"{***}\""));
    text = written(&(struct celeriac_send){.stamps_json = "{}"}, &route);
    assert_non_null(strstr(text, "\"stamped_headers\": [], \"stamps\": {}}"));
}

static void checklist_12_an_exchange_goes_with_its_key(void **state)
{
    struct celeriac_send send = {.exchange = "media", .routing_key = "media.video.h264"};
    struct cel_send_route route;

    (void)state;
    assert_non_null(strstr(written(&send, &route), "\"delivery_info\": {\"exchange\": \"media\", "
                                                   "\"routing_key\": \"media.video.h264\"}"));
    assert_true(route.by_exchange);
    assert_false(route.is_topic);
    send.exchange_type = "topic";
    (void)written(&send, &route);
    assert_true(route.is_topic);
    send.exchange_type = "direct";
    (void)written(&send, &route);
    assert_false(route.is_topic);
}

static void what_is_not_understood_is_named(void **state)
{
    const struct {
        struct celeriac_send send;
        const char *complaint;
    } rows[] = {
        {{.serializer = "pickle"}, "serializer: "},
        {{.serializer = "jsonp"}, "serializer: "},
        {{.compression = "bzip2"}, "compression: "},
        {{.compression = "GZIP"}, "compression: "},
        {{.exchange = "e"}, "routing_key: is missing"},
        {{.routing_key = "k"}, "exchange: is missing"},
        {{.exchange_type = "topic"}, "exchange: is missing"},
        {{.exchange = "e", .routing_key = "k", .exchange_type = "fanout"}, "exchange_type: "},
        {{.exchange = "e", .routing_key = "k", .queue = "q"}, "queue: "},
        {{.exchange = "e", .routing_key = "k", .unique_key = "u"}, "unique_key: "},
        {{.stamps_json = "[]"}, "stamps_json: not an object"},
        {{.stamps_json = "{\"a\""}, "stamps_json: "},
        {{.stamps_json = "{} x"}, "stamps_json: "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cel_task_send fields = {0};
        struct celeriac_error err = {0};
        struct cel_send_route route;

        strbuf_clear(&stamped);
        assert_int_equal(cel_send_options_read(&rows[i].send, &fields, &route, &stamped, &err),
                         CELERIAC_ERR_VALUE);
        if (strncmp(err.text, rows[i].complaint, strlen(rows[i].complaint)) != 0)
            fail_msg("row %zu: %s", i, err.text);
    }
}

static void stamps_stand_among_a_signatures_options(void **state)
{
    (void)state;
    strbuf_add_text(&out, "\"queue\": \"q\"");
    assert_int_equal(cel_send_options_stamp("{\"a\": 1, \"b\": [2]}", &out, NULL), CELERIAC_OK);
    assert_string_equal(
        strbuf_text(&out),
        "\"queue\": \"q\", \"a\": 1, \"b\": [2], \"stamped_headers\": [\"a\", \"b\"]");
    strbuf_clear(&out);
    assert_int_equal(cel_send_options_stamp(NULL, &out, NULL), CELERIAC_OK);
    assert_int_equal(cel_send_options_stamp("", &out, NULL), CELERIAC_OK);
    assert_int_equal(out.len, 0);
}

static void survives_every_failing_allocation(void **state)
{
    const struct celeriac_send send = {.stamps_json = "{\"a\": 1, \"b\": [2]}"};
    enum celeriac_err code = CELERIAC_ERR_MEMORY;

    (void)state;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct cel_task_send fields = {0};
        struct cel_send_route route;

        assert_true(n < 50);
        strbuf_close(&stamped);
        strbuf_close(&out);
        mem_fail_at(n);
        code = cel_send_options_read(&send, &fields, &route, &stamped, NULL);
        if (code == CELERIAC_OK)
            code = cel_send_options_stamp(send.stamps_json, &out, NULL);
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(checklist_11_compression_is_a_zlib_stream, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(checklist_11_stamps_are_named_in_their_header, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(checklist_12_an_exchange_goes_with_its_key, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_understood_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stamps_stand_among_a_signatures_options, set_up, tear_down),
        cmocka_unit_test_setup_teardown(survives_every_failing_allocation, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
