/* worker/aftermath.c: checklist lines 70 to 74. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "worker/aftermath.h"

#define NOW_US INT64_C(1795379699128789)
#define EXCEPTION \
    "{\"exc_type\": \"ValueError\", \"exc_message\": [\"kaboom\"], \"exc_module\": \"builtins\"}"
#define STEP(id, more)                                                                             \
    "{\"task\": \"t.x\", \"args\": [], \"kwargs\": {}, \"options\": {\"task_id\": \"" id "\"" more \
    "}}"

static void same_id(void *context, char id[UUID_SIZE])
{
    (void)context;
    memcpy(id, "00000000-0000-4000-8000-000000000000", UUID_SIZE);
}

static const struct cel_canvas_context world = {
    .new_id = same_id, .origin = SPAN("gen1@test"), .queue = SPAN("celery")};

static struct cel_aftermath_context context_of(const struct cel_task_message *message)
{
    return cel_aftermath_context_of(message, &world, false, NOW_US);
}

static const struct cel_task_message header = {.id = SPAN("h-1"),
                                               .group = SPAN("g-1"),
                                               .has_group_index = true,
                                               .group_index = 4,
                                               .chord = SPAN(STEP("b-1", ""))};

static void checklist_73_a_part_is_written_as_python_writes_it(void **state)
{
    struct cel_aftermath a;
    struct cel_aftermath_context context = context_of(&header);

    (void)state;
    cel_aftermath_init(&a);
    assert_true(cel_aftermath_is_empty(&a));
    assert_true(cel_aftermath_follows(&header));
    assert_int_equal(cel_aftermath_succeed(&a, &header, SPAN("{\"x\": 1.5}"), &context, NULL, NULL),
                     CELERIAC_OK);
    assert_false(cel_aftermath_is_empty(&a));
    assert_int_equal(a.part_count, 1);
    assert_null(a.canvas);
    assert_true(span_is(a.parts[0].document, "[1, \"h-1\", \"SUCCESS\", {\"x\": 1.5}]"));
    assert_true(span_is(a.parts[0].group_id, "g-1"));
    assert_true(a.parts[0].has_index);
    assert_int_equal(a.parts[0].index, 4);
    assert_true(span_is(a.parts[0].body, STEP("b-1", "")));
    cel_aftermath_close(&a);

    assert_int_equal(cel_aftermath_revoke(&a, &header, SPAN(EXCEPTION)), CELERIAC_OK);
    assert_true(span_is(a.parts[0].document, "[1, \"h-1\", \"REVOKED\", " EXCEPTION "]"));
    cel_aftermath_close(&a);
    assert_true(cel_aftermath_is_empty(&a));
}

static void checklist_71_failure_reaches_the_rest_of_the_chain(void **state)
{
    static const struct cel_task_message message = {
        .id = SPAN("m-1"),
        .chain = SPAN("[" STEP(
            "last",
            ", \"group_id\": \"g-2\", \"group_index\": 3, \"chord\": " STEP(
                "b-2", "")) ", {\"task\": \"celery.chord\", \"subtask_type\": \"chord\", "
                            "\"options\": {\"task_id\": \"c-1\"}, \"kwargs\": {\"body\": " STEP(
                                "b-3", "") "}}, " STEP("next", "") "]"),
        .errbacks = SPAN("[" STEP("e-1", "") "]")};
    static const char *const ids[] = {"last", "c-1", "b-3", "next"};
    struct cel_aftermath_context context = context_of(&message);
    struct cel_aftermath a;
    size_t ops = 0;

    (void)state;
    cel_aftermath_init(&a);
    assert_int_equal(cel_aftermath_fail(&a, &message, SPAN(EXCEPTION), SPAN("tb"), true, &context),
                     CELERIAC_OK);
    assert_int_equal(a.record_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_true(span_is(a.records[i].task_id, ids[i]));
        assert_non_null(memmem(a.records[i].document.ptr, a.records[i].document.len,
                               "\"status\": \"FAILURE\", \"result\": " EXCEPTION, 30));
    }
    /* The one that belongs to a chord returns its part as well. */
    assert_int_equal(a.part_count, 1);
    assert_true(span_is(a.parts[0].document, "[1, \"last\", \"FAILURE\", " EXCEPTION "]"));
    assert_true(span_is(a.parts[0].group_id, "g-2"));
    assert_int_equal(a.parts[0].index, 3);
    (void)cel_canvas_ops(a.canvas, &ops);
    assert_int_equal(ops, 1);
    cel_aftermath_close(&a);

    /* Without results only the part and the errback are left. */
    assert_int_equal(cel_aftermath_fail(&a, &message, SPAN(EXCEPTION), SPAN("tb"), false, &context),
                     CELERIAC_OK);
    assert_int_equal(a.record_count, 0);
    assert_int_equal(a.part_count, 1);
    cel_aftermath_close(&a);
}

