#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/digest_map.h"
#include "base/alloc.h"

static struct store_digest digest_of(unsigned n)
{
    struct store_digest digest = {{0}};

    memcpy(digest.bytes, &n, sizeof n);
    return digest;
}

static void values_are_kept_until_they_expire(void **state)
{
    struct store_digest a = digest_of(1), b = digest_of(2);
    struct digest_map *map;
    int value = 7, found = 0;

    (void)state;
    assert_int_equal(digest_map_create(16, sizeof value, &map), CELERIAC_OK);
    digest_map_put(map, &a, &value, 100);
    assert_true(digest_map_get(map, &a, 99, &found));
    assert_int_equal(found, 7);
    found = 0;
    assert_false(digest_map_get(map, &a, 100, &found));
    assert_false(digest_map_get(map, &b, 0, &found));
    assert_int_equal(found, 0);
    value = 8;
    digest_map_put(map, &a, &value, 200);
    assert_true(digest_map_get(map, &a, 150, &found));
    assert_int_equal(found, 8);
    digest_map_destroy(map);
}

/* Neighbours share four places; the one that expires first makes room. */
static void a_full_place_gives_up_what_expires_first(void **state)
{
    struct store_digest d[5];
    struct digest_map *map;
    int found;

    (void)state;
    assert_int_equal(digest_map_create(4, sizeof(int), &map), CELERIAC_OK);
    for (unsigned i = 0; i < 5; i++) {
        int64_t expires[] = {50, 10, 40, 30, 20};

        d[i] = digest_of(i);
        digest_map_put(map, &d[i], &(int){(int)i}, expires[i]);
    }
    assert_true(digest_map_get(map, &d[0], 0, &found));
    assert_false(digest_map_get(map, &d[1], 0, &found));
    assert_true(digest_map_get(map, &d[2], 0, &found));
    assert_true(digest_map_get(map, &d[3], 0, &found));
    assert_true(digest_map_get(map, &d[4], 0, &found));
    digest_map_destroy(map);
}

static void limits_are_kept(void **state)
{
    struct digest_map *map = NULL;

    (void)state;
    assert_int_equal(digest_map_create(DIGEST_MAP_MAX + 1, 4, &map), CELERIAC_ERR_LIMIT);
    assert_int_equal(digest_map_create(16, DIGEST_MAP_VALUE_MAX + 1, &map), CELERIAC_ERR_LIMIT);
    mem_fail_at(1);
    assert_int_equal(digest_map_create(16, 4, &map), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_null(map);
    assert_int_equal(digest_map_create(16, DIGEST_MAP_VALUE_MAX, &map), CELERIAC_OK);
    digest_map_destroy(map);
    digest_map_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_kept_until_they_expire),
        cmocka_unit_test(a_full_place_gives_up_what_expires_first),
        cmocka_unit_test(limits_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
