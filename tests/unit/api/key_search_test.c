#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/key_search.h"
#include "base/alloc.h"

/* A raw key "key-N", its made-up digest, and the hash "hash-N" that only it would match. */
static struct store_digest digest_of(unsigned n)
{
    struct store_digest digest = {{0}};

    memcpy(digest.bytes, &n, sizeof n);
    return digest;
}

static enum celeriac_err add(struct key_search *s, unsigned n, const char *peer, int64_t now,
                             struct key_waiter *w, struct key_waiter **displaced)
{
    struct store_digest digest = digest_of(n);
    char key[32];

    (void)snprintf(key, sizeof key, "key-%u", n);
    return key_search_add(s, &digest, span_of(key), peer, now, w, displaced);
}

static void must_add(struct key_search *s, unsigned n, int64_t now, struct key_waiter *w)
{
    struct key_waiter *displaced;

    assert_int_equal(add(s, n, "192.0.2.1", now, w, &displaced), CELERIAC_OK);
    assert_null(displaced);
}

static void set_hashes(struct key_search *s, const int64_t *ids, size_t count, int64_t read_ns)
{
    struct key_hashes hashes = {mem_calloc(count ? count : 1, sizeof *hashes.rows), count};
    char text[32];

    assert_non_null(hashes.rows);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(text, sizeof text, "hash-%d", (int)ids[i]);
        hashes.rows[i] =
            (struct key_hash){.key_id = ids[i], .used_at_us = INT64_MIN, .text = mem_dup(text)};
    }
    key_search_set_hashes(s, &hashes, read_ns);
    assert_null(hashes.rows);
}

/* The next trial must be key n against hash id; it fails. */
static void fail_trial(struct key_search *s, unsigned n, int64_t id)
{
    struct key_trial trial;
    char key[32], hash[32];

    (void)snprintf(key, sizeof key, "key-%u", n);
    (void)snprintf(hash, sizeof hash, "hash-%d", (int)id);
    assert_true(key_search_next(s, &trial));
    assert_string_equal(trial.key, key);
    assert_string_equal(trial.hash, hash);
    assert_int_equal(trial.key_id, id);
    key_search_failed(s, &trial);
}

static void a_key_is_tried_from_the_newest_hash_on(void **state)
{
    static const int64_t ids[] = {3, 5, 9};
    struct key_waiter w = {.deadline_ns = 1000};
    struct key_search *s;

    (void)state;
    assert_int_equal(key_search_create(&s), CELERIAC_OK);
    assert_false(key_search_needs_hashes(s));
    must_add(s, 1, 10, &w);
    assert_true(key_search_needs_hashes(s));
    assert_null(key_search_settle(s, 11));
    set_hashes(s, ids, 3, 11);
    assert_false(key_search_needs_hashes(s));
    fail_trial(s, 1, 9);
    fail_trial(s, 1, 5);
    assert_null(key_search_settle(s, 12));
    fail_trial(s, 1, 3);
    assert_ptr_equal(key_search_settle(s, 13), &w);
    assert_null(w.next);
    assert_int_equal(key_search_count(s), 0);
    key_search_destroy(s);
}

static void a_match_ends_the_search_and_the_hash(void **state)
{
    static const int64_t ids[] = {1, 2};
    struct key_waiter w1 = {.deadline_ns = 1000}, w2 = w1, w3 = w1;
    struct key_waiter *list;
    struct key_search *s;
    struct key_trial trial;

    (void)state;
    assert_int_equal(key_search_create(&s), CELERIAC_OK);
    must_add(s, 1, 10, &w1);
    must_add(s, 1, 10, &w2);
    must_add(s, 2, 10, &w3);
    set_hashes(s, ids, 2, 11);
    fail_trial(s, 1, 2);
    assert_true(key_search_next(s, &trial));
    assert_string_equal(trial.key, "key-1");
    list = key_search_found(s, &trial);
    assert_ptr_equal(list, &w2);
    assert_ptr_equal(list->next, &w1);
    assert_null(list->next->next);
    /* Hash 1 is taken: only the other is left for key 2. */
    fail_trial(s, 2, 2);
    assert_ptr_equal(key_search_settle(s, 12), &w3);
    assert_false(key_search_next(s, &trial));
    key_search_destroy(s);
}

