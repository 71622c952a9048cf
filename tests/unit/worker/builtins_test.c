/* worker/builtins.c, builtin_map.c and builtin_canvas.c: Celery's own tasks, run by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "worker/builtin_map.h"
#include "worker/builtins.h"
#include "worker/task_context.h"

#define MAP_OF(task, it) "{\"task\": {\"task\": \"" task "\", \"args\": []}, \"it\": " it "}"

static atomic_bool stopping;

/* A worker with some tasks, and what its canvases were. */
struct fixture {
    struct cel_registry *registry;
    struct cel_task_host host;
    struct celeriac_task task;
    struct cel_task_message message;
    struct strbuf applied;
    enum celeriac_err code; /* to answer */
};

static void identity(struct celeriac_task *task, void *user)
{
    struct celeriac_bytes x;

    (void)user;
    assert_int_equal(celeriac_task_name(task).len, strlen("t.identity"));
    if (celeriac_task_arg_json(task, 0, "x", &x) == CELERIAC_OK)
        celeriac_task_return_json(task, x.ptr, x.len);
}

static void subtract(struct celeriac_task *task, void *user)
{
    int64_t x;
    int64_t y;

    (void)user;
    if (celeriac_task_arg_int(task, 0, "x", &x) || celeriac_task_arg_int(task, 1, "y", &y))
        return;
    celeriac_task_return_int(task, x - y);
}

/* Ends as its argument says. */
static void end_as(struct celeriac_task *task, void *user)
{
    const struct celeriac_exception exception = {.type = "KeyError", .message = "shop"};
    struct celeriac_bytes how;

    (void)user;
    if (celeriac_task_arg_text(task, 0, "how", &how))
        return;
    if (strcmp(how.ptr, "fail") == 0)
        celeriac_task_fail(task, &exception);
    else if (strcmp(how.ptr, "retry") == 0)
        celeriac_task_retry(task, 1, NULL);
    else if (strcmp(how.ptr, "retry because") == 0)
        celeriac_task_retry(task, 1, &exception);
    else if (strcmp(how.ptr, "ignore") == 0)
        celeriac_task_ignore(task);
    else if (strcmp(how.ptr, "reject") == 0)
        celeriac_task_reject(task, true);
    else if (strcmp(how.ptr, "postpone") == 0)
        celeriac_task_postpone(task, 3);
}

static void send_one(struct celeriac_task *task, void *user)
{
    const struct celeriac_send sends[] = {{.task = "t"}};

    (void)user;
    assert_int_equal(celeriac_task_send(task, sends, 1, NULL, NULL), CELERIAC_OK);
}

static enum celeriac_err host_send(void *context, const struct celeriac_send *sends, size_t count,
                                   char (*ids)[CELERIAC_TASK_ID_SIZE], struct strbuf *children,
                                   struct celeriac_error *err)
{
    (void)context;
    (void)sends;
    (void)count;
    (void)ids;
    (void)err;
    strbuf_add_text(children, "[[\"s\", null], null]");
    return CELERIAC_OK;
}

static enum celeriac_err host_apply(void *context, const struct celeriac_signature *signature,
                                    char *id, struct strbuf *children, struct celeriac_error *err)
{
    struct fixture *f = context;
    struct celeriac_bytes json = celeriac_signature_json(signature);

    if (f->code)
        return celeriac_error_set(err, f->code, "as told");
    strbuf_clear(&f->applied);
    strbuf_add(&f->applied, json.ptr, json.len);
    strbuf_add_text(children, strbuf_span(children).len > 0 ? ", " : "");
    strbuf_add_text(children, "[[\"g\", null], []]");
    memcpy(id, "body-id", sizeof "body-id");
    return strbuf_status(children);
}

