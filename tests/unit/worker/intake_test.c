/* worker/intake.c: where messages go that no server is needed for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "worker/events.h"
#include "worker/intake.h"
#include "worker/live.h"
#include "worker/settings.h"
#include "worker/task_stats.h"

/* A body of [[], {}, {}] in base64. */
#define MESSAGE(task, more)                                                               \
    SPAN("{\"body\": \"W1tdLCB7fSwge31d\", \"content-type\": \"application/json\", "      \
         "\"headers\": {\"task\": \"" task "\", \"id\": \"i\"" more "}, \"properties\": " \
         "{\"delivery_tag\": \"d\", \"body_encoding\": \"base64\", \"delivery_info\": "   \
         "{\"exchange\": \"\", \"routing_key\": \"celery\"}}}")
#define READY MESSAGE("t.free", "")
#define LIMITED MESSAGE("t.hourly", "")
#define LATER MESSAGE("t.free", ", \"eta\": \"2999-01-01T00:00:00+00:00\"")

struct fixture {
    struct cel_settings settings;
    struct cel_runtime runtime;
    struct cel_intake *intake;
};

static void run(struct celeriac_task *task, void *user)
{
    (void)task;
    (void)user;
}

static int set_up(void **state)
{
    const struct celeriac_worker_options options = {.hostname = "w@h", .concurrency = 2};
    const struct celeriac_task_options tasks[] = {
        {.name = "t.free", .run = run}, {.name = "t.hourly", .run = run, .rate_limit = "1/h"}};
    struct fixture *f = mem_calloc(1, sizeof *f);
    struct cel_events_options events = {.everything = false};

    assert_non_null(f);
    assert_int_equal(cel_settings_open(&options, &f->settings, NULL), CELERIAC_OK);
    assert_int_equal(cel_runtime_open(&f->runtime, &f->settings, NULL), CELERIAC_OK);
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
        assert_int_equal(cel_registry_add(f->runtime.registry, &tasks[i], NULL), CELERIAC_OK);
    assert_int_equal(cel_rates_create(f->runtime.registry, false, &f->runtime.rates), CELERIAC_OK);
    events.wake_fd = f->runtime.control_fd;
    assert_int_equal(cel_events_create(&events, &f->runtime.events), CELERIAC_OK);
    assert_int_equal(cel_live_create(&f->runtime.live), CELERIAC_OK);
    assert_int_equal(cel_intake_create(&f->runtime, 0, &f->intake), CELERIAC_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    struct cel_request *request;

    while ((request = cel_ready_queue_take(f->runtime.ready)))
        cel_request_destroy(request);
    cel_intake_destroy(f->intake);
    cel_intake_destroy(NULL);
    cel_live_destroy(f->runtime.live);
    cel_events_destroy(f->runtime.events);
    cel_rates_destroy(f->runtime.rates);
    cel_runtime_close(&f->runtime);
    cel_settings_close(&f->settings);
    mem_free(f);
    return 0;
}

static void receive(struct fixture *f, struct span envelope)
{
    assert_int_equal(cel_intake_receive(f->intake, SPAN("tag"), SPAN("celery"), envelope, true),
                     CELERIAC_OK);
}

/* Free places in the window; an idle pool is told all of them. */
static size_t room(struct fixture *f)
{
    return cel_window_room(f->runtime.window, 0, 2);
}

static void what_is_ready_goes_to_the_task_threads(void **state)
{
    struct fixture *f = *state;
    struct cel_request *request;

    receive(f, READY);
    receive(f, READY);
    assert_int_equal(cel_ready_queue_count(f->runtime.ready), 0);
    assert_int_equal(cel_intake_hand_over(f->intake), 2);
    assert_int_equal(cel_intake_hand_over(f->intake), 0);
    assert_int_equal(cel_ready_queue_count(f->runtime.ready), 2);
    assert_int_equal(room(f), 6);
    request = cel_ready_queue_take(f->runtime.ready);
    assert_int_equal(request->state, CEL_REQUEST_READY);
    assert_true(request->in_window);
    assert_true(span_is(request->tag, "tag"));
    assert_true(span_is(request->queue, "celery"));
    cel_request_destroy(request);
    assert_int_equal(cel_intake_take_strays(f->intake), 0);
}

static void what_has_an_eta_waits_outside_the_window(void **state)
{
    struct fixture *f = *state;

    receive(f, LATER);
    assert_int_equal(cel_intake_hand_over(f->intake), 0);
    assert_int_equal(cel_schedule_count(cel_intake_schedule(f->intake)), 1);
    assert_int_equal(atomic_load(&f->runtime.counters.waiting), 1);
    assert_int_equal(room(f), 8);
}

static void what_is_beyond_its_rate_waits_inside_the_window(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(cel_intake_limited_due(f->intake), INT64_MAX);
    receive(f, LIMITED);
    receive(f, LIMITED);
    assert_int_equal(cel_intake_hand_over(f->intake), 1);
    assert_int_equal(room(f), 6);
    assert_true(cel_intake_limited_due(f->intake) < INT64_MAX);
    cel_intake_release_limited(f->intake);
    assert_int_equal(cel_ready_queue_count(f->runtime.ready), 1);
}

static void what_was_postponed_waits_until_its_time(void **state)
{
    struct fixture *f = *state;
    struct cel_request *request;

    receive(f, READY);
    (void)cel_intake_hand_over(f->intake);
    request = cel_ready_queue_take(f->runtime.ready);
    cel_request_move(request, CEL_REQUEST_RUNNING);
    cel_request_move(request, CEL_REQUEST_WAITING);
    request->due_ns = 5;
    assert_int_equal(cel_intake_postpone(f->intake, request), CELERIAC_OK);
    assert_int_equal(cel_schedule_next(cel_intake_schedule(f->intake)), 5);
    assert_int_equal(room(f), 8);
}

static void an_eviction_forgets_everything(void **state)
{
    struct fixture *f = *state;
    struct cel_request *running;

    receive(f, READY);
    receive(f, READY);
    receive(f, LATER);
    receive(f, LIMITED);
    receive(f, LIMITED);
    (void)cel_intake_hand_over(f->intake);
    running = cel_ready_queue_take(f->runtime.ready);
    cel_request_move(running, CEL_REQUEST_RUNNING);
    cel_intake_forget(f->intake);
    assert_int_equal(cel_ready_queue_count(f->runtime.ready), 0);
    assert_int_equal(cel_schedule_count(cel_intake_schedule(f->intake)), 0);
    assert_int_equal(atomic_load(&f->runtime.counters.waiting), 0);
    assert_int_equal(cel_intake_limited_due(f->intake), INT64_MAX);
    assert_int_equal(room(f), 7);
    /* What ran meanwhile is somebody else's, too. */
    cel_request_move(running, CEL_REQUEST_WAITING);
    assert_int_equal(cel_intake_postpone(f->intake, running), CELERIAC_OK);
    assert_int_equal(cel_schedule_count(cel_intake_schedule(f->intake)), 0);
    assert_int_equal(room(f), 8);
}

/* The queue's name outlives the claimer's, which changes with the set of queues. */
static void queue_names_last(void **state)
{
    struct fixture *f = *state;
    char name[] = "one";
    struct cel_request *request;

    assert_int_equal(cel_intake_receive(f->intake, SPAN("tag"), span_of(name), READY, true),
                     CELERIAC_OK);
    name[0] = 'x';
    (void)cel_intake_hand_over(f->intake);
    request = cel_ready_queue_take(f->runtime.ready);
    assert_true(span_is(request->queue, "one"));
    cel_request_destroy(request);
}

/* Whatever fails, the window is as it was and nothing is left behind. */
static void survives_every_failing_allocation(void **state)
{
    const struct span messages[] = {READY, LATER};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        bool failed = true;

        for (size_t n = 1; failed; n++) {
            struct cel_intake *intake = NULL;
            enum celeriac_err code;

            mem_fail_at(n);
            code = cel_intake_create(&f->runtime, 0, &intake);
            if (code == CELERIAC_OK)
                code = cel_intake_receive(intake, SPAN("tag"), SPAN("celery"), messages[i], false);
            failed = mem_has_failed();
            mem_fail_at(0);
            if (code) {
                assert_true(failed);
                assert_int_equal(code, CELERIAC_ERR_MEMORY);
                assert_int_equal(room(f), 8);
            } else {
                (void)cel_intake_hand_over(intake);
                cel_intake_forget(intake);
                assert_int_equal(room(f), 8);
            }
            cel_intake_destroy(intake);
        }
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_ready_goes_to_the_task_threads),
        TEST(what_has_an_eta_waits_outside_the_window),
        TEST(what_is_beyond_its_rate_waits_inside_the_window),
        TEST(what_was_postponed_waits_until_its_time),
        TEST(an_eviction_forgets_everything),
        TEST(queue_names_last),
        TEST(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
