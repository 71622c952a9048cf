/* worker/task_link.c: what a task in a thread asks of its worker, and what is left when memory is
 * short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "tests/unit/worker/settler_stand_in.h"
#include "worker/settings.h"
#include "worker/task_link.h"

/* Nobody listens there. */
#define NOWHERE "redis://127.0.0.1:1/0"

struct fixture {
    struct cel_settings settings;
    struct cel_runtime runtime;
    struct cel_task_message message;
    struct cel_request request;
    struct cel_task_link link;
};

static int set_up(void **state)
{
    const struct celeriac_worker_options options = {
        .hostname = "w@h", .broker_url = NOWHERE, .inherit_parent_priority = true};
    struct fixture *f = mem_calloc(1, sizeof *f);

    assert_non_null(f);
    assert_int_equal(cel_settings_open(&options, &f->settings, NULL), CELERIAC_OK);
    assert_int_equal(cel_runtime_open(&f->runtime, &f->settings, NULL), CELERIAC_OK);
    f->message = (struct cel_task_message){.id = SPAN("i"), .task = SPAN("t"), .priority = 3};
    f->request.message = &f->message;
    cel_task_link_init(&f->link, &f->runtime);
    f->link.request = &f->request;
    settler_stand_in_reset();
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    settler_stand_in_reset();
    cel_runtime_close(&f->runtime);
    cel_settings_close(&f->settings);
    mem_free(f);
    return 0;
}

static enum celeriac_err tell(struct fixture *f)
{
    return f->link.host.tell_state(f->link.host.context, SPAN("PROGRESS"), SPAN("{\"a\": 1}"),
                                   SPAN(""));
}

static void a_state_becomes_a_record(void **state)
{
    struct fixture *f = *state;
    const char *record;

    assert_int_equal(tell(f), CELERIAC_OK);
    assert_int_equal(settler_stand_in.told, 1);
    record = strbuf_text(&settler_stand_in.record);
    assert_non_null(strstr(record, "\"status\": \"PROGRESS\""));
    assert_non_null(strstr(record, "\"result\": {\"a\": 1}"));
    assert_non_null(strstr(record, "\"task_id\": \"i\""));
}

/* Nothing is stored of what cannot be stored whole, and nothing leaks. */
static void a_state_without_memory_is_refused(void **state)
{
    struct fixture *f = *state;
    enum celeriac_err code;
    size_t n = 0;

    do {
        mem_fail_at(++n);
        code = tell(f);
        assert_int_equal(code, mem_has_failed() ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        mem_fail_at(0);
        assert_int_equal(settler_stand_in.told, code == CELERIAC_OK);
    } while (code);
    assert_true(n > 1);
    settler_stand_in.code = CELERIAC_ERR_MEMORY;
    assert_int_equal(tell(f), CELERIAC_ERR_MEMORY);
}

static void a_message_is_the_parent_of_what_it_sends(void **state)
{
    struct fixture *f = *state;
    struct cel_client_parent parent = cel_task_parent(&f->runtime, &f->message);

    assert_true(span_is(parent.task_id, "i"));
    assert_true(span_is(parent.root_id, "i"));
    assert_true(span_is(parent.queue, "celery"));
    assert_true(parent.has_priority);
    assert_int_equal(parent.priority, 3);
    f->message.root_id = SPAN("r");
    parent = cel_task_parent(&f->runtime, &f->message);
    assert_true(span_is(parent.root_id, "r"));
}

static void what_is_sent_nowhere_is_refused(void **state)
{
    const struct celeriac_send none = {.task = NULL};
    struct fixture *f = *state;
    char ids[1][CELERIAC_TASK_ID_SIZE];
    struct celeriac_error err = {0};
    struct strbuf children;

    strbuf_init(&children, CEL_CHILDREN_MAX);
    assert_int_equal(f->link.host.send(f->link.host.context, &none, 1, ids, &children, &err),
                     CELERIAC_ERR_VALUE);
    assert_int_equal(children.len, 0);
    strbuf_close(&children);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_state_becomes_a_record),
        TEST(a_state_without_memory_is_refused),
        TEST(a_message_is_the_parent_of_what_it_sends),
        TEST(what_is_sent_nowhere_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
