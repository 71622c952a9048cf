/* worker/settle.c: checklist lines 49 to 55, 61, 65. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/json.h"
#include "celery_proto/codec/task_send.h"
#include "worker/settle.h"

#define NOW_US INT64_C(1795379699128789) /* 2026-11-22T20:34:59.128789Z */
#define ID "12345678-0000-4000-8000-000000000001"
#define TAG "aaaaaaaa-0000-4000-8000-000000000001"

struct fixture {
    struct cel_task_decoder *decoder;
    struct cel_task_message *message;
    struct cel_task_definition definition;
    struct celeriac_task task;
    atomic_bool stopping;
    struct strbuf scratch;
    struct cel_settlement settlement;
};

static uint64_t all_ones(void *context)
{
    (void)context;
    return UINT64_MAX;
}

static void run(struct celeriac_task *task, void *user)
{
    (void)task;
    (void)user;
}

static void make_message(struct fixture *f, struct cel_task_send send)
{
    struct strbuf scratch;
    struct strbuf envelope;

    send.task = SPAN("shop.tasks.add");
    send.id = SPAN(ID);
    send.delivery_tag = SPAN("bbbbbbbb-0000-4000-8000-000000000001");
    send.routing_key = SPAN("celery");
    send.now_us = NOW_US;
    strbuf_init(&scratch, 1 << 20);
    strbuf_init(&envelope, 1 << 20);
    assert_int_equal(cel_task_send_write(&send, &scratch, &envelope, NULL), CELERIAC_OK);
    cel_task_message_destroy(f->message);
    assert_int_equal(cel_task_message_create(f->decoder, strbuf_span(&envelope), &f->message),
                     CELERIAC_OK);
    assert_int_equal(f->message->refuse, CEL_REFUSE_NONE);
    strbuf_close(&envelope);
    strbuf_close(&scratch);
    cel_task_context_begin(&f->task, f->message, 0);
}

static void define(struct fixture *f, struct celeriac_task_options options)
{
    f->definition = (struct cel_task_definition){
        .name = SPAN("shop.tasks.add"),
        .run = run,
        .retry = cel_retry_policy_of(&options),
        .acks_late = options.acks_late,
        .ignore_result = options.ignore_result,
    };
}

static int set_up(void **state)
{
    struct fixture *f = mem_calloc(1, sizeof *f);

    assert_non_null(f);
    assert_int_equal(cel_task_decoder_create(NULL, &f->decoder), CELERIAC_OK);
    strbuf_init(&f->scratch, 1 << 20);
    cel_settlement_init(&f->settlement);
    cel_task_context_init(&f->task, &f->stopping);
    define(f, (struct celeriac_task_options){0});
    make_message(f, (struct cel_task_send){.args = SPAN("[1, 2]")});
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    cel_task_context_close(&f->task);
    cel_settlement_close(&f->settlement);
    strbuf_close(&f->scratch);
    cel_task_message_destroy(f->message);
    cel_task_decoder_destroy(f->decoder);
    mem_free(f);
    return 0;
}

static void settle(struct fixture *f)
{
    struct cel_settle_context context = {
        .now_us = NOW_US, .random = all_ones, .delivery_tag = SPAN(TAG), .scratch = &f->scratch};

    assert_int_equal(
        cel_settle(f->message, &f->definition, &f->task.outcome, &context, &f->settlement),
        CELERIAC_OK);
}

static const char *record(const struct fixture *f)
{
    return strbuf_text(&f->settlement.record);
}

/* The retried message, decoded; the caller destroys it. */
static struct cel_task_message *retried(struct fixture *f)
{
    struct cel_task_message *message = NULL;

    assert_int_equal(
        cel_task_message_create(f->decoder, strbuf_span(&f->settlement.retry), &message),
        CELERIAC_OK);
    assert_int_equal(message->refuse, CEL_REFUSE_NONE);
    return message;
}

static void success_is_recorded_as_python_does(void **state)
{
    struct fixture *f = *state;

    celeriac_task_return_int(&f->task, 3);
    settle(f);
    assert_int_equal(f->settlement.fate, CEL_FATE_ACK);
    assert_int_equal(f->settlement.state, CEL_STATE_SUCCESS);
    assert_string_equal(record(f),
                        "{\"status\": \"SUCCESS\", \"result\": 3, \"traceback\": null, "
                        "\"children\": [], \"date_done\": \"2026-11-22T20:34:59.128789+00:00\", "
                        "\"task_id\": \"" ID "\"}");
    assert_int_equal(strbuf_span(&f->settlement.retry).len, 0);
}

