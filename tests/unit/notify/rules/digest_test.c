#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "notify/rules/digest.h"

static void assert_digest(struct span bytes, const char *want)
{
    uint8_t digest[NOTIFY_DIGEST_SIZE];
    char text[2 * NOTIFY_DIGEST_SIZE + 1];

    assert_int_equal(notify_digest(bytes, digest), CELERIAC_OK);
    for (size_t i = 0; i < NOTIFY_DIGEST_SIZE; i++)
        assert_int_equal(snprintf(text + 2 * i, 3, "%02x", digest[i]), 2);
    assert_string_equal(text, want);
}

/* The examples of FIPS 180-2, appendix B. */
static void test_examples(void **state)
{
    (void)state;
    assert_digest(SPAN("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_digest(SPAN(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_digest(SPAN("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
