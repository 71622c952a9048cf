#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/log_line.h"

/* 2026-11-22T20:34:59.134672Z */
#define WHEN INT64_C(1795379699134672)

static struct log_line line;

static const char *text_of(enum log_format format, const struct log_field *fields, size_t count)
{
    static char text[LOG_LINE_MAX + 1];
    log_line_begin(&line, format, WHEN, "INFO", "worker", "task received");
    for (size_t i = 0; i < count; i++)
        log_line_field(&line, &fields[i]);
    struct span whole = log_line_end(&line);
    assert_in_range(whole.len, 1, LOG_LINE_MAX);
    memcpy(text, whole.ptr, whole.len);
    text[whole.len] = '\0';
    return text;
}

/* The fixed part of a text line in a zone of one hour and a half east of UTC. */
#define HEAD "[2026-11-22 22:04:59,134] INFO worker: task received"

static int use_zone(void **state)
{
    (void)state;
    return setenv("TZ", "TEST-1:30", 1);
}

static void writes_text_in_local_time(void **state)
{
    (void)state;
    const struct log_field fields[] = {
        LOG_STR("task", "t.add"),
        LOG_INT("retries", -3),
        LOG_SECONDS("runtime", 5012345678),
        LOG_SPAN("part", ((struct span){"abcdef", 3})),
    };
    assert_string_equal(text_of(LOG_FORMAT_TEXT, NULL, 0), HEAD "\n");
    assert_string_equal(text_of(LOG_FORMAT_TEXT, fields, 4),
                        HEAD " task=t.add retries=-3 runtime=5.012346 part=abc\n");
}

static void writes_json_in_utc(void **state)
{
    (void)state;
    const struct log_field fields[] = {LOG_STR("task", "t.add"), LOG_INT("n", 7),
                                       LOG_SECONDS("runtime", -1500)};
    assert_string_equal(text_of(LOG_FORMAT_JSON, fields, 3),
                        "{\"time\":\"2026-11-22T20:34:59.134672Z\",\"level\":\"INFO\","
                        "\"component\":\"worker\",\"event\":\"task received\","
                        "\"task\":\"t.add\",\"n\":7,\"runtime\":-0.000002}\n");
}

static void shows_times_before_1970(void **state)
{
    (void)state;
    log_line_begin(&line, LOG_FORMAT_TEXT, -1, "INFO", "c", "e");
    assert_memory_equal(log_line_end(&line).ptr, "[1970-01-01 01:29:59,999] INFO c: e\n", 36);
}

static void rounds_seconds_to_microseconds(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "0.000000"},
        {499, "0.000000"},
        {500, "0.000001"},
        {999999500, "1.000000"},
        {-999999999, "-1.000000"},
        {INT64_MAX, "9223372036.854776"},
        {INT64_MIN, "-9223372036.854776"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct log_field field = LOG_SECONDS("s", cases[i].ns);
        const char *text = text_of(LOG_FORMAT_TEXT, &field, 1);
        assert_string_equal(strstr(text, " s="), text + strlen(text) - strlen(cases[i].text) - 4);
        assert_int_equal(strncmp(strstr(text, " s=") + 3, cases[i].text, strlen(cases[i].text)), 0);
    }
}

