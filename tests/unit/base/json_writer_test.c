#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/json_writer.h"
#include "tests/support/case_file.h"

static void quotes_as_python_does(void **state)
{
    (void)state;
    struct case_file *file = case_file_open("json/dumps.tsv");
    struct span columns[3];
    struct strbuf out;
    strbuf_init(&out, 10000);
    while (case_file_next(file, columns, 3)) {
        strbuf_clear(&out);
        json_quote(&out, columns[0], JSON_STYLE_PYTHON);
        if (!span_equal(strbuf_span(&out), columns[1]))
            fail_msg("dumps.tsv:%zu: %s", case_file_line(file), strbuf_text(&out));
        strbuf_clear(&out);
        json_quote(&out, columns[0], JSON_STYLE_DRF);
        /* Where Python's UTF-8 encoder fails, at surrogates, we write an escape. */
        if (!span_is(columns[2], "-") && !span_equal(strbuf_span(&out), columns[2]))
            fail_msg("dumps.tsv:%zu: DRF: %s", case_file_line(file), strbuf_text(&out));
        assert_true(span_is_utf8(strbuf_span(&out)));
    }
    assert_true(case_file_line(file) > 400);
    strbuf_close(&out);
    case_file_close(file);
}

static void check_quote(const char *text, enum json_style style, const char *wanted)
{
    struct strbuf out;
    strbuf_init(&out, 1000);
    json_quote(&out, span_of(text), style);
    assert_string_equal(strbuf_text(&out), wanted);
    strbuf_close(&out);
}

static void writes_json_whatever_it_is_given(void **state)
{
    (void)state;
    check_quote("\xed\xa0\x80", JSON_STYLE_DRF, "\"\\ud800\"");
    check_quote("a\xff z", JSON_STYLE_PYTHON, "\"a\\ufffd z\"");
    check_quote("a\xff z", JSON_STYLE_DRF, "\"a\xef\xbf\xbd z\"");
    check_quote("\xc3", JSON_STYLE_PYTHON, "\"\\ufffd\"");
    check_quote("\xe2\x82", JSON_STYLE_PYTHON, "\"\\ufffd\\ufffd\"");
    check_quote("\xc0\x80", JSON_STYLE_PYTHON, "\"\\ufffd\\ufffd\"");
    check_quote("\xf4\x90\x80\x80", JSON_STYLE_DRF,
                "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    check_quote("\xef\xbf\xbd", JSON_STYLE_DRF, "\"\xef\xbf\xbd\"");
}

/* One document with everything in it. */
static void write_all(struct strbuf *out, enum json_style style)
{
    struct json_writer w;
    json_writer_init(&w, out, style);
    json_begin_object(&w);
    json_key(&w, "empty");
    json_begin_object(&w);
    json_end_object(&w);
    json_key(&w, "list");
    json_begin_array(&w);
    json_integer(&w, -5);
    json_boolean(&w, true);
    json_boolean(&w, false);
    json_null(&w);
    json_number(&w, 1.5);
    json_text(&w, NULL);
    json_begin_array(&w);
    json_end_array(&w);
    json_begin_array(&w);
    json_text(&w, "in");
    json_end_array(&w);
    json_end_array(&w);
    json_key_span(&w, SPAN("k\"\xc3\xa9"));
    json_string(&w, SPAN("v\n"));
    json_key(&w, "raw");
    json_value(&w, SPAN("{\"x\" :1}"));
    json_key(&w, "last");
    json_integer(&w, 0);
    json_end_object(&w);
}

static void separates_in_both_styles(void **state)
{
    (void)state;
    struct strbuf out;
    strbuf_init(&out, 1000);
    write_all(&out, JSON_STYLE_PYTHON);
    assert_string_equal(strbuf_text(&out),
                        "{\"empty\": {}, \"list\": [-5, true, false, null, 1.5, null, [], "
                        "[\"in\"]], \"k\\\"\\u00e9\": \"v\\n\", \"raw\": {\"x\" :1}, \"last\": 0}");
    strbuf_clear(&out);
    write_all(&out, JSON_STYLE_DRF);
    assert_string_equal(strbuf_text(&out),
                        "{\"empty\":{},\"list\":[-5,true,false,null,1.5,null,[],[\"in\"]],"
                        "\"k\\\"\xc3\xa9\":\"v\\n\",\"raw\":{\"x\" :1},\"last\":0}");
    strbuf_close(&out);
}

static void writes_numbers_as_python_does(void **state)
{
    (void)state;
    static const struct {
        double n;
        const char *text;
    } cases[] = {
        {0, "0.0"},
        {-0.0, "-0.0"},
        {1e16, "1e+16"},
        {0.1, "0.1"},
        {1e-7, "1e-07"},
        {1795379699.128789, "1795379699.128789"},
        {(double)NAN, "NaN"},
        {-(double)NAN, "NaN"},
        {HUGE_VAL, "Infinity"},
        {-HUGE_VAL, "-Infinity"},
    };
    struct strbuf out;
    strbuf_init(&out, 100);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_writer w;
        strbuf_clear(&out);
        json_writer_init(&w, &out, JSON_STYLE_PYTHON);
        json_number(&w, cases[i].n);
        assert_string_equal(strbuf_text(&out), cases[i].text);
    }
    strbuf_close(&out);
}

static void appends_to_what_is_there(void **state)
{
    (void)state;
    struct strbuf out;
    struct json_writer w;
    strbuf_init(&out, 100);
    strbuf_add_text(&out, "[");
    json_writer_init(&w, &out, JSON_STYLE_PYTHON);
    json_begin_array(&w);
    json_end_array(&w);
    strbuf_add_text(&out, "]");
    assert_string_equal(strbuf_text(&out), "[[]]");
    strbuf_close(&out);
}

static void limits_the_depth(void **state)
{
    (void)state;
    for (unsigned depth = JSON_WRITER_DEPTH_MAX; depth <= JSON_WRITER_DEPTH_MAX + 2; depth++) {
        struct strbuf out;
        struct json_writer w;
        strbuf_init(&out, 1000);
        json_writer_init(&w, &out, JSON_STYLE_PYTHON);
        for (unsigned i = 0; i < depth; i++)
            json_begin_array(&w);
        json_integer(&w, 1);
        json_integer(&w, 2);
        for (unsigned i = 0; i < depth; i++)
            json_end_array(&w);
        bool fits = depth == JSON_WRITER_DEPTH_MAX;
        assert_int_equal(strbuf_status(&out), fits ? CELERIAC_OK : CELERIAC_ERR_LIMIT);
        assert_int_equal(w.depth, 0);
        strbuf_close(&out);
    }
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct strbuf out;
        strbuf_init(&out, 100000);
        mem_fail_at(n);
        for (int i = 0; i < 20; i++)
            write_all(&out, JSON_STYLE_PYTHON);
        bool failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(strbuf_status(&out), failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        strbuf_close(&out);
        if (!failed) {
            assert_true(n > 3);
            break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_as_python_does),
        cmocka_unit_test(writes_json_whatever_it_is_given),
        cmocka_unit_test(separates_in_both_styles),
        cmocka_unit_test(writes_numbers_as_python_does),
        cmocka_unit_test(appends_to_what_is_there),
        cmocka_unit_test(limits_the_depth),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