static void no_outcome_is_success_with_null(void **state)
{
    struct fixture *f = *state;

    settle(f);
    assert_int_equal(f->settlement.state, CEL_STATE_SUCCESS);
    assert_non_null(strstr(record(f), "\"result\": null"));
}

static void a_result_that_is_no_json_fails(void **state)
{
    struct fixture *f = *state;

    celeriac_task_return_json(&f->task, "{oops", 5);
    settle(f);
    assert_int_equal(f->settlement.state, CEL_STATE_FAILURE);
    assert_non_null(strstr(record(f), "\"exc_type\": \"EncodeError\""));
    assert_non_null(strstr(record(f), "\"exc_module\": \"kombu.exceptions\""));
}

static void failure_is_an_exception_object(void **state)
{
    struct fixture *f = *state;

    celeriac_task_fail(
        &f->task, &(struct celeriac_exception){.type = "ValueError", .message = "kaboom \"x\""});
    settle(f);
    assert_int_equal(f->settlement.state, CEL_STATE_FAILURE);
    assert_non_null(strstr(record(f), "\"result\": {\"exc_type\": \"ValueError\", \"exc_message\": "
                                      "[\"kaboom \\\"x\\\"\"], \"exc_module\": \"builtins\"}"));
    assert_non_null(strstr(record(f), "\\nValueError: kaboom \\\"x\\\"\\n\""));
}

static void checklist_52_countdown_zero_retries_at_once(void **state)
{
    struct fixture *f = *state;
    struct cel_task_message *next;

    celeriac_task_retry(&f->task, 0, NULL);
    settle(f);
    assert_int_equal(f->settlement.state, CEL_STATE_RETRY);
    next = retried(f);
    assert_false(next->eta.set);
    cel_task_message_destroy(next);

    celeriac_task_retry(&f->task, -1, NULL);
    settle(f);
    assert_int_equal(f->settlement.retry_delay, 180);
    next = retried(f);
    assert_true(next->eta.set);
    assert_int_equal(next->eta.us, NOW_US + INT64_C(180000000));
    cel_task_message_destroy(next);
}

static void checklist_49_and_50_the_retried_message(void **state)
{
    struct fixture *f = *state;
    struct cel_task_message *next;

    define(f,
           (struct celeriac_task_options){
               .autoretry = true, .retry_backoff = 1, .retry_backoff_max = 900, .acks_late = true});
    make_message(f, (struct cel_task_send){.args = SPAN("[1, 2]"),
                                           .retries = 2,
                                           .priority = 5,
                                           .headers = SPAN("{\"traceparent\": \"00-ab-cd-01\"}")});
    celeriac_task_fail(&f->task, &(struct celeriac_exception){.type = "KeyError", .message = "x"});
    settle(f);
    assert_int_equal(f->settlement.state, CEL_STATE_RETRY);
    /* 2**2 seconds at most; all bits set draw the upper end. */
    assert_in_range(f->settlement.retry_delay, 0, 4);
    next = retried(f);
    assert_int_equal(next->retries, 3);
    assert_true(span_is(next->id, ID));
    assert_true(span_is(next->root_id, ID));
    assert_true(span_is(next->parent_id, ID));
    assert_true(span_is(next->delivery_tag, TAG));
    assert_true(span_is(next->routing_key, "celery"));
    assert_int_equal(next->priority, 5);
    assert_true(span_equal(next->body_literal, f->message->body_literal));
    assert_non_null(memmem(next->headers.ptr, next->headers.len, "00-ab-cd-01", 11));
    cel_task_message_destroy(next);
    assert_non_null(strstr(record(f), "{\"status\": \"RETRY\", "));
    assert_non_null(strstr(record(f), "\"date_done\": null"));
    assert_non_null(strstr(record(f), "\"children\": [[[\"" ID "\", null], null]]"));
    assert_non_null(strstr(record(f), "celery.exceptions.Retry: Retry in "));
}