static int set_up(void **state)
{
    static const struct celeriac_task_options tasks[] = {
        {.name = "t.identity", .run = identity},
        {.name = "t.subtract", .run = subtract},
        {.name = "t.end", .run = end_as},
        {.name = "t.send", .run = send_one},
    };
    struct fixture *f = mem_calloc(1, sizeof *f);

    assert_non_null(f);
    assert_int_equal(cel_registry_create(&f->registry), CELERIAC_OK);
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
        assert_int_equal(cel_registry_add(f->registry, &tasks[i], NULL), CELERIAC_OK);
    assert_int_equal(cel_builtins_add(f->registry, true, NULL), CELERIAC_OK);
    f->host = (struct cel_task_host){.context = f, .send = host_send, .apply = host_apply};
    cel_task_context_init(&f->task, &stopping);
    f->task.host = &f->host;
    strbuf_init(&f->applied, 100000);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    strbuf_close(&f->applied);
    cel_task_context_close(&f->task);
    cel_registry_destroy(f->registry);
    mem_free(f);
    return 0;
}

/* Runs a task with raw arguments. */
static const struct cel_outcome *run(struct fixture *f, const char *name, const char *args,
                                     const char *kwargs)
{
    const struct cel_task_definition *task = cel_registry_find(f->registry, span_of(name));

    assert_non_null(task);
    f->message = (struct cel_task_message){
        .id = SPAN("i"), .task = span_of(name), .args = span_of(args), .kwargs = span_of(kwargs)};
    cel_task_context_begin(&f->task, &f->message, 0);
    task->run(&f->task, task->user);
    return &f->task.outcome;
}

static void assert_result(const struct cel_outcome *outcome, const char *json)
{
    assert_int_equal(outcome->kind, CEL_OUTCOME_SUCCESS);
    assert_string_equal(strbuf_text(&outcome->result), json);
}

static void assert_raised(const struct cel_outcome *outcome, const char *type, const char *message)
{
    assert_int_equal(outcome->kind, CEL_OUTCOME_FAILURE);
    assert_true(span_is(cel_outcome_type(outcome), type));
    assert_true(span_is(cel_outcome_message(outcome), message));
}

static void they_are_added_to_tasks_of_ones_own(void **state)
{
    const struct celeriac_task_options own = {.name = "celery.map", .run = identity};
    struct cel_registry *registry = NULL;

    (void)state;
    assert_int_equal(cel_registry_create(&registry), CELERIAC_OK);
    assert_int_equal(cel_builtins_add(registry, true, NULL), CELERIAC_OK);
    assert_int_equal(cel_registry_count(registry), 0);
    assert_int_equal(cel_registry_add(registry, &own, NULL), CELERIAC_OK);
    assert_int_equal(cel_builtins_add(registry, false, NULL), CELERIAC_OK);
    assert_ptr_equal(cel_registry_find(registry, SPAN("celery.map"))->run, identity);
    assert_null(cel_registry_find(registry, SPAN("celery.backend_cleanup")));
    assert_non_null(cel_registry_find(registry, SPAN("celery.starmap")));
    assert_int_equal(cel_builtins_add(registry, false, NULL), CELERIAC_OK);
    assert_int_equal(cel_registry_count(registry), 7);
    cel_registry_destroy(registry);
}

static void a_map_calls_its_task_for_each_item(void **state)
{
    struct fixture *f = *state;

    assert_result(run(f, "celery.map", "[]", MAP_OF("t.identity", "[1, {\"a\": [2]}, \"x\"]")),
                  "[1, {\"a\": [2]}, \"x\"]");
    assert_result(run(f, "celery.map", "[\"t.identity\", [null]]", "{}"), "[null]");
    assert_result(run(f, "celery.map", "[]", MAP_OF("t.identity", "[]")), "[]");
    assert_result(run(f, "celery.starmap", "[]", MAP_OF("t.subtract", "[[5, 3], [1, 2]]")),
                  "[2, -1]");
    assert_result(run(f, "celery.starmap", "[\"celery.accumulate\", [[1, 2], []]]", "{}"),
                  "[[1, 2], []]");
}

