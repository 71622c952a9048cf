#include "notify/store/params.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "notify/store/call.h"

static const struct uuid some_uuid = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};

/* The bytes of parameter i are those of the literal. */
#define assert_param(p, i, literal)                                         \
    do {                                                                    \
        struct store_params_view view_;                                     \
        assert_int_equal(store_params_status(p), CELERIAC_OK);              \
        store_params_view(p, &view_);                                       \
        assert_in_range((i), 0, view_.count - 1);                           \
        assert_int_equal(view_.formats[i], 1);                              \
        assert_non_null(view_.values[i]);                                   \
        assert_int_equal(view_.lengths[i], sizeof(literal) - 1);            \
        assert_memory_equal(view_.values[i], literal, sizeof(literal) - 1); \
    } while (0)

static void assert_param_null(const struct store_params *p, int i)
{
    struct store_params_view view;
    store_params_view(p, &view);
    assert_in_range(i, 0, view.count - 1);
    assert_null(view.values[i]);
    assert_int_equal(view.lengths[i], 0);
}

static void scalars_are_big_endian(void **state)
{
    struct store_params p;
    (void)state;
    store_params_init(&p);
    store_params_int4(&p, 0x01020304);
    store_params_int4(&p, -2);
    store_params_int8(&p, 0x0102030405060708);
    store_params_int8(&p, INT64_MIN);
    store_params_bool(&p, true);
    store_params_bool(&p, false);
    store_params_uuid(&p, &some_uuid);
    assert_param(&p, 0, "\1\2\3\4");
    assert_param(&p, 1, "\xff\xff\xff\xfe");
    assert_param(&p, 2, "\1\2\3\4\5\6\7\10");
    assert_param(&p, 3, "\x80\0\0\0\0\0\0\0");
    assert_param(&p, 4, "\1");
    assert_param(&p, 5, "\0");
    assert_param(&p, 6, "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17");
    store_params_close(&p);
}

/* PostgreSQL counts from 2000. */
static void times_and_their_absence(void **state)
{
    struct store_params p;
    (void)state;
    store_params_init(&p);
    store_params_time(&p, INT64_C(946684800000001));
    store_params_time(&p, STORE_NO_TIME);
    store_params_time(&p, INT64_C(946684799999999));
    assert_param(&p, 0, "\0\0\0\0\0\0\0\1");
    assert_param_null(&p, 1);
    assert_param(&p, 2, "\xff\xff\xff\xff\xff\xff\xff\xff");
    store_params_close(&p);
}

static void null_and_empty_differ(void **state)
{
    struct store_params p;
    (void)state;
    store_params_init(&p);
    store_params_bytes(&p, (struct span){0});
    store_params_bytes(&p, SPAN(""));
    store_params_text(&p, (struct span){0});
    store_params_text(&p, SPAN("x"));
    store_params_null(&p);
    store_params_clean_text(&p, SPAN("a\0\xff"), 100);
    store_params_clean_text(&p, (struct span){0}, 100);
    assert_param_null(&p, 0);
    assert_param(&p, 1, "");
    assert_param(&p, 2, "");
    assert_param(&p, 3, "x");
    assert_param_null(&p, 4);
    assert_param(&p, 5, "a\xef\xbf\xbd\xef\xbf\xbd");
    assert_param(&p, 6, "");
    store_params_close(&p);
}

/* Also when nothing was allocated: a pointer to nothing would be NULL to the server. */
static void empty_text_alone_is_not_null(void **state)
{
    struct store_params p;
    (void)state;
    store_params_init(&p);
    store_params_bytes(&p, SPAN(""));
    assert_param(&p, 0, "");
    store_params_close(&p);
}

static void arrays_carry_their_elements(void **state)
{
    struct store_params p;
    (void)state;
    store_params_init(&p);
    store_params_begin_array(&p, STORE_TYPE_INT8);
    store_params_int8(&p, 5);
    store_params_null(&p);
    store_params_end_array(&p);
    store_params_begin_array(&p, STORE_TYPE_TEXT);
    store_params_text(&p, SPAN("ab"));
    store_params_text(&p, SPAN(""));
    store_params_bytes(&p, (struct span){0});
    store_params_clean_text(&p, SPAN("\xff"), 3);
    store_params_clean_text(&p, SPAN("\xff"), 2);
    store_params_end_array(&p);
    store_params_int4(&p, 9);
    assert_param(&p, 0,
                 "\0\0\0\1\0\0\0\0\0\0\0\24\0\0\0\2\0\0\0\1"
                 "\0\0\0\10\0\0\0\0\0\0\0\5\xff\xff\xff\xff");
    assert_param(&p, 1,
                 "\0\0\0\1\0\0\0\0\0\0\0\31\0\0\0\5\0\0\0\1"
                 "\0\0\0\2"
                 "ab\0\0\0\0\xff\xff\xff\xff\0\0\0\3\xef\xbf\xbd\0\0\0\0");
    assert_param(&p, 2, "\0\0\0\11");
    store_params_close(&p);
}

