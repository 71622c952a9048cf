#include "worker/live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "worker/request.h"

static struct cel_live *live;

static int set_up(void **state)
{
    (void)state;
    return cel_live_create(&live) == CELERIAC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    cel_live_destroy(live);
    return 0;
}

static struct cel_request *make_request(const char *tag)
{
    struct cel_task_message *message = NULL;
    struct cel_task_decoder *decoder = NULL;
    struct cel_request *request = NULL;

    assert_int_equal(cel_task_decoder_create(NULL, &decoder), CELERIAC_OK);
    assert_int_equal(
        cel_task_message_create(decoder,
                                SPAN("{\"body\": \"W1tdLCB7fSwge31d\", \"content-type\": "
                                     "\"application/json\", \"headers\": {\"task\": \"t.add\", "
                                     "\"id\": \"i\"}, \"properties\": {\"delivery_tag\": \"x\", "
                                     "\"body_encoding\": \"base64\"}}"),
                                &message),
        CELERIAC_OK);
    assert_string_equal(message->refuse_text, "");
    assert_int_equal(cel_request_create(message, NULL, span_of(tag), SPAN("q"), &request),
                     CELERIAC_OK);
    cel_task_decoder_destroy(decoder);
    return request;
}

static void count_total(void *context, struct span task, uint64_t executions)
{
    assert_true(span_is(task, "t.add"));
    *(uint64_t *)context += executions;
}

static void test_moves_from_list_to_list(void **state)
{
    struct cel_request *a = make_request("a");
    struct cel_request *b = make_request("b");
    uint64_t total = 0;

    (void)state;
    cel_live_reserve(live, a);
    cel_live_reserve(live, b);
    assert_int_equal(cel_live_count(live, CEL_LIVE_RESERVED), 2);
    cel_live_activate(live, a, 5, true);
    assert_int_equal(cel_live_count(live, CEL_LIVE_RESERVED), 1);
    assert_int_equal(cel_live_count(live, CEL_LIVE_ACTIVE), 1);
    cel_live_remove(a);
    cel_live_remove(a);
    assert_int_equal(cel_live_count(live, CEL_LIVE_ACTIVE), 0);
    /* What is ended while it is in a list leaves it. */
    cel_request_destroy(b);
    assert_int_equal(cel_live_count(live, CEL_LIVE_RESERVED), 0);
    cel_request_destroy(a);
    cel_live_totals(live, count_total, &total);
    assert_int_equal(total, 1);
    assert_int_equal(cel_live_processed(live), 1);
}

static void test_snapshot_outlives_requests(void **state)
{
    struct cel_request *requests[3] = {make_request("a"), make_request("b"), make_request("c")};
    struct cel_live_entry *entries = NULL;
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        cel_live_activate(live, requests[i], (int64_t)i + 1, i == 0);
    assert_int_equal(cel_live_snapshot(live, CEL_LIVE_ACTIVE, 2, &entries, &count), CELERIAC_OK);
    for (size_t i = 0; i < 3; i++)
        cel_request_destroy(requests[i]);
    assert_int_equal(count, 2);
    assert_true(span_is(entries[0].request->message->id, "i"));
    assert_int_equal(entries[0].started_us, 1);
    assert_true(entries[0].acknowledged);
    assert_false(entries[1].acknowledged);
    assert_int_equal(cel_live_count(live, CEL_LIVE_ACTIVE), 0);
    cel_live_release(entries, count);
    assert_int_equal(cel_live_snapshot(live, CEL_LIVE_RESERVED, 9, &entries, &count), CELERIAC_OK);
    assert_int_equal(count, 0);
    cel_live_release(entries, count);
}

static void test_short_memory(void **state)
{
    struct cel_request *request = make_request("a");
    struct cel_live_entry *entries = NULL;
    size_t count = 7;
    struct cel_live *other = NULL;
    enum celeriac_err code = CELERIAC_ERR_MEMORY;

    (void)state;
    mem_fail_at(1);
    cel_live_activate(live, request, 1, true);
    assert_int_equal(cel_live_snapshot(live, CEL_LIVE_ACTIVE, 9, &entries, &count),
                     CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_null(entries);
    assert_int_equal(count, 7);
    assert_int_equal(cel_live_processed(live), 1);
    cel_request_destroy(request);
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        mem_fail_at(n);
        code = cel_live_create(&other);
        mem_fail_at(0);
    }
    cel_live_destroy(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_moves_from_list_to_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_snapshot_outlives_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_short_memory, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
