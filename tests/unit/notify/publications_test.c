/* What waits for its publication: in order, copied, and no more than is allowed. */
#include "notify/publications.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

static struct notify_publications *create(void)
{
    struct notify_publications *p = NULL;

    assert_int_equal(notify_publications_create(&p), CELERIAC_OK);
    return p;
}

/* One that is known by its number. */
static struct notify_publication numbered(size_t number, const char *headers)
{
    return (struct notify_publication){.eta_us = (int64_t)number, .headers_json = headers};
}

static void put(struct notify_publications *p, size_t number, const char *headers)
{
    struct notify_publication publication = numbered(number, headers);

    assert_true(notify_publications_put(p, &publication));
}

static void refuse(struct notify_publications *p, const char *headers)
{
    struct notify_publication publication = numbered(0, headers);
    size_t count = notify_publications_count(p);

    assert_false(notify_publications_put(p, &publication));
    assert_int_equal(notify_publications_count(p), count);
}

/* Takes the first one, which has this number. */
static void take(struct notify_publications *p, size_t number)
{
    struct notify_publication taken;

    assert_int_equal(notify_publications_take(p, &taken, 1), 1);
    assert_int_equal(taken.eta_us, number);
    notify_publication_release(&taken);
}

static void they_leave_in_the_order_of_their_coming(void **state)
{
    struct notify_publications *p = create();
    struct notify_publication batch[3];
    size_t in = 0, out = 0;

    (void)state;
    assert_int_equal(notify_publications_take(p, batch, 3), 0);
    /* Several times round the ring. */
    while (out < 3 * NOTIFY_PUBLICATIONS_MAX) {
        for (int i = 0; i < 5000; i++)
            put(p, in++, NULL);
        while (out < in - 7)
            take(p, out++);
    }
    assert_int_equal(notify_publications_count(p), 7);
    assert_int_equal(notify_publications_take(p, batch, 3), 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(batch[i].eta_us, out + i);
    notify_publications_destroy(p);
}

static void the_callers_memory_is_not_needed(void **state)
{
    struct notify_publications *p = create();
    struct notify_publication taken;
    char headers[] = "{\"a\": 1}";

    (void)state;
    put(p, 1, headers);
    memset(headers, 'x', sizeof headers - 1);
    assert_int_equal(notify_publications_take(p, &taken, 1), 1);
    assert_string_equal(taken.headers_json, "{\"a\": 1}");
    notify_publication_release(&taken);
    assert_null(taken.headers_json);
    /* What still waits at the end is released, as a leak checker sees. */
    put(p, 2, "{}");
    notify_publications_destroy(p);
    notify_publications_destroy(NULL);
}

static void no_more_wait_than_allowed(void **state)
{
    struct notify_publications *p = create();

    (void)state;
    for (size_t i = 0; i < NOTIFY_PUBLICATIONS_MAX; i++)
        put(p, i, NULL);
    refuse(p, NULL);
    take(p, 0);
    put(p, NOTIFY_PUBLICATIONS_MAX, NULL);
    refuse(p, NULL);
    notify_publications_destroy(p);
}

static void headers_are_bounded(void **state)
{
    struct notify_publications *p = create();
    char *half = mem_calloc(NOTIFY_PUBLICATIONS_HEADERS_MAX / 2 + 1, 1);

    (void)state;
    assert_non_null(half);
    memset(half, 'x', NOTIFY_PUBLICATIONS_HEADERS_MAX / 2);
    put(p, 1, half);
    put(p, 2, half);
    refuse(p, "{");
    /* The limit is one of headers alone. */
    put(p, 3, NULL);
    take(p, 1);
    put(p, 4, "{}");
    refuse(p, half);
    notify_publications_destroy(p);
    mem_free(half);
}

static void want_of_memory_is_told(void **state)
{
    struct notify_publications *p = NULL;

    (void)state;
    for (size_t n = 1; n <= 2; n++) {
        mem_fail_at(n);
        assert_int_equal(notify_publications_create(&p), CELERIAC_ERR_MEMORY);
        mem_fail_at(0);
        assert_null(p);
    }
    p = create();
    mem_fail_at(1);
    refuse(p, "{}");
    mem_fail_at(0);
    put(p, 1, "{}");
    notify_publications_destroy(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_leave_in_the_order_of_their_coming),
        cmocka_unit_test(the_callers_memory_is_not_needed),
        cmocka_unit_test(no_more_wait_than_allowed),
        cmocka_unit_test(headers_are_bounded),
        cmocka_unit_test(want_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
