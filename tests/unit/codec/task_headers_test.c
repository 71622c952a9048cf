#include "celery_proto/codec/task_headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_MAX 100000

struct fixture {
    struct strbuf out;
    struct strbuf repr;
    struct json_doc doc;
};

static int setup(void **state)
{
    static struct fixture f;

    strbuf_init(&f.out, TEXT_MAX);
    strbuf_init(&f.repr, TEXT_MAX);
    json_init(&f.doc);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    strbuf_close(&f->out);
    strbuf_close(&f->repr);
    json_close(&f->doc);
    return 0;
}

static void test_checklist_4_nineteen_headers_with_their_defaults(void **state)
{
    struct fixture *f = *state;
    const struct cel_task_send send = {.task = SPAN("t.add"), .id = SPAN("i")};
    const struct cel_task_headers headers = {.send = &send};

    assert_int_equal(cel_task_headers_write(&headers, &f->out, &f->repr), CELERIAC_OK);
    assert_string_equal(
        strbuf_text(&f->out),
        "{\"lang\": \"py\", \"task\": \"t.add\", \"id\": \"i\", \"shadow\": null, \"eta\": null, "
        "\"expires\": null, \"group\": null, \"group_index\": null, \"retries\": 0, \"timelimit\": "
        "[null, null], \"root_id\": \"i\", \"parent_id\": null, \"argsrepr\": \"()\", "
        "\"kwargsrepr\": "
        "\"{}\", \"origin\": null, \"ignore_result\": false, \"replaced_task_nesting\": 0, "
        "\"stamped_headers\": null, \"stamps\": {}}");
    assert_int_equal(json_parse(&f->doc, strbuf_span(&f->out), NULL, NULL), CELERIAC_OK);
    assert_int_equal(json_root(&f->doc)->count, 19);
}

static void test_every_header_set(void **state)
{
    struct fixture *f = *state;
    const struct cel_task_send send = {.task = SPAN("t"),
                                       .id = SPAN("i"),
                                       .shadow = SPAN("s"),
                                       .eta = {.set = true, .us = 0},
                                       .expires = {.set = true, .us = 1},
                                       .group = SPAN("g"),
                                       .has_group_index = true,
                                       .group_index = -1,
                                       .retries = 7,
                                       .time_limit = 30,
                                       .soft_time_limit = 0.5,
                                       .root_id = SPAN("r"),
                                       .parent_id = SPAN("p"),
                                       .args = SPAN("[1]"),
                                       .kwargs = SPAN("{\"a\": null}"),
                                       .origin = SPAN("gen1@h"),
                                       .ignore_result = true,
                                       .replaced_task_nesting = 2,
                                       .stamped_headers = SPAN("[\"m\"]"),
                                       .stamps = SPAN("{\"m\": 1}")};
    struct cel_task_headers headers = {.send = &send};

    assert_int_equal(cel_task_headers_write(&headers, &f->out, &f->repr), CELERIAC_OK);
    assert_string_equal(
        strbuf_text(&f->out),
        "{\"lang\": \"py\", \"task\": \"t\", \"id\": \"i\", \"shadow\": \"s\", \"eta\": "
        "\"1970-01-01T00:00:00+00:00\", \"expires\": \"1970-01-01T00:00:00.000001+00:00\", "
        "\"group\": "
        "\"g\", \"group_index\": -1, \"retries\": 7, \"timelimit\": [30, 0.5], \"root_id\": \"r\", "
        "\"parent_id\": \"p\", \"argsrepr\": \"(1,)\", \"kwargsrepr\": \"{'a': None}\", "
        "\"origin\": "
        "\"gen1@h\", \"ignore_result\": true, \"replaced_task_nesting\": 2, \"stamped_headers\": "
        "[\"m\"], \"stamps\": {\"m\": 1}}");
    /* What a retry passes on as it came. */
    strbuf_clear(&f->out);
    headers.expires_text = SPAN("2030-01-01T00:00:00-05:00");
    headers.timelimit = SPAN("[30.0,  20]");
    headers.compression = SPAN("application/x-gzip");
    assert_int_equal(cel_task_headers_write(&headers, &f->out, &f->repr), CELERIAC_OK);
    assert_non_null(strstr(strbuf_text(&f->out), "\"expires\": \"2030-01-01T00:00:00-05:00\", "));
    assert_non_null(strstr(strbuf_text(&f->out), "\"timelimit\": [30.0,  20], "));
    assert_true(
        span_ends(strbuf_span(&f->out), SPAN(", \"compression\": \"application/x-gzip\"}")));
}

