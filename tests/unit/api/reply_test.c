#include "api/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/memory_budget.h"
#include "tests/unit/api/hand_call.h"

static struct api api;

static int tear_down(void **state)
{
    (void)state;
    hand_call_destroy();
    return 0;
}

static void assert_reply(unsigned status, const char *body)
{
    assert_int_equal(hand_call_status(), status);
    assert_string_equal(hand_call_body(), body);
}

static void short_answers(void **state)
{
    (void)state;
    reply_detail(hand_call_create(&api, ""), 415, "no \"x\"");
    assert_reply(415, "{\"detail\":\"no \\\"x\\\"\"}");
    reply_error(hand_call_create(&api, ""), 404, SPAN("Template '\xc3\xa9' not found"));
    assert_reply(404, "{\"error\":\"Template '\xc3\xa9' not found\"}");
    reply_refusal(hand_call_create(&api, ""), 401, "Invalid API key", "gone");
    assert_reply(401, "{\"error\":\"Invalid API key\",\"detail\":\"gone\"}");
    reply_problem(hand_call_create(&api, ""), "name", "This field is required.");
    assert_reply(400, "{\"name\":[\"This field is required.\"]}");
    reply_empty(hand_call_create(&api, ""), 204);
    assert_reply(204, "");
}

/* What was written before a problem was found does not come with it. */
static void answer_replaces_a_begun_document(void **state)
{
    struct api_call *call = hand_call_create(&api, "");
    struct json_writer w;
    (void)state;
    document_begin(call, &w);
    json_begin_object(&w);
    document_text(&w, "secret", SPAN("x"));
    reply_detail(call, 500, "no");
    assert_reply(500, "{\"detail\":\"no\"}");
}

static void values_as_drf_writes_them(void **state)
{
    struct api_call *call = hand_call_create(&api, "");
    const struct uuid id = {{0x0b, 0x6e, 0x4a, 0x0e, 0x7f, 0x0c, 0x4a, 0x52, 0x8a, 0x63, 0x1d, 0x2f,
                             0x2f, 0x0b, 0x9c, 0x11}};
    struct json_writer w;
    (void)state;
    document_begin(call, &w);
    json_begin_object(&w);
    document_time(&w, "a", STORE_NO_TIME);
    document_time(&w, "b", 0);
    document_time(&w, "c", 1);
    document_text(&w, "d", (struct span){0});
    document_text(&w, "e", SPAN(""));
    document_uuid(&w, "f", &id);
    json_end_object(&w);
    reply_document(call, 200);
    assert_reply(200,
                 "{\"a\":null,\"b\":\"1970-01-01T00:00:00Z\",\"c\":\"1970-01-01T00:00:00.000001Z\","
                 "\"d\":null,\"e\":\"\",\"f\":\"0b6e4a0e-7f0c-4a52-8a63-1d2f2f0b9c11\"}");
}

/* Of an authenticated call every answer names the tenant. */
static void assert_json(const char *json, const char *wanted)
{
    struct api_call *call = hand_call_create(&api, "");
    struct json_writer w;

    document_begin(call, &w);
    json_begin_object(&w);
    document_json(&w, "a", span_of(json));
    document_json(&w, "b", SPAN("0"));
    json_end_object(&w);
    reply_document(call, 200);
    assert_string_equal(hand_call_body(), wanted);
}

/* As PostgreSQL keeps numbers, and as Python spells what it reads of them. */
static void numbers_of_the_database_are_pythons(void **state)
{
    (void)state;
    assert_json("{\"n\": 1.50, \"m\": [0.0000001, 100]}",
                "{\"a\":{\"n\": 1.5, \"m\": [1e-07, 100]},\"b\":0}");
    assert_json("12345678901234567890123", "{\"a\":12345678901234567890123,\"b\":0}");
    assert_json("\"1.50\"", "{\"a\":\"1.50\",\"b\":0}");
}

#define UNAVAILABLE "{\"detail\":\"Service temporarily unavailable, try again later.\"}"

/* A list of one long text. */
static struct api_call *begin_list(struct memory_budget *budget, struct json_writer *w)
{
    static char text[MEMORY_BUDGET_SMALL];
    struct api_call *call = hand_call_create(&api, "");

    http_set_budget(call->http, budget);
    document_begin(call, w);
    json_begin_array(w);
    json_string(w, (struct span){memset(text, 'x', sizeof text), sizeof text});
    return call;
}

/* Its buffer has twice the small size by then. */
static void memory_is_counted_until_the_end(void **state)
{
    struct memory_budget budget = {.max = 2 * MEMORY_BUDGET_SMALL};
    struct json_writer w;
    struct api_call *call = begin_list(&budget, &w);

    (void)state;
    assert_false(reply_list_ended(call, &w, false));
    assert_int_equal(atomic_load(&budget.held), 2 * MEMORY_BUDGET_SMALL);
    assert_true(reply_list_ended(call, &w, true));
    assert_int_equal(hand_call_status(), 200);
    assert_int_equal(atomic_load(&budget.held), 2 * MEMORY_BUDGET_SMALL);
    hand_call_destroy();
    assert_int_equal(atomic_load(&budget.held), 0);
}

static void without_memory_one_comes_again(void **state)
{
    struct memory_budget budget = {.max = 2 * MEMORY_BUDGET_SMALL - 1};
    struct json_writer w;
    struct api_call *call = begin_list(&budget, &w);

    (void)state;
    assert_true(reply_list_ended(call, &w, false));
    assert_reply(503, UNAVAILABLE);
    assert_string_equal(hand_call_header("Retry-After"), "2");
    call = begin_list(&budget, &w);
    json_end_array(&w);
    reply_document(call, 200);
    assert_reply(503, UNAVAILABLE);
    /* What replaces a long document is short, whatever was written. */
    call = begin_list(&budget, &w);
    reply_later(call);
    assert_reply(503, UNAVAILABLE);
    assert_int_equal(http_response(call->http)->header_count, 4);
    hand_call_destroy();
    assert_int_equal(atomic_load(&budget.held), 0);
}

