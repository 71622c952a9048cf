#include "worker/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "worker/request.h"
#include "worker/task_context.h"

static struct cel_task_message message = {.protocol = CEL_PROTOCOL_2,
                                          .id = SPAN("i"),
                                          .task = SPAN("t.x"),
                                          .argsrepr = SPAN("()"),
                                          .kwargsrepr = SPAN("{}")};

static struct cel_events *make_events(bool everything)
{
    struct cel_events *events = NULL;

    assert_int_equal(cel_events_create(&(struct cel_events_options){.hostname = SPAN("n@h"),
                                                                    .pid = 1,
                                                                    .everything = everything,
                                                                    .wake_fd = -1},
                                       &events),
                     CELERIAC_OK);
    return events;
}

static void release(struct cel_event_block *blocks)
{
    while (blocks) {
        struct cel_event_block *next = blocks->next;

        cel_event_block_destroy(blocks);
        blocks = next;
    }
}

/* Takes the only event there is and looks for a text in it. */
static void assert_event(struct cel_events *events, const char *wanted)
{
    size_t count = 0;
    struct cel_event_block *block = cel_events_take(events, 10, &count);

    assert_int_equal(count, 1);
    assert_non_null(memmem(block->body, block->len, wanted, strlen(wanted)));
    release(block);
}

static void test_checklist_80_switching(void **state)
{
    struct cel_events *events = make_events(false);
    struct cel_request request = {.message = &message};
    size_t count = 7;

    (void)state;
    cel_events_received(events, &request);
    cel_events_started(events, &request);
    cel_events_end(events, &request, NULL, 0);
    cel_events_revoked(events, &request, true, false, 0);
    assert_null(request.end_event);
    assert_null(cel_events_take(events, 10, &count));
    assert_int_equal(count, 0);
    assert_false(cel_events_enable(events, false));
    assert_true(cel_events_enable(events, true));
    assert_false(cel_events_enable(events, true));
    cel_events_started(events, &request);
    assert_event(events, "\"type\": \"task-started\"");
    assert_true(cel_events_enable(events, false));
    cel_events_destroy(events);
    events = make_events(true);
    assert_false(cel_events_enable(events, false));
    assert_false(cel_events_enable(events, true));
    cel_events_started(events, &request);
    assert_event(events, "\"clock\": 1,");
    cel_events_destroy(events);
}

static void end_with(struct cel_events *events, struct cel_request *request,
                     const struct cel_outcome *outcome, const char *wanted)
{
    cel_events_end(events, request, outcome, 1500000000);
    cel_events_ended(events, request);
    assert_null(request->end_event);
    assert_event(events, wanted);
}

static void test_checklist_79_ends(void **state)
{
    struct cel_events *events = make_events(true);
    struct cel_request request = {.message = &message};
    struct cel_outcome outcome = {.kind = CEL_OUTCOME_SUCCESS};

    (void)state;
    cel_settlement_init(&request.settlement);
    strbuf_init(&outcome.result, 100);
    request.settlement.state = CEL_STATE_SUCCESS;
    end_with(events, &request, &outcome, "\"result\": \"None\", \"runtime\": 1.5");
    strbuf_add_text(&outcome.result, "[true]");
    end_with(events, &request, &outcome, "\"result\": \"[True]\"");
    request.settlement.state = CEL_STATE_FAILURE;
    strbuf_add_text(&request.settlement.record,
                    "{\"result\": {\"exc_type\": \"E\", \"exc_message\": [1], \"exc_module\": "
                    "\"m\"}, \"traceback\": \"T\"}");
    end_with(events, &request, &outcome, "\"exception\": \"E(1)\", \"traceback\": \"T\"");
    /* Without a record the outcome says what it can. */
    strbuf_clear(&request.settlement.record);
    end_with(events, &request, &outcome, "\"exception\": \"MaxRetriesExceededError()\"");
    end_with(events, &request, NULL, "\"exception\": \"NotRegistered('t.x')\", \"timestamp\"");
    request.settlement.state = CEL_STATE_RETRY;
    end_with(events, &request, &outcome, "\"exception\": \"None\"");
    request.settlement.state = CEL_STATE_PENDING;
    outcome.kind = CEL_OUTCOME_REJECT;
    end_with(events, &request, &outcome, "\"requeue\": false");
    cel_events_revoked(events, &request, false, true, 9);
    cel_events_ended(events, &request);
    assert_event(events, "\"signum\": 9");
    /* What was acknowledged before cannot be rejected any more. */
    request.acked = true;
    cel_events_end(events, &request, &outcome, 0);
    assert_null(request.end_event);
    strbuf_close(&outcome.result);
    cel_settlement_close(&request.settlement);
    cel_events_destroy(events);
}

static void test_buffer_is_bounded_and_drops_the_oldest(void **state)
{
    struct cel_events *events = make_events(true);
    struct cel_request request = {.message = &message};
    struct cel_event_block *taken;
    size_t each;
    size_t count = 0;
    size_t room;

    (void)state;
    cel_events_started(events, &request);
    taken = cel_events_take(events, 1, &count);
    each = sizeof *taken + taken->len;
    room = CEL_EVENTS_BYTES_MAX / each;
    for (size_t i = 0; i < room + room / 10; i++)
        cel_events_started(events, &request);
    assert_true(cel_events_dropped(events) > 0);
    /* What comes back is older than all that waits, so there is no room for it. */
    count = (size_t)cel_events_dropped(events);
    cel_events_return(events, taken);
    assert_true(cel_events_dropped(events) >= count);
    taken = cel_events_take(events, SIZE_MAX, &count);
    assert_true(count <= room + 1);
    assert_null(memmem(taken->body, taken->len, "\"clock\": 2,", strlen("\"clock\": 2,")));
    release(taken);
    cel_events_destroy(events);
}

static void test_returned_events_come_first(void **state)
{
    struct cel_events *events = make_events(true);
    struct cel_request request = {.message = &message};
    struct cel_event_block *taken;
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        cel_events_started(events, &request);
    taken = cel_events_take(events, 2, &count);
    assert_int_equal(count, 2);
    cel_events_return(events, taken);
    cel_events_return(events, NULL);
    for (size_t i = 1; i <= 3; i++) {
        char clock[32];

        (void)snprintf(clock, sizeof clock, "\"clock\": %zu,", i);
        taken = cel_events_take(events, 1, &count);
        assert_non_null(memmem(taken->body, taken->len, clock, strlen(clock)));
        release(taken);
    }
    assert_int_equal(cel_events_dropped(events), 0);
    cel_events_destroy(events);
}

static void test_short_memory_drops_and_counts(void **state)
{
    struct cel_events *events = make_events(true);
    struct cel_request request = {.message = &message};
    uint64_t dropped = 0;
    size_t count = 0;

    (void)state;
    for (size_t n = 1; count == 0; n++) {
        mem_fail_at(n);
        cel_events_received(events, &request);
        mem_fail_at(0);
        release(cel_events_take(events, 10, &count));
        dropped += count == 0;
    }
    assert_int_equal(cel_events_dropped(events), dropped);
    cel_events_destroy(events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checklist_80_switching),
        cmocka_unit_test(test_checklist_79_ends),
        cmocka_unit_test(test_buffer_is_bounded_and_drops_the_oldest),
        cmocka_unit_test(test_returned_events_come_first),
        cmocka_unit_test(test_short_memory_drops_and_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
