#include "notify/store/bind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "notify/store/digest.h"

/* A call with a field of each type. */
struct sample {
    struct store_call call;
    struct uuid id;
    int64_t time_us;
    int32_t small;
    int64_t large;
    struct span text;
    struct store_digest digest;
};

#define COUNT 4

static struct sample samples[COUNT];
static struct store_call *calls[COUNT];
static struct store_params params;

/* Ids 2, 1, 2, 0 in the order of submission. */
static int set_up(void **state)
{
    static const uint8_t ids[COUNT] = {2, 1, 2, 0};
    (void)state;
    memset(samples, 0, sizeof samples);
    for (unsigned i = 0; i < COUNT; i++) {
        calls[i] = &samples[i].call;
        samples[i].call.own.order = i + 1;
        samples[i].id.bytes[15] = ids[i];
        samples[i].time_us = STORE_NO_TIME;
        samples[i].small = (int32_t)i;
        samples[i].large = (int64_t)i;
        samples[i].text = SPAN("x");
        samples[i].digest.bytes[0] = (uint8_t)i;
    }
    store_params_init(&params);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_params_close(&params);
    return 0;
}

static uint32_t be32(const char *bytes)
{
    uint32_t n = 0;
    for (int i = 0; i < 4; i++)
        n = n << 8 | (uint8_t)bytes[i];
    return n;
}

/* The array in parameter 0 has that element type and number; returns its first element. */
static const char *array(enum store_type type, unsigned count)
{
    struct store_params_view view;
    assert_int_equal(store_params_status(&params), CELERIAC_OK);
    store_params_view(&params, &view);
    assert_int_equal(view.count, 1);
    assert_int_equal(be32(view.values[0] + 8), type);
    assert_int_equal(be32(view.values[0] + 12), count);
    return view.values[0] + 20;
}

static void all_calls_have_an_element(void **state)
{
    struct store_set set = store_all(calls, COUNT);
    (void)state;
    store_bind_uuids(&params, &set, offsetof(struct sample, id));
    const char *at = array(STORE_TYPE_UUID, COUNT);
    for (unsigned i = 0; i < COUNT; i++, at += 20) {
        assert_int_equal(be32(at), 16);
        assert_memory_equal(at + 4, &samples[i].id, 16);
    }
}

/* Rows are locked in one order by everybody; of calls for one row the oldest counts. */
static void equal_ids_have_one_element(void **state)
{
    (void)state;
    /* Returned calls may stand in any order. */
    calls[0] = &samples[2].call;
    calls[2] = &samples[0].call;
    struct store_set set = store_each_once(calls, COUNT, offsetof(struct sample, id));
    assert_ptr_equal(calls[0], &samples[3].call);
    assert_ptr_equal(calls[1], &samples[1].call);
    assert_ptr_equal(calls[2], &samples[0].call);
    assert_ptr_equal(calls[3], &samples[2].call);
    store_bind_int4s(&params, &set, offsetof(struct sample, small));
    const char *at = array(STORE_TYPE_INT4, 3);
    assert_int_equal(be32(at + 4), 3);
    assert_int_equal(be32(at + 12), 1);
    assert_int_equal(be32(at + 20), 0);
}

/* Bytes count from 0 to 255, as PostgreSQL compares UUIDs. */
static void ids_are_compared_as_unsigned_bytes(void **state)
{
    (void)state;
    memset(&samples[0].id, 0x80, sizeof samples[0].id);
    memset(&samples[1].id, 0x7f, sizeof samples[1].id);
    (void)store_each_once(calls, 2, offsetof(struct sample, id));
    assert_ptr_equal(calls[0], &samples[1].call);
}

static void set_of_nothing_and_of_one(void **state)
{
    (void)state;
    struct store_set set = store_each_once(calls, 0, offsetof(struct sample, id));
    store_bind_uuids(&params, &set, offsetof(struct sample, id));
    struct store_params_view view;
    store_params_view(&params, &view);
    assert_int_equal(view.lengths[0], 12);
    store_params_clear(&params);
    set = store_each_once(calls, 1, offsetof(struct sample, id));
    store_bind_uuids(&params, &set, offsetof(struct sample, id));
    (void)array(STORE_TYPE_UUID, 1);
}

