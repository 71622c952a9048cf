/* worker/task_requests.c: what a task asks of its worker, and what is refused before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "worker/task_context.h"

static atomic_bool stopping;

/* A worker that remembers what it was asked. */
struct worker {
    struct cel_task_host host;
    unsigned told;
    char state[300];
    char meta[100];
    size_t sent;
    enum celeriac_err code; /* to answer */
};

static enum celeriac_err tell_state(void *context, struct span state, struct span meta,
                                    struct span children)
{
    struct worker *w = context;

    w->told++;
    memcpy(w->state, state.ptr, state.len);
    w->state[state.len] = '\0';
    memcpy(w->meta, meta.ptr, meta.len < sizeof w->meta ? meta.len : 0);
    w->meta[meta.len < sizeof w->meta ? meta.len : 0] = '\0';
    assert_true(children.len == 0 || span_is(children, "[\"a\"]"));
    return w->code;
}

static enum celeriac_err send(void *context, const struct celeriac_send *sends, size_t count,
                              char (*ids)[CELERIAC_TASK_ID_SIZE], struct strbuf *children,
                              struct celeriac_error *err)
{
    struct worker *w = context;

    (void)ids;
    assert_string_equal(sends->task, "t");
    w->sent += count;
    strbuf_add_text(children, "[\"a\"]");
    return celeriac_error_set(err, w->code, "as told");
}

static enum celeriac_err apply(void *context, const struct celeriac_signature *signature, char *id,
                               struct strbuf *children, struct celeriac_error *err)
{
    struct worker *w = context;

    (void)children;
    assert_null(signature);
    id[0] = 'x';
    w->sent++;
    return celeriac_error_set(err, w->code, "as told");
}

static void begin(struct celeriac_task *task, struct cel_task_message *message, struct worker *w)
{
    *message = (struct cel_task_message){.id = SPAN("i"), .task = SPAN("t")};
    *w = (struct worker){
        .host = {.context = w, .tell_state = tell_state, .send = send, .apply = apply}};
    cel_task_context_init(task, &stopping);
    cel_task_context_begin(task, message, 0);
    task->host = &w->host;
}

static void a_state_is_told_with_its_meta(void **state)
{
    struct cel_task_message message;
    struct celeriac_error err = {0};
    struct celeriac_task task;
    struct worker w;
    char name[257];

    (void)state;
    begin(&task, &message, &w);
    assert_int_equal(celeriac_task_update_state(&task, "PROGRESS", "{\"done\": 1}", &err), 0);
    assert_string_equal(w.state, "PROGRESS");
    assert_string_equal(w.meta, "{\"done\": 1}");
    assert_int_equal(celeriac_task_update_state(&task, "STARTED", NULL, &err), CELERIAC_OK);
    assert_string_equal(w.meta, "null");
    memset(name, 'A', sizeof name);
    name[256] = '\0';
    assert_int_equal(celeriac_task_update_state(&task, name, NULL, &err), CELERIAC_ERR_VALUE);
    name[255] = '\0';
    assert_int_equal(celeriac_task_update_state(&task, name, NULL, NULL), CELERIAC_OK);
    assert_int_equal(w.told, 3);
    w.code = CELERIAC_ERR_MEMORY;
    assert_int_equal(celeriac_task_update_state(&task, "A", "1", NULL), CELERIAC_ERR_MEMORY);
    /* The outcome is another matter. */
    assert_int_equal(task.outcome.kind, CEL_OUTCOME_SUCCESS);
    cel_task_context_close(&task);
}

static void what_ends_a_task_is_no_state_in_between(void **state)
{
    static const char *const bad[] = {"", "SUCCESS", "FAILURE", "REVOKED", "RETRY", "\xff"};
    static const char *const no_json[] = {"", "{", "1 2", "'a'"};
    struct cel_task_message message;
    struct celeriac_task task;
    struct worker w;

    (void)state;
    begin(&task, &message, &w);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct celeriac_error err = {0};

        assert_int_equal(celeriac_task_update_state(&task, bad[i], "1", &err), CELERIAC_ERR_VALUE);
        assert_memory_equal(err.text, "state: ", 7);
    }
    for (size_t i = 0; i < sizeof no_json / sizeof no_json[0]; i++) {
        struct celeriac_error err = {0};

        assert_int_equal(celeriac_task_update_state(&task, "A", no_json[i], &err),
                         CELERIAC_ERR_VALUE);
        assert_memory_equal(err.text, "meta: ", 6);
    }
    assert_int_equal(w.told, 0);
    cel_task_context_close(&task);
}

