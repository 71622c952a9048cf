#include "api/new_key.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "tests/unit/api/hand_call.h"

static struct api api;
static struct new_key key;
static unsigned steps;

static int set_up(void **state)
{
    (void)state;
    steps = 0;
    memset(&key, 0, sizeof key);
    return work_pool_create(&api.work, NULL) == CELERIAC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    hand_call_destroy();
    work_pool_destroy(api.work);
    return 0;
}

static void next(struct api_call *call)
{
    (void)call;
    steps++;
}

/* What is stored is what Django would verify, and what our own index finds. */
static void key_hash_and_digest_belong_together(void **state)
{
    uint8_t digest[NOTIFY_API_KEY_DIGEST];
    bool matches = false;
    (void)state;
    new_key_start(hand_call_create(&api, ""), &key, false, next);
    assert_int_equal(steps, 0);
    hand_call_run();
    assert_int_equal(steps, 1);
    assert_int_equal(key.error, CELERIAC_OK);
    assert_memory_equal(key.key, "sk_live_", 8);
    assert_int_equal(strlen(key.key), NOTIFY_API_KEY_SIZE - 1);
    assert_memory_equal(key.hash, "pbkdf2_sha256$1000000$", 22);
    assert_int_equal(notify_api_key_verify(span_of(key.key), span_of(key.hash), &matches, NULL),
                     CELERIAC_OK);
    assert_true(matches);
    assert_int_equal(notify_api_key_digest(span_of(key.key), digest), CELERIAC_OK);
    assert_memory_equal(digest, key.digest.bytes, sizeof digest);
    new_key_close(&key);
    for (size_t i = 0; i < sizeof key.key; i++)
        assert_int_equal(key.key[i], 0);
}

static void test_keys_say_so_and_none_is_made_twice(void **state)
{
    char first[NOTIFY_API_KEY_SIZE];
    (void)state;
    new_key_start(hand_call_create(&api, ""), &key, true, next);
    memcpy(first, key.key, sizeof first);
    assert_memory_equal(first, "sk_test_", 8);
    hand_call_run();
    new_key_start(hand_call_create(&api, ""), &key, true, next);
    assert_string_not_equal(first, key.key);
    hand_call_run();
    assert_int_equal(steps, 2);
}

static sem_t began, may_end;

static void hold(struct work *work)
{
    (void)work;
    (void)sem_post(&began);
    while (sem_wait(&may_end) != 0)
        continue;
}

static void do_nothing(struct work *work)
{
    (void)work;
}

/* A pool that is full: the client is asked to come again, and no step follows. */
static void full_pool_is_told(void **state)
{
    static struct work holding = {.run = hold};
    static struct work others[WORK_WAITING_MAX];
    (void)state;
    assert_int_equal(sem_init(&began, 0, 0), 0);
    assert_int_equal(sem_init(&may_end, 0, 0), 0);
    assert_int_equal(work_submit(api.work, &holding), CELERIAC_OK);
    /* From here on the pool takes nothing until it is told to. */
    while (sem_wait(&began) != 0)
        continue;
    for (size_t i = 0; i < WORK_WAITING_MAX; i++) {
        others[i].run = do_nothing;
        assert_int_equal(work_submit(api.work, &others[i]), CELERIAC_OK);
    }
    new_key_start(hand_call_create(&api, ""), &key, false, next);
    (void)sem_post(&may_end);
    assert_int_equal(hand_call_status(), 503);
    assert_string_equal(hand_call_header("Retry-After"), "2");
    new_key_close(&key);
    work_pool_destroy(api.work);
    assert_int_equal(work_pool_create(&api.work, NULL), CELERIAC_OK);
    assert_int_equal(steps, 0);
    (void)sem_destroy(&may_end);
    (void)sem_destroy(&began);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(key_hash_and_digest_belong_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keys_say_so_and_none_is_made_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_pool_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
