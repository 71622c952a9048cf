#include "celery_proto/codec/keys.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

#define TEXT_MAX 10000

struct fixture {
    struct cel_keys *keys;
    struct strbuf out;
};

static struct fixture open_keys(const struct cel_keys_options *options)
{
    struct fixture f = {.keys = NULL};

    strbuf_init(&f.out, TEXT_MAX);
    assert_int_equal(cel_keys_create(options, &f.keys, NULL), CELERIAC_OK);
    return f;
}

static void close_keys(struct fixture *f)
{
    cel_keys_destroy(f->keys);
    strbuf_close(&f->out);
}

/* What was just built; the buffer is then empty again. */
static void assert_built(struct fixture *f, const char *wanted)
{
    assert_string_equal(strbuf_text(&f->out), wanted);
    strbuf_clear(&f->out);
}

static void test_defaults_are_kombu_s(void **state)
{
    struct fixture f = open_keys(NULL);

    (void)state;
    assert_true(span_is(cel_key_unacked(f.keys), "unacked"));
    assert_true(span_is(cel_key_unacked_index(f.keys), "unacked_index"));
    assert_true(span_is(cel_key_unacked_mutex(f.keys), "unacked_mutex"));
    assert_true(span_is(cel_key_quarantine(f.keys), "celeriac.quarantine"));
    assert_true(span_is(cel_keys_prefix(f.keys), ""));
    assert_int_equal(cel_keys_steps(f.keys)->count, 4);
    cel_key_queue(f.keys, SPAN("celery"), 0, &f.out);
    assert_built(&f, "celery");
    cel_key_queue(f.keys, SPAN("celery"), 3, &f.out);
    assert_built(&f, "celery\x06\x16"
                     "3");
    cel_key_binding(f.keys, SPAN("celery"), &f.out);
    assert_built(&f, "_kombu.binding.celery");
    cel_channel_fanout(f.keys, SPAN("celery.pidbox"), SPAN(""), &f.out);
    assert_built(&f, "/0.celery.pidbox");
    cel_channel_fanout(f.keys, SPAN("celeryev"), SPAN("task.multi"), &f.out);
    assert_built(&f, "/0.celeryev/task.multi");
    cel_channel_pattern(f.keys, SPAN("celeryev"), SPAN("worker.#"), &f.out);
    assert_built(&f, "/0.celeryev/worker.*");
    cel_channel_pattern(f.keys, SPAN("celery.pidbox"), SPAN(""), &f.out);
    assert_built(&f, "/0.celery.pidbox");
    close_keys(&f);
}

static void test_checklist_61_result_keys(void **state)
{
    struct fixture f = open_keys(NULL);

    (void)state;
    cel_key_result(f.keys, SPAN("id-1"), &f.out);
    assert_built(&f, "celery-task-meta-id-1");
    cel_key_group(f.keys, SPAN("g"), NULL, &f.out);
    assert_built(&f, "celery-taskset-meta-g");
    cel_key_group(f.keys, SPAN("g"), ".j", &f.out);
    assert_built(&f, "celery-taskset-meta-g.j");
    close_keys(&f);
}

