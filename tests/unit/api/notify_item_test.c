#include "api/notify_item.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/http.h"
#include "base/alloc.h"

/* 2026-11-22T20:26:26.823977Z */
#define NOW INT64_C(1795379186823977)

#define SECOND INT64_C(1000000)
#define HORIZON (60 * SECOND)

static struct body body;
static struct notify_item item;
static struct strbuf answer;

static void clear(void)
{
    notify_item_close(&item);
    body_close(&body);
    strbuf_close(&answer);
    memset(&item, 0, sizeof item);
    body_init(&body);
    strbuf_init(&answer, HTTP_RESPONSE_MAX);
}

static int set_up(void **state)
{
    (void)state;
    body_init(&body);
    strbuf_init(&answer, HTTP_RESPONSE_MAX);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    clear();
    return 0;
}

static unsigned read_text(const char *json)
{
    clear();
    assert_int_equal(body_parse_json(&body, span_of(json), NULL), CELERIAC_OK);
    return notify_item_read(&item, &body, NOW, &answer);
}

/* A push with that member more. */
static unsigned read_with(const char *member)
{
    char json[512];
    (void)snprintf(json, sizeof json, "{\"channel\":\"push\",\"to\":\"t\",\"body\":\"b\"%s}",
                   member);
    return read_text(json);
}

static void problems_are_in_drfs_words(void **state)
{
    static const struct {
        const char *json;
        const char *answer;
    } cases[] = {
        {"[]", "{\"non_field_errors\":[\"Invalid data. Expected a dictionary, but got list.\"]}"},
        {"{\"channel\":\"fax\",\"to\":\"x\"}",
         "{\"channel\":[\"\\\"fax\\\" is not a valid choice.\"]}"},
        {"{\"channel\":\"push\",\"to\":\"x\"}",
         "{\"template\":[\"Either template/template_id or body must be provided.\"]}"},
        {"{\"channel\":\"email\",\"to\":\"a@b.cd\",\"body\":\"b\"}",
         "{\"subject\":[\"Subject is required for email notifications.\"]}"},
        {"{\"channel\":\"sms\",\"to\":\"1\",\"body\":\"b\"}",
         "{\"to\":[\"Invalid phone number format. Use E.164 format (e.g., +1234567890).\"]}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(read_text(cases[i].json), 400);
        assert_string_equal(strbuf_text(&answer), cases[i].answer);
    }
}

static void times_are_those_of_drf(void **state)
{
    static const char wrong[] = "{\"send_at\":[\"Datetime has wrong format. Use one of these "
                                "formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]]"
                                "[+HH:MM|-HH:MM|Z].\"]}";
    static const char *const bad[] = {"\"\"", "\"soon\"", "5",
                                      "true", "[]",       "\"2026-13-01T00:00\""};
    static const struct {
        const char *text;
        int64_t seconds; /* after NOW's */
    } good[] = {
        {"\"2026-11-22T20:26:27Z\"", 1},
        {"\"2026-11-22T20:27:26\"", 60},
        {"\"2026-11-22T21:26:36+01:00\"", 10},
        {"\"2026-11-22 20:26:28.000000Z\"", 2},
    };
    char member[96];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)snprintf(member, sizeof member, ",\"send_at\":%s", bad[i]);
        assert_int_equal(read_with(member), 400);
        assert_string_equal(strbuf_text(&answer), wrong);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        (void)snprintf(member, sizeof member, ",\"send_at\":%s", good[i].text);
        assert_int_equal(read_with(member), 0);
        assert_int_equal(notify_item_make_row(&item, 0, NOW, HORIZON, &answer), 0);
        assert_true(item.row.eta_us == NOW / SECOND * SECOND + good[i].seconds * SECOND);
    }
    assert_int_equal(read_with(",\"send_at\":\"0000-01-01T00:00\""), 400);
    assert_string_equal(strbuf_text(&answer), "{\"send_at\":[\"Datetime value out of range.\"]}");
}

