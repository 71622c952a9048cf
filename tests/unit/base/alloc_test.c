#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

static void checks_sizes(void **state)
{
    (void)state;
    size_t n = 77;
    assert_false(size_add(SIZE_MAX, 1, &n));
    assert_false(size_mul(SIZE_MAX / 2 + 1, 2, &n));
    assert_int_equal(n, 77);
    assert_true(size_add(SIZE_MAX - 1, 1, &n));
    assert_true(n == SIZE_MAX);
    assert_true(size_mul(SIZE_MAX / 2, 2, &n));
    assert_true(n == SIZE_MAX - 1);
    assert_true(size_mul(0, SIZE_MAX, &n));
    assert_int_equal(n, 0);
}

static void gives_memory_for_nothing_too(void **state)
{
    (void)state;
    char *a = mem_alloc(0);
    char *b = mem_calloc(0, 8);
    char *c = mem_resize(NULL, 0, 0);
    assert_true(a && b && c);
    c = mem_resize(c, 0, 4);
    assert_non_null(c);
    mem_free(a);
    mem_free(b);
    mem_free(c);
    mem_free(NULL);
}

static void zeroes_and_resizes(void **state)
{
    (void)state;
    unsigned char *block = mem_calloc(4, 25);
    assert_non_null(block);
    for (int i = 0; i < 100; i++)
        assert_int_equal(block[i], 0);
    memset(block, 0x5a, 100);
    block = mem_resize(block, 50, 10);
    assert_non_null(block);
    for (int i = 0; i < 100; i++)
        assert_int_equal(block[i], 0x5a);
    mem_free(block);
}

static void refuses_products_that_overflow(void **state)
{
    (void)state;
    volatile size_t half = SIZE_MAX / 2 + 1; /* hides the size from the compiler's own check */
    assert_null(mem_calloc(half, 2));
    char *block = mem_alloc(8);
    assert_non_null(block);
    assert_null(mem_resize(block, half, 2));
    block[7] = 'x'; /* still ours */
    mem_free(block);
    assert_null(mem_dup_span((struct span){"x", SIZE_MAX}));
}

static void copies_text(void **state)
{
    (void)state;
    char *text = mem_dup("celery");
    assert_string_equal(text, "celery");
    mem_free(text);
    assert_null(mem_dup(NULL));
    text = mem_dup_span(SPAN("a\0b"));
    assert_memory_equal(text, "a\0b", 4);
    mem_free(text);
    text = mem_dup_span((struct span){NULL, 0});
    assert_string_equal(text, "");
    mem_free(text);
}

static void fails_from_the_nth_request_on(void **state)
{
    (void)state;
    mem_fail_at(3);
    char *a = mem_alloc(1);
    char *b = mem_calloc(1, 1);
    assert_true(a && b);
    assert_false(mem_has_failed());
    assert_null(mem_resize(a, 10, 1));
    assert_true(mem_has_failed());
    assert_null(mem_alloc(1));
    assert_null(mem_calloc(1, 1));
    assert_null(mem_dup("x"));
    mem_fail_at(0);
    assert_false(mem_has_failed());
    char *c = mem_alloc(1);
    assert_non_null(c);
    mem_free(a);
    mem_free(b);
    mem_free(c);
}

static void fails_at_the_nth_request_alone(void **state)
{
    (void)state;
    mem_fail_once(2);
    char *a = mem_alloc(1);
    assert_non_null(a);
    assert_null(mem_dup("x"));
    assert_true(mem_has_failed());
    char *b = mem_dup("x");
    assert_non_null(b);
    assert_true(mem_has_failed());
    mem_fail_at(0);
    assert_false(mem_has_failed());
    mem_free(a);
    mem_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_sizes),
        cmocka_unit_test(gives_memory_for_nothing_too),
        cmocka_unit_test(zeroes_and_resizes),
        cmocka_unit_test(refuses_products_that_overflow),
        cmocka_unit_test(copies_text),
        cmocka_unit_test(fails_from_the_nth_request_on),
        cmocka_unit_test(fails_at_the_nth_request_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