/* Values as text and as JSON; what could forge a line or a field is escaped. */
static void escapes_values(void **state)
{
    (void)state;
    static const char override[] = {(char)0xe2, (char)0x80, (char)0xae}; /* U+202E */
    static const struct {
        struct span value;
        const char *text, *json;
    } cases[] = {
        {{"word", 4}, "word", "\"word\""},
        {{"", 0}, "\"\"", "\"\""},
        {{NULL, 0}, "\"\"", "\"\""},
        {{"two words", 9}, "\"two words\"", "\"two words\""},
        {{"a=b", 3}, "\"a=b\"", "\"a=b\""},
        {{"say \"hi\"", 8}, "\"say \\\"hi\\\"\"", "\"say \\\"hi\\\"\""},
        {{"back\\slash", 10}, "\"back\\\\slash\"", "\"back\\\\slash\""},
        {{"a\nb\rc\td", 7}, "\"a\\nb\\rc\\td\"", "\"a\\nb\\rc\\td\""},
        {{"\x1b[31m", 5}, "\"\\u001b[31m\"", "\"\\u001b[31m\""},
        {{"a\0b", 3}, "\"a\\u0000b\"", "\"a\\u0000b\""},
        {{"\x7f", 1}, "\"\\u007f\"", "\"\\u007f\""},
        {{"\xc3\xa9", 2}, "\"\xc3\xa9\"", "\"\xc3\xa9\""},
        {{"\xc2\x9b", 2}, "\"\\u009b\"", "\"\\u009b\""},
        {{override, 3}, "\"\\u202e\"", "\"\\u202e\""},
        {{"\xe2\x80\xa8", 3}, "\"\\u2028\"", "\"\\u2028\""},
        {{"\xff!", 2}, "\"\\xff!\"", "\"\\ufffd!\""},
        {{"\xed\xa0\x80", 3}, "\"\\ud800\"", "\"\\ud800\""},
        {{"\xf0\x9f\x98\x80", 4}, "\"\xf0\x9f\x98\x80\"", "\"\xf0\x9f\x98\x80\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct log_field field = LOG_SPAN("v", cases[i].value);
        char wanted[200];
        (void)snprintf(wanted, sizeof wanted, HEAD " v=%s\n", cases[i].text);
        assert_string_equal(text_of(LOG_FORMAT_TEXT, &field, 1), wanted);
        (void)snprintf(wanted, sizeof wanted, ",\"v\":%s}\n", cases[i].json);
        const char *json = text_of(LOG_FORMAT_JSON, &field, 1);
        assert_string_equal(json + strlen(json) - strlen(wanted), wanted);
    }
}

static void check_json(const char *text, bool cut)
{
    struct json_doc doc;
    struct celeriac_error err = {0};
    json_init(&doc);
    if (json_parse(&doc, span_of(text), NULL, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    const struct json_node *mark = json_get(json_root(&doc), "cut");
    assert_int_equal(mark != NULL && mark->type == JSON_TRUE, cut);
    assert_true(json_string_is(json_get(json_root(&doc), "event"), "task received"));
    json_close(&doc);
}

/* Lengths of a value up to the limit, and each around it, of plain and of wide characters. */
static void cuts_long_lines_between_characters(void **state)
{
    (void)state;
    static const char *const units[] = {"x", "\xc3\xa9", "\xf0\x9f\x98\x80", "\n", "\"", "\xff"};
    static char value[2 * LOG_LINE_MAX];
    for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
        size_t unit_len = strlen(units[u]);
        bool seen_whole = false;
        bool seen_cut = false;
        size_t both_cut = 0;
        size_t longest = 0;
        for (size_t len = LOG_LINE_MAX / 8; len < LOG_LINE_MAX + 10 && both_cut < 100;
             len += longest < LOG_LINE_MAX - 300 ? 16 * unit_len : unit_len) {
            for (size_t i = 0; i + unit_len <= len; i += unit_len)
                memcpy(value + i, units[u], unit_len);
            const struct log_field fields[] = {
                LOG_SPAN("v", ((struct span){value, len / unit_len * unit_len})),
                LOG_INT("last", 1),
            };
            const char *text = text_of(LOG_FORMAT_TEXT, fields, 2);
            assert_true(span_is_utf8(span_of(text)));
            bool text_cut = span_ends(span_of(text), SPAN("...\n"));
            assert_int_equal(text_cut, !span_ends(span_of(text), SPAN(" last=1\n")));
            assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
            longest = strlen(text);
            const char *json = text_of(LOG_FORMAT_JSON, fields, 2);
            longest = longest < strlen(json) ? strlen(json) : longest;
            bool cut = strstr(json, ",\"last\":1}") == NULL;
            check_json(json, cut);
            seen_whole = seen_whole || !cut;
            seen_cut = seen_cut || cut;
            both_cut += text_cut && cut ? 1 : 0;
        }
        assert_true(seen_whole && seen_cut);
    }
}

static void stops_at_too_many_fields(void **state)
{
    (void)state;
    char key[32] = "";
    for (size_t count = 100; count < 600; count += 7) {
        log_line_begin(&line, LOG_FORMAT_JSON, WHEN, "INFO", "worker", "task received");
        for (size_t i = 0; i < count; i++) {
            (void)snprintf(key, sizeof key, "k%zu", i);
            log_line_field(&line, &LOG_INT(key, INT64_MIN));
        }
        struct span whole = log_line_end(&line);
        char text[LOG_LINE_MAX + 1];
        memcpy(text, whole.ptr, whole.len);
        text[whole.len] = '\0';
        check_json(text, strstr(text, key) == NULL);
        assert_int_equal(strstr(text, key) == NULL, count > 143);
    }
}

static void survives_a_fixed_part_that_is_too_long(void **state)
{
    (void)state;
    static char event[2 * LOG_LINE_MAX];
    memset(event, 'e', sizeof event - 1);
    const struct log_field field = LOG_INT("n", 1);
    for (int json = 0; json < 2; json++) {
        log_line_begin(&line, json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT, WHEN, "INFO", "c", event);
        log_line_field(&line, &field);
        struct span whole = log_line_end(&line);
        assert_in_range(whole.len, LOG_LINE_MAX - 20, LOG_LINE_MAX);
        assert_true(span_ends(whole, json ? SPAN("e\",\"cut\":true}\n") : SPAN("e...\n")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_text_in_local_time),
        cmocka_unit_test(writes_json_in_utc),
        cmocka_unit_test(shows_times_before_1970),
        cmocka_unit_test(rounds_seconds_to_microseconds),
        cmocka_unit_test(escapes_values),
        cmocka_unit_test(cuts_long_lines_between_characters),
        cmocka_unit_test(stops_at_too_many_fields),
        cmocka_unit_test(survives_a_fixed_part_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, use_zone, NULL);
}
