/* worker/limited.c: checklist line 60. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "worker/limited.h"

#define NOW (1000 * NS_PER_SEC)

struct fixture {
    struct cel_registry *registry;
    struct cel_rates *rates;
    struct cel_limited *limited;
    struct cel_task_decoder *decoder;
};

static void run(struct celeriac_task *task, void *user)
{
    (void)task;
    (void)user;
}

static int set_up(void **state)
{
    static const struct celeriac_task_options tasks[] = {
        {.name = "t.free", .run = run},
        {.name = "t.slow", .run = run, .rate_limit = "1/s"},
        {.name = "t.slower", .run = run, .rate_limit = "1/m"},
    };
    struct fixture *f = mem_calloc(1, sizeof *f);

    assert_non_null(f);
    assert_int_equal(cel_registry_create(&f->registry), CELERIAC_OK);
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
        assert_int_equal(cel_registry_add(f->registry, &tasks[i], NULL), CELERIAC_OK);
    assert_int_equal(cel_rates_create(f->registry, false, &f->rates), CELERIAC_OK);
    assert_int_equal(cel_limited_create(f->registry, f->rates, &f->limited), CELERIAC_OK);
    assert_int_equal(cel_task_decoder_create(NULL, &f->decoder), CELERIAC_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    cel_limited_destroy(f->limited);
    cel_rates_destroy(f->rates);
    cel_registry_destroy(f->registry);
    cel_task_decoder_destroy(f->decoder);
    mem_free(f);
    return 0;
}

static struct cel_request *request_for(struct fixture *f, const char *task)
{
    struct cel_task_message *message = NULL;
    struct cel_request *request = NULL;

    assert_int_equal(cel_task_message_create(f->decoder, SPAN("{}"), &message), CELERIAC_OK);
    assert_int_equal(cel_request_create(message, cel_registry_find(f->registry, span_of(task)),
                                        SPAN("tag"), SPAN("celery"), &request),
                     CELERIAC_OK);
    return request;
}

static void each_task_has_a_line_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct cel_request *slow[4];
    struct cel_request *slower[2];

    for (int i = 0; i < 4; i++)
        slow[i] = request_for(f, "t.slow");
    for (int i = 0; i < 2; i++)
        slower[i] = request_for(f, "t.slower");
    assert_int_equal(cel_limited_due(f->limited), INT64_MAX);
    assert_true(cel_limited_pass(f->limited, slow[0], NOW));
    for (int i = 1; i < 4; i++)
        assert_false(cel_limited_pass(f->limited, slow[i], NOW));
    assert_true(cel_limited_pass(f->limited, slower[0], NOW));
    assert_false(cel_limited_pass(f->limited, slower[1], NOW));
    for (int i = 0; i < 10; i++) {
        struct cel_request *other = request_for(f, "t.free");

        assert_true(cel_limited_pass(f->limited, other, NOW));
        cel_request_destroy(other);
    }
    assert_in_range(cel_limited_due(f->limited), NOW + 1, NOW + NS_PER_SEC + 1000);
    assert_null(cel_limited_next(f->limited, NOW + NS_PER_SEC / 2));
    /* First in, first out, one for each second. */
    for (int i = 1; i < 4; i++) {
        int64_t now = NOW + i * 2 * NS_PER_SEC;

        assert_true(cel_limited_due(f->limited) <= now);
        assert_ptr_equal(cel_limited_next(f->limited, now), slow[i]);
        assert_null(cel_limited_next(f->limited, now));
    }
    assert_ptr_equal(cel_limited_next(f->limited, NOW + 61 * NS_PER_SEC), slower[1]);
    assert_null(cel_limited_next(f->limited, NOW + 62 * NS_PER_SEC));
    assert_int_equal(cel_limited_due(f->limited), INT64_MAX);
    for (int i = 0; i < 4; i++)
        cel_request_destroy(slow[i]);
    for (int i = 0; i < 2; i++)
        cel_request_destroy(slower[i]);
}

static void gives_back_what_waits(void **state)
{
    struct fixture *f = *state;
    struct cel_request *first = request_for(f, "t.slow");
    struct cel_request *second = request_for(f, "t.slow");

    assert_true(cel_limited_pass(f->limited, first, NOW));
    assert_false(cel_limited_pass(f->limited, second, NOW));
    assert_ptr_equal(cel_limited_take(f->limited), second);
    assert_null(cel_limited_take(f->limited));
    assert_false(cel_limited_pass(f->limited, second, NOW));
    cel_request_destroy(first);
    /* The second is released with the lines. */
    mem_fail_at(1);
    {
        struct cel_limited *none = NULL;

        assert_int_equal(cel_limited_create(f->registry, f->rates, &none), CELERIAC_ERR_MEMORY);
        cel_limited_destroy(none);
    }
    mem_fail_at(0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_task_has_a_line_of_its_own),
        TEST(gives_back_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