static void meta_has_a_limit(void **state)
{
    char *meta = mem_alloc(CEL_RETURN_MAX + 2);
    struct cel_task_message message;
    struct celeriac_task task;
    struct worker w;

    (void)state;
    assert_non_null(meta);
    memset(meta, '1', CEL_RETURN_MAX + 1);
    meta[0] = meta[CEL_RETURN_MAX - 1] = meta[CEL_RETURN_MAX] = '"';
    meta[CEL_RETURN_MAX + 1] = '\0';
    begin(&task, &message, &w);
    assert_int_equal(celeriac_task_update_state(&task, "A", meta, NULL), CELERIAC_ERR_LIMIT);
    meta[CEL_RETURN_MAX] = '\0';
    assert_int_equal(celeriac_task_update_state(&task, "A", meta, NULL), CELERIAC_OK);
    cel_task_context_close(&task);
    mem_free(meta);
}

static void subtasks_are_remembered_for_the_record(void **state)
{
    const struct celeriac_send sends[] = {{.task = "t"}};
    struct cel_task_message message;
    char id[CELERIAC_TASK_ID_SIZE];
    struct celeriac_task task;
    struct worker w;

    (void)state;
    begin(&task, &message, &w);
    assert_int_equal(celeriac_task_send(&task, sends, 1, NULL, NULL), CELERIAC_OK);
    assert_string_equal(strbuf_text(&task.outcome.children), "[\"a\"]");
    assert_int_equal(celeriac_task_apply(&task, NULL, id, NULL), CELERIAC_OK);
    assert_int_equal(id[0], 'x');
    assert_int_equal(w.sent, 2);
    assert_int_equal(celeriac_task_update_state(&task, "A", NULL, NULL), CELERIAC_OK);
    /* An outcome forgets what was said, not what was sent; the next message starts anew. */
    celeriac_task_return_null(&task);
    assert_string_equal(strbuf_text(&task.outcome.children), "[\"a\"]");
    cel_task_context_begin(&task, &message, 0);
    assert_int_equal(strbuf_span(&task.outcome.children).len, 0);
    w.code = CELERIAC_ERR_UNAVAILABLE;
    assert_int_equal(celeriac_task_apply(&task, NULL, id, NULL), CELERIAC_ERR_UNAVAILABLE);
    cel_task_context_close(&task);
}

static void nobody_to_ask(void **state)
{
    const struct celeriac_send sends[] = {{.task = "t"}};
    struct cel_task_message message;
    struct celeriac_task task;
    struct worker w;

    (void)state;
    begin(&task, &message, &w);
    task.host = NULL;
    assert_int_equal(celeriac_task_update_state(&task, "A", NULL, NULL), CELERIAC_ERR_UNSUPPORTED);
    assert_int_equal(celeriac_task_send(&task, sends, 1, NULL, NULL), CELERIAC_ERR_UNSUPPORTED);
    assert_int_equal(celeriac_task_apply(&task, NULL, NULL, NULL), CELERIAC_ERR_UNSUPPORTED);
    cel_task_context_close(&task);
}

static void survives_every_failing_allocation(void **state)
{
    enum celeriac_err code = CELERIAC_ERR_MEMORY;

    (void)state;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct cel_task_message message;
        struct celeriac_task task;
        struct worker w;

        assert_true(n < 20);
        begin(&task, &message, &w);
        mem_fail_at(n);
        code = celeriac_task_update_state(&task, "A", "{\"a\": [1, 2]}", NULL);
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
        assert_int_equal(w.told, code == CELERIAC_OK);
        cel_task_context_close(&task);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_is_told_with_its_meta),
        cmocka_unit_test(what_ends_a_task_is_no_state_in_between),
        cmocka_unit_test(meta_has_a_limit),
        cmocka_unit_test(subtasks_are_remembered_for_the_record),
        cmocka_unit_test(nobody_to_ask),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