static void a_map_ends_with_the_first_that_does_not_return(void **state)
{
    struct fixture *f = *state;

    assert_raised(run(f, "celery.map", "[]", MAP_OF("t.end", "[\"go on\", \"fail\", \"ignore\"]")),
                  "KeyError", "shop");
    assert_raised(run(f, "celery.map", "[]", MAP_OF("t.end", "[\"retry because\"]")), "KeyError",
                  "shop");
    assert_raised(run(f, "celery.map", "[]", MAP_OF("t.end", "[\"retry\"]")), "Retry",
                  "Task can be retried");
    assert_int_equal(run(f, "celery.map", "[]", MAP_OF("t.end", "[\"ignore\"]"))->kind,
                     CEL_OUTCOME_IGNORE);
    assert_int_equal(run(f, "celery.map", "[]", MAP_OF("t.end", "[\"reject\"]"))->kind,
                     CEL_OUTCOME_REJECT);
    assert_true(f->task.outcome.requeue);
    assert_int_equal(run(f, "celery.map", "[]", MAP_OF("t.end", "[\"postpone\"]"))->kind,
                     CEL_OUTCOME_POSTPONE);
    assert_raised(run(f, "celery.starmap", "[]", MAP_OF("t.subtract", "[3]")), "TypeError",
                  "argument after * must be an iterable");
    assert_raised(run(f, "celery.map", "[]", MAP_OF("t.identity", "3")), "TypeError",
                  "'it' is not a list");
    assert_raised(run(f, "celery.map", "[]", MAP_OF("t.stranger", "[1]")), "NotRegistered",
                  "t.stranger");
    assert_raised(run(f, "celery.map", "[{}, [1]]", "{}"), "KeyError", "task");
    assert_raised(run(f, "celery.map", "[]", "{}"), "TypeError",
                  "celery.map() missing 1 required positional argument: 'task'");
}

static void what_a_mapped_task_sends_is_the_maps_child(void **state)
{
    struct fixture *f = *state;

    run(f, "celery.map", "[]", MAP_OF("t.send", "[1, 2]"));
    assert_string_equal(strbuf_text(&f->task.outcome.children),
                        "[[\"s\", null], null], [[\"s\", null], null]");
}

/* Maps of maps, as deep as allowed and one deeper. */
static void maps_of_maps_have_a_limit(void **state)
{
    struct fixture *f = *state;

    for (int depth = CEL_MAP_DEPTH_MAX; depth <= CEL_MAP_DEPTH_MAX + 1; depth++) {
        struct strbuf args;

        strbuf_init(&args, 10000);
        for (int i = 1; i < depth; i++)
            strbuf_add_text(&args, "[\"celery.starmap\", [");
        strbuf_add_text(&args, "[\"t.subtract\", [[3, 2]]]");
        for (int i = 1; i < depth; i++)
            strbuf_add_text(&args, "]]");
        run(f, "celery.starmap", strbuf_text(&args), "{}");
        if (depth == CEL_MAP_DEPTH_MAX)
            assert_result(&f->task.outcome, "[[[[[[[[1]]]]]]]]");
        else
            assert_raised(&f->task.outcome, "RecursionError", "maps of maps are nested too deeply");
        strbuf_close(&args);
    }
}

static void the_short_ones_do_as_celerys(void **state)
{
    struct fixture *f = *state;

    assert_result(run(f, "celery.accumulate", "[1, [2], 3]", "{}"), "[1, [2], 3]");
    assert_result(run(f, "celery.accumulate", "[1, [2], 3]", "{\"index\": 1}"), "[2]");
    assert_result(run(f, "celery.accumulate", "[1, [2], 3]", "{\"index\": -1}"), "3");
    assert_result(run(f, "celery.accumulate", "[1]", "{\"index\": null}"), "[1]");
    assert_raised(run(f, "celery.accumulate", "[1]", "{\"index\": 1}"), "IndexError",
                  "tuple index out of range");
    assert_raised(run(f, "celery.accumulate", "[1]", "{\"index\": -2}"), "IndexError",
                  "tuple index out of range");
    assert_int_equal(run(f, "celery.accumulate", "[1]", "{\"index\": \"a\"}")->kind,
                     CEL_OUTCOME_FAILURE);
    assert_result(run(f, "celery.backend_cleanup", "[]", "{}"), "");
    assert_raised(run(f, "celery.chain", "[1]", "{}"), "NotImplementedError",
                  "chain is not a real task");
}