static void without_hashes_a_key_is_unknown(void **state)
{
    struct key_waiter w = {.deadline_ns = 1000};
    struct key_search *s;

    (void)state;
    assert_int_equal(key_search_create(&s), CELERIAC_OK);
    set_hashes(s, NULL, 0, 5);
    must_add(s, 1, 10, &w);
    assert_null(key_search_settle(s, 11));
    set_hashes(s, NULL, 0, 9);
    assert_null(key_search_settle(s, 11));
    set_hashes(s, NULL, 0, 10);
    assert_ptr_equal(key_search_settle(s, 11), &w);
    key_search_destroy(s);
}

static void what_was_tried_is_remembered(void **state)
{
    static const int64_t before[] = {1, 2}, after[] = {1, 2, 7}, reactivated[] = {1, 2, 4, 7};
    struct key_waiter w = {.deadline_ns = INT64_MAX};
    struct key_search *s;
    struct key_trial trial;

    (void)state;
    assert_int_equal(key_search_create(&s), CELERIAC_OK);
    must_add(s, 1, 10, &w);
    set_hashes(s, before, 2, 10);
    fail_trial(s, 1, 2);
    fail_trial(s, 1, 1);
    assert_ptr_equal(key_search_settle(s, 20), &w);
    /* Again: no trial at all. */
    must_add(s, 1, 30, &w);
    assert_false(key_search_next(s, &trial));
    set_hashes(s, before, 2, 30);
    assert_ptr_equal(key_search_settle(s, 31), &w);
    /* A new hash: only that one. */
    must_add(s, 1, 40, &w);
    set_hashes(s, after, 3, 40);
    fail_trial(s, 1, 7);
    assert_ptr_equal(key_search_settle(s, 41), &w);
    /* An old key is active again: only that one. */
    must_add(s, 1, 50, &w);
    set_hashes(s, reactivated, 4, 50);
    fail_trial(s, 1, 4);
    assert_ptr_equal(key_search_settle(s, 51), &w);
    /* Memory fades. */
    must_add(s, 1, 60 + KEY_SEARCH_MEMORY_NS, &w);
    set_hashes(s, reactivated, 4, 60 + KEY_SEARCH_MEMORY_NS);
    fail_trial(s, 1, 4);
    fail_trial(s, 1, 7);
    fail_trial(s, 1, 2);
    assert_ptr_equal(key_search_release(s), &w);
    key_search_destroy(s);
}

/* The plan gets copies of these rows, in the order of their ids. */
static void set_rows(struct key_search *s, const struct key_hash *rows, size_t count,
                     int64_t read_ns)
{
    struct key_hashes hashes = {mem_calloc(count, sizeof *hashes.rows), count};

    assert_non_null(hashes.rows);
    for (size_t i = 0; i < count; i++) {
        hashes.rows[i] = rows[i];
        hashes.rows[i].text = mem_dup(rows[i].text);
    }
    key_search_set_hashes(s, &hashes, read_ns);
}

