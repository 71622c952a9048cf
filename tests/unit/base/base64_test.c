#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/base64.h"

static void encodes_the_rfc_s_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *standard, *url;
    } cases[] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/", "-_-_"},
        {"[[1, 2], {}, {}]", "W1sxLCAyXSwge30sIHt9XQ==", "W1sxLCAyXSwge30sIHt9XQ"},
    };
    struct strbuf out;
    strbuf_init(&out, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        strbuf_clear(&out);
        base64_encode(&out, span_of(cases[i].bytes));
        assert_string_equal(strbuf_text(&out), cases[i].standard);
        strbuf_clear(&out);
        base64_encode_url(&out, span_of(cases[i].bytes));
        assert_string_equal(strbuf_text(&out), cases[i].url);
        strbuf_clear(&out);
        strbuf_add_text(&out, "before ");
        assert_int_equal(base64_decode(&out, span_of(cases[i].standard)), CELERIAC_OK);
        assert_string_equal(strbuf_text(&out) + 7, cases[i].bytes);
    }
    strbuf_close(&out);
}

static void decodes_what_it_encodes(void **state)
{
    (void)state;
    enum { MAX = 300 };
    unsigned char bytes[MAX];
    struct strbuf text;
    struct strbuf again;
    strbuf_init(&text, 1000);
    strbuf_init(&again, 1000);
    for (size_t len = 0; len <= MAX; len++) {
        for (size_t i = 0; i < len; i++)
            bytes[i] = (unsigned char)(i * 7 + len * 13);
        strbuf_clear(&text);
        strbuf_clear(&again);
        base64_encode(&text, (struct span){(const char *)bytes, len});
        assert_int_equal(strbuf_span(&text).len, (len + 2) / 3 * 4);
        assert_int_equal(base64_decode(&again, strbuf_span(&text)), CELERIAC_OK);
        assert_int_equal(again.len, len);
        if (len > 0)
            assert_memory_equal(again.ptr, bytes, len);
    }
    strbuf_close(&text);
    strbuf_close(&again);
}

/* What base64.b64decode() of CPython 3.9 to 3.12 answers; NULL: binascii.Error. */
static void is_as_loose_as_python(void **state)
{
    (void)state;
    static const struct {
        const char *text, *bytes;
    } cases[] = {
        {"Zm9v\n", "foo"},   {" Z m 9 v ", "foo"}, {"Zm9v-_!", "foo"},   {"Zg==garbage", "f"},
        {"Zg==Zg==", "f"},   {"Zg=\n=", "f"},      {"Zm9vYg==", "foob"}, {"=Zm9v", "foo"},
        {"Z=m9v", "foo"},    {"Zm=9v", "foo"},     {"Zm9=v", "fo"},      {"====", ""},
        {"Zm9v====", "foo"}, {"\x80\xff", ""},     {"Z", NULL},          {"Zg", NULL},
        {"Zg=", NULL},       {"Zm9", NULL},        {"Zm9vY", NULL},      {"Zm9vYg", NULL},
        {"Zm9vYg=", NULL},   {"Z===", NULL},       {"Zm9v=", "foo"},     {"Zm8=", "fo"},
        {"Zm8==", "fo"},     {"Zh==", "f"},        {"Zm9vY===", NULL},
    };
    struct strbuf out;
    strbuf_init(&out, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        strbuf_clear(&out);
        strbuf_add_text(&out, "kept");
        enum celeriac_err code = base64_decode(&out, span_of(cases[i].text));
        if ((code == CELERIAC_OK) != (cases[i].bytes != NULL))
            fail_msg("\"%s\" gave code %d", cases[i].text, code);
        assert_string_equal(strbuf_text(&out) + 4, cases[i].bytes ? cases[i].bytes : "");
        assert_int_equal(strncmp(strbuf_text(&out), "kept", 4), 0);
        if (!cases[i].bytes)
            assert_int_equal(code, CELERIAC_ERR_SYNTAX);
        assert_int_equal(strbuf_status(&out), CELERIAC_OK);
    }
    strbuf_close(&out);
}

static void respects_the_maximum_exactly(void **state)
{
    (void)state;
    struct strbuf out;
    strbuf_init(&out, 4);
    assert_int_equal(base64_decode(&out, SPAN("Zm9vYg==\n\n\n\n")), CELERIAC_OK);
    assert_string_equal(strbuf_text(&out), "foob");
    strbuf_clear(&out);
    assert_int_equal(base64_decode(&out, SPAN("Zm9vYmE=")), CELERIAC_ERR_LIMIT);
    assert_int_equal(out.len, 0);
    strbuf_close(&out);
    strbuf_init(&out, 8);
    base64_encode(&out, SPAN("foobar"));
    assert_int_equal(strbuf_status(&out), CELERIAC_OK);
    strbuf_clear(&out);
    base64_encode(&out, SPAN("foobarb"));
    assert_int_equal(strbuf_status(&out), CELERIAC_ERR_LIMIT);
    strbuf_close(&out);
}

static void takes_empty_spans(void **state)
{
    (void)state;
    struct strbuf out;
    strbuf_init(&out, 100);
    base64_encode(&out, (struct span){NULL, 0});
    assert_int_equal(base64_decode(&out, (struct span){NULL, 0}), CELERIAC_OK);
    assert_int_equal(out.len, 0);
    strbuf_close(&out);
}

static void reports_lack_of_memory(void **state)
{
    (void)state;
    struct strbuf out;
    strbuf_init(&out, 100);
    mem_fail_at(1);
    enum celeriac_err code = base64_decode(&out, SPAN("Zm9v"));
    mem_fail_at(0);
    assert_int_equal(code, CELERIAC_ERR_MEMORY);
    strbuf_close(&out);
    mem_fail_at(1);
    base64_encode(&out, SPAN("foo"));
    mem_fail_at(0);
    assert_int_equal(strbuf_status(&out), CELERIAC_ERR_MEMORY);
    strbuf_close(&out);
}

/* A copy that ends where the text ends shows every byte read beyond it. */
static void survives_random_text(void **state)
{
    (void)state;
    static const char alphabet[] = "ABZaz09+/==\n -";
    uint32_t seed = 5;
    struct strbuf out;
    strbuf_init(&out, 1000);
    for (int round = 0; round < 20000; round++) {
        size_t len = (size_t)round % 23;
        char *text = malloc(len + 1);
        assert_non_null(text);
        char *exact = text + 1; /* at an odd address as well */
        for (size_t i = 0; i < len; i++) {
            seed = seed * 1664525U + 1013904223U;
            exact[i] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        strbuf_clear(&out);
        if (base64_decode(&out, (struct span){exact, len}) != CELERIAC_OK)
            assert_int_equal(out.len, 0);
        assert_true(out.len <= len / 4 * 3 + 2);
        free(text);
    }
    strbuf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_the_rfc_s_vectors), cmocka_unit_test(decodes_what_it_encodes),
        cmocka_unit_test(is_as_loose_as_python),     cmocka_unit_test(respects_the_maximum_exactly),
        cmocka_unit_test(takes_empty_spans),         cmocka_unit_test(reports_lack_of_memory),
        cmocka_unit_test(survives_random_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
