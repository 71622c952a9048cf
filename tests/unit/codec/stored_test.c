#include "celery_proto/codec/stored.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/alloc.h"

#define MAX 4096

/* celery.backends.base.compress_payload('{"status": "SUCCESS"}', "gzip") of Celery 5.7. */
static const char compressed[] = "\0celery-compressed\0application/x-gzip\0"
                                 "\x78\x9c\xab\x56\x2a\x2e\x49\x2c\x29\x2d\x56\xb2\x52\x50\x0a\x0e"
                                 "\x75\x76\x76\x0d\x0e\x56\xaa\x05\x00\x4c\xda\x06\x98";
#define COMPRESSED ((struct span){compressed, sizeof compressed - 1})
#define PLAIN "{\"status\": \"SUCCESS\"}"

static enum celeriac_err read_all(struct span stored, size_t max, struct strbuf *plain,
                                  struct span *text)
{
    *text = (struct span){NULL, 0};
    return cel_stored_read(stored, max, plain, text, NULL);
}

static void plain_text_is_itself(void **state)
{
    const struct span texts[] = {SPAN(""), SPAN("{}"), SPAN("\0celery"), SPAN("celery-compressed")};
    struct strbuf plain;
    struct span text;

    (void)state;
    strbuf_init(&plain, MAX);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(read_all(texts[i], MAX, &plain, &text), CELERIAC_OK);
        assert_ptr_equal(text.ptr, texts[i].ptr);
        assert_int_equal(text.len, texts[i].len);
    }
    strbuf_close(&plain);
}

static void compressed_text_is_read(void **state)
{
    struct strbuf plain;
    struct span text;

    (void)state;
    strbuf_init(&plain, MAX);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(read_all(COMPRESSED, MAX, &plain, &text), CELERIAC_OK);
        assert_true(span_is(text, PLAIN));
    }
    assert_int_equal(read_all(COMPRESSED, sizeof PLAIN - 1, &plain, &text), CELERIAC_OK);
    assert_int_equal(read_all(COMPRESSED, sizeof PLAIN - 2, &plain, &text), CELERIAC_ERR_LIMIT);
    strbuf_close(&plain);
}

/* Whatever is missing at the end, it is no result, but never a wrong one. */
static void cut_texts_are_refused(void **state)
{
    struct strbuf plain;
    struct span text;

    (void)state;
    strbuf_init(&plain, MAX);
    for (size_t len = sizeof "\0celery-compressed"; len < COMPRESSED.len; len++)
        assert_int_not_equal(read_all((struct span){compressed, len}, MAX, &plain, &text),
                             CELERIAC_OK);
    strbuf_close(&plain);
}

static void other_methods_are_named(void **state)
{
    static const char bzip2[] = "\0celery-compressed\0application/x-bz2\0BZh9";
    struct celeriac_error err = {0};
    struct strbuf plain;
    struct span text;

    (void)state;
    strbuf_init(&plain, MAX);
    assert_int_equal(
        cel_stored_read((struct span){bzip2, sizeof bzip2 - 1}, MAX, &plain, &text, &err),
        CELERIAC_ERR_UNSUPPORTED);
    assert_string_equal(err.text, "result: compressed by another method than zlib");
    strbuf_close(&plain);
}

static void memory_is_short(void **state)
{
    enum celeriac_err code = CELERIAC_ERR_MEMORY;
    struct span text;

    (void)state;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct strbuf plain;

        strbuf_init(&plain, MAX);
        mem_fail_at(n);
        code = read_all(COMPRESSED, MAX, &plain, &text);
        assert_int_equal(code, mem_has_failed() ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        mem_fail_at(0);
        strbuf_close(&plain);
        assert_true(n < 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_is_itself),  cmocka_unit_test(compressed_text_is_read),
        cmocka_unit_test(cut_texts_are_refused), cmocka_unit_test(other_methods_are_named),
        cmocka_unit_test(memory_is_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