static void checklist_51_the_last_retry_fails_with_the_exception(void **state)
{
    struct fixture *f = *state;

    define(f, (struct celeriac_task_options){.autoretry = true, .retry_backoff = 1});
    make_message(f, (struct cel_task_send){
                        .args = SPAN("[\"a\\tb\", 2, {\"k\": [[[[\"deep\"]]]]}]"), .retries = 3});
    celeriac_task_fail(&f->task, &(struct celeriac_exception){.type = "KeyError", .message = "x"});
    settle(f);
    assert_int_equal(f->settlement.state, CEL_STATE_FAILURE);
    assert_int_equal(strbuf_span(&f->settlement.retry).len, 0);
    assert_non_null(strstr(record(f), "\"exc_type\": \"KeyError\""));

    celeriac_task_retry(&f->task, 1, NULL);
    settle(f);
    assert_int_equal(f->settlement.state, CEL_STATE_FAILURE);
    assert_non_null(strstr(record(f), "\"exc_type\": \"MaxRetriesExceededError\""));
    assert_non_null(strstr(record(f), "Can't retry shop.tasks.add[" ID "] args:('a\\\\tb', 2, "
                                      "{'k': [[[['deep']]]]}) kwargs:{}"));
}

static void ignored_results_leave_no_record(void **state)
{
    struct fixture *f = *state;

    define(f, (struct celeriac_task_options){.autoretry = true});
    make_message(f, (struct cel_task_send){.ignore_result = true});
    settle(f);
    assert_int_equal(f->settlement.state, CEL_STATE_SUCCESS);
    assert_int_equal(strbuf_span(&f->settlement.record).len, 0);

    celeriac_task_fail(&f->task, &(struct celeriac_exception){.type = "KeyError"});
    settle(f);
    assert_int_equal(f->settlement.state, CEL_STATE_RETRY);
    assert_int_equal(strbuf_span(&f->settlement.record).len, 0);
    assert_true(strbuf_span(&f->settlement.retry).len > 0);
}

/* task_store_errors_even_if_ignored: failures, retries and revoked tasks, but no results. */
static void errors_may_be_stored_without_results(void **state)
{
    struct fixture *f = *state;
    const struct cel_settle_context context = {.now_us = NOW_US, .scratch = &f->scratch};

    define(f, (struct celeriac_task_options){.autoretry = true});
    f->definition.store_errors = true;
    make_message(f, (struct cel_task_send){.ignore_result = true});
    assert_true(cel_result_ignored(f->message, &f->definition));
    assert_false(cel_errors_ignored(f->message, &f->definition));
    settle(f);
    assert_int_equal(f->settlement.state, CEL_STATE_SUCCESS);
    assert_int_equal(strbuf_span(&f->settlement.record).len, 0);
    celeriac_task_fail(&f->task, &(struct celeriac_exception){.type = "KeyError"});
    settle(f);
    assert_non_null(strstr(record(f), "{\"status\": \"RETRY\""));
    f->definition.retry.autoretry = false;
    settle(f);
    assert_non_null(strstr(record(f), "{\"status\": \"FAILURE\""));
    assert_int_equal(cel_settle_timed_out(f->message, &f->definition, 3, &context, &f->settlement),
                     CELERIAC_OK);
    assert_non_null(strstr(record(f), "TimeLimitExceeded"));
    assert_int_equal(
        cel_settle_worker_lost(f->message, &f->definition, SPAN("gone"), &context, &f->settlement),
        CELERIAC_OK);
    assert_non_null(strstr(record(f), "WorkerLostError"));
    assert_int_equal(
        cel_settle_revoked(f->message, &f->definition, SPAN("revoked"), &context, &f->settlement),
        CELERIAC_OK);
    assert_non_null(strstr(record(f), "REVOKED"));
}

static void an_explicit_header_beats_the_definition(void **state)
{
    struct fixture *f = *state;

    define(f, (struct celeriac_task_options){.ignore_result = true});
    make_message(f, (struct cel_task_send){.args = SPAN("[]")});
    assert_int_equal(f->message->ignore_result, CEL_FALSE);
    assert_false(cel_result_ignored(f->message, &f->definition));
    f->message->ignore_result = CEL_UNSET;
    assert_true(cel_result_ignored(f->message, &f->definition));
    assert_false(cel_result_ignored(f->message, NULL));
}

/* What the settlement wants pushed, as a message; the caller destroys it. */
static struct cel_task_message *pushed(struct fixture *f)
{
    struct cel_task_message *message = NULL;