static void elements_of_every_type(void **state)
{
    struct store_set set = store_all(calls, 2);
    (void)state;
    samples[0].large = -2;
    samples[1].time_us = INT64_C(946684800000001);
    store_bind_int8s(&params, &set, offsetof(struct sample, large));
    assert_memory_equal(array(STORE_TYPE_INT8, 2),
                        "\0\0\0\10\xff\xff\xff\xff\xff\xff\xff\xfe\0\0\0\10\0\0\0\0\0\0\0\1", 24);
    store_params_clear(&params);
    store_bind_times(&params, &set, offsetof(struct sample, time_us));
    assert_memory_equal(array(STORE_TYPE_TIMESTAMPTZ, 2),
                        "\xff\xff\xff\xff\0\0\0\10\0\0\0\0\0\0\0\1", 16);
    store_params_clear(&params);
    store_bind_digests(&params, &set, offsetof(struct sample, digest));
    assert_int_equal(be32(array(STORE_TYPE_BYTEA, 2)), sizeof samples[0].digest.bytes);
}

static void id_0_is_null(void **state)
{
    struct store_set set = store_all(calls, 2);
    (void)state;
    store_bind_ids(&params, &set, offsetof(struct sample, large));
    assert_memory_equal(array(STORE_TYPE_INT8, 2), "\xff\xff\xff\xff\0\0\0\10\0\0\0\0\0\0\0\1", 16);
}

static void texts_and_cleaned_texts(void **state)
{
    struct store_set set = store_all(calls, 3);
    (void)state;
    samples[0].text = (struct span){0};
    samples[1].text = SPAN("a\xff");
    samples[2].text = SPAN("abcdef");
    store_bind_texts(&params, &set, offsetof(struct sample, text));
    assert_memory_equal(array(STORE_TYPE_TEXT, 3), "\0\0\0\0\0\0\0\2a\xff\0\0\0\6abcdef", 20);
    store_params_clear(&params);
    store_bind_clean_texts(&params, &set, offsetof(struct sample, text), 4);
    assert_memory_equal(array(STORE_TYPE_TEXT, 3), "\0\0\0\0\0\0\0\4a\xef\xbf\xbd\0\0\0\4abcd", 20);
}

static void filter_that_is_empty_is_null(void **state)
{
    struct store_params_view view;
    (void)state;
    store_bind_filter(&params, SPAN(""));
    store_bind_filter(&params, (struct span){0});
    store_bind_filter(&params, SPAN("sent"));
    store_params_view(&params, &view);
    assert_null(view.values[0]);
    assert_null(view.values[1]);
    assert_memory_equal(view.values[2], "sent", 4);
}

static void a_page_is_five_parameters(void **state)
{
    struct store_page page = {.after = {INT64_C(946684800000001), {{7}}},
                              .created_after_us = INT64_C(946684800000002),
                              .created_before_us = STORE_NO_TIME,
                              .limit = 9};
    struct store_params_view view;
    (void)state;
    store_bind_page(&params, &page);
    store_params_view(&params, &view);
    assert_int_equal(view.count, 5);
    assert_memory_equal(view.values[0], "\0\0\0\0\0\0\0\1", 8);
    assert_memory_equal(view.values[1], &page.after.id, 16);
    assert_memory_equal(view.values[2], "\0\0\0\0\0\0\0\11", 8);
    assert_memory_equal(view.values[3], "\0\0\0\0\0\0\0\2", 8);
    assert_null(view.values[4]);
}

static void want_of_memory_is_told(void **state)
{
    struct store_set set = store_all(calls, COUNT);
    (void)state;
    mem_fail_at(1);
    store_bind_uuids(&params, &set, offsetof(struct sample, id));
    store_bind_clean_texts(&params, &set, offsetof(struct sample, text), 4);
    mem_fail_at(0);
    assert_int_equal(store_params_status(&params), CELERIAC_ERR_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_calls_have_an_element, set_up, tear_down),
        cmocka_unit_test_setup_teardown(equal_ids_have_one_element, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ids_are_compared_as_unsigned_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(set_of_nothing_and_of_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(elements_of_every_type, set_up, tear_down),
        cmocka_unit_test_setup_teardown(id_0_is_null, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts_and_cleaned_texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(filter_that_is_empty_is_null, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_page_is_five_parameters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(want_of_memory_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
