/* Buckets of tokens in a real Redis. */
#include "tests/integration/redis/fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "celeriac/limiter.h"

static struct celeriac_limiter *make_limiter(const struct fixture *f)
{
    const struct celeriac_limiter_options options = {.broker_url = redis_server_url(f->server)};
    struct celeriac_limiter *limiter = NULL;

    assert_ok(celeriac_limiter_create(&options, &limiter, NULL));
    return limiter;
}

static struct celeriac_take take(struct celeriac_limiter *limiter, const char *name,
                                 int64_t per_1000_s, int64_t burst, int64_t wanted)
{
    struct celeriac_take t = {
        .name = name, .per_1000_s = per_1000_s, .burst = burst, .wanted = wanted};
    struct celeriac_error err = {0};

    if (celeriac_limiter_take(limiter, &t, 1, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    return t;
}

/* A token a thousand seconds: none comes back during the test. */
static void as_many_as_there_are(void **state)
{
    struct celeriac_limiter *limiter = make_limiter(*state);
    struct celeriac_take t = take(limiter, "a", 1, 5, 0);

    assert_true(t.granted == 0 && t.remaining == 5 && t.retry_ms == 0 && t.full_ms == 0);
    assert_int_equal(RUN_INT(*state, "EXISTS", "celeriac.limit.a"), 0);
    t = take(limiter, "a", 1, 5, 2);
    assert_true(t.granted == 2 && t.remaining == 3 && t.retry_ms == 0);
    assert_in_range(t.full_ms, 1990000, 2000000);
    t = take(limiter, "a", 1, 5, 4);
    assert_true(t.granted == 3 && t.remaining == 0);
    assert_in_range(t.retry_ms, 900000, 1000000);
    t = take(limiter, "a", 1, 5, 1);
    assert_true(t.granted == 0 && t.remaining == 0);
    /* Another bucket is another matter, and so are the same tokens under a larger limit. */
    t = take(limiter, "b", 1, 5, 1);
    assert_true(t.granted == 1);
    t = take(limiter, "a", CELERIAC_BUCKET_RATE_MAX, 5, 0);
    assert_true(t.full_ms <= 1);
    assert_in_range(RUN_INT(*state, "PTTL", "celeriac.limit.a"), 1, 5001000);
    celeriac_limiter_destroy(limiter);
}

static void tokens_come_back(void **state)
{
    struct celeriac_limiter *limiter = make_limiter(*state);
    struct celeriac_take t;

    /* As if it had been emptied a thousand seconds ago, by the server's clock. */
    const struct redisReply *time = run(*state, "TIME", NULL);
    char kept[64];
    (void)snprintf(kept, sizeof kept, "0.500000 %lld000",
                   (long long)cel_reply_int(cel_reply_at(time, 0)) - 1000);
    assert_reply(run(*state, "SET", "celeriac.limit.c", kept, NULL), "OK");
    t = take(limiter, "c", 3, 10, 0);
    assert_int_equal(t.remaining, 3);
    assert_int_equal(take(limiter, "c", 100, 10, 0).remaining, 10);
    /* A clock that was set back takes nothing, and does not hold anybody up. */
    (void)snprintf(kept, sizeof kept, "2.000000 %lld000",
                   (long long)cel_reply_int(cel_reply_at(run(*state, "TIME", NULL), 0)) + 100000);
    assert_reply(run(*state, "SET", "celeriac.limit.c", kept, NULL), "OK");
    assert_int_equal(take(limiter, "c", 1, 10, 3).granted, 2);
    t = take(limiter, "c", CELERIAC_BUCKET_RATE_MAX, 10, 0);
    assert_true(t.full_ms <= 1);
    /* What is no bucket counts as a full one. */
    assert_reply(run(*state, "SET", "celeriac.limit.c", "nonsense", NULL), "OK");
    assert_int_equal(take(limiter, "c", 1, 10, 1).remaining, 9);
    celeriac_limiter_destroy(limiter);
}

static void many_at_once(void **state)
{
    struct celeriac_limiter *limiter = make_limiter(*state);
    static struct celeriac_take takes[CELERIAC_TAKES_MAX];
    static char names[CELERIAC_TAKES_MAX][16];

    for (int i = 0; i < CELERIAC_TAKES_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%d", i);
        takes[i] =
            (struct celeriac_take){.name = names[i], .per_1000_s = 1, .burst = i + 1, .wanted = 10};
    }
    assert_ok(celeriac_limiter_take(limiter, takes, CELERIAC_TAKES_MAX, NULL));
    for (int i = 0; i < CELERIAC_TAKES_MAX; i++) {
        assert_int_equal(takes[i].granted, i < 10 ? i + 1 : 10);
        assert_int_equal(takes[i].remaining, i < 10 ? 0 : i - 9);
    }
    assert_ok(celeriac_limiter_take(limiter, NULL, 0, NULL));
    celeriac_limiter_destroy(limiter);
}

/* All or nothing, and what is lacking is owed. */
static void a_whole_may_be_owed(void **state)
{
    struct celeriac_limiter *limiter = make_limiter(*state);
    struct celeriac_take t = {
        .name = "w", .per_1000_s = 1, .burst = 5, .wanted = 5, .is_whole = true};

    assert_int_equal(take(limiter, "w", 1, 5, 1).granted, 1);
    /* Four are there: not five, unless one may be owed. A refusal takes nothing. */
    assert_ok(celeriac_limiter_take(limiter, &t, 1, NULL));
    assert_true(t.granted == 0 && t.remaining == 4);
    assert_in_range(t.retry_ms, 990000, 1000000);
    t.wanted = 8;
    t.debt = 3;
    assert_ok(celeriac_limiter_take(limiter, &t, 1, NULL));
    assert_true(t.granted == 0 && t.remaining == 4);
    assert_in_range(t.retry_ms, 990000, 1000000);
    t.debt = 4;
    assert_ok(celeriac_limiter_take(limiter, &t, 1, NULL));
    assert_true(t.granted == 8 && t.remaining == 0);
    /* Four are owed: the next one comes when these and it have come back. */
    assert_in_range(t.retry_ms, 4990000, 5000000);
    assert_in_range(t.full_ms, 8990000, 9000000);
    assert_in_range(RUN_INT(*state, "PTTL", "celeriac.limit.w"), 8980000, 9001000);
    t = take(limiter, "w", 1, 5, 3);
    assert_true(t.granted == 0 && t.remaining == 0);
    assert_in_range(t.retry_ms, 4900000, 5000000);
    assert_int_equal(take(limiter, "w", 1, 5, 0).remaining, 0);
    celeriac_limiter_destroy(limiter);
}

static void debts_are_paid_back(void **state)
{
    struct celeriac_limiter *limiter = make_limiter(*state);
    const struct redisReply *time = run(*state, "TIME", NULL);
    char kept[64];

    /* Five were owed a thousand seconds ago, of which the rate has brought eight since. */
    (void)snprintf(kept, sizeof kept, "-5.000000 %lld000",
                   (long long)cel_reply_int(cel_reply_at(time, 0)) - 1000);
    assert_reply(run(*state, "SET", "celeriac.limit.d", kept, NULL), "OK");
    assert_int_equal(take(limiter, "d", 8, 10, 0).remaining, 3);
    assert_int_equal(take(limiter, "d", 4, 10, 1).granted, 0);
    assert_int_equal(take(limiter, "d", 8, 10, 4).granted, 3);
    celeriac_limiter_destroy(limiter);
}

/* One after the other, each seeing what the one before has left. */
static void a_bucket_may_come_twice(void **state)
{
    struct celeriac_limiter *limiter = make_limiter(*state);
    const struct celeriac_take one = {.name = "t", .per_1000_s = 1, .burst = 10, .wanted = 3};
    struct celeriac_take takes[3] = {one, one, one};

    takes[1].is_whole = true;
    takes[1].wanted = 6;
    assert_ok(celeriac_limiter_take(limiter, takes, 3, NULL));
    assert_true(takes[0].granted == 3 && takes[0].remaining == 7);
    assert_true(takes[1].granted == 6 && takes[1].remaining == 1);
    assert_true(takes[2].granted == 1 && takes[2].remaining == 0);
    celeriac_limiter_destroy(limiter);
}

struct taker {
    const struct fixture *fixture;
    int64_t granted;
};

static void *take_often(void *context)
{
    struct taker *taker = context;
    struct celeriac_limiter *limiter = make_limiter(taker->fixture);

    for (int i = 0; i < 200; i++)
        taker->granted += take(limiter, "shared", 1, 300, 1).granted;
    celeriac_limiter_destroy(limiter);
    return NULL;
}

static void processes_share_a_bucket(void **state)
{
    struct taker takers[4];
    pthread_t threads[4];
    int64_t granted = 0;

    for (int i = 0; i < 4; i++) {
        takers[i] = (struct taker){.fixture = *state};
        assert_int_equal(pthread_create(&threads[i], NULL, take_often, &takers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        granted += takers[i].granted;
    }
    assert_int_equal(granted, 300);
}

static void bad_takes_are_refused(void **state)
{
    struct celeriac_limiter *limiter = make_limiter(*state);
    char name[CELERIAC_BUCKET_NAME_MAX + 2];
    const struct celeriac_take good = {.name = name, .per_1000_s = 1, .burst = 1, .wanted = 1};
    struct celeriac_take takes[2] = {good, good};

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    takes[0].name = "other";
    assert_int_equal(celeriac_limiter_take(limiter, takes, 2, NULL), CELERIAC_ERR_VALUE);
    name[sizeof name - 2] = '\0';
    assert_ok(celeriac_limiter_take(limiter, takes, 2, NULL));
    static const struct {
        int64_t per_1000_s, burst, wanted;
        enum celeriac_err code;
        int64_t debt;
    } cases[] = {
        {0, 1, 1, CELERIAC_ERR_VALUE, 0},
        {CELERIAC_BUCKET_RATE_MAX, CELERIAC_BUCKET_BURST_MAX, CELERIAC_BUCKET_BURST_MAX,
         CELERIAC_OK, 0},
        {CELERIAC_BUCKET_RATE_MAX + 1, 1, 1, CELERIAC_ERR_VALUE, 0},
        {1, 0, 1, CELERIAC_ERR_VALUE, 0},
        {1, CELERIAC_BUCKET_BURST_MAX + 1, 1, CELERIAC_ERR_VALUE, 0},
        {1, 1, -1, CELERIAC_ERR_VALUE, 0},
        {1, 1, CELERIAC_BUCKET_BURST_MAX + 1, CELERIAC_ERR_VALUE, 0},
        {1, 1, 7, CELERIAC_OK, 7},
        {1, 1, 7, CELERIAC_ERR_VALUE, 8},
        {1, 1, 7, CELERIAC_ERR_VALUE, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        takes[0] = (struct celeriac_take){.name = "case",
                                          .per_1000_s = cases[i].per_1000_s,
                                          .burst = cases[i].burst,
                                          .wanted = cases[i].wanted,
                                          .is_whole = cases[i].debt != 0,
                                          .debt = cases[i].debt};
        assert_int_equal(celeriac_limiter_take(limiter, takes, 1, NULL), cases[i].code);
    }
    takes[0] = (struct celeriac_take){.name = "", .per_1000_s = 1, .burst = 1};
    assert_int_equal(celeriac_limiter_take(limiter, takes, 1, NULL), CELERIAC_ERR_VALUE);
    takes[0].name = NULL;
    assert_int_equal(celeriac_limiter_take(limiter, takes, 1, NULL), CELERIAC_ERR_VALUE);
    assert_int_equal(celeriac_limiter_take(limiter, takes, CELERIAC_TAKES_MAX + 1, NULL),
                     CELERIAC_ERR_VALUE);
    celeriac_limiter_destroy(limiter);
    celeriac_limiter_destroy(NULL);
}

static void a_bad_address_is_named(void **state)
{
    const struct celeriac_limiter_options options = {.broker_url = "amqp://x"};
    struct celeriac_limiter *limiter = NULL;
    struct celeriac_error err = {0};

    (void)state;
    assert_int_not_equal(celeriac_limiter_create(&options, &limiter, &err), CELERIAC_OK);
    assert_null(limiter);
    assert_true(err.text[0] != '\0');
}

static void no_memory_is_survived(void **state)
{
    const struct fixture *f = *state;
    const struct celeriac_limiter_options options = {.broker_url = redis_server_url(f->server)};
    struct celeriac_limiter *limiter = NULL;
    enum celeriac_err rc;
    unsigned n = 0;

    do {
        mem_fail_at(++n);
        rc = celeriac_limiter_create(&options, &limiter, NULL);
        mem_fail_at(0);
    } while (rc == CELERIAC_ERR_MEMORY);
    assert_ok(rc);
    assert_true(n > 3);
    celeriac_limiter_destroy(limiter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(as_many_as_there_are, fixture_clear),
        cmocka_unit_test_setup(tokens_come_back, fixture_clear),
        cmocka_unit_test_setup(many_at_once, fixture_clear),
        cmocka_unit_test_setup(a_whole_may_be_owed, fixture_clear),
        cmocka_unit_test_setup(debts_are_paid_back, fixture_clear),
        cmocka_unit_test_setup(a_bucket_may_come_twice, fixture_clear),
        cmocka_unit_test_setup(processes_share_a_bucket, fixture_clear),
        cmocka_unit_test_setup(bad_takes_are_refused, fixture_clear),
        cmocka_unit_test_setup(a_bad_address_is_named, fixture_clear),
        cmocka_unit_test_setup(no_memory_is_survived, fixture_clear),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