/* What was done must be told. */
static void what_was_done_is_told_without_memory(void **state)
{
    struct memory_budget budget = {.max = 0};
    struct json_writer w;
    struct api_call *call = begin_list(&budget, &w);

    (void)state;
    http_request(call->http)->method = HTTP_POST;
    json_end_array(&w);
    reply_document(call, 201);
    assert_int_equal(hand_call_status(), 201);
    assert_int_equal(strlen(hand_call_body()), MEMORY_BUDGET_SMALL + 4);
}

static void headers_of_every_answer(void **state)
{
    struct api_call *call = hand_call_create(&api, "");
    (void)state;
    call->is_authenticated = true;
    memcpy(call->tenant_text, "tenant", 7);
    reply_detail(call, 200, "x");
    assert_string_equal(hand_call_header("X-Tenant-ID"), "tenant");
    assert_string_equal(hand_call_header("X-Request-ID"), call->request_id);
    assert_string_equal(hand_call_header("Vary"), "Accept, Cookie");
    call = hand_call_create(&api, "");
    call->route = NULL;
    reply_detail(call, 404, "x");
    assert_null(hand_call_header("X-Tenant-ID"));
    assert_null(hand_call_header("Vary"));
    assert_null(hand_call_header("Allow"));
    assert_non_null(hand_call_header("X-Request-ID"));
}

static void answers_to_come_again(void **state)
{
    (void)state;
    reply_later(hand_call_create(&api, ""));
    assert_reply(503, "{\"detail\":\"Service temporarily unavailable, try again later.\"}");
    assert_string_equal(hand_call_header("Retry-After"), "2");
    reply_searching(hand_call_create(&api, ""));
    assert_reply(503, "{\"detail\":\"The API key is being verified, try again later.\"}");
    assert_string_equal(hand_call_header("Retry-After"), "5");
}

/* What may work later is 503, everything else a mistake of ours. */
static void failures_of_the_store(void **state)
{
    static const struct {
        enum celeriac_err code;
        unsigned status;
    } cases[] = {
        {CELERIAC_ERR_LIMIT, 503},       {CELERIAC_ERR_TIMEOUT, 503}, {CELERIAC_ERR_SHUTDOWN, 503},
        {CELERIAC_ERR_UNAVAILABLE, 503}, {CELERIAC_ERR_MEMORY, 503},  {CELERIAC_ERR_VALUE, 500},
        {CELERIAC_ERR_NOT_FOUND, 500},   {CELERIAC_ERR_EXISTS, 500},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct celeriac_error error = {.code = cases[i].code};
        (void)celeriac_error_set(&error, cases[i].code, "user@example.com");
        reply_store_failure(hand_call_create(&api, ""), &error);
        assert_int_equal(hand_call_status(), cases[i].status);
        assert_null(strstr(hand_call_body(), "example"));
    }
}

static void a_list_ends_with_its_last_page(void **state)
{
    struct api_call *call = hand_call_create(&api, "");
    struct json_writer w;

    (void)state;
    document_begin(call, &w);
    json_begin_array(&w);
    json_integer(&w, 1);
    assert_false(reply_list_ended(call, &w, false));
    json_integer(&w, 2);
    assert_true(reply_list_ended(call, &w, true));
    assert_reply(200, "[1,2]");
}

/* A document beyond the limit becomes a sentence, and not half a document. */
static void longest_document(void **state)
{
    static char text[1 << 20];
    struct json_writer w;
    (void)state;
    memset(text, 'x', sizeof text);
    for (int excess = 0; excess < 2; excess++) {
        struct api_call *call = hand_call_create(&api, "");
        size_t left = HTTP_RESPONSE_MAX - 2;
        document_begin(call, &w);
        json_begin_array(&w);
        /* Each text takes its quotes and a comma. */
        while (left > sizeof text + 3) {
            json_string(&w, (struct span){text, sizeof text - 3});
            left -= sizeof text;
        }
        json_string(&w, (struct span){text, left - 2 + (size_t)excess});
        json_end_array(&w);
        reply_document(call, 200);
        assert_int_equal(hand_call_status(), excess ? 400 : 200);
        if (!excess)
            assert_int_equal(strlen(hand_call_body()), HTTP_RESPONSE_MAX);
    }
    assert_string_equal(hand_call_body(),
                        "{\"detail\":\"The answer is too long; ask for less with ?limit=.\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(short_answers, tear_down),
        cmocka_unit_test_teardown(answer_replaces_a_begun_document, tear_down),
        cmocka_unit_test_teardown(values_as_drf_writes_them, tear_down),
        cmocka_unit_test_teardown(numbers_of_the_database_are_pythons, tear_down),
        cmocka_unit_test_teardown(headers_of_every_answer, tear_down),
        cmocka_unit_test_teardown(memory_is_counted_until_the_end, tear_down),
        cmocka_unit_test_teardown(without_memory_one_comes_again, tear_down),
        cmocka_unit_test_teardown(what_was_done_is_told_without_memory, tear_down),
        cmocka_unit_test_teardown(answers_to_come_again, tear_down),
        cmocka_unit_test_teardown(failures_of_the_store, tear_down),
        cmocka_unit_test_teardown(a_list_ends_with_its_last_page, tear_down),
        cmocka_unit_test_teardown(longest_document, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
