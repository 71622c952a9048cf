#include "celery_proto/redis/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <stdlib.h>

static struct redisReply *read_reply(const char *bytes)
{
    void *reply = NULL;
    struct redisReader *reader = redisReaderCreate();
    assert_non_null(reader);
    assert_int_equal(redisReaderFeed(reader, bytes, strlen(bytes)), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    return reply;
}

static void classifies_errors(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        enum celeriac_err code;
    } cases[] = {
        {"+OK\r\n", CELERIAC_OK},
        {":1\r\n", CELERIAC_OK},
        {"$-1\r\n", CELERIAC_OK},
        {"-LOADING Redis is loading the dataset in memory\r\n", CELERIAC_ERR_UNAVAILABLE},
        {"-READONLY You can't write against a read only replica.\r\n", CELERIAC_ERR_UNAVAILABLE},
        {"-MASTERDOWN Link with MASTER is down\r\n", CELERIAC_ERR_UNAVAILABLE},
        {"-BUSY Redis is busy running a script\r\n", CELERIAC_ERR_UNAVAILABLE},
        {"-OOM command not allowed when used memory > 'maxmemory'.\r\n", CELERIAC_ERR_UNAVAILABLE},
        {"-MISCONF Redis is configured to save RDB snapshots\r\n", CELERIAC_ERR_UNAVAILABLE},
        {"-UNBLOCKED force unblock from blocking operation\r\n", CELERIAC_ERR_UNAVAILABLE},
        {"-ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -READONLY You "
         "can't write against a read only replica.\r\n",
         CELERIAC_ERR_UNAVAILABLE},
        {"-ERR Error running script (call to f_1): @user_script:1: x\r\n", CELERIAC_ERR_PROTOCOL},
        {"-NOAUTH Authentication required.\r\n", CELERIAC_ERR_AUTH},
        {"-WRONGPASS invalid username-password pair\r\n", CELERIAC_ERR_AUTH},
        {"-NOPERM this user has no permissions\r\n", CELERIAC_ERR_AUTH},
        {"-ERR unknown command 'FOO'\r\n", CELERIAC_ERR_UNSUPPORTED},
        {"-ERR unknown subcommand 'FOO'\r\n", CELERIAC_ERR_UNSUPPORTED},
        {"-WRONGTYPE Operation against a key\r\n", CELERIAC_ERR_PROTOCOL},
        {"-BUSYGROUP not what it looks like\r\n", CELERIAC_ERR_PROTOCOL},
        {"-LOADINGX\r\n", CELERIAC_ERR_PROTOCOL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct redisReply *reply = read_reply(cases[i].bytes);
        struct celeriac_error err = {0};
        assert_int_equal(cel_reply_check(reply, &err), cases[i].code);
        assert_int_equal(cel_reply_is_error(reply), cases[i].code != CELERIAC_OK);
        assert_int_equal(err.code, cases[i].code);
        cel_reply_destroy(reply);
    }
    struct redisReply *reply = read_reply("-NOSCRIPT No matching script\r\n");
    assert_true(cel_reply_is_error_word(reply, "NOSCRIPT"));
    assert_false(cel_reply_is_error_word(reply, "NO"));
    assert_false(cel_reply_is_wrong_server(reply));
    cel_reply_destroy(reply);
    static const char *const wrong[] = {
        "-READONLY x\r\n",   "-LOADING x\r\n",   "-MASTERDOWN x\r\n",
        "-NOREPLICAS x\r\n", "-UNBLOCKED x\r\n", "-ERR Error running script: -READONLY x\r\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        reply = read_reply(wrong[i]);
        assert_true(cel_reply_is_wrong_server(reply));
        cel_reply_destroy(reply);
    }
    reply = read_reply("-ERR no -READONLY\r\n");
    assert_false(cel_reply_is_wrong_server(reply));
    cel_reply_destroy(reply);
}

static void reads_values(void **state)
{
    (void)state;
    struct redisReply *reply = read_reply("*5\r\n:-7\r\n$3\r\n042\r\n$-1\r\n+abc\r\n*1\r\n:9\r\n");
    assert_true(cel_reply_is_array(reply));
    assert_int_equal(cel_reply_count(reply), 5);
    assert_int_equal(cel_reply_int(cel_reply_at(reply, 0)), -7);
    assert_true(span_is(cel_reply_span(cel_reply_at(reply, 1)), "042"));
    assert_true(cel_reply_is_nil(cel_reply_at(reply, 2)));
    assert_int_equal(cel_reply_span(cel_reply_at(reply, 2)).len, 0);
    assert_int_equal(cel_reply_int(cel_reply_at(reply, 3)), 0);
    assert_int_equal(cel_reply_int(cel_reply_at(cel_reply_at(reply, 4), 0)), 9);
    assert_null(cel_reply_at(reply, 5));
    assert_null(cel_reply_at(cel_reply_at(reply, 0), 0));
    cel_reply_destroy(reply);
    assert_false(cel_reply_is_nil(NULL));
    assert_false(cel_reply_is_error(NULL));
    assert_int_equal(cel_reply_int(NULL), 0);
    assert_int_equal(cel_reply_count(NULL), 0);
    assert_int_equal(cel_reply_check(NULL, NULL), CELERIAC_OK);
    cel_reply_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classifies_errors),
        cmocka_unit_test(reads_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