/* Whoever is busy is found before the keys that nobody uses. */
static void keys_used_lately_are_tried_first(void **state)
{
    static char texts[][8] = {"hash-1", "hash-2", "hash-3", "hash-4", "hash-5", "other"};
    struct key_hash rows[] = {
        {.key_id = 1, .used_at_us = 50, .text = texts[0]},
        {.key_id = 2, .used_at_us = INT64_MIN, .text = texts[1]},
        {.key_id = 3, .used_at_us = 70, .text = texts[2]},
        {.key_id = 4, .used_at_us = INT64_MIN, .text = texts[3]},
        {.key_id = 5, .used_at_us = 60, .text = texts[4]},
    };
    struct key_waiter w = {.deadline_ns = INT64_MAX};
    struct key_trial trial;
    struct key_search *s;

    (void)state;
    assert_int_equal(key_search_create(&s), CELERIAC_OK);
    must_add(s, 1, 10, &w);
    set_rows(s, rows, 5, 10);
    fail_trial(s, 1, 3);
    fail_trial(s, 1, 5);
    /* A use in between changes nothing for rows that have their place, else some were missed. */
    rows[1].used_at_us = rows[3].used_at_us = 90;
    set_rows(s, rows, 5, 20);
    fail_trial(s, 1, 1);
    fail_trial(s, 1, 4);
    /* A row that is gone, and one whose key was replaced, which counts as new. */
    rows[0] = rows[2];
    rows[0].text = texts[5];
    rows[1] = rows[4];
    set_rows(s, rows + 0, 2, 30);
    assert_true(key_search_next(s, &trial));
    assert_string_equal(trial.hash, "other");
    key_search_failed(s, &trial);
    assert_ptr_equal(key_search_settle(s, 31), &w);
    key_search_destroy(s);
}

static void add_from(struct key_search *s, unsigned n, const char *peer, struct key_waiter *w)
{
    struct key_waiter *displaced;

    w->deadline_ns = 1000;
    assert_int_equal(add(s, n, peer, 10, w, &displaced), CELERIAC_OK);
}

static void addresses_take_turns_each_with_its_oldest_key(void **state)
{
    static const int64_t ids[] = {1, 2};
    struct key_waiter w[4];
    struct key_search *s;

    (void)state;
    assert_int_equal(key_search_create(&s), CELERIAC_OK);
    add_from(s, 1, "attacker", &w[0]);
    add_from(s, 2, "attacker", &w[1]);
    add_from(s, 3, "client", &w[2]);
    set_hashes(s, ids, 2, 10);
    fail_trial(s, 1, 2);
    fail_trial(s, 3, 2);
    fail_trial(s, 1, 1);
    /* A new key of an address that had its turn has to wait, that of a new address has not. */
    add_from(s, 4, "attacker", &w[3]);
    fail_trial(s, 3, 1);
    fail_trial(s, 2, 2);
    assert_non_null(key_search_settle(s, 20));
    add_from(s, 5, "newcomer", &w[0]);
    fail_trial(s, 5, 2);
    fail_trial(s, 2, 1);
    fail_trial(s, 5, 1);
    fail_trial(s, 4, 2);
    (void)key_search_release(s);
    key_search_destroy(s);
}

static void keys_that_nobody_asks_for_leave(void **state)
{
    static const int64_t ids[] = {1, 2};
    struct key_waiter w = {.deadline_ns = 100};
    struct key_search *s;

    (void)state;
    assert_int_equal(key_search_create(&s), CELERIAC_OK);
    must_add(s, 1, 10, &w);
    set_hashes(s, ids, 2, 10);
    fail_trial(s, 1, 2);
    assert_ptr_equal(key_search_expire(s, 100), &w);
    assert_null(key_search_expire(s, 9 + KEY_SEARCH_IDLE_NS));
    assert_int_equal(key_search_count(s), 1);
    assert_null(key_search_expire(s, 10 + KEY_SEARCH_IDLE_NS));
    assert_int_equal(key_search_count(s), 0);
    /* It comes again and goes on where it stopped. */
    must_add(s, 1, 20 + KEY_SEARCH_IDLE_NS, &w);
    fail_trial(s, 1, 1);
    (void)key_search_release(s);
    key_search_destroy(s);
}

static void deadlines_are_kept(void **state)
{
    struct key_waiter w1 = {.deadline_ns = 100}, w2 = {.deadline_ns = 50}, w3 = {.deadline_ns = 70};
    struct key_waiter *list;
    struct key_search *s;

    (void)state;
    assert_int_equal(key_search_create(&s), CELERIAC_OK);
    assert_int_equal(key_search_deadline(s), 0);
    must_add(s, 1, 10, &w1);
    must_add(s, 1, 10, &w2);
    must_add(s, 2, 10, &w3);
    assert_int_equal(key_search_deadline(s), 50);
    assert_null(key_search_expire(s, 49));
    list = key_search_expire(s, 70);
    assert_true((list == &w2 && list->next == &w3) || (list == &w3 && list->next == &w2));
    assert_int_equal(key_search_deadline(s), 100);
    assert_ptr_equal(key_search_release(s), &w1);
    assert_int_equal(key_search_deadline(s), 0);
    assert_int_equal(key_search_count(s), 2);
    key_search_destroy(s);
}