static void canvases_that_come_as_tasks_are_applied(void **state)
{
    struct fixture *f = *state;

    assert_result(run(f, "celery.chunks", "[{\"task\": \"t\"}, [1, 2, 3], 2]", "{}"),
                  "[[\"g\", null], []]");
    assert_non_null(strstr(strbuf_text(&f->applied), "\"n\": 2"));
    assert_result(run(f, "celery.group",
                      "[[{\"task\": \"t\", \"args\": [2], \"immutable\": false}, "
                      "{\"task\": \"u\", \"args\": [3], \"immutable\": true}], [[\"gid\", null], "
                      "[]], \"gid\", [1]]",
                      "{}"),
                  "[[\"gid\", null], []]");
    assert_non_null(strstr(strbuf_text(&f->applied), "\"args\": [1, 2]"));
    assert_non_null(strstr(strbuf_text(&f->applied), "\"args\": [3]"));
    assert_non_null(strstr(strbuf_text(&f->applied), "\"task_id\": \"gid\""));
    assert_result(
        run(f, "celery.chord", "[]",
            "{\"header\": [{\"task\": \"t\", \"args\": []}], \"body\": {\"task\": \"b\"}, "
            "\"partial_args\": [7]}"),
        "[[\"body-id\", [[\"g\", null], []]], null]");
    assert_non_null(strstr(strbuf_text(&f->applied), "\"args\": [7]"));
    assert_raised(run(f, "celery.chord", "[[]]", "{}"), "TypeError",
                  "celery.chord() missing 1 required positional argument: 'body'");
    f->code = CELERIAC_ERR_UNAVAILABLE;
    assert_raised(run(f, "celery.chunks", "[{}, [], 2]", "{}"), "OperationalError", "as told");
    f->code = CELERIAC_ERR_VALUE;
    assert_raised(run(f, "celery.chunks", "[{}, [], 2]", "{}"), "ValueError", "as told");
}

static bool serves(struct fixture *f, const char *task, const char *args, const char *kwargs)
{
    const struct cel_task_message message = {
        .task = span_of(task), .args = span_of(args), .kwargs = span_of(kwargs)};

    return cel_builtins_serve(f->registry, cel_registry_find(f->registry, message.task), &message);
}

static void a_map_of_an_unknown_task_is_for_others(void **state)
{
    struct fixture *f = *state;

    assert_true(serves(f, "celery.map", "[]", MAP_OF("t.identity", "[1]")));
    assert_false(serves(f, "celery.map", "[]", MAP_OF("t.stranger", "[1]")));
    assert_false(serves(f, "celery.starmap", "[{\"task\": \"t.stranger\"}, []]", "{}"));
    assert_false(serves(f, "celery.starmap", "[\"t.stranger\", []]", "{}"));
    /* What makes no sense fails here as it would anywhere. */
    assert_true(serves(f, "celery.map", "[]", "{}"));
    assert_true(serves(f, "celery.map", "[{\"task\": 3}]", "{}"));
    assert_true(serves(f, "celery.accumulate", "[{\"task\": \"t.stranger\"}]", "{}"));
    assert_true(serves(f, "t.identity", "[{\"task\": \"t.stranger\"}]", "{}"));
}

static void survives_every_failing_allocation(void **state)
{
    struct fixture *f = *state;
    bool failed = true;

    for (size_t n = 1; failed; n++) {
        mem_fail_at(n);
        run(f, "celery.map", "[]", MAP_OF("t.identity", "[1, 2]"));
        failed = mem_has_failed();
        mem_fail_at(0);
        if (f->task.outcome.kind == CEL_OUTCOME_SUCCESS)
            assert_string_equal(strbuf_text(&f->task.outcome.result), "[1, 2]");
    }
    failed = true;
    for (size_t n = 1; failed; n++) {
        mem_fail_at(n);
        (void)serves(f, "celery.map", "[]", MAP_OF("t.identity", "[1]"));
        run(f, "celery.chunks", "[{\"task\": \"t\"}, [1, 2, 3], 2]", "{}");
        failed = mem_has_failed();
        mem_fail_at(0);
    }
    assert_int_equal(f->task.outcome.kind, CEL_OUTCOME_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_added_to_tasks_of_ones_own),
        cmocka_unit_test_setup_teardown(a_map_calls_its_task_for_each_item, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_map_ends_with_the_first_that_does_not_return, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_a_mapped_task_sends_is_the_maps_child, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(maps_of_maps_have_a_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_short_ones_do_as_celerys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(canvases_that_come_as_tasks_are_applied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_map_of_an_unknown_task_is_for_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(survives_every_failing_allocation, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
