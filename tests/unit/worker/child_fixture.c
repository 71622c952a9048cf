#include "tests/unit/worker/child_fixture.h"

#include <errno.h>
#include <unistd.h>

#include "base/alloc.h"
#include "celery_proto/codec/task_send.h"

int child_started;

/* ---- tasks --------------------------------------------------------------------------------- */

static void look(struct celeriac_task *task, void *user)
{
    (void)user;
    celeriac_task_return_int(task, celeriac_task_stopping(task) ? -child_started : child_started);
}

static void sleep_long(struct celeriac_task *task, void *user)
{
    (void)task;
    (void)user;
    if (usleep(600 * 1000 * 1000) < 0 && errno == EINTR)
        celeriac_task_return_text(task, "interrupted");
}

static void tell(struct celeriac_task *task, void *user)
{
    (void)user;
    if (celeriac_task_update_state(task, "PROGRESS", "{\"done\": 0.5}", NULL))
        celeriac_task_return_text(task, "refused");
}

static void leave(struct celeriac_task *task, void *user)
{
    (void)task;
    (void)user;
    _exit(7);
}

/* Writes what is no frame wherever it can. */
static void babble(struct celeriac_task *task, void *user)
{
    for (int fd = 3; fd < 64; fd++)
        if (write(fd, "nonsense, and more of it", 24) < 0)
            errno = 0;
    sleep_long(task, user);
}

static void close_all(struct celeriac_task *task, void *user)
{
    (void)task;
    (void)user;
    closefrom(3);
}

int child_set_up(void **state)
{
    static const struct celeriac_task_options tasks[] = {
        {.name = "look", .run = look},       {.name = "sleep", .run = sleep_long},
        {.name = "leave", .run = leave},     {.name = "babble", .run = babble},
        {.name = "close", .run = close_all}, {.name = "tell", .run = tell}};
    struct child_fixture *f = mem_calloc(1, sizeof *f);

    assert_non_null(f);
    assert_int_equal(cel_registry_create(&f->runtime.registry), CELERIAC_OK);
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
        assert_int_equal(cel_registry_add(f->runtime.registry, &tasks[i], NULL), CELERIAC_OK);
    strbuf_init(&f->outcome.result, CEL_RETURN_MAX);
    strbuf_init(&f->outcome.exception, CEL_RETURN_MAX);
    strbuf_init(&f->outcome.children, CEL_CHILDREN_MAX);
    strbuf_init(&f->message, CEL_ENVELOPE_MAX);
    *state = f;
    return 0;
}

int child_tear_down(void **state)
{
    struct child_fixture *f = *state;

    cel_child_destroy(f->child, 0);
    cel_fork_server_destroy(f->server);
    cel_registry_destroy(f->runtime.registry);
    strbuf_close(&f->outcome.result);
    strbuf_close(&f->outcome.exception);
    strbuf_close(&f->outcome.children);
    strbuf_close(&f->message);
    mem_free(f);
    return 0;
}

void child_serve(struct child_fixture *f, const struct cel_child_plan *more)
{
    struct cel_child_plan plan = *more;

    plan.runtime = &f->runtime;
    assert_int_equal(cel_fork_server_create(&plan, &f->server, NULL), CELERIAC_OK);
    assert_int_equal(cel_child_create(f->server, &f->child, NULL), CELERIAC_OK);
}

struct cel_frame child_await(struct child_fixture *f, enum cel_frame_kind kind)
{
    struct cel_frame frame = {0};

    assert_int_equal(cel_child_wait(f->child, -1, -1, &frame), CEL_CHILD_FRAME);
    assert_int_equal(frame.kind, kind);
    return frame;
}

void child_await_end(struct child_fixture *f)
{
    struct cel_frame frame = {0};

    assert_int_equal(cel_child_wait(f->child, -1, -1, &frame), CEL_CHILD_GONE);
}

/* Sends a task, with an argument of that many bytes. */
void child_ask(struct child_fixture *f, const char *task, size_t bytes)
{
    struct strbuf args;
    struct strbuf scratch;
    struct cel_task_send send = {.task = span_of(task),
                                 .id = SPAN("12345678-0000-4000-8000-000000000001"),
                                 .delivery_tag = SPAN("bbbbbbbb-0000-4000-8000-000000000001"),
                                 .routing_key = SPAN("celery")};
    struct cel_frame_request request = {0};

    strbuf_init(&args, CEL_ENVELOPE_MAX);
    strbuf_init(&scratch, CEL_ENVELOPE_MAX);
    strbuf_add_text(&args, "[\"");
    for (size_t i = 0; i < bytes; i++)
        strbuf_add_char(&args, 'x');
    strbuf_add_text(&args, "\"]");
    send.args = strbuf_span(&args);
    strbuf_clear(&f->message);
    assert_int_equal(cel_task_send_write(&send, &scratch, &f->message, NULL), CELERIAC_OK);
    request.message = strbuf_span(&f->message);
    assert_int_equal(cel_frame_add_request(&request, cel_child_out(f->child)), CELERIAC_OK);
    strbuf_close(&args);
    strbuf_close(&scratch);
}

const char *child_answer(struct child_fixture *f)
{
    struct cel_frame frame;
    int64_t memory = 0;

    (void)child_await(f, CEL_FRAME_BEGUN);
    frame = child_await(f, CEL_FRAME_OUTCOME);
    assert_int_equal(cel_frame_read_outcome(frame.payload, &f->outcome, &memory), CELERIAC_OK);
    assert_true(memory > 0);
    return strbuf_text(&f->outcome.result);
}