static void empty_array_has_no_dimension(void **state)
{
    struct store_params p;
    (void)state;
    store_params_init(&p);
    store_params_begin_array(&p, STORE_TYPE_UUID);
    store_params_end_array(&p);
    store_params_begin_array(&p, STORE_TYPE_UUID);
    store_params_uuid(&p, &some_uuid);
    store_params_end_array(&p);
    assert_param(&p, 0, "\0\0\0\0\0\0\0\0\0\0\x0b\x86");
    assert_param(&p, 1,
                 "\0\0\0\1\0\0\0\0\0\0\x0b\x86\0\0\0\1\0\0\0\1"
                 "\0\0\0\20\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17");
    store_params_close(&p);
}

static void no_more_parameters_than_allowed(void **state)
{
    struct store_params p;
    struct store_params_view view;
    (void)state;
    store_params_init(&p);
    for (int i = 0; i < STORE_PARAMS_MAX; i++)
        store_params_int4(&p, i);
    assert_int_equal(store_params_status(&p), CELERIAC_OK);
    store_params_view(&p, &view);
    assert_int_equal(view.count, STORE_PARAMS_MAX);
    store_params_null(&p);
    assert_int_equal(store_params_status(&p), CELERIAC_ERR_LIMIT);
    store_params_begin_array(&p, STORE_TYPE_INT4);
    store_params_int4(&p, 1);
    store_params_end_array(&p);
    assert_int_equal(store_params_status(&p), CELERIAC_ERR_LIMIT);
    store_params_close(&p);
}

/* A length that the wire's 32 bits cannot hold must not be cut to them. */
static void no_longer_values_than_allowed(void **state)
{
    struct store_params p;
    (void)state;
    store_params_init(&p);
    store_params_bytes(&p, (struct span){"x", STORE_PARAMS_BYTES_MAX + 1});
    assert_int_equal(store_params_status(&p), CELERIAC_ERR_LIMIT);
    store_params_clear(&p);
    store_params_bytes(&p, (struct span){"x", (size_t)UINT32_MAX + 2});
    assert_int_equal(store_params_status(&p), CELERIAC_ERR_LIMIT);
    store_params_close(&p);
}

static void bytes_in_all_up_to_the_limit(void **state)
{
    struct store_params p;
    char *most = mem_calloc(1, STORE_PARAMS_BYTES_MAX);
    (void)state;
    assert_non_null(most);
    store_params_init(&p);
    store_params_bytes(&p, (struct span){most, STORE_PARAMS_BYTES_MAX - 4});
    store_params_int4(&p, 1);
    assert_int_equal(store_params_status(&p), CELERIAC_OK);
    store_params_bool(&p, true);
    assert_int_equal(store_params_status(&p), CELERIAC_ERR_LIMIT);
    store_params_close(&p);
    mem_free(most);
}

/* The first error stays, whatever is written after it, until all is forgotten. */
static void errors_are_sticky_until_cleared(void **state)
{
    struct store_params p;
    (void)state;
    store_params_init(&p);
    store_params_int4(&p, 1);
    mem_fail_at(1);
    for (int i = 0; i < 100; i++)
        store_params_clean_text(&p, SPAN("some text that needs more and more memory"), 1000);
    store_params_begin_array(&p, STORE_TYPE_TEXT);
    store_params_text(&p, SPAN("x"));
    store_params_clean_text(&p, SPAN("x"), 10);
    store_params_end_array(&p);
    mem_fail_at(0);
    assert_int_equal(store_params_status(&p), CELERIAC_ERR_MEMORY);
    store_params_clear(&p);
    assert_int_equal(store_params_status(&p), CELERIAC_OK);
    store_params_int4(&p, 7);
    assert_param(&p, 0, "\0\0\0\7");
    store_params_close(&p);
}

static void write_much(struct store_params *p)
{
    static char text[5000];
    store_params_init(p);
    memset(text, 'x', sizeof text);
    store_params_uuid(p, &some_uuid);
    store_params_begin_array(p, STORE_TYPE_TEXT);
    for (int i = 0; i < 20; i++) {
        store_params_text(p, (struct span){text, sizeof text});
        store_params_clean_text(p, (struct span){text, sizeof text}, 100);
        store_params_null(p);
    }
    store_params_end_array(p);
    store_params_time(p, 0);
}

static void want_of_memory_is_told(void **state)
{
    struct store_params p;
    size_t n = 1;
    (void)state;
    for (;; n++) {
        mem_fail_at(n);
        write_much(&p);
        bool failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(store_params_status(&p), failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        store_params_close(&p);
        if (!failed)
            break;
    }
    assert_true(n > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_are_big_endian),
        cmocka_unit_test(times_and_their_absence),
        cmocka_unit_test(null_and_empty_differ),
        cmocka_unit_test(empty_text_alone_is_not_null),
        cmocka_unit_test(arrays_carry_their_elements),
        cmocka_unit_test(empty_array_has_no_dimension),
        cmocka_unit_test(no_more_parameters_than_allowed),
        cmocka_unit_test(no_longer_values_than_allowed),
        cmocka_unit_test(bytes_in_all_up_to_the_limit),
        cmocka_unit_test(errors_are_sticky_until_cleared),
        cmocka_unit_test(want_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
