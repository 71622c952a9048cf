/*
 * celery_proto/codec/canvas.c and the files behind it: checklist lines 14, 15, 47, 70, 72. That
 * whole canvases come to what Python makes of them is shown by
 * tests/integration/worker/canvas_test.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "celery_proto/codec/canvas.h"
#include "celery_proto/codec/task_message.h"

#define NOW_US INT64_C(1795379699128789)

/* Ids that count, so that a test can name them. */
static void counting_id(void *context, char id[UUID_SIZE])
{
    int *next = context;

    snprintf(id, UUID_SIZE, "00000000-0000-4000-8000-%012d", ++*next);
}

struct fixture {
    int ids;
    struct cel_canvas *canvas;
    struct cel_task_decoder *decoder;
    struct cel_task_message *messages[64];
    size_t count;
};

static void start(struct fixture *f)
{
    const struct cel_canvas_context context = {.new_id = counting_id,
                                               .id_context = &f->ids,
                                               .now_us = NOW_US,
                                               .origin = SPAN("gen1@test"),
                                               .reply_to = SPAN("oid"),
                                               .queue = SPAN("celery"),
                                               .parent_id = SPAN("parent"),
                                               .root_id = SPAN("root")};

    cel_canvas_destroy(f->canvas);
    f->canvas = NULL;
    f->ids = 0;
    assert_int_equal(cel_canvas_create(&context, &f->canvas), CELERIAC_OK);
}

static void forget(struct fixture *f)
{
    while (f->count > 0)
        cel_task_message_destroy(f->messages[--f->count]);
}

static int set_up(void **state)
{
    struct fixture *f = mem_calloc(1, sizeof *f);

    assert_non_null(f);
    assert_int_equal(cel_task_decoder_create(NULL, &f->decoder), CELERIAC_OK);
    start(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    forget(f);
    cel_canvas_destroy(f->canvas);
    cel_task_decoder_destroy(f->decoder);
    mem_free(f);
    return 0;
}

/* Decodes what is published; the numbers of messages and of other operations. */
static void read_ops(struct fixture *f, size_t messages, size_t others)
{
    size_t count = 0;
    size_t found = 0;
    const struct cel_canvas_op *ops = cel_canvas_ops(f->canvas, &count);

    forget(f);
    for (size_t i = 0; i < count; i++) {
        if (ops[i].kind != CEL_CANVAS_PUBLISH) {
            found++;
            continue;
        }
        assert_int_equal(
            cel_task_message_create(f->decoder, ops[i].message, &f->messages[f->count]),
            CELERIAC_OK);
        assert_int_equal(f->messages[f->count]->refuse, CEL_REFUSE_NONE);
        f->count++;
    }
    assert_int_equal(f->count, messages);
    assert_int_equal(found, others);
}

static void assert_span(struct span s, const char *expected)
{
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.ptr, expected, s.len);
}

#define SIG(task, args, options)                                                         \
    "{\"task\": \"" task "\", \"args\": " args ", \"kwargs\": {}, \"options\": " options \
    ", \"subtask_type\": null, \"immutable\": false, \"mine\": 1}"

static void one_callback_becomes_a_task(void **state)
{
    struct fixture *f = *state;
    struct span children;

    assert_int_equal(cel_canvas_succeed(f->canvas,
                                        SPAN("[" SIG("t.cb", "[2]",
                                                     "{\"queue\": \"q2\", \"priority\": 6, "
                                                     "\"task_id\": \"cb-id\"}") "]"),
                                        (struct span){0}, SPAN("{\"r\":1}"), NULL),
                     CELERIAC_OK);
    read_ops(f, 1, 0);
    assert_span(f->messages[0]->task, "t.cb");
    assert_span(f->messages[0]->id, "cb-id");
    assert_span(f->messages[0]->args, "[{\"r\":1}, 2]");
    assert_span(f->messages[0]->parent_id, "parent");
    assert_span(f->messages[0]->root_id, "root");
    assert_span(f->messages[0]->routing_key, "q2");
    assert_span(f->messages[0]->origin, "gen1@test");
    assert_int_equal(f->messages[0]->priority, 6);
    assert_int_equal(cel_canvas_children(f->canvas, &children), CELERIAC_OK);
    assert_span(children, "[[[\"cb-id\", null], null]]");
}

