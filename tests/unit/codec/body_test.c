#include "celery_proto/codec/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/base64.h"

#define TEXT_MAX ((size_t)1024 * 1024)

struct fixture {
    struct json_doc doc;
    struct strbuf scratch;
    struct strbuf out;
    enum cel_refuse cause;
    struct celeriac_error err;
};

static int setup(void **state)
{
    static struct fixture f;

    f = (struct fixture){.cause = CEL_REFUSE_NONE};
    json_init(&f.doc);
    strbuf_init(&f.scratch, TEXT_MAX);
    strbuf_init(&f.out, TEXT_MAX);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    json_close(&f->doc);
    strbuf_close(&f->scratch);
    strbuf_close(&f->out);
    return 0;
}

static const struct json_node *node(struct fixture *f, struct span json)
{
    assert_int_equal(json_parse(&f->doc, json, NULL, NULL), CELERIAC_OK);
    return json_root(&f->doc);
}

static enum celeriac_err decode(struct fixture *f, struct span json,
                                enum cel_body_encoding encoding, enum cel_compression compression,
                                size_t max)
{
    f->cause = CEL_REFUSE_NONE;
    celeriac_error_clear(&f->err);
    return cel_body_decode(node(f, json), encoding, compression, max, &f->scratch, &f->out,
                           &f->cause, &f->err);
}

static void test_checklist_38_literal_bodies(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        decode(f, SPAN("\"[[1], {}, {}]\""), CEL_BODY_LITERAL, CEL_COMPRESSION_NONE, 99),
        CELERIAC_OK);
    assert_string_equal(strbuf_text(&f->out), "[[1], {}, {}]");
    assert_int_equal(
        decode(f, SPAN("\" \\u00e9\\\"\""), CEL_BODY_LITERAL, CEL_COMPRESSION_NONE, 99),
        CELERIAC_OK);
    assert_string_equal(strbuf_text(&f->out), "[[1], {}, {}] \xc3\xa9\"");
}

static void test_base64_bodies(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(decode(f, SPAN("\"W10=\""), CEL_BODY_BASE64, CEL_COMPRESSION_NONE, 99),
                     CELERIAC_OK);
    assert_string_equal(strbuf_text(&f->out), "[]");
    strbuf_clear(&f->out);
    assert_int_equal(decode(f, SPAN("\"\\u005710=\""), CEL_BODY_BASE64, CEL_COMPRESSION_NONE, 99),
                     CELERIAC_OK);
    assert_string_equal(strbuf_text(&f->out), "[]");
    strbuf_clear(&f->out);
    assert_int_equal(decode(f, SPAN("\"\""), CEL_BODY_BASE64, CEL_COMPRESSION_ZLIB, 99),
                     CELERIAC_OK);
    assert_int_equal(decode(f, SPAN("null"), CEL_BODY_BASE64, CEL_COMPRESSION_NONE, 99),
                     CELERIAC_OK);
    assert_int_equal(f->out.len, 0);
}

static void test_damaged_text_is_refused(void **state)
{
    struct fixture *f = *state;

    strbuf_add_text(&f->out, "kept");
    assert_int_equal(decode(f, SPAN("\"W1\""), CEL_BODY_BASE64, CEL_COMPRESSION_NONE, 99),
                     CELERIAC_ERR_SYNTAX);
    assert_int_equal(f->cause, CEL_REFUSE_BODY_TEXT);
    assert_string_equal(f->err.text, "body: not base64");
    assert_int_equal(decode(f, SPAN("[1]"), CEL_BODY_LITERAL, CEL_COMPRESSION_NONE, 99),
                     CELERIAC_ERR_VALUE);
    assert_int_equal(f->cause, CEL_REFUSE_BODY_TEXT);
    assert_string_equal(f->err.text, "body: not a string");
    assert_string_equal(strbuf_text(&f->out), "kept");
}

/* At the limit and one byte above it, in each form. */
static void test_limits(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(decode(f, SPAN("\"12345\""), CEL_BODY_LITERAL, CEL_COMPRESSION_NONE, 5),
                     CELERIAC_OK);
    assert_int_equal(decode(f, SPAN("\"123456\""), CEL_BODY_LITERAL, CEL_COMPRESSION_NONE, 5),
                     CELERIAC_ERR_LIMIT);
    assert_int_equal(f->cause, CEL_REFUSE_TOO_LARGE);
    assert_string_equal(f->err.text, "body: larger than allowed");
    assert_int_equal(decode(f, SPAN("\"MTIzNDU=\""), CEL_BODY_BASE64, CEL_COMPRESSION_NONE, 5),
                     CELERIAC_OK);
    assert_int_equal(decode(f, SPAN("\"MTIzNDU2\""), CEL_BODY_BASE64, CEL_COMPRESSION_NONE, 5),
                     CELERIAC_ERR_LIMIT);
    assert_int_equal(
        decode(f, SPAN("\"MTIzNDU2MTIzNDU2\""), CEL_BODY_BASE64, CEL_COMPRESSION_NONE, 5),
        CELERIAC_ERR_LIMIT);
    assert_string_equal(strbuf_text(&f->out), "1234512345");
}

