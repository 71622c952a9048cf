#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"

/* Sizes below, at and above what the pool hands out, each filled to its last byte. */
static void fills_every_byte(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 8, 16, 63, 64, 65, 255, 256, 257, 5000};
    unsigned char bytes[5001];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t n = sizes[i];
        unsigned char seen_first = 0;
        unsigned char seen_last = 0;
        for (int round = 0; round < 64; round++) {
            memset(bytes, 0, sizeof bytes);
            random_bytes(bytes, n);
            seen_first |= bytes[0];
            seen_last |= bytes[n - 1];
            assert_int_equal(bytes[n], 0);
        }
        /* A given byte stays 0 in 64 rounds with a chance of 2^-512. */
        assert_int_not_equal(seen_first, 0);
        assert_int_not_equal(seen_last, 0);
    }
    random_bytes(bytes, 0);
}

static void never_repeats(void **state)
{
    (void)state;
    enum { N = 2000 };
    static uint64_t drawn[N];
    for (int i = 0; i < N; i++) {
        drawn[i] = random_os(NULL);
        for (int k = 0; k < i; k++)
            assert_true(drawn[k] != drawn[i]);
    }
}

static void *draw(void *out)
{
    random_bytes(out, 16);
    return NULL;
}

static void differs_between_threads(void **state)
{
    (void)state;
    unsigned char a[16];
    unsigned char b[16];
    pthread_t thread;
    random_bytes(a, sizeof a);
    assert_int_equal(pthread_create(&thread, NULL, draw, b), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_memory_not_equal(a, b, sizeof a);
}

/* Without care parent and child would both go on with the rest of the same pool. */
static void differs_in_a_forked_child(void **state)
{
    (void)state;
    unsigned char ours[16];
    unsigned char childs[16];
    int fds[2];
    random_bytes(ours, sizeof ours);
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        random_bytes(childs, sizeof childs);
        ssize_t n = write(fds[1], childs, sizeof childs);
        _exit(n == (ssize_t)sizeof childs ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(read(fds[0], childs, sizeof childs), sizeof childs);
    random_bytes(ours, sizeof ours);
    assert_memory_not_equal(ours, childs, sizeof ours);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

/* A source that plays a list. */
struct list {
    const uint64_t *values;
    size_t at;
};

static uint64_t play(void *context)
{
    struct list *list = context;
    return list->values[list->at++];
}

static void draws_without_bias(void **state)
{
    (void)state;
    /* 2^64 mod 3 is 1: the draw 0 is refused, and so no remainder is more likely. */
    static const uint64_t values[] = {0, 1, 2, 3, UINT64_MAX};
    struct list list = {values, 0};
    assert_int_equal(random_up_to(play, &list, 2), 1);
    assert_int_equal(list.at, 2);
    assert_int_equal(random_up_to(play, &list, 2), 2);
    assert_int_equal(random_up_to(play, &list, 2), 0);
    assert_int_equal(random_up_to(play, &list, 2), 0);
    list.at = 0;
    assert_int_equal(random_up_to(play, &list, 0), 0);
    assert_true(random_up_to(play, &list, UINT64_MAX) == 1);
    list.at = 4;
    assert_int_equal(random_up_to(play, &list, 7), 7);
    bool seen[6] = {false};
    for (int i = 0; i < 1000; i++) {
        uint64_t n = random_up_to(random_os, NULL, 5);
        assert_in_range(n, 0, 5);
        seen[n] = true;
    }
    for (int i = 0; i < 6; i++)
        assert_true(seen[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_every_byte),        cmocka_unit_test(never_repeats),
        cmocka_unit_test(differs_between_threads), cmocka_unit_test(differs_in_a_forked_child),
        cmocka_unit_test(draws_without_bias),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
