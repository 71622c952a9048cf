#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <semaphore.h>

#include <cmocka.h>

#include "api/key_trier.h"
#include "base/alloc.h"
#include "base/random.h"

/* Few rounds: what is tested is the hand-over, not the hash. */
#define ROUNDS 10

static void on_done(void *context)
{
    sem_post(context);
}

static struct key_trial trial_of(const char *key, const char *hashed)
{
    struct key_trial trial;

    memset(&trial, 0, sizeof trial);
    trial.key_id = 7;
    (void)snprintf(trial.key, sizeof trial.key, "%s", key);
    assert_int_equal(notify_api_key_hash(span_of(hashed), ROUNDS, random_os, NULL, trial.hash),
                     CELERIAC_OK);
    return trial;
}

static bool try_one(struct key_trier *trier, sem_t *done, const struct key_trial *trial)
{
    struct key_trial outcome;
    bool matches = false;

    assert_false(key_trier_is_busy(trier));
    assert_false(key_trier_take(trier, &outcome, &matches));
    key_trier_start(trier, trial);
    assert_true(key_trier_is_busy(trier));
    sem_wait(done);
    assert_true(key_trier_take(trier, &outcome, &matches));
    assert_int_equal(outcome.key_id, 7);
    assert_string_equal(outcome.key, trial->key);
    assert_false(key_trier_is_busy(trier));
    return matches;
}

static void trials_are_judged_one_by_one(void **state)
{
    struct key_trial good = trial_of("sk_live_right", "sk_live_right");
    struct key_trial bad = trial_of("sk_live_wrong", "sk_live_right");
    struct key_trial damaged = good;
    struct key_trier *trier;
    sem_t done;

    (void)state;
    (void)snprintf(damaged.hash, sizeof damaged.hash, "bcrypt$whatever");
    sem_init(&done, 0, 0);
    assert_int_equal(key_trier_create(on_done, &done, &trier, NULL), CELERIAC_OK);
    assert_true(try_one(trier, &done, &good));
    assert_false(try_one(trier, &done, &bad));
    assert_false(try_one(trier, &done, &damaged));
    assert_true(try_one(trier, &done, &good));
    key_trier_destroy(trier);
    sem_destroy(&done);
}

static void it_ends_with_a_trial_that_nobody_takes(void **state)
{
    struct key_trial trial = trial_of("sk_live_a", "sk_live_b");
    struct key_trier *trier;
    sem_t done;

    (void)state;
    sem_init(&done, 0, 0);
    assert_int_equal(key_trier_create(on_done, &done, &trier, NULL), CELERIAC_OK);
    key_trier_start(trier, &trial);
    key_trier_destroy(trier);
    key_trier_destroy(NULL);
    sem_destroy(&done);
}

static void no_memory_is_reported(void **state)
{
    struct key_trier *trier = NULL;

    (void)state;
    mem_fail_at(1);
    assert_int_equal(key_trier_create(on_done, NULL, &trier, NULL), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_null(trier);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trials_are_judged_one_by_one),
        cmocka_unit_test(it_ends_with_a_trial_that_nobody_takes),
        cmocka_unit_test(no_memory_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