static void test_overrides_and_extras(void **state)
{
    struct fixture *f = *state;
    const struct cel_task_send send = {.task = SPAN("t"), .id = SPAN("i")};
    struct cel_task_headers headers = {.send = &send};

    assert_int_equal(json_parse(&f->doc,
                                SPAN("{\"x\" : [1 ], \"id\": \"mine\", \"argsrepr\": \"(...)\", "
                                     "\"timelimit\": [1, 2], \"\\u0079\": NaN, "
                                     "\"compression\": \"none of yours\"}"),
                                NULL, NULL),
                     CELERIAC_OK);
    headers.overrides = headers.extras = json_root(&f->doc);
    assert_int_equal(cel_task_headers_write(&headers, &f->out, &f->repr), CELERIAC_OK);
    assert_string_equal(
        strbuf_text(&f->out),
        "{\"lang\": \"py\", \"task\": \"t\", \"id\": \"mine\", \"shadow\": null, \"eta\": null, "
        "\"expires\": null, \"group\": null, \"group_index\": null, \"retries\": 0, \"timelimit\": "
        "[1, "
        "2], \"root_id\": \"i\", \"parent_id\": null, \"argsrepr\": \"(...)\", \"kwargsrepr\": "
        "\"{}\", "
        "\"origin\": null, \"ignore_result\": false, \"replaced_task_nesting\": 0, "
        "\"stamped_headers\": null, \"stamps\": {}, \"x\": [1 ], \"\\u0079\": NaN}");
    /* Without overriding, a retry's own fields stand. */
    strbuf_clear(&f->out);
    headers.overrides = NULL;
    assert_int_equal(cel_task_headers_write(&headers, &f->out, &f->repr), CELERIAC_OK);
    assert_non_null(strstr(strbuf_text(&f->out), "\"id\": \"i\""));
    assert_null(strstr(strbuf_text(&f->out), "mine"));
}

static void test_expiration(void **state)
{
    (void)state;
    assert_int_equal(cel_task_expiration_ms(60000000, 0), 60000);
    assert_int_equal(cel_task_expiration_ms(1999, 0), 1);
    assert_int_equal(cel_task_expiration_ms(0, 1), 0);
    assert_int_equal(cel_task_expiration_ms(INT64_MIN, INT64_MAX), 0);
    assert_int_equal(cel_task_expiration_ms(INT64_MAX, INT64_MIN), INT64_MAX / 1000);
}

static void test_times_in_seconds(void **state)
{
    struct fixture *f = *state;
    const struct {
        double seconds;
        const char *wanted;
    } cases[] = {{0, "[null, null]"},
                 {1, "[1, null]"},
                 {0.25, "[0.25, null]"},
                 {9007199254740991.0, "[9007199254740991, null]"},
                 {1e22, "[1e+22, null]"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct cel_task_send send = {
            .task = SPAN("t"), .id = SPAN("i"), .time_limit = cases[i].seconds};
        const struct cel_task_headers headers = {.send = &send};

        strbuf_clear(&f->out);
        assert_int_equal(cel_task_headers_write(&headers, &f->out, &f->repr), CELERIAC_OK);
        assert_non_null(strstr(strbuf_text(&f->out), cases[i].wanted));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_checklist_4_nineteen_headers_with_their_defaults),
        TEST(test_every_header_set),
        TEST(test_overrides_and_extras),
        TEST(test_expiration),
        TEST(test_times_in_seconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