static struct key_waiter crowd[KEY_SEARCH_JOBS_MAX + 1];

/* Peers "p0", "p1", ... each with as many keys as one may have; requests wait for the first few. */
static void fill(struct key_search *s)
{
    char peer[8];

    for (unsigned i = 0; i < KEY_SEARCH_JOBS_MAX; i++) {
        struct key_waiter *displaced;

        (void)snprintf(peer, sizeof peer, "p%u", i / KEY_SEARCH_JOBS_PER_PEER);
        crowd[i].deadline_ns = 1000;
        assert_int_equal(add(s, i, peer, 10, &crowd[i], &displaced),
                         i < KEY_SEARCH_WAITED_MAX ? CELERIAC_OK : CELERIAC_ERR_LIMIT);
        assert_null(displaced);
    }
    assert_int_equal(key_search_count(s), KEY_SEARCH_JOBS_MAX);
}

static void a_full_plan_refuses_until_trials_were_made(void **state)
{
    static const int64_t ids[] = {1, 2};
    struct key_waiter w = {.deadline_ns = 1000};
    struct key_waiter *displaced = NULL;
    struct key_search *s;
    struct key_trial trial;

    (void)state;
    assert_int_equal(key_search_create(&s), CELERIAC_OK);
    fill(s);
    assert_int_equal(add(s, 9999, "new", 10, &w, &displaced), CELERIAC_ERR_LIMIT);
    assert_null(displaced);
    set_hashes(s, ids, 2, 10);
    fail_trial(s, 0, 2);
    assert_int_equal(add(s, 9999, "new", 10, &w, &displaced), CELERIAC_OK);
    assert_ptr_equal(displaced, &crowd[0]);
    assert_null(displaced->next);
    /* The new key is in the plan, and its address is served in its turn. */
    fail_trial(s, KEY_SEARCH_JOBS_PER_PEER, 2);
    fail_trial(s, 2 * KEY_SEARCH_JOBS_PER_PEER, 2);
    fail_trial(s, 3 * KEY_SEARCH_JOBS_PER_PEER, 2);
    fail_trial(s, 9999, 2);
    /* Key 0 comes again when others have failed, and goes on where it stopped. */
    (void)!add(s, 0, "p9", 10, &crowd[0], &displaced);
    assert_true(key_search_next(s, &trial));
    assert_string_equal(trial.key, "key-0");
    assert_int_equal(trial.key_id, 1);
    (void)key_search_release(s);
    key_search_destroy(s);
}

static void one_address_cannot_fill_the_plan(void **state)
{
    static const int64_t ids[] = {1, 2};
    struct key_waiter w = {.deadline_ns = 1000};
    struct key_waiter *displaced;
    struct key_search *s;

    (void)state;
    assert_int_equal(key_search_create(&s), CELERIAC_OK);
    for (unsigned i = 0; i < KEY_SEARCH_JOBS_PER_PEER; i++)
        (void)!add(s, i, "192.0.2.1", 10, &crowd[i], &displaced);
    assert_int_equal(key_search_count(s), KEY_SEARCH_JOBS_PER_PEER);
    assert_int_equal(add(s, 9998, "192.0.2.1", 10, &w, &displaced), CELERIAC_ERR_LIMIT);
    assert_int_equal(key_search_count(s), KEY_SEARCH_JOBS_PER_PEER);
    (void)!add(s, 9999, "192.0.2.2", 10, &w, &displaced);
    assert_int_equal(key_search_count(s), KEY_SEARCH_JOBS_PER_PEER + 1);
    /* Its own keys give way to its own. */
    set_hashes(s, ids, 2, 10);
    fail_trial(s, 0, 2);
    (void)!add(s, 9998, "192.0.2.1", 10, &w, &displaced);
    assert_ptr_equal(displaced, &crowd[0]);
    assert_int_equal(key_search_count(s), KEY_SEARCH_JOBS_PER_PEER + 1);
    (void)key_search_release(s);
    key_search_destroy(s);
}

