#include "base/monotonic_cond.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"

struct pair {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool told;
};

static void pair_init(struct pair *p)
{
    *p = (struct pair){.told = false};
    pthread_mutex_init(&p->mutex, NULL);
    monotonic_cond_init(&p->cond);
}

static void pair_destroy(struct pair *p)
{
    pthread_cond_destroy(&p->cond);
    pthread_mutex_destroy(&p->mutex);
}

static void moments_are_of_the_monotonic_clock(void **state)
{
    int64_t now_ns = clock_monotonic_ns();
    const int64_t moments[] = {0, 1, now_ns - NS_PER_SEC, now_ns, now_ns + 20 * NS_PER_MS};
    struct pair p;

    (void)state;
    pair_init(&p);
    pthread_mutex_lock(&p.mutex);
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        while (monotonic_cond_wait(&p.cond, &p.mutex, moments[i]))
            continue;
        assert_true(clock_monotonic_ns() >= moments[i]);
    }
    pthread_mutex_unlock(&p.mutex);
    pair_destroy(&p);
}

static void *tell(void *context)
{
    struct pair *p = context;

    pthread_mutex_lock(&p->mutex);
    p->told = true;
    pthread_mutex_unlock(&p->mutex);
    pthread_cond_signal(&p->cond);
    return NULL;
}

static void signals_end_a_wait(void **state)
{
    const int64_t moments[] = {INT64_MAX, clock_monotonic_ns() + 3600 * NS_PER_SEC};

    (void)state;
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        struct pair p;
        pthread_t thread;

        pair_init(&p);
        pthread_mutex_lock(&p.mutex);
        assert_int_equal(pthread_create(&thread, NULL, tell, &p), 0);
        while (!p.told)
            assert_true(monotonic_cond_wait(&p.cond, &p.mutex, moments[i]));
        pthread_mutex_unlock(&p.mutex);
        pthread_join(thread, NULL);
        pair_destroy(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_are_of_the_monotonic_clock),
        cmocka_unit_test(signals_end_a_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
