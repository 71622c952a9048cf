#include "tests/unit/worker/seat_fixture.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "celery_proto/codec/envelope.h"
#include "celery_proto/codec/task_send.h"
#include "worker/events.h"
#include "worker/fork_server.h"
#include "worker/settings.h"

struct shared *shared;
struct cel_runtime runtime;
struct cel_child_watch *watch;
static struct cel_settings settings;
static struct cel_task_decoder *decoder;

/* ---- in the child -------------------------------------------------------------------------- */

/* Takes one of so many; false when there are none. */
static bool take_one(atomic_uint *number)
{
    unsigned left = atomic_load(number);

    if (left > 0)
        atomic_store(number, left - 1);
    return left > 0;
}

static enum celeriac_err start(void *user, struct celeriac_error *err)
{
    (void)user;
    atomic_fetch_add(&shared->starts, 1);
    if (take_one(&shared->failing))
        return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "not yet");
    if (take_one(&shared->hanging)) {
        atomic_store(&shared->hung, getpid());
        for (;;)
            pause();
    }
    return CELERIAC_OK;
}

static void pid(struct celeriac_task *task, void *user)
{
    (void)user;
    celeriac_task_return_int(task, getpid());
}

static void big(struct celeriac_task *task, void *user)
{
    static char text[200001];

    (void)user;
    memset(text, 'x', sizeof text - 1);
    celeriac_task_return_text(task, text);
}

static const struct celeriac_task_options own_tasks[] = {
    {.name = "pid", .run = pid},
    {.name = "large", .run = pid},
    {.name = "big", .run = big},
};

/* ---- the worker ---------------------------------------------------------------------------- */

/* The seat of the running test, as the pool knows its seats: a child can be told of late. */
static pthread_mutex_t watched_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cel_seat *watched;

static void set_watched(struct cel_seat *seat)
{
    pthread_mutex_lock(&watched_lock);
    watched = seat;
    pthread_mutex_unlock(&watched_lock);
}

static void tell_seat(void *context, uint32_t token)
{
    (void)context;
    (void)token;
    pthread_mutex_lock(&watched_lock);
    if (watched)
        cel_seat_look(watched);
    pthread_mutex_unlock(&watched_lock);
}

static void add_tasks(const struct celeriac_task_options *tasks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(cel_registry_add(runtime.registry, &tasks[i], NULL), CELERIAC_OK);
}

int seat_open_all(const struct celeriac_task_options *tasks, size_t count)
{
    const struct celeriac_worker_options options = {
        .hostname = "w@h", .concurrency = 1, .pool = CELERIAC_POOL_PREFORK};
    const struct cel_child_plan plan = {.runtime = &runtime, .start = start};
    struct cel_events_options events = {.everything = true};

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    assert_int_equal(cel_settings_open(&options, &settings, NULL), CELERIAC_OK);
    assert_int_equal(cel_runtime_open(&runtime, &settings, NULL), CELERIAC_OK);
    add_tasks(own_tasks, sizeof own_tasks / sizeof own_tasks[0]);
    add_tasks(tasks, count);
    assert_int_equal(cel_fork_server_create(&plan, &runtime.fork_server, NULL), CELERIAC_OK);
    events.wake_fd = runtime.control_fd;
    assert_int_equal(cel_events_create(&events, &runtime.events), CELERIAC_OK);
    assert_int_equal(cel_live_create(&runtime.live), CELERIAC_OK);
    assert_int_equal(cel_task_decoder_create(NULL, &decoder), CELERIAC_OK);
    assert_int_equal(cel_child_watch_create(tell_seat, NULL, &watch), CELERIAC_OK);
    return 0;
}

int seat_close_all(void **state)
{
    (void)state;
    cel_child_watch_destroy(watch);
    cel_task_decoder_destroy(decoder);
    cel_live_destroy(runtime.live);
    cel_events_destroy(runtime.events);
    cel_runtime_close(&runtime);
    cel_settings_close(&settings);
    return munmap(shared, sizeof *shared);
}

int seat_set_up(void **state)
{
    struct fixture *f = mem_calloc(1, sizeof *f);

    assert_non_null(f);
    memset(shared, 0, sizeof *shared);
    atomic_store(&runtime.stopping, false);
    runtime.max_tasks_per_child = 0;
    runtime.child_start_ns = 60 * NS_PER_SEC;
    settler_stand_in_reset();
    cel_execution_init(&f->execution, &runtime);
    assert_int_equal(cel_seat_create(&runtime, watch, 0, &f->seat), CELERIAC_OK);
    set_watched(f->seat);
    *state = f;
    return 0;
}

int seat_tear_down(void **state)
{
    struct fixture *f = *state;

    set_watched(NULL);
    cel_seat_destroy(f->seat);
    cel_execution_close(&f->execution);
    settler_stand_in_reset();
    mem_free(f);
    return 0;
}

struct cel_request *request_of(const char *task)
{
    struct strbuf envelope;
    struct strbuf scratch;
    struct cel_task_message *message = NULL;
    struct cel_request *request = NULL;
    struct strbuf args;
    struct cel_task_send send = {.task = span_of(task),
                                 .id = SPAN("12345678-0000-4000-8000-000000000001"),
                                 .delivery_tag = SPAN("bbbbbbbb-0000-4000-8000-00000000001"),
                                 .routing_key = SPAN("celery")};

    strbuf_init(&args, CEL_ENVELOPE_MAX);
    strbuf_init(&envelope, CEL_ENVELOPE_MAX);
    strbuf_init(&scratch, CEL_ENVELOPE_MAX);
    strbuf_add_text(&args, "[");
    for (int i = 0; strcmp(task, "large") == 0 && i < 1000000; i++)
        strbuf_add_text(&args, "1,");
    strbuf_add_text(&args, "1]");
    send.args = strbuf_span(&args);
    assert_int_equal(cel_task_send_write(&send, &scratch, &envelope, NULL), CELERIAC_OK);
    assert_int_equal(cel_task_message_create(decoder, strbuf_span(&envelope), &message),
                     CELERIAC_OK);
    assert_int_equal(cel_request_create(message, cel_registry_find(runtime.registry, message->task),
                                        SPAN("tag"), SPAN("celery"), &request),
                     CELERIAC_OK);
    cel_request_move(request, CEL_REQUEST_READY);
    strbuf_close(&args);
    strbuf_close(&scratch);
    strbuf_close(&envelope);
    return request;
}

const struct cel_settlement *execute(struct fixture *f, const char *task)
{
    unsigned ended = settler_stand_in.ended;

    assert_true(cel_seat_fill(f->seat));
    cel_seat_execute(f->seat, &f->execution, request_of(task));
    assert_int_equal(settler_stand_in.ended, ended + 1);
    assert_int_equal(atomic_load(&runtime.counters.active), 0);
    return &settler_stand_in.last->settlement;
}