static void several_callbacks_become_a_group(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        cel_canvas_succeed(f->canvas,
                           SPAN("[" SIG("t.a", "[]", "{}") ", " SIG("t.b", "[]", "{}") "]"),
                           (struct span){0}, SPAN("5"), NULL),
        CELERIAC_OK);
    read_ops(f, 2, 0);
    assert_true(f->messages[0]->group.len > 0);
    assert_true(span_equal(f->messages[0]->group, f->messages[1]->group));
    assert_int_equal(f->messages[0]->group_index, 0);
    assert_int_equal(f->messages[1]->group_index, 1);
    assert_span(f->messages[1]->args, "[5]");
}

static void an_immutable_callback_takes_no_result(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        cel_canvas_succeed(f->canvas,
                           SPAN("[{\"task\": \"t.a\", \"args\": [1], \"immutable\": true}]"),
                           (struct span){0}, SPAN("5"), NULL),
        CELERIAC_OK);
    read_ops(f, 1, 0);
    assert_span(f->messages[0]->args, "[1]");
}

static void checklist_47_the_next_step_carries_the_rest_unharmed(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(cel_canvas_succeed(
                         f->canvas, (struct span){0},
                         SPAN("[" SIG("t.last", "[NaN]", "{}") ", " SIG("t.next", "[1]", "{}") "]"),
                         SPAN("null"), NULL),
                     CELERIAC_OK);
    read_ops(f, 1, 0);
    assert_span(f->messages[0]->task, "t.next");
    assert_span(f->messages[0]->args, "[null, 1]");
    assert_span(f->messages[0]->chain, "[" SIG("t.last", "[NaN]", "{}") "]");
}

static void stamps_stay_with_their_task(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(cel_canvas_succeed(f->canvas, (struct span){0},
                                        SPAN("[" SIG("t.next", "[]",
                                                     "{\"stamped_headers\": [\"tenant\"], "
                                                     "\"tenant\": [\"acme\"]}") "]"),
                                        SPAN("1"), NULL),
                     CELERIAC_OK);
    read_ops(f, 1, 0);
    assert_span(f->messages[0]->stamped_headers, "[\"tenant\"]");
    assert_span(f->messages[0]->stamps, "{\"tenant\": [\"acme\"]}");
}

#define CHORD                                                                                      \
    "{\"task\": \"celery.chord\", \"args\": [], \"kwargs\": {\"kwargs\": {}, \"header\": [" SIG(   \
        "t.h", "[1]",                                                                              \
        "{}") ", " SIG("t.h", "[2]",                                                               \
                       "{}") "], \"body\": " SIG("t.body", "[]",                                   \
                                                 "{\"task_id\": \"body-id\"}") "}, \"options\": "  \
                                                                               "{}, "              \
                                                                               "\"subtask_type\":" \
                                                                               " \"chord\", "      \
                                                                               "\"immutable\": "   \
                                                                               "false}"

static void checklist_15_a_chord_has_its_size_before_its_last_task(void **state)
{
    struct fixture *f = *state;
    const struct cel_canvas_op *ops;
    struct span id;
    size_t count = 0;

    assert_int_equal(cel_canvas_apply(f->canvas, SPAN(CHORD), (struct span){0}, &id, NULL),
                     CELERIAC_OK);
    assert_span(id, "body-id");
    read_ops(f, 2, 1);
    ops = cel_canvas_ops(f->canvas, &count);
    assert_int_equal(ops[1].kind, CEL_CANVAS_CHORD_SIZE);
    assert_int_equal(ops[1].size, 2);
    for (int i = 0; i < 2; i++) {
        assert_span(f->messages[i]->task, "t.h");
        assert_int_equal(f->messages[i]->group_index, i);
        assert_true(span_equal(f->messages[i]->group, ops[1].group_id));
        assert_non_null(memmem(f->messages[i]->chord.ptr, f->messages[i]->chord.len,
                               "\"task_id\": \"body-id\"", 20));
    }
}