    assert_int_equal(
        cel_task_message_create(f->decoder, strbuf_span(&f->settlement.retry), &message),
        CELERIAC_OK);
    assert_int_equal(message->refuse, CEL_REFUSE_NONE);
    return message;
}

static void checklist_56_ignore_and_reject(void **state)
{
    struct fixture *f = *state;
    struct cel_task_message *message;

    celeriac_task_ignore(&f->task);
    settle(f);
    assert_int_equal(f->settlement.fate, CEL_FATE_ACK);
    assert_int_equal(f->settlement.state, CEL_STATE_PENDING);
    assert_int_equal(strbuf_span(&f->settlement.record).len, 0);

    /* Acknowledged when it started: nothing is left to requeue. */
    celeriac_task_reject(&f->task, true);
    settle(f);
    assert_int_equal(f->settlement.fate, CEL_FATE_ACK);
    assert_int_equal(strbuf_span(&f->settlement.retry).len, 0);

    define(f, (struct celeriac_task_options){.acks_late = true});
    settle(f);
    assert_int_equal(f->settlement.fate, CEL_FATE_REQUEUE);
    assert_int_equal(strbuf_span(&f->settlement.record).len, 0);
    message = pushed(f);
    assert_true(message->redelivered);
    assert_true(span_equal(message->delivery_tag, f->message->delivery_tag));
    assert_true(span_equal(message->body, f->message->body));
    cel_task_message_destroy(message);

    celeriac_task_reject(&f->task, false);
    settle(f);
    assert_int_equal(f->settlement.fate, CEL_FATE_ACK);
    assert_int_equal(strbuf_span(&f->settlement.retry).len, 0);
}

static void postponing_leaves_no_trace(void **state)
{
    struct fixture *f = *state;
    struct cel_task_message *message;

    make_message(f, (struct cel_task_send){.args = SPAN("[1, 2]"), .retries = 2});
    define(f, (struct celeriac_task_options){.acks_late = true});
    celeriac_task_postpone(&f->task, 1.5);
    settle(f);
    assert_int_equal(f->settlement.fate, CEL_FATE_POSTPONE);
    assert_int_equal(strbuf_span(&f->settlement.retry).len, 0);

    /* Acknowledged already: only a new message can bring it back, and it counts no retry. */
    define(f, (struct celeriac_task_options){.acks_late = false});
    settle(f);
    assert_int_equal(f->settlement.fate, CEL_FATE_ACK);
    assert_int_equal(f->settlement.state, CEL_STATE_PENDING);
    assert_int_equal(strbuf_span(&f->settlement.record).len, 0);
    assert_true(f->settlement.postponed);
    message = pushed(f);
    assert_int_equal(message->retries, 2);
    assert_true(message->eta.set);
    assert_int_equal(message->eta.us, NOW_US + 1500000);
    cel_task_message_destroy(message);

    celeriac_task_postpone(&f->task, 1e300);
    settle(f);
    message = pushed(f);
    assert_true(message->eta.us > NOW_US);
    cel_task_message_destroy(message);
}

static void checklist_46_expired_and_unregistered(void **state)
{
    struct fixture *f = *state;
    struct cel_settle_context context = {
        .now_us = NOW_US, .random = all_ones, .scratch = &f->scratch};

    assert_int_equal(
        cel_settle_revoked(f->message, &f->definition, SPAN("expired"), &context, &f->settlement),
        CELERIAC_OK);
    assert_int_equal(f->settlement.state, CEL_STATE_REVOKED);
    assert_string_equal(
        record(f), "{\"status\": \"REVOKED\", \"result\": {\"exc_type\": \"TaskRevokedError\", "
                   "\"exc_message\": [\"expired\"], \"exc_module\": \"celery.exceptions\"}, "
                   "\"traceback\": null, \"children\": [], "
                   "\"date_done\": \"2026-11-22T20:34:59.128789+00:00\", \"task_id\": \"" ID "\"}");
    assert_int_equal(cel_settle_unregistered(f->message, &context, &f->settlement), CELERIAC_OK);
    assert_int_equal(f->settlement.state, CEL_STATE_FAILURE);
    assert_non_null(strstr(record(f), "{\"exc_type\": \"NotRegistered\", \"exc_message\": "
                                      "[\"shop.tasks.add\"], \"exc_module\": "
                                      "\"celery.exceptions\"}"));
}

