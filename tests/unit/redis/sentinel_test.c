#include "celery_proto/redis/sentinel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <stdio.h>

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

/* A sentinel's answer of four fields and one that nobody knows. */
static struct redisReply *answer_of(const char *ip, const char *port, const char *flags,
                                    const char *others)
{
    char text[2048];
    int len =
        snprintf(text, sizeof text,
                 "*10\r\n$4\r\nname\r\n$1\r\nm\r\n$2\r\nip\r\n$%zu\r\n%s\r\n"
                 "$4\r\nport\r\n$%zu\r\n%s\r\n$5\r\nflags\r\n$%zu\r\n%s\r\n"
                 "$19\r\nnum-other-sentinels\r\n$%zu\r\n%s\r\n",
                 strlen(ip), ip, strlen(port), port, strlen(flags), flags, strlen(others), others);
    assert_true(len > 0 && (size_t)len < sizeof text);
    return read_reply(text);
}

static void believes_a_living_master(void **state)
{
    (void)state;
    struct sentinel_answer answer = {0};
    struct redisReply *reply = answer_of("10.0.0.7", "6380", "master", "2");
    assert_int_equal(sentinel_read_master(reply, 2, &answer, NULL), CELERIAC_OK);
    assert_string_equal(answer.host, "10.0.0.7");
    assert_int_equal(answer.port, 6380);
    assert_int_equal(sentinel_read_master(reply, 3, &answer, NULL), CELERIAC_ERR_UNAVAILABLE);
    cel_reply_destroy(reply);
}

static void doubts_the_others(void **state)
{
    (void)state;
    char longest[SENTINEL_HOST_SIZE + 1];
    memset(longest, 'h', sizeof longest);
    longest[SENTINEL_HOST_SIZE - 1] = '\0';
    struct {
        const char *ip, *port, *flags, *others;
        enum celeriac_err code;
    } cases[] = {
        {"h", "1", "master,s_down", "2", CELERIAC_ERR_UNAVAILABLE},
        {"h", "1", "s_down,master,o_down,disconnected", "2", CELERIAC_ERR_UNAVAILABLE},
        {"h", "1", "slave", "2", CELERIAC_ERR_UNAVAILABLE},
        {"h", "1", "", "2", CELERIAC_ERR_UNAVAILABLE},
        {"h", "1", "master", "x", CELERIAC_ERR_UNAVAILABLE},
        {"h", "1", "master,failover_in_progress", "0", CELERIAC_OK},
        {"", "1", "master", "0", CELERIAC_ERR_PROTOCOL},
        {"h", "0", "master", "0", CELERIAC_ERR_PROTOCOL},
        {"h", "65536", "master", "0", CELERIAC_ERR_PROTOCOL},
        {"h", "x", "master", "0", CELERIAC_ERR_PROTOCOL},
        {longest, "1", "master", "0", CELERIAC_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sentinel_answer answer = {.port = 9};
        struct redisReply *reply =
            answer_of(cases[i].ip, cases[i].port, cases[i].flags, cases[i].others);
        if (sentinel_read_master(reply, 0, &answer, NULL) != cases[i].code)
            fail_msg("case %zu", i);
        if (cases[i].code != CELERIAC_OK)
            assert_int_equal(answer.port, 9);
        cel_reply_destroy(reply);
    }
    longest[SENTINEL_HOST_SIZE - 1] = 'h';
    longest[SENTINEL_HOST_SIZE] = '\0';
    struct sentinel_answer answer;
    struct redisReply *reply = answer_of(longest, "1", "master", "0");
    assert_int_equal(sentinel_read_master(reply, 0, &answer, NULL), CELERIAC_ERR_PROTOCOL);
    cel_reply_destroy(reply);
}

static void reads_what_is_no_list(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        enum celeriac_err code;
    } cases[] = {
        {"-ERR No such master with that name\r\n", CELERIAC_ERR_UNAVAILABLE},
        {"-NOAUTH Authentication required.\r\n", CELERIAC_ERR_AUTH},
        {"$-1\r\n", CELERIAC_ERR_UNAVAILABLE},
        {":1\r\n", CELERIAC_ERR_UNAVAILABLE},
        {"*1\r\n$5\r\nflags\r\n", CELERIAC_ERR_UNAVAILABLE},
        {"*2\r\n*0\r\n$-1\r\n", CELERIAC_ERR_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sentinel_answer answer;
        struct redisReply *reply = read_reply(cases[i].bytes);
        if (sentinel_read_master(reply, 0, &answer, NULL) != cases[i].code)
            fail_msg("%s", cases[i].bytes);
        cel_reply_destroy(reply);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(believes_a_living_master),
        cmocka_unit_test(doubts_the_others),
        cmocka_unit_test(reads_what_is_no_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