static void waiting_requests_are_limited(void **state)
{
    struct key_waiter extra = {.deadline_ns = 1000};
    struct key_waiter *displaced;
    struct key_search *s;

    (void)state;
    assert_int_equal(key_search_create(&s), CELERIAC_OK);
    for (unsigned i = 0; i < KEY_SEARCH_WAITING_PER_KEY; i++)
        assert_int_equal(add(s, 0, "p", 10, &crowd[i], &displaced), CELERIAC_OK);
    assert_int_equal(add(s, 0, "p", 10, &extra, &displaced), CELERIAC_ERR_LIMIT);
    assert_int_equal(key_search_count(s), 1);
    for (unsigned i = 1; i < KEY_SEARCH_WAITED_MAX; i++)
        assert_int_equal(add(s, i, "p", 10, &crowd[KEY_SEARCH_WAITING_PER_KEY + i], &displaced),
                         CELERIAC_OK);
    /* The key is in the plan, but the request does not wait for it. */
    assert_int_equal(add(s, 99, "p", 10, &extra, &displaced), CELERIAC_ERR_LIMIT);
    assert_int_equal(key_search_count(s), KEY_SEARCH_WAITED_MAX + 1);
    assert_non_null(key_search_release(s));
    assert_int_equal(add(s, 99, "p", 10, &extra, &displaced), CELERIAC_OK);
    (void)key_search_release(s);
    key_search_destroy(s);
}

static void keys_are_limited_in_length(void **state)
{
    static const int64_t ids[] = {1};
    char key[NOTIFY_API_KEY_MAX + 1];
    struct store_digest digest = digest_of(1);
    struct key_waiter w = {.deadline_ns = 1000};
    struct key_waiter *displaced;
    struct key_search *s;
    struct key_trial trial;

    (void)state;
    memset(key, 'k', sizeof key);
    assert_int_equal(key_search_create(&s), CELERIAC_OK);
    assert_int_equal(
        key_search_add(s, &digest, (struct span){key, sizeof key}, "p", 10, &w, &displaced),
        CELERIAC_ERR_LIMIT);
    assert_int_equal(
        key_search_add(s, &digest, (struct span){key, sizeof key - 1}, "p", 10, &w, &displaced),
        CELERIAC_OK);
    set_hashes(s, ids, 1, 10);
    assert_true(key_search_next(s, &trial));
    assert_int_equal(strlen(trial.key), NOTIFY_API_KEY_MAX);
    (void)key_search_release(s);
    key_search_destroy(s);
}

static void no_memory_is_reported(void **state)
{
    struct key_search *s = NULL;

    (void)state;
    for (size_t n = 1; n <= 2; n++) {
        mem_fail_at(n);
        assert_int_equal(key_search_create(&s), CELERIAC_ERR_MEMORY);
        mem_fail_at(0);
    }
    assert_null(s);
    key_search_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_tried_from_the_newest_hash_on),
        cmocka_unit_test(a_match_ends_the_search_and_the_hash),
        cmocka_unit_test(without_hashes_a_key_is_unknown),
        cmocka_unit_test(what_was_tried_is_remembered),
        cmocka_unit_test(keys_used_lately_are_tried_first),
        cmocka_unit_test(addresses_take_turns_each_with_its_oldest_key),
        cmocka_unit_test(keys_that_nobody_asks_for_leave),
        cmocka_unit_test(deadlines_are_kept),
        cmocka_unit_test(a_full_plan_refuses_until_trials_were_made),
        cmocka_unit_test(one_address_cannot_fill_the_plan),
        cmocka_unit_test(waiting_requests_are_limited),
        cmocka_unit_test(keys_are_limited_in_length),
        cmocka_unit_test(no_memory_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