static void started_names_process_and_host(void **state)
{
    struct fixture *f = *state;
    const struct cel_settle_context context = {.worker = SPAN("celery@host1"),
                                               .scratch = &f->scratch};
    struct strbuf started;

    strbuf_init(&started, 1000);
    assert_int_equal(cel_started_record(f->message, 42, &context, &started), CELERIAC_OK);
    assert_string_equal(strbuf_text(&started),
                        "{\"status\": \"STARTED\", \"result\": {\"pid\": 42, \"hostname\": "
                        "\"celery@host1\"}, \"traceback\": null, \"children\": [], \"date_done\": "
                        "null, \"task_id\": \"" ID "\"}");
    strbuf_close(&started);
}

static void states_in_between_and_children(void **state)
{
    struct fixture *f = *state;
    const struct cel_settle_context context = {.now_us = NOW_US};
    const char *const sent = "[[\"a\", null], null]";
    struct strbuf told;

    strbuf_init(&told, 1000);
    assert_int_equal(cel_state_record(f->message, SPAN("PROGRESS"), SPAN("{\"done\": 1}"),
                                      span_of(sent), &context, &told),
                     CELERIAC_OK);
    assert_string_equal(strbuf_text(&told),
                        "{\"status\": \"PROGRESS\", \"result\": {\"done\": 1}, \"traceback\": "
                        "null, \"children\": [[[\"a\", null], null]], \"date_done\": null, "
                        "\"task_id\": \"" ID "\"}");
    strbuf_close(&told);

    strbuf_add_text(&f->task.outcome.children, sent);
    celeriac_task_return_null(&f->task);
    settle(f);
    assert_non_null(strstr(strbuf_text(&f->settlement.record), "[[[\"a\", null], null]]"));
    celeriac_task_retry(&f->task, 0, NULL);
    settle(f);
    assert_non_null(strstr(strbuf_text(&f->settlement.record),
                           "[[[\"a\", null], null], [[\"" ID "\", null], null]]"));
    celeriac_task_fail(&f->task, &(struct celeriac_exception){.type = "E"});
    settle(f);
    assert_non_null(strstr(strbuf_text(&f->settlement.record), "[[[\"a\", null], null]]"));
}

static void checklist_67_extended_records_say_more(void **state)
{
    struct fixture *f = *state;
    const struct cel_settle_context context = {.now_us = NOW_US,
                                               .scratch = &f->scratch,
                                               .result_extended = true,
                                               .worker = SPAN("celery@host1")};

    make_message(f, (struct cel_task_send){.args = SPAN("[1, 2]"),
                                           .kwargs = SPAN("{\"k\": null}"),
                                           .stamped_headers = SPAN("[\"s\"]"),
                                           .stamps = SPAN("{\"s\": 7}")});
    celeriac_task_return_int(&f->task, 3);
    assert_int_equal(
        cel_settle(f->message, &f->definition, &f->task.outcome, &context, &f->settlement),
        CELERIAC_OK);
    assert_non_null(strstr(record(f), "+00:00\", \"name\": \"shop.tasks.add\", \"args\": [1, 2], "
                                      "\"kwargs\": {\"k\": null}, \"worker\": \"celery@host1\", "
                                      "\"retries\": 0, \"queue\": \"celery\", "));
    assert_non_null(strstr(record(f), "\"stamped_headers\": [\"s\"], \"s\": 7, \"task_id\": "));
    celeriac_task_fail(&f->task, &(struct celeriac_exception){.type = "KeyError"});
    assert_int_equal(
        cel_settle(f->message, &f->definition, &f->task.outcome, &context, &f->settlement),
        CELERIAC_OK);
    assert_non_null(strstr(record(f), "\"worker\": \"celery@host1\""));
}