static void times_are_within_a_year(void **state)
{
    (void)state;
    /* 366 days after NOW, and a microsecond more. */
    assert_int_equal(read_with(",\"send_at\":\"2027-11-23T20:26:26.823977Z\""), 0);
    assert_int_equal(read_with(",\"send_at\":\"2027-11-23T20:26:26.823978Z\""), 400);
    assert_string_equal(strbuf_text(&answer),
                        "{\"send_at\":[\"Ensure this time is within the next 366 days.\"]}");
    assert_int_equal(read_with(",\"send_at\":\"0001-01-01T00:00:00Z\""), 0);
}

/* Whether the message is published at once, after the row was made. */
static bool publishes_now(struct notify_publication *p)
{
    assert_int_equal(notify_item_make_row(&item, 0, NOW, HORIZON, &answer), 0);
    return notify_item_publication(&item, p);
}

static void near_times_are_published_at_once(void **state)
{
    struct notify_publication p;
    (void)state;
    assert_int_equal(read_with(""), 0);
    assert_true(publishes_now(&p));
    assert_true(p.eta_us == STORE_NO_TIME);
    assert_memory_equal(&p.notification_id, &item.row.id, sizeof p.notification_id);
    assert_memory_equal(&p.task_id, &item.row.task_id, sizeof p.task_id);
    notify_item_simulate(&item);
    assert_true(item.row.simulated_at_us == NOW);
    assert_false(notify_item_publication(&item, &p));
    /* A past time, null, and now: at once. */
    assert_int_equal(read_with(",\"send_at\":\"2026-11-22T20:26:26.823977Z\""), 0);
    assert_true(publishes_now(&p));
    assert_true(p.eta_us == STORE_NO_TIME);
    assert_int_equal(read_with(",\"send_at\":null"), 0);
    assert_true(publishes_now(&p));
    assert_true(p.eta_us == STORE_NO_TIME);
    /* At the horizon, and beyond it. */
    assert_int_equal(read_with(",\"send_at\":\"2026-11-22T20:27:26.823977Z\""), 0);
    assert_true(publishes_now(&p));
    assert_true(p.eta_us == NOW + HORIZON);
    assert_int_equal(read_with(",\"send_at\":\"2026-11-22T20:27:26.823978Z\""), 0);
    assert_false(publishes_now(&p));
    assert_true(p.eta_us == NOW + HORIZON + 1);
    assert_true(item.row.publish_at_us == NOW + 1);
}

static void written(const char *expected_start, const char *expected_end)
{
    struct json_writer w;
    strbuf_clear(&answer);
    json_writer_init(&w, &answer, JSON_STYLE_DRF);
    notify_item_write(&item, &w);
    assert_memory_equal(strbuf_text(&answer), expected_start, strlen(expected_start));
    assert_string_equal(strbuf_text(&answer) + strlen(expected_start) + UUID_LEN, expected_end);
}

/* Documents stay as they were for those who do not ask for a time. */
static void documents_name_a_time_when_there_is_one(void **state)
{
    (void)state;
    assert_int_equal(read_with(",\"data\":{\"n\":1e1}"), 0);
    assert_int_equal(notify_item_make_row(&item, 7, NOW, HORIZON, &answer), 0);
    assert_int_equal(item.row.template_id, 7);
    assert_true(span_is(item.row.data, "{\"template_data\":{\"n\":10.0},\"inline_subject\":null,"
                                       "\"inline_body\":\"b\"}"));
    written("{\"id\":\"", "\",\"status\":\"pending\",\"channel\":\"push\",\"to\":\"t\","
                          "\"created_at\":\"2026-11-22T20:26:26.823977Z\"}");
    assert_int_equal(read_with(",\"send_at\":\"2026-12-24T18:00\""), 0);
    assert_int_equal(notify_item_make_row(&item, 0, NOW, HORIZON, &answer), 0);
    assert_true(span_is(item.row.data, "{\"template_data\":{},\"inline_subject\":null,"
                                       "\"inline_body\":\"b\","
                                       "\"send_at\":\"2026-12-24T18:00:00Z\"}"));
    written("{\"id\":\"", "\",\"status\":\"pending\",\"channel\":\"push\",\"to\":\"t\","
                          "\"created_at\":\"2026-11-22T20:26:26.823977Z\","
                          "\"send_at\":\"2026-12-24T18:00:00Z\"}");
}

