#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notify/store/digest.h"

static void every_bit_counts(void **state)
{
    struct store_digest a, b;

    (void)state;
    for (size_t i = 0; i < sizeof a.bytes; i++)
        a.bytes[i] = b.bytes[i] = (uint8_t)(i * 7);
    assert_true(store_digest_equal(&a, &b));
    for (size_t bit = 0; bit < 8 * sizeof a.bytes; bit++) {
        b.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_false(store_digest_equal(&a, &b));
        b.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_true(store_digest_equal(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