static void a_chain_in_c_becomes_a_message_with_a_chain(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        cel_canvas_apply(
            f->canvas,
            SPAN("{\"task\": \"celery.chain\", \"args\": [], \"kwargs\": {\"tasks\": [" SIG(
                "t.a", "[1]",
                "{}") ", " SIG("t.b", "[]",
                               "{}") ", " SIG("t.c", "[]",
                                              "{}") "]}, "
                                                    "\"options\": {}, \"subtask_type\": \"chain\", "
                                                    "\"immutable\": false}"),
            SPAN("[9]"), NULL, NULL),
        CELERIAC_OK);
    read_ops(f, 1, 0);
    assert_span(f->messages[0]->task, "t.a");
    assert_span(f->messages[0]->args, "[9, 1]");
    /* Reversed: the last element runs next. */
    assert_true(memmem(f->messages[0]->chain.ptr, f->messages[0]->chain.len, "t.c", 3) <
                memmem(f->messages[0]->chain.ptr, f->messages[0]->chain.len, "t.b", 3));
}

static void checklist_72_errbacks_get_the_failed_id(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(cel_canvas_fail(f->canvas, SPAN("[" SIG("t.err", "[3]", "{}") "]"),
                                     SPAN("failed-id"), NULL),
                     CELERIAC_OK);
    read_ops(f, 1, 0);
    assert_span(f->messages[0]->args, "[\"failed-id\", 3]");
    assert_span(f->messages[0]->parent_id, "parent");
}

static void what_is_no_signature_is_refused(void **state)
{
    static const char *const bad[] = {
        "[1]",
        "[{}]",
        "[{\"task\": 3}]",
        "[\"t\"]",
        "{\"task\": \"t\"}[",
        "[{\"task\": \"t\", \"options\": {\"eta\": \"soon\"}}]",
        "[{\"task\": \"celery.chord\", \"subtask_type\": \"chord\", \"kwargs\": {\"header\": []}}]",
        "[{\"task\": \"celery.chunks\", \"subtask_type\": \"chunks\", \"kwargs\": {\"it\": [1]}}]"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct celeriac_error err = {0};

        start(f);
        assert_int_equal(
            cel_canvas_succeed(f->canvas, span_of(bad[i]), (struct span){0}, SPAN("1"), &err),
            CELERIAC_ERR_VALUE);
        assert_true(strlen(err.text) > 0);
    }
}

static void nesting_has_an_end(void **state)
{
    struct fixture *f = *state;

    for (int depth = 10; depth <= 2 * CEL_CANVAS_DEPTH_MAX;
         depth += 2 * CEL_CANVAS_DEPTH_MAX - 10) {
        static char text[65536];
        size_t at = 0;

        for (int i = 0; i < depth; i++)
            at += (size_t)snprintf(text + at, sizeof text - at,
                                   "{\"task\": \"celery.group\", \"subtask_type\": \"group\", "
                                   "\"kwargs\": {\"tasks\": [");
        at += (size_t)snprintf(text + at, sizeof text - at, SIG("t.x", "[]", "{}"));
        for (int i = 0; i < depth; i++)
            at += (size_t)snprintf(text + at, sizeof text - at, "]}}");
        start(f);
        assert_int_equal(cel_canvas_apply(f->canvas, span_of(text), (struct span){0}, NULL, NULL),
                         depth < CEL_CANVAS_DEPTH_MAX ? CELERIAC_OK : CELERIAC_ERR_LIMIT);
    }
}

static void survives_every_failing_allocation(void **state)
{
    struct fixture *f = *state;
    bool failed = true;

    for (size_t n = 1; failed; n++) {
        enum celeriac_err code;

        start(f);
        mem_fail_at(n);
        code = cel_canvas_apply(f->canvas, SPAN(CHORD), SPAN("[1]"), NULL, NULL);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
    }
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_callback_becomes_a_task),
        TEST(several_callbacks_become_a_group),
        TEST(an_immutable_callback_takes_no_result),
        TEST(checklist_47_the_next_step_carries_the_rest_unharmed),
        TEST(stamps_stay_with_their_task),
        TEST(checklist_15_a_chord_has_its_size_before_its_last_task),
        TEST(a_chain_in_c_becomes_a_message_with_a_chain),
        TEST(checklist_72_errbacks_get_the_failed_id),
        TEST(what_is_no_signature_is_refused),
        TEST(nesting_has_an_end),
        TEST(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
