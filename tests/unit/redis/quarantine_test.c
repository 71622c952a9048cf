#include "celery_proto/redis/quarantine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/json.h"

/* Wall time of the examples: 2026-11-22T20:34:59.134672Z. */
#define NOW_US INT64_C(1795379699134672)

static void keeps_text_as_text(void **state)
{
    (void)state;
    struct strbuf out;
    strbuf_init(&out, 1000);
    cel_quarantine_entry(&out, "not-json", NOW_US, SPAN("celery"), SPAN("{\"a\": \xc3\xa9 \n"));
    assert_string_equal(
        strbuf_text(&out),
        "{\"reason\": \"not-json\", \"time\": \"2026-11-22T20:34:59.134672+00:00\", "
        "\"queue\": \"celery\", \"message\": \"{\\\"a\\\": \\u00e9 \\n\"}");
    strbuf_close(&out);
}

static void keeps_bytes_whole(void **state)
{
    (void)state;
    static const char bytes[] = "\xff\x00{\"";
    struct strbuf out;
    struct strbuf back;
    struct json_doc doc;
    struct span text;
    strbuf_init(&out, 1000);
    strbuf_init(&back, 1000);
    json_init(&doc);
    cel_quarantine_entry(&out, "not-json", NOW_US, (struct span){0},
                         (struct span){bytes, sizeof bytes});
    assert_int_equal(json_parse(&doc, strbuf_span(&out), NULL, NULL), CELERIAC_OK);
    assert_true(json_is_null(json_get(json_root(&doc), "queue")));
    assert_null(json_get(json_root(&doc), "message"));
    assert_true(json_peek_string(json_get(json_root(&doc), "message_base64"), &text));
    assert_int_equal(base64_decode(&back, text), CELERIAC_OK);
    assert_int_equal(back.len, sizeof bytes);
    assert_memory_equal(back.ptr, bytes, sizeof bytes);
    json_close(&doc);
    strbuf_close(&out);
    strbuf_close(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_text_as_text),
        cmocka_unit_test(keeps_bytes_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
