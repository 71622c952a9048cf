#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/uuid.h"

static const char sample[] = "9ac60fa6-5ac4-4109-ae42-c1be7ec4e841";

static void reads_and_writes_the_canonical_form(void **state)
{
    (void)state;
    static const uint8_t bytes[16] = {0x9a, 0xc6, 0x0f, 0xa6, 0x5a, 0xc4, 0x41, 0x09,
                                      0xae, 0x42, 0xc1, 0xbe, 0x7e, 0xc4, 0xe8, 0x41};
    struct uuid u;
    char text[UUID_SIZE];
    assert_int_equal(uuid_parse(span_of(sample), &u), CELERIAC_OK);
    assert_memory_equal(u.bytes, bytes, 16);
    uuid_format(&u, text);
    assert_string_equal(text, sample);
    assert_int_equal(uuid_parse(SPAN("9AC60FA6-5AC4-4109-AE42-C1BE7EC4E841"), &u), CELERIAC_OK);
    assert_memory_equal(u.bytes, bytes, 16);
}

static void refuses_other_forms(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "9ac60fa65ac44109ae42c1be7ec4e841",
        "{9ac60fa6-5ac4-4109-ae42-c1be7ec4e841}",
        "9ac60fa6-5ac4-4109-ae42-c1be7ec4e84",
        "9ac60fa6-5ac4-4109-ae42-c1be7ec4e8411",
        "9ac60fa6-5ac4-4109-ae42-c1be7ec4e84g",
        "9ac60fa6-5ac4-4109-ae42c-1be7ec4e841",
        "9ac60fa6 5ac4 4109 ae42 c1be7ec4e841",
        " 9ac60fa6-5ac4-4109-ae42-c1be7ec4e84",
    };
    struct uuid u;
    memset(&u, 0x55, sizeof u);
    struct uuid before = u;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(uuid_parse(span_of(cases[i]), &u), CELERIAC_ERR_SYNTAX);
    /* Any byte of the text replaced by one that may not stand there. */
    for (size_t i = 0; i < UUID_LEN; i++) {
        char text[UUID_SIZE];
        memcpy(text, sample, sizeof text);
        text[i] = text[i] == '-' ? '0' : '-';
        assert_int_equal(uuid_parse((struct span){text, UUID_LEN}, &u), CELERIAC_ERR_SYNTAX);
    }
    assert_memory_equal(&u, &before, sizeof u);
}

static void marks_version_and_variant(void **state)
{
    (void)state;
    char text[UUID_SIZE];
    struct uuid u;
    uint8_t random[16];
    memset(random, 0xff, sizeof random);
    uuid_from_random(random, &u);
    uuid_format(&u, text);
    assert_string_equal(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    memset(random, 0, sizeof random);
    uuid_from_random(random, &u);
    uuid_format(&u, text);
    assert_string_equal(text, "00000000-0000-4000-8000-000000000000");
}

static void makes_new_ones(void **state)
{
    (void)state;
    char first[UUID_SIZE];
    char second[UUID_SIZE];
    struct uuid u;
    uuid_new(first);
    uuid_new(second);
    assert_string_not_equal(first, second);
    assert_int_equal(uuid_parse(span_of(first), &u), CELERIAC_OK);
    assert_int_equal(first[14], '4');
    assert_non_null(strchr("89ab", first[19]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_the_canonical_form),
        cmocka_unit_test(refuses_other_forms),
        cmocka_unit_test(marks_version_and_variant),
        cmocka_unit_test(makes_new_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