static void what_follows_a_failure_may_be_nonsense(void **state)
{
    static const char *const chains[] = {"[1, \"x\", null, {}]", "[{\"options\": 3}]", "{}",
                                         "[[]]"};
    (void)state;

    for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++) {
        struct cel_task_message message = {
            .id = SPAN("m-1"), .chain = span_of(chains[i]), .errbacks = SPAN("[3]")};
        struct cel_aftermath_context context = context_of(&message);
        struct cel_aftermath a;

        cel_aftermath_init(&a);
        assert_int_equal(
            cel_aftermath_fail(&a, &message, SPAN(EXCEPTION), SPAN(""), true, &context),
            CELERIAC_OK);
        assert_int_equal(a.record_count, 0);
        cel_aftermath_close(&a);
    }
}

static void a_complete_chord_sends_its_body(void **state)
{
    struct cel_aftermath_context context = context_of(&header);
    struct cel_aftermath a;
    const struct cel_canvas_op *ops;
    size_t count = 0;

    (void)state;
    cel_aftermath_init(&a);
    assert_int_equal(cel_aftermath_join(&a, header.chord, SPAN("[1, 2]"), &context, NULL),
                     CELERIAC_OK);
    ops = cel_canvas_ops(a.canvas, &count);
    assert_int_equal(count, 1);
    assert_int_equal(ops[0].kind, CEL_CANVAS_PUBLISH);
    assert_non_null(memmem(ops[0].message.ptr, ops[0].message.len, "\"id\": \"b-1\"", 11));
    assert_non_null(
        memmem(ops[0].message.ptr, ops[0].message.len, "\"argsrepr\": \"([1, 2],)\"", 23));
    cel_aftermath_close(&a);
}

static void checklist_74_a_failed_chord_fails_its_body(void **state)
{
    static const char body[] =
        STEP("b-1", ", \"link_error\": [" STEP("e-1", "") "], \"chain\": [" STEP("after", "") "]");
    static const char group[] =
        "{\"task\": \"celery.group\", \"subtask_type\": \"group\", \"options\": {\"task_id\": "
        "\"gg\"}, \"kwargs\": {\"tasks\": [" STEP("t-1", "") ", " STEP("t-2", "") "]}}";
    struct cel_aftermath_context context = context_of(&header);
    struct cel_aftermath a;
    size_t count = 0;

    (void)state;
    cel_aftermath_init(&a);
    assert_int_equal(
        cel_aftermath_break(&a, span_of(body), SPAN("Dependency h raised KeyError('x')"), &context),
        CELERIAC_OK);
    assert_int_equal(a.record_count, 2);
    assert_true(span_is(a.records[0].task_id, "b-1"));
    assert_true(span_is(a.records[1].task_id, "after"));
    assert_non_null(memmem(a.records[0].document.ptr, a.records[0].document.len,
                           "{\"exc_type\": \"ChordError\", \"exc_message\": [\"Dependency h raised "
                           "KeyError('x')\"], \"exc_module\": \"celery.exceptions\"}",
                           60));
    (void)cel_canvas_ops(a.canvas, &count);
    assert_int_equal(count, 1);
    cel_aftermath_close(&a);

    assert_int_equal(cel_aftermath_break(&a, span_of(group), SPAN("why"), &context), CELERIAC_OK);
    assert_int_equal(a.record_count, 3);
    cel_aftermath_close(&a);
}

static void survives_every_failing_allocation(void **state)
{
    static const struct cel_task_message message = {
        .id = SPAN("m-1"),
        .group = SPAN("g"),
        .chord = SPAN(STEP("b-1", "")),
        .chain = SPAN("[" STEP("last", "") ", " STEP("next", "") "]"),
        .callbacks = SPAN("[" STEP("c-1", "") "]"),
        .errbacks = SPAN("[" STEP("e-1", "") "]")};
    struct cel_aftermath_context context = context_of(&message);

    (void)state;
    for (int way = 0; way < 4; way++) {
        bool failed = true;

        for (size_t n = 1; failed; n++) {
            struct cel_aftermath a;
            enum celeriac_err code;

            cel_aftermath_init(&a);
            mem_fail_at(n);
            if (way == 0)
                code = cel_aftermath_succeed(&a, &message, SPAN("1"), &context, NULL, NULL);
            else if (way == 1)
                code = cel_aftermath_fail(&a, &message, SPAN(EXCEPTION), SPAN("t"), true, &context);
            else if (way == 2)
                code = cel_aftermath_join(&a, message.chord, SPAN("[1]"), &context, NULL);
            else
                code = cel_aftermath_break(&a, message.chord, SPAN("why"), &context);
            failed = mem_has_failed();
            mem_fail_at(0);
            assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
            cel_aftermath_close(&a);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checklist_73_a_part_is_written_as_python_writes_it),
        cmocka_unit_test(checklist_71_failure_reaches_the_rest_of_the_chain),
        cmocka_unit_test(what_follows_a_failure_may_be_nonsense),
        cmocka_unit_test(a_complete_chord_sends_its_body),
        cmocka_unit_test(checklist_74_a_failed_chord_fails_its_body),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