/* A body of 2.5 MiB of such numbers would be read as one of 130 MiB. */
static void numbers_of_many_digits_are_bounded(void **state)
{
    static const struct {
        size_t numbers;
        unsigned status;
    } cases[] = {{26000, 0}, {28000, 413}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct strbuf json;
        strbuf_init(&json, HTTP_BODY_MAX);
        strbuf_add_text(&json, "{\"channel\":\"push\",\"to\":\"t\",\"body\":\"b\",\"data\":[1");
        for (size_t n = 0; n < cases[i].numbers; n++)
            strbuf_add_text(&json, ",1e308");
        strbuf_add_text(&json, "]}");
        assert_int_equal(read_text(strbuf_text(&json)), 0);
        assert_int_equal(notify_item_make_row(&item, 0, NOW, HORIZON, &answer), cases[i].status);
        strbuf_close(&json);
    }
    assert_string_equal(strbuf_text(&answer), "{\"detail\":\"The notification is too long.\"}");
}

static void templates_are_by_name_or_id(void **state)
{
    int64_t id = 0;
    (void)state;
    assert_int_equal(read_with(",\"template\":\"\",\"template_id\":0"), 400);
    assert_int_equal(read_with(",\"template\":null,\"template_id\":0"), 0);
    assert_int_equal(notify_item_template_by(&item), NOTIFY_TEMPLATE_NONE);
    assert_int_equal(read_with(",\"template\":\"welcome\",\"template_id\":7"), 0);
    assert_int_equal(notify_item_template_by(&item), NOTIFY_TEMPLATE_BY_NAME);
    assert_true(span_is(notify_item_template_name(&item), "welcome"));
    assert_int_equal(notify_item_no_template(&item, &answer), 404);
    assert_string_equal(strbuf_text(&answer),
                        "{\"error\":\"Template 'welcome' not found or inactive\"}");
    assert_int_equal(read_with(",\"template_id\":\"7\""), 0);
    assert_int_equal(notify_item_template_by(&item), NOTIFY_TEMPLATE_BY_ID);
    assert_true(notify_item_template_id(&item, &id));
    assert_int_equal(id, 7);
    assert_int_equal(read_with(",\"template_id\":12345678901234567890"), 0);
    assert_false(notify_item_template_id(&item, &id));
    assert_int_equal(notify_item_no_template(&item, &answer), 404);
    assert_string_equal(strbuf_text(&answer), "{\"error\":\"Template with ID 12345678901234567890"
                                              " not found or inactive\"}");
}

static void want_of_memory_is_told(void **state)
{
    bool failed = true;
    (void)state;
    for (size_t n = 1; failed; n++) {
        clear();
        assert_int_equal(body_parse_json(&body,
                                         SPAN("{\"channel\":\"push\",\"to\":\"t\",\"body\":\"b\","
                                              "\"send_at\":\"2026-12-24T18:00\"}"),
                                         NULL),
                         CELERIAC_OK);
        mem_fail_at(n);
        unsigned status = notify_item_read(&item, &body, NOW, &answer);
        if (status == 0)
            status = notify_item_make_row(&item, 0, NOW, HORIZON, &answer);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(status, failed ? 503 : 0);
    }
    /* A sentence is there as a whole, or not at all. */
    assert_int_equal(read_with(",\"template\":\"welcome\""), 0);
    mem_fail_once(1);
    assert_int_equal(notify_item_no_template(&item, &answer), 503);
    mem_fail_at(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(problems_are_in_drfs_words),
        cmocka_unit_test(times_are_those_of_drf),
        cmocka_unit_test(times_are_within_a_year),
        cmocka_unit_test(near_times_are_published_at_once),
        cmocka_unit_test(documents_name_a_time_when_there_is_one),
        cmocka_unit_test(numbers_of_many_digits_are_bounded),
        cmocka_unit_test(templates_are_by_name_or_id),
        cmocka_unit_test(want_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
