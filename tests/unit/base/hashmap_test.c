#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/hashmap.h"

/* Different addresses to use as values. */
static char values[1000];

static struct hashmap *new_map(void)
{
    struct hashmap *map = NULL;
    assert_int_equal(hashmap_create(&map), CELERIAC_OK);
    return map;
}

static void sets_gets_and_removes(void **state)
{
    (void)state;
    struct hashmap *map = new_map();
    void *old = &values[9];
    assert_null(hashmap_get(map, SPAN("a")));
    assert_null(hashmap_remove(map, SPAN("a")));
    assert_int_equal(hashmap_set(map, SPAN("a"), &values[1], &old), CELERIAC_OK);
    assert_null(old);
    assert_int_equal(hashmap_set(map, SPAN("a"), &values[2], &old), CELERIAC_OK);
    assert_ptr_equal(old, &values[1]);
    assert_int_equal(hashmap_set(map, SPAN(""), &values[3], NULL), CELERIAC_OK);
    assert_int_equal(hashmap_set(map, SPAN("a\0b"), &values[4], NULL), CELERIAC_OK);
    assert_int_equal(hashmap_count(map), 3);
    assert_ptr_equal(hashmap_get(map, SPAN("a")), &values[2]);
    assert_ptr_equal(hashmap_get(map, (struct span){NULL, 0}), &values[3]);
    assert_ptr_equal(hashmap_get(map, SPAN("a\0b")), &values[4]);
    assert_null(hashmap_get(map, SPAN("a\0c")));
    assert_ptr_equal(hashmap_remove(map, SPAN("a")), &values[2]);
    assert_null(hashmap_get(map, SPAN("a")));
    assert_int_equal(hashmap_count(map), 2);
    hashmap_destroy(map, NULL);
}

static void copies_its_keys(void **state)
{
    (void)state;
    struct hashmap *map = new_map();
    char key[] = "first";
    assert_int_equal(hashmap_set(map, span_of(key), &values[1], NULL), CELERIAC_OK);
    key[0] = 'F';
    assert_ptr_equal(hashmap_get(map, SPAN("first")), &values[1]);
    assert_null(hashmap_get(map, span_of(key)));
    hashmap_destroy(map, NULL);
}

static void frees_values_when_told(void **state)
{
    (void)state;
    struct hashmap *map = new_map();
    for (int i = 0; i < 10; i++) {
        char key[16];
        int len = snprintf(key, sizeof key, "k%d", i);
        char *value = mem_dup("value"); /* a leak checker sees whether these are released */
        assert_non_null(value);
        assert_int_equal(hashmap_set(map, (struct span){key, (size_t)len}, value, NULL),
                         CELERIAC_OK);
    }
    hashmap_destroy(map, mem_free);
    hashmap_destroy(NULL, mem_free);
}

/* The same operations on a list that is searched from end to end. */
enum { KEYS = 300 };

static size_t key_text(int i, char *key)
{
    /* Lengths from 1 to 40, so that hashing sees whole and broken words. */
    int len = snprintf(key, 64, "%d-%.*s", i, i % 37, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnop");
    return (size_t)len;
}

static void check_against_list(const struct hashmap *map, void *const *list)
{
    size_t live = 0;
    size_t seen = 0;
    char key[64];
    for (int i = 0; i < KEYS; i++) {
        size_t len = key_text(i, key);
        assert_ptr_equal(hashmap_get(map, (struct span){key, len}), list[i]);
        live += list[i] != NULL;
    }
    assert_int_equal(hashmap_count(map), live);
    struct span found;
    void *value;
    bool met[KEYS] = {false};
    for (size_t at = 0; hashmap_next(map, &at, &found, &value); seen++) {
        int i = (int)strtol(found.ptr, NULL, 10);
        assert_false(met[i]);
        met[i] = true;
        assert_ptr_equal(value, list[i]);
    }
    assert_int_equal(seen, live);
}

static void behaves_like_a_list(void **state)
{
    (void)state;
    struct hashmap *map = new_map();
    void *list[KEYS] = {NULL};
    unsigned seed = 12345;
    char key[64];
    for (int step = 0; step < 60000; step++) {
        seed = seed * 1103515245U + 12345U;
        int i = (int)(seed >> 16) % KEYS;
        struct span name = {key, key_text(i, key)};
        /* Long phases of mostly adding and mostly removing: the table grows and shrinks. */
        bool add = (seed >> 8) % 8 < (step / 5000 % 2 == 0 ? 6U : 2U);
        if (add) {
            void *old = NULL;
            void *value = &values[step % 1000];
            assert_int_equal(hashmap_set(map, name, value, &old), CELERIAC_OK);
            assert_ptr_equal(old, list[i]);
            list[i] = value;
        } else {
            assert_ptr_equal(hashmap_remove(map, name), list[i]);
            list[i] = NULL;
        }
        if (step % 500 == 0)
            check_against_list(map, list);
    }
    check_against_list(map, list);
    hashmap_destroy(map, NULL);
}

static void may_remove_while_stepping(void **state)
{
    (void)state;
    struct hashmap *map = new_map();
    char key[64];
    for (int i = 0; i < KEYS; i++) {
        struct span name = {key, key_text(i, key)};
        assert_int_equal(hashmap_set(map, name, &values[i], NULL), CELERIAC_OK);
    }
    size_t at = 0;
    size_t seen = 0;
    struct span found;
    void *value;
    while (hashmap_next(map, &at, &found, &value)) {
        seen++;
        assert_ptr_equal(hashmap_remove(map, found), value);
    }
    assert_int_equal(seen, KEYS);
    assert_int_equal(hashmap_count(map), 0);
    at = 0;
    assert_false(hashmap_next(map, &at, &found, &value));
    hashmap_destroy(map, NULL);
}

static void keeps_its_content_without_memory(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct hashmap *map = NULL;
        char key[64];
        int stored = 0;
        mem_fail_at(n);
        enum celeriac_err err = hashmap_create(&map);
        while (err == CELERIAC_OK && stored < 40) {
            struct span name = {key, key_text(stored, key)};
            err = hashmap_set(map, name, &values[stored], NULL);
            stored += err == CELERIAC_OK;
        }
        bool failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(err, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        if (map) {
            assert_int_equal(hashmap_count(map), stored);
            for (int i = 0; i < stored; i++)
                assert_ptr_equal(hashmap_get(map, (struct span){key, key_text(i, key)}),
                                 &values[i]);
        }
        hashmap_destroy(map, NULL);
        if (!failed) {
            assert_int_equal(stored, 40);
            assert_true(n > 40);
            break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_gets_and_removes),
        cmocka_unit_test(copies_its_keys),
        cmocka_unit_test(frees_values_when_told),
        cmocka_unit_test(behaves_like_a_list),
        cmocka_unit_test(may_remove_while_stepping),
        cmocka_unit_test(keeps_its_content_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
