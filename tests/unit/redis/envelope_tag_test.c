#include "celery_proto/redis/envelope_tag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void changes_nothing_but_the_tag(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        const char *after;
    } cases[] = {
        {"{\"body\": \"\", \"headers\": {\"delivery_tag\": \"no\", \"n\": 1180591620717411303424}, "
         "\"properties\": {\"delivery_tag\": \"old\", \"delivery_info\": {}}}",
         "{\"body\": \"\", \"headers\": {\"delivery_tag\": \"no\", \"n\": 1180591620717411303424}, "
         "\"properties\": {\"delivery_tag\": \"new\", \"delivery_info\": {}}}"},
        {"{\"properties\":{\"delivery\\u005ftag\":\"o\\u006cd\",\"x\":NaN}}",
         "{\"properties\":{\"delivery\\u005ftag\":\"new\",\"x\":NaN}}"},
    };
    struct cel_envelope_reader reader;
    cel_envelope_reader_init(&reader);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cel_envelope envelope;
        struct strbuf out;
        strbuf_init(&out, 1000);
        assert_int_equal(
            cel_envelope_read(&reader, span_of(cases[i].before), &envelope, NULL, NULL),
            CELERIAC_OK);
        cel_envelope_add_with_tag(&envelope, SPAN("new"), &out);
        assert_string_equal(strbuf_text(&out), cases[i].after);
        strbuf_close(&out);
    }
    cel_envelope_reader_close(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_nothing_but_the_tag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
