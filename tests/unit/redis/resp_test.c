#include "celery_proto/redis/resp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <stdlib.h>

static void writes_what_hiredis_writes(void **state)
{
    (void)state;
    static const char binary[] = "a\0\r\n$5\xff";
    const char *argv[] = {"SET", "", binary, "a longer argument than the others, with spaces"};
    const size_t lens[] = {3, 0, sizeof binary, 46};
    char *expected = NULL;
    long long len = redisFormatCommandArgv(&expected, 4, argv, lens);
    assert_true(len > 0);
    struct strbuf out;
    strbuf_init(&out, 1000);
    resp_begin(&out, 4);
    for (size_t i = 0; i < 4; i++)
        resp_arg(&out, (struct span){argv[i], lens[i]});
    assert_int_equal(out.len, len);
    assert_memory_equal(out.ptr, expected, (size_t)len);
    strbuf_close(&out);
    redisFreeCommand(expected);
}

static void writes_numbers(void **state)
{
    (void)state;
    static const struct {
        int64_t n;
        const char *text;
    } cases[] = {{0, "$1\r\n0\r\n"},
                 {-1, "$2\r\n-1\r\n"},
                 {1024, "$4\r\n1024\r\n"},
                 {INT64_MAX, "$19\r\n9223372036854775807\r\n"},
                 {INT64_MIN, "$20\r\n-9223372036854775808\r\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct strbuf out;
        strbuf_init(&out, 100);
        resp_arg_int(&out, cases[i].n);
        assert_string_equal(strbuf_text(&out), cases[i].text);
        strbuf_close(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_hiredis_writes),
        cmocka_unit_test(writes_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