/* What Python's zlib.compress() made of b'[[1], {}, {}]'. */
static const struct span python_zlib = {"\"eJyLjjaM1VGorgXhWAAbqAQq\"", 26};

static void test_checklist_39_gzip_is_a_zlib_stream(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(decode(f, python_zlib, CEL_BODY_BASE64, CEL_COMPRESSION_ZLIB, 99),
                     CELERIAC_OK);
    assert_string_equal(strbuf_text(&f->out), "[[1], {}, {}]");
    strbuf_clear(&f->out);
    assert_int_equal(decode(f, python_zlib, CEL_BODY_BASE64, CEL_COMPRESSION_ZLIB, 13),
                     CELERIAC_OK);
    assert_int_equal(decode(f, python_zlib, CEL_BODY_BASE64, CEL_COMPRESSION_ZLIB, 12),
                     CELERIAC_ERR_LIMIT);
    assert_int_equal(f->cause, CEL_REFUSE_TOO_LARGE);
    assert_int_equal(decode(f, SPAN("\"AAAA\""), CEL_BODY_BASE64, CEL_COMPRESSION_ZLIB, 99),
                     CELERIAC_ERR_SYNTAX);
    assert_int_equal(f->cause, CEL_REFUSE_COMPRESSED_DATA);
    /* A real gzip file, which Python's zlib.decompress() refuses as well. */
    assert_int_equal(decode(f, SPAN("\"H4sIAAAAAAAAA4uOBQApu0wNAgAAAA==\""), CEL_BODY_BASE64,
                            CEL_COMPRESSION_ZLIB, 99),
                     CELERIAC_ERR_SYNTAX);
    assert_string_equal(strbuf_text(&f->out), "[[1], {}, {}]");
}

static void test_compression_names(void **state)
{
    struct fixture *f = *state;
    const char *const zlib[] = {"\"application/x-gzip\"", "\"gzip\"", "\"zlib\""};
    const char *const none[] = {"null", "\"\""};
    const char *const unknown[] = {"\"application/x-bz2\"",
                                   "\"application/zstd\"",
                                   "\"application/x-lzma\"",
                                   "\"application/x-brotli\"",
                                   "\"GZIP\"",
                                   "1",
                                   "[]",
                                   "\"\\u0067zip\""};
    enum cel_compression c = CEL_COMPRESSION_NONE;

    for (size_t i = 0; i < sizeof(zlib) / sizeof(zlib[0]); i++) {
        assert_true(cel_compression_parse(node(f, span_of(zlib[i])), &c));
        assert_int_equal(c, CEL_COMPRESSION_ZLIB);
    }
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_true(cel_compression_parse(node(f, span_of(none[i])), &c));
        assert_int_equal(c, CEL_COMPRESSION_NONE);
    }
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        assert_false(cel_compression_parse(node(f, span_of(unknown[i])), &c));
    assert_true(cel_compression_parse(NULL, &c));
    assert_string_equal(cel_compression_header(CEL_COMPRESSION_ZLIB), "application/x-gzip");
    assert_null(cel_compression_header(CEL_COMPRESSION_NONE));
}

static void test_encoding_names(void **state)
{
    struct fixture *f = *state;
    const char *const literal[] = {"null", "\"\"", "\"utf-8\"", "\"UTF-8\""};
    const char *const unknown[] = {"\"BASE64\"", "\"rot13\"", "1", "{}"};
    enum cel_body_encoding e = CEL_BODY_BASE64;

    for (size_t i = 0; i < sizeof(literal) / sizeof(literal[0]); i++) {
        e = CEL_BODY_BASE64;
        assert_true(cel_body_encoding_parse(node(f, span_of(literal[i])), &e));
        assert_int_equal(e, CEL_BODY_LITERAL);
    }
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        assert_false(cel_body_encoding_parse(node(f, span_of(unknown[i])), &e));
    assert_true(cel_body_encoding_parse(node(f, SPAN("\"base64\"")), &e));
    assert_int_equal(e, CEL_BODY_BASE64);
    assert_true(cel_body_encoding_parse(NULL, &e));
    assert_int_equal(e, CEL_BODY_LITERAL);
}

static void test_compresses_as_python_does(void **state)
{
    struct fixture *f = *state;
    struct strbuf text;

    strbuf_init(&text, TEXT_MAX);
    assert_int_equal(cel_body_compress(SPAN("[[1], {}, {}]"), &f->out), CELERIAC_OK);
    base64_encode(&text, strbuf_span(&f->out));
    assert_true(span_equal(strbuf_span(&text), (struct span){python_zlib.ptr + 1, 24}));
    strbuf_close(&text);
}

