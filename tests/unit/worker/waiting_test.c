/* worker/waiting.c and worker/request.c: what is kept of a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "worker/request.h"
#include "worker/waiting.h"

static void waiting_keeps_its_tag(void **state)
{
    char tag[] = "tag-1";
    struct cel_waiting *waiting = NULL;

    (void)state;
    assert_int_equal(cel_waiting_create(span_of(tag), SPAN("celery"), &waiting), CELERIAC_OK);
    memset(tag, 'x', sizeof tag - 1);
    assert_true(span_is(cel_waiting_tag(waiting), "tag-1"));
    assert_true(span_is(waiting->queue, "celery"));
    cel_waiting_destroy(waiting);
    cel_waiting_destroy(NULL);
}

static struct cel_task_message *message_of(struct cel_task_decoder *decoder, const char *raw)
{
    struct cel_task_message *message = NULL;

    assert_int_equal(cel_task_message_create(decoder, span_of(raw), &message), CELERIAC_OK);
    return message;
}

static void request_goes_the_ways_that_exist(void **state)
{
    struct cel_task_decoder *decoder = NULL;
    struct cel_request *request = NULL;

    (void)state;
    assert_int_equal(cel_task_decoder_create(NULL, &decoder), CELERIAC_OK);
    assert_int_equal(
        cel_request_create(message_of(decoder, "{}"), NULL, SPAN("t"), SPAN("q"), &request),
        CELERIAC_OK);
    assert_int_equal(request->state, CEL_REQUEST_RECEIVED);
    cel_request_move(request, CEL_REQUEST_READY);
    cel_request_move(request, CEL_REQUEST_RUNNING);
    cel_request_move(request, CEL_REQUEST_WAITING);
    cel_request_move(request, CEL_REQUEST_READY);
    cel_request_move(request, CEL_REQUEST_RUNNING);
    cel_request_move(request, CEL_REQUEST_ENDED);
    cel_request_destroy(request);
    cel_request_destroy(NULL);
    cel_task_decoder_destroy(decoder);
}

static void request_takes_its_message_also_on_failure(void **state)
{
    struct cel_task_decoder *decoder = NULL;
    enum celeriac_err code = CELERIAC_ERR_MEMORY;

    (void)state;
    assert_int_equal(cel_task_decoder_create(NULL, &decoder), CELERIAC_OK);
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct cel_task_message *message = message_of(decoder, "{}");
        struct cel_request *request = NULL;

        assert_true(n < 10);
        mem_fail_at(n);
        code = cel_request_create(message, NULL, SPAN("t"), SPAN("q"), &request);
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
        cel_request_destroy(request);
    }
    cel_task_decoder_destroy(decoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_keeps_its_tag),
        cmocka_unit_test(request_goes_the_ways_that_exist),
        cmocka_unit_test(request_takes_its_message_also_on_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
