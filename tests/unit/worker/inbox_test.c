/* worker/inbox.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/alloc.h"
#include "worker/inbox.h"

#define THREADS 4
#define EACH 500

struct fixture {
    struct cel_task_decoder *decoder;
    struct cel_inbox *inbox;
};

static int set_up(void **state)
{
    struct fixture *f = mem_calloc(1, sizeof *f);

    assert_non_null(f);
    assert_int_equal(cel_task_decoder_create(NULL, &f->decoder), CELERIAC_OK);
    assert_int_equal(cel_inbox_create(&f->inbox), CELERIAC_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    cel_inbox_destroy(f->inbox);
    cel_task_decoder_destroy(f->decoder);
    mem_free(f);
    return 0;
}

static struct cel_request *request_of(struct fixture *f)
{
    struct cel_task_message *message = NULL;
    struct cel_request *request = NULL;

    assert_int_equal(cel_task_message_create(f->decoder, SPAN("{}"), &message), CELERIAC_OK);
    assert_int_equal(cel_request_create(message, NULL, SPAN("t"), SPAN("q"), &request),
                     CELERIAC_OK);
    return request;
}

static void gives_the_oldest_first_with_its_time(void **state)
{
    struct fixture *f = *state;
    struct cel_request *requests[3];

    assert_null(cel_inbox_take(f->inbox));
    for (int i = 0; i < 3; i++) {
        requests[i] = request_of(f);
        cel_inbox_put(f->inbox, requests[i], 100 - i);
    }
    for (int i = 0; i < 3; i++) {
        struct cel_request *taken = cel_inbox_take(f->inbox);

        assert_ptr_equal(taken, requests[i]);
        assert_int_equal(taken->due_ns, 100 - i);
        cel_request_destroy(taken);
    }
    assert_null(cel_inbox_take(f->inbox));
    /* Empty, it fills again. */
    cel_inbox_put(f->inbox, request_of(f), 1);
    cel_request_destroy(cel_inbox_take(f->inbox));
    assert_null(cel_inbox_take(f->inbox));
}

static void closed_it_releases_what_comes_and_keeps_what_is_inside(void **state)
{
    struct fixture *f = *state;
    struct cel_request *inside = request_of(f);

    cel_inbox_put(f->inbox, inside, 1);
    cel_inbox_close(f->inbox);
    cel_inbox_put(f->inbox, request_of(f), 2);
    assert_ptr_equal(cel_inbox_take(f->inbox), inside);
    assert_null(cel_inbox_take(f->inbox));
    cel_request_destroy(inside);
}

/* What is inside goes with it; a leak checker would see it otherwise. */
static void is_destroyed_with_its_requests(void **state)
{
    struct fixture *f = *state;

    cel_inbox_put(f->inbox, request_of(f), 1);
    cel_inbox_put(f->inbox, request_of(f), 2);
    cel_inbox_destroy(f->inbox);
    f->inbox = NULL;
    cel_inbox_destroy(NULL);
}

struct putter {
    struct cel_inbox *inbox;
    struct cel_request *requests[EACH];
};

static void *put_all(void *argument)
{
    struct putter *putter = argument;

    for (int i = 0; i < EACH; i++)
        cel_inbox_put(putter->inbox, putter->requests[i], i);
    return NULL;
}

static void takes_from_many_threads(void **state)
{
    static struct putter putters[THREADS];
    struct fixture *f = *state;
    pthread_t threads[THREADS];
    int taken = 0;

    for (int i = 0; i < THREADS; i++) {
        putters[i].inbox = f->inbox;
        for (int k = 0; k < EACH; k++)
            putters[i].requests[k] = request_of(f);
        assert_int_equal(pthread_create(&threads[i], NULL, put_all, &putters[i]), 0);
    }
    while (taken < THREADS * EACH) {
        struct cel_request *request = cel_inbox_take(f->inbox);

        taken += request ? 1 : 0;
        cel_request_destroy(request);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_null(cel_inbox_take(f->inbox));
}

static void survives_a_failing_allocation(void **state)
{
    struct cel_inbox *inbox = NULL;

    (void)state;
    mem_fail_at(1);
    assert_int_equal(cel_inbox_create(&inbox), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_null(inbox);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gives_the_oldest_first_with_its_time),
        TEST(closed_it_releases_what_comes_and_keeps_what_is_inside),
        TEST(is_destroyed_with_its_requests),
        TEST(takes_from_many_threads),
        cmocka_unit_test(survives_a_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