/* celery/backends/base.py: "_" is added unless the prefix ends in one of ":_-." */
static void test_checklist_69_result_prefix(void **state)
{
    const struct {
        const char *prefix;
        const char *wanted;
    } cases[] = {{"p", "p_celery-task-meta-i"},  {"p:", "p:celery-task-meta-i"},
                 {"p_", "p_celery-task-meta-i"}, {"p-", "p-celery-task-meta-i"},
                 {"p.", "p.celery-task-meta-i"}, {"", "celery-task-meta-i"},
                 {"p/", "p/_celery-task-meta-i"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct cel_keys_options options = {.result_keyprefix = cases[i].prefix};
        struct fixture f = open_keys(&options);

        cel_key_result(f.keys, SPAN("i"), &f.out);
        assert_built(&f, cases[i].wanted);
        close_keys(&f);
    }
}

static void test_checklist_16_prefix_stands_before_keys_and_channels(void **state)
{
    const struct cel_keys_options options = {.global_keyprefix = "pfx:", .db = 3};
    struct fixture f = open_keys(&options);
    struct span a, b, c;

    (void)state;
    assert_true(span_is(cel_key_unacked(f.keys), "pfx:unacked"));
    assert_true(span_is(cel_key_quarantine(f.keys), "pfx:celeriac.quarantine"));
    assert_true(span_is(cel_keys_prefix(f.keys), "pfx:"));
    cel_key_queue(f.keys, SPAN("q"), 9, &f.out);
    assert_true(span_is(cel_queue_of_key(f.keys, strbuf_span(&f.out)), "q"));
    assert_built(&f, "pfx:q\x06\x16"
                     "9");
    cel_key_binding(f.keys, SPAN("a"), &f.out);
    assert_built(&f, "pfx:_kombu.binding.a");
    cel_channel_fanout(f.keys, SPAN("celeryev"), SPAN("worker.online"), &f.out);
    assert_built(&f, "pfx:/3.celeryev/worker.online");
    cel_binding_member(f.keys, SPAN("a"), SPAN(""), SPAN("a"), &f.out);
    assert_true(cel_binding_split(f.keys, strbuf_span(&f.out), &a, &b, &c));
    assert_built(&f, "a\x06\x16\x06\x16"
                     "a");
    cel_key_result(f.keys, SPAN("i"), &f.out);
    assert_built(&f, "celery-task-meta-i");
    close_keys(&f);
}

static void test_checklist_17_options_are_honoured(void **state)
{
    const struct cel_priority_steps steps = {.step = {0, 5}, .count = 2};
    const struct cel_keys_options options = {.sep = "::",
                                             .unacked_key = "u",
                                             .unacked_index_key = "ui",
                                             .unacked_mutex_key = "um",
                                             .fanout_prefix = "<{db}{db}>",
                                             .no_fanout_patterns = true,
                                             .db = 12,
                                             .priority_steps = &steps};
    const struct cel_keys_options no_prefix = {.fanout_prefix = ""};
    struct fixture f = open_keys(&options);

    (void)state;
    assert_true(span_is(cel_key_unacked(f.keys), "u"));
    assert_true(span_is(cel_key_unacked_index(f.keys), "ui"));
    assert_true(span_is(cel_key_unacked_mutex(f.keys), "um"));
    assert_int_equal(cel_keys_steps(f.keys)->count, 2);
    cel_key_queue(f.keys, SPAN("q"), 5, &f.out);
    assert_built(&f, "q::5");
    cel_channel_fanout(f.keys, SPAN("x"), SPAN("rk"), &f.out);
    assert_built(&f, "<1212>x");
    cel_channel_pattern(f.keys, SPAN("x"), SPAN("rk.#"), &f.out);
    assert_built(&f, "<1212>x");
    close_keys(&f);
    f = open_keys(&no_prefix);
    cel_channel_fanout(f.keys, SPAN("x"), SPAN(""), &f.out);
    assert_built(&f, "x");
    close_keys(&f);
}

static void test_binding_members_split_into_three(void **state)
{
    struct fixture f = open_keys(NULL);
    struct span rk, pattern, queue;

    (void)state;
    assert_true(cel_binding_split(f.keys, SPAN("media.#\x06\x16^media\\..*?$\x06\x16video"), &rk,
                                  &pattern, &queue));
    assert_true(span_is(rk, "media.#"));
    assert_true(span_is(pattern, "^media\\..*?$"));
    assert_true(span_is(queue, "video"));
    assert_true(cel_binding_split(f.keys,
                                  SPAN("\x06\x16\x06\x16"
                                       "celery@h.celery.pidbox"),
                                  &rk, &pattern, &queue));
    assert_int_equal(rk.len, 0);
    assert_int_equal(pattern.len, 0);
    assert_true(span_is(queue, "celery@h.celery.pidbox"));
    assert_false(cel_binding_split(f.keys, SPAN(""), &rk, &pattern, &queue));
    assert_false(cel_binding_split(f.keys,
                                   SPAN("a\x06\x16"
                                        "b"),
                                   &rk, &pattern, &queue));
    assert_false(cel_binding_split(f.keys,
                                   SPAN("a\x06\x16"
                                        "b\x06\x16"
                                        "c\x06\x16"
                                        "d"),
                                   &rk, &pattern, &queue));
    assert_true(span_is(queue, "celery@h.celery.pidbox"));
    close_keys(&f);
}

static void test_queue_of_key(void **state)
{
    struct fixture f = open_keys(NULL);

    (void)state;
    assert_true(span_is(cel_queue_of_key(f.keys, SPAN("celery")), "celery"));
    assert_true(span_is(cel_queue_of_key(f.keys, SPAN("celery\x06\x16"
                                                      "6")),
                        "celery"));
    assert_true(span_is(cel_queue_of_key(f.keys, SPAN("a\x06\x16"
                                                      "b\x06\x16"
                                                      "6")),
                        "a\x06\x16"
                        "b"));
    assert_true(span_is(cel_queue_of_key(f.keys, SPAN("")), ""));
    assert_true(span_is(cel_queue_of_key(f.keys, SPAN("\x06")), "\x06"));
    close_keys(&f);
}

static void test_refuses_bad_options(void **state)
{
    char longest[CEL_KEY_OPTION_MAX + 1], too_long[CEL_KEY_OPTION_MAX + 2];
    struct cel_keys_options options = {.global_keyprefix = longest,
                                       .sep = longest,
                                       .unacked_key = longest,
                                       .unacked_index_key = longest,
                                       .unacked_mutex_key = longest,
                                       .fanout_prefix = longest,
                                       .result_keyprefix = longest,
                                       .db = UINT_MAX};
    struct cel_keys *keys = NULL;
    struct celeriac_error err = {.code = CELERIAC_OK};

    (void)state;
    memset(longest, 'x', sizeof(longest));
    memset(too_long, 'x', sizeof(too_long));
    longest[sizeof(longest) - 1] = too_long[sizeof(too_long) - 1] = '\0';
    assert_int_equal(cel_keys_create(&options, &keys, NULL), CELERIAC_OK);
    assert_int_equal(cel_key_unacked(keys).len, 2 * CEL_KEY_OPTION_MAX);
    cel_keys_destroy(keys);
    keys = NULL;
    options.unacked_index_key = too_long;
    assert_int_equal(cel_keys_create(&options, &keys, &err), CELERIAC_ERR_VALUE);
    assert_string_equal(err.text, "unacked_index_key is longer than 256 bytes");
    options = (struct cel_keys_options){.sep = ""};
    celeriac_error_clear(&err);
    assert_int_equal(cel_keys_create(&options, &keys, &err), CELERIAC_ERR_VALUE);
    assert_string_equal(err.text, "sep is empty");
    assert_null(keys);
    cel_keys_destroy(NULL);
}

/* A fanout prefix made of nothing but marks grows; the longest one must still fit. */
static void test_longest_expansion_fits(void **state)
{
    char marks[CEL_KEY_OPTION_MAX + 1];
    const struct cel_keys_options options = {.fanout_prefix = marks, .db = UINT_MAX};
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < CEL_KEY_OPTION_MAX; i += 4)
        memcpy(marks + i, "{db}", 4);
    marks[CEL_KEY_OPTION_MAX] = '\0';
    f = open_keys(&options);
    cel_channel_fanout(f.keys, SPAN("x"), SPAN(""), &f.out);
    assert_int_equal(f.out.len, CEL_KEY_OPTION_MAX / 4 * 10 + 1);
    close_keys(&f);
}

static void test_survives_every_allocation_failure(void **state)
{
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        struct cel_keys *keys = NULL;
        enum celeriac_err code;

        mem_fail_at(n);
        code = cel_keys_create(NULL, &keys, NULL);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        assert_true(failed == (keys == NULL));
        cel_keys_destroy(keys);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_are_kombu_s),
        cmocka_unit_test(test_checklist_61_result_keys),
        cmocka_unit_test(test_checklist_69_result_prefix),
        cmocka_unit_test(test_checklist_16_prefix_stands_before_keys_and_channels),
        cmocka_unit_test(test_checklist_17_options_are_honoured),
        cmocka_unit_test(test_binding_members_split_into_three),
        cmocka_unit_test(test_queue_of_key),
        cmocka_unit_test(test_refuses_bad_options),
        cmocka_unit_test(test_longest_expansion_fits),
        cmocka_unit_test(test_survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
