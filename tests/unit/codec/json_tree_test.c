/* celery_proto/codec/json_tree.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "celery_proto/codec/json_tree.h"

static struct cel_tree *new_tree(void)
{
    struct cel_tree *tree = NULL;

    assert_int_equal(cel_tree_create(&tree), CELERIAC_OK);
    return tree;
}

static void assert_json(struct cel_tree *tree, struct cel_value *value, const char *expected)
{
    struct span json = cel_value_json(tree, value);

    assert_int_equal(cel_tree_status(tree), CELERIAC_OK);
    assert_int_equal(json.len, strlen(expected));
    assert_memory_equal(json.ptr, expected, json.len);
}

static void what_is_not_touched_keeps_its_bytes(void **state)
{
    static const char text[] =
        "{\"a\":  [1,2 ], \"n\": NaN, \"big\": 123456789012345678901234567890, "
        "\"s\": \"\\ud800 \\u00e9\", \"o\": {\"x\":{}}}";
    struct cel_tree *tree = new_tree();
    struct cel_value *v = cel_tree_raw(tree, span_of(text));

    (void)state;
    assert_json(tree, v, text);
    cel_value_set(tree, v, "new", cel_tree_int(tree, -7));
    assert_json(tree, v,
                "{\"a\": [1,2 ], \"n\": NaN, \"big\": 123456789012345678901234567890, "
                "\"s\": \"\\ud800 \\u00e9\", \"o\": {\"x\":{}}, \"new\": -7}");
    cel_value_set(tree, v, "n", cel_tree_text(tree, SPAN("q\"\xc3\xa9")));
    cel_value_remove(tree, v, "big");
    cel_value_remove(tree, v, "none");
    assert_json(tree, v,
                "{\"a\": [1,2 ], \"n\": \"q\\\"\\u00e9\", \"s\": \"\\ud800 \\u00e9\", \"o\": "
                "{\"x\":{}}, \"new\": -7}");
    cel_tree_destroy(tree);
    cel_tree_destroy(NULL);
}

static void arrays_change_at_both_ends(void **state)
{
    struct cel_tree *tree = new_tree();
    struct cel_value *v = cel_tree_raw(tree, SPAN("[1, 2, 3]"));

    (void)state;
    assert_int_equal(cel_value_count(tree, v), 3);
    assert_json(tree, cel_value_take_first(tree, v), "1");
    assert_json(tree, cel_value_take_last(tree, v), "3");
    for (int i = 0; i < 40; i++) {
        cel_value_prepend(tree, v, cel_tree_int(tree, i));
        cel_value_append(tree, v, cel_tree_int(tree, 100 + i));
    }
    assert_int_equal(cel_value_count(tree, v), 81);
    assert_json(tree, cel_value_at(tree, v, 0), "39");
    assert_json(tree, cel_value_at(tree, v, 40), "2");
    assert_json(tree, cel_value_at(tree, v, 80), "139");
    assert_null(cel_value_at(tree, v, 81));
    cel_value_replace(tree, v, 40, cel_tree_null(tree));
    assert_true(cel_value_is_null(cel_value_at(tree, v, 40)));
    while (cel_value_take_first(tree, v))
        continue;
    assert_json(tree, v, "[]");
    assert_null(cel_value_take_last(tree, v));
    cel_tree_destroy(tree);
}

static void copies_share_nothing(void **state)
{
    struct cel_tree *tree = new_tree();
    struct cel_value *v = cel_tree_raw(tree, SPAN("{\"o\": {\"k\": [1]}}"));
    struct cel_value *copy;

    (void)state;
    cel_value_append(tree, cel_value_get(tree, cel_value_get(tree, v, "o"), "k"),
                     cel_tree_int(tree, 2));
    copy = cel_value_clone(tree, v);
    assert_true(cel_value_equal(tree, v, copy));
    cel_value_append(tree, cel_value_get(tree, cel_value_get(tree, copy, "o"), "k"),
                     cel_tree_int(tree, 3));
    assert_json(tree, v, "{\"o\": {\"k\": [1, 2]}}");
    assert_json(tree, copy, "{\"o\": {\"k\": [1, 2, 3]}}");
    assert_false(cel_value_equal(tree, v, copy));
    cel_tree_destroy(tree);
}

static void tells_kinds_and_truth(void **state)
{
    static const struct {
        const char *json;
        bool truth;
    } cases[] = {{"null", false}, {"false", false}, {"true", true},  {"0", false},
                 {"0.0", false},  {"-1", true},     {"\"\"", false}, {"\"0\"", true},
                 {"[]", false},   {"[0]", true},    {"{}", false},   {"{\"a\": 0}", true}};
    struct cel_tree *tree = new_tree();
    int64_t n = 0;
    double d = 0;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(cel_value_is_true(tree, cel_tree_raw(tree, span_of(cases[i].json))),
                         cases[i].truth);
    assert_false(cel_value_is_true(tree, NULL));
    assert_true(cel_value_is_null(NULL));
    assert_true(cel_value_int(cel_tree_raw(tree, SPAN("42")), &n));
    assert_int_equal(n, 42);
    assert_false(cel_value_int(cel_tree_raw(tree, SPAN("4.5")), &n));
    assert_false(cel_value_int(cel_tree_raw(tree, SPAN("123456789012345678901")), &n));
    assert_true(cel_value_number(cel_tree_raw(tree, SPAN("4.5")), &d));
    assert_true(d == 4.5);
    assert_true(span_is(cel_value_text(tree, cel_tree_raw(tree, SPAN("\"a\\u0062\""))), "ab"));
    assert_null(cel_value_text(tree, cel_tree_raw(tree, SPAN("1"))).ptr);
    assert_null(cel_value_get(tree, cel_tree_raw(tree, SPAN("[1]")), "k"));
    assert_null(cel_value_at(tree, cel_tree_raw(tree, SPAN("7")), 0));
    cel_tree_destroy(tree);
}

static void no_json_is_noticed_cut_at_every_byte(void **state)
{
    static const char text[] = "{\"a\": [1, {\"b\": \"c\"}]}";

    (void)state;
    for (size_t len = 1; len < sizeof text - 1; len++) {
        struct cel_tree *tree = new_tree();

        assert_null(cel_value_get(tree, cel_tree_raw(tree, (struct span){text, len}), "a"));
        assert_int_equal(cel_tree_status(tree), CELERIAC_ERR_SYNTAX);
        /* Sticky: nothing is made any more. */
        assert_null(cel_tree_object(tree));
        cel_tree_destroy(tree);
    }
}

static void survives_every_failing_allocation(void **state)
{
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        struct cel_tree *tree = NULL;
        struct cel_value *v;
        enum celeriac_err code;

        mem_fail_at(n);
        code = cel_tree_create(&tree);
        if (code == CELERIAC_OK) {
            v = cel_tree_raw(tree, SPAN("{\"a\\n\": {\"b\": [1, 2]}, \"c\": null}"));
            for (int i = 0; i < 2000; i++)
                cel_value_append(tree, cel_value_get(tree, cel_value_get(tree, v, "a\n"), "b"),
                                 cel_tree_text(tree, SPAN("x")));
            cel_value_set(tree, v, "d", cel_value_clone(tree, v));
            (void)cel_value_json(tree, v);
            code = cel_tree_status(tree);
        }
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        cel_tree_destroy(tree);
        /* The first hundred places one by one, the many like them in steps. */
        if (n > 100)
            n += 97;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_touched_keeps_its_bytes),
        cmocka_unit_test(arrays_change_at_both_ends),
        cmocka_unit_test(copies_share_nothing),
        cmocka_unit_test(tells_kinds_and_truth),
        cmocka_unit_test(no_json_is_noticed_cut_at_every_byte),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
