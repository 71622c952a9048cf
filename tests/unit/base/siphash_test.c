#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/siphash.h"

/*
 * CPython 3.11 hashes bytes with SipHash-1-3: these are hash(bytes(range(n))) with
 * PYTHONHASHSEED=0, whose key is zero, and with 42, whose key follows from its generator.
 */
static const struct {
    size_t len;
    uint64_t zero_key;
    uint64_t other_key;
} vectors[] = {
    {1, 0x68a914128e01e473, 0xce880c366bcf3489},  {2, 0x010bac45c41e3669, 0xef32fbc0469f0756},
    {7, 0x2f098ab0c751325a, 0xce280fabc397fbda},  {8, 0xead411e67ebe2eea, 0x60866c3c108c6afb},
    {9, 0x75927f9d95124362, 0x68814005f7469e03},  {15, 0xf30eb725bb91c9ea, 0x94ace24d68c18cf8},
    {16, 0x8972188433a5c5b7, 0x339176f3ac59ce05}, {17, 0x4883c49a2c009c1d, 0xed2706b414c296f1},
    {36, 0xac77921fcc642bd3, 0x325168a6b0dc469f}, {63, 0x385d3e39e5f37359, 0x06e24d6f0d014c37},
    {64, 0x75e05fd5bbc870c6, 0x91639ef7de8d52cb},
};

static void agrees_with_cpython(void **state)
{
    (void)state;
    const struct siphash_key zero = {0, 0};
    const struct siphash_key other = {0xdc504fd368cd90af, 0xb920bb9ffe99e9c1};
    char bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct span s = {bytes, vectors[i].len};
        assert_true(siphash13(&zero, s) == vectors[i].zero_key);
        assert_true(siphash13(&other, s) == vectors[i].other_key);
    }
}

static void takes_the_empty_span(void **state)
{
    (void)state;
    const struct siphash_key zero = {0, 0};
    assert_true(siphash13(&zero, (struct span){NULL, 0}) == siphash13(&zero, SPAN("")));
    assert_true(siphash13(&zero, SPAN("")) != siphash13(&zero, SPAN("\0")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_cpython),
        cmocka_unit_test(takes_the_empty_span),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