static void checklist_58_a_timeout_is_billiards(void **state)
{
    struct fixture *f = *state;
    const struct cel_settle_context context = {.now_us = NOW_US, .scratch = &f->scratch};

    assert_int_equal(cel_settle_timed_out(f->message, &f->definition, 3, &context, &f->settlement),
                     CELERIAC_OK);
    assert_int_equal(f->settlement.fate, CEL_FATE_ACK);
    assert_non_null(strstr(record(f),
                           "{\"status\": \"FAILURE\", \"result\": {\"exc_type\": "
                           "\"TimeLimitExceeded\", \"exc_message\": [3], \"exc_module\": "
                           "\"billiard.exceptions\"}, \"traceback\": null"));
    f->definition.acks_late = true;
    f->definition.requeue_on_timeout = true;
    assert_int_equal(
        cel_settle_timed_out(f->message, &f->definition, 0.5, &context, &f->settlement),
        CELERIAC_OK);
    assert_int_equal(f->settlement.fate, CEL_FATE_REQUEUE);
    assert_non_null(strstr(record(f), "\"exc_message\": [0.5]"));
    assert_true(strbuf_span(&f->settlement.retry).len > 0);
}

static void a_lost_process_is_a_failure_or_another_try(void **state)
{
    struct fixture *f = *state;
    struct cel_settle_context context = {
        .now_us = NOW_US, .random = all_ones, .delivery_tag = SPAN(TAG), .scratch = &f->scratch};
    struct span text = SPAN("Worker exited prematurely: exitcode 3 Job: 0.");

    assert_int_equal(
        cel_settle_worker_lost(f->message, &f->definition, text, &context, &f->settlement),
        CELERIAC_OK);
    assert_int_equal(f->settlement.fate, CEL_FATE_ACK);
    assert_int_equal(f->settlement.state, CEL_STATE_FAILURE);
    assert_non_null(strstr(record(f),
                           "{\"status\": \"FAILURE\", \"result\": {\"exc_type\": "
                           "\"WorkerLostError\", \"exc_message\": [\"Worker exited prematurely: "
                           "exitcode 3 Job: 0.\"], \"exc_module\": \"billiard.exceptions\"}, "
                           "\"traceback\": null"));
    /* Nothing to give back: it was acknowledged when it started. */
    f->definition.reject_on_worker_lost = true;
    assert_int_equal(
        cel_settle_worker_lost(f->message, &f->definition, text, &context, &f->settlement),
        CELERIAC_OK);
    assert_int_equal(f->settlement.state, CEL_STATE_FAILURE);
    f->definition.acks_late = true;
    assert_int_equal(
        cel_settle_worker_lost(f->message, &f->definition, text, &context, &f->settlement),
        CELERIAC_OK);
    assert_int_equal(f->settlement.fate, CEL_FATE_REQUEUE);
    assert_int_equal(f->settlement.state, CEL_STATE_PENDING);
    assert_int_equal(strbuf_span(&f->settlement.record).len, 0);
    assert_non_null(strstr(strbuf_text(&f->settlement.retry), "\"redelivered\": true"));
}

static void survives_every_failing_allocation(void **state)
{
    struct fixture *f = *state;
    struct cel_settle_context context = {
        .now_us = NOW_US, .random = all_ones, .delivery_tag = SPAN(TAG), .scratch = &f->scratch};
    enum celeriac_err code = CELERIAC_ERR_MEMORY;

    define(f, (struct celeriac_task_options){.autoretry = true, .acks_late = true});
    celeriac_task_fail(&f->task, &(struct celeriac_exception){.type = "KeyError", .message = "x"});
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        assert_true(n < 200);
        strbuf_close(&f->scratch);
        cel_settlement_close(&f->settlement);
        mem_fail_at(n);
        code = cel_settle(f->message, &f->definition, &f->task.outcome, &context, &f->settlement);
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
    }
    assert_true(strbuf_span(&f->settlement.retry).len > 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(success_is_recorded_as_python_does),
        TEST(no_outcome_is_success_with_null),
        TEST(a_result_that_is_no_json_fails),
        TEST(failure_is_an_exception_object),
        TEST(checklist_52_countdown_zero_retries_at_once),
        TEST(checklist_49_and_50_the_retried_message),
        TEST(checklist_51_the_last_retry_fails_with_the_exception),
        TEST(ignored_results_leave_no_record),
        TEST(errors_may_be_stored_without_results),
        TEST(an_explicit_header_beats_the_definition),
        TEST(checklist_56_ignore_and_reject),
        TEST(postponing_leaves_no_trace),
        TEST(checklist_46_expired_and_unregistered),
        TEST(started_names_process_and_host),
        TEST(states_in_between_and_children),
        TEST(checklist_67_extended_records_say_more),
        TEST(checklist_58_a_timeout_is_billiards),
        TEST(a_lost_process_is_a_failure_or_another_try),
        TEST(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