static void test_round_trips_any_size(void **state)
{
    struct fixture *f = *state;
    struct strbuf bytes;
    uint32_t x = 1;

    strbuf_init(&bytes, TEXT_MAX);
    for (size_t size = 0; size <= 200000; size = size * 3 + 1) {
        strbuf_clear(&bytes);
        strbuf_clear(&f->out);
        strbuf_clear(&f->scratch);
        for (size_t i = 0; i < size; i++) {
            x = x * 1664525u + 1013904223u;
            strbuf_add_char(&bytes, (char)(i % 7 == 0 ? x >> 24 : 'a'));
        }
        assert_int_equal(cel_body_compress(strbuf_span(&bytes), &f->scratch), CELERIAC_OK);
        assert_int_equal(cel_body_decompress(strbuf_span(&f->scratch), size, &f->out), CELERIAC_OK);
        assert_true(span_equal(strbuf_span(&f->out), strbuf_span(&bytes)));
        if (size > 0) {
            strbuf_clear(&f->out);
            assert_int_equal(cel_body_decompress(strbuf_span(&f->scratch), size - 1, &f->out),
                             CELERIAC_ERR_LIMIT);
            assert_int_equal(f->out.len, 0);
        }
    }
    strbuf_close(&bytes);
}

/* Half a megabyte of zeros in a few hundred bytes: the limit is met long before memory is. */
static void test_a_bomb_stops_at_the_limit(void **state)
{
    struct fixture *f = *state;
    struct strbuf zeros;

    strbuf_init(&zeros, TEXT_MAX);
    for (size_t i = 0; i < TEXT_MAX / 2; i++)
        strbuf_add_char(&zeros, '\0');
    assert_int_equal(cel_body_compress(strbuf_span(&zeros), &f->scratch), CELERIAC_OK);
    assert_true(f->scratch.len < 2000);
    assert_int_equal(cel_body_decompress(strbuf_span(&f->scratch), 10000, &f->out),
                     CELERIAC_ERR_LIMIT);
    assert_int_equal(f->out.len, 0);
    assert_true(f->out.cap < 100000);
    strbuf_close(&zeros);
}

static void test_cut_streams_are_damaged(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(cel_body_compress(SPAN("some text that is long enough to cut"), &f->scratch),
                     CELERIAC_OK);
    for (size_t len = 0; len < f->scratch.len; len++) {
        assert_int_equal(cel_body_decompress((struct span){f->scratch.ptr, len}, 1000, &f->out),
                         CELERIAC_ERR_SYNTAX);
        assert_int_equal(f->out.len, 0);
    }
    strbuf_add_text(&f->scratch, "what follows the end is ignored, as in Python");
    assert_int_equal(cel_body_decompress(strbuf_span(&f->scratch), 1000, &f->out), CELERIAC_OK);
    assert_string_equal(strbuf_text(&f->out), "some text that is long enough to cut");
}

static void test_sizes_beyond_the_maximum(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(cel_body_compress((struct span){"", CEL_BODY_MAX + 1}, &f->out),
                     CELERIAC_ERR_LIMIT);
    assert_int_equal(cel_body_decompress(SPAN(""), CEL_BODY_MAX + 1, &f->out), CELERIAC_ERR_LIMIT);
    assert_int_equal(f->out.len, 0);
}

static void test_survives_every_allocation_failure(void **state)
{
    struct fixture *f = *state;
    const struct json_node *body = node(f, python_zlib);
    bool failed = true;

    for (size_t n = 1; failed; n++) {
        struct strbuf scratch, out;
        enum cel_refuse cause = CEL_REFUSE_NONE;
        enum celeriac_err code;

        strbuf_init(&scratch, TEXT_MAX);
        strbuf_init(&out, TEXT_MAX);
        mem_fail_at(n);
        code = cel_body_decode(body, CEL_BODY_BASE64, CEL_COMPRESSION_ZLIB, 99, &scratch, &out,
                               &cause, NULL);
        if (code == CELERIAC_OK)
            code = cel_body_compress(SPAN("abc"), &out);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        assert_int_equal(cause, CEL_REFUSE_NONE);
        strbuf_close(&scratch);
        strbuf_close(&out);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_checklist_38_literal_bodies),
        TEST(test_base64_bodies),
        TEST(test_damaged_text_is_refused),
        TEST(test_limits),
        TEST(test_checklist_39_gzip_is_a_zlib_stream),
        TEST(test_compression_names),
        TEST(test_encoding_names),
        TEST(test_compresses_as_python_does),
        TEST(test_round_trips_any_size),
        TEST(test_a_bomb_stops_at_the_limit),
        TEST(test_cut_streams_are_damaged),
        TEST(test_sizes_beyond_the_maximum),
        TEST(test_survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
