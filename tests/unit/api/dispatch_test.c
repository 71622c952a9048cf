/* Requests through dispatch() without a socket and without a database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/call.h"
#include "api/dispatch.h"
#include "api/handlers.h"
#include "api/reply.h"
#include "api/request_fields.h"
#include "base/alloc.h"
#include "base/log.h"
#include "tests/support/scratch.h"

static void later_step(struct api_call *call)
{
    reply_detail(call, 200, "later");
}

static void handle_later(struct api_call *call)
{
    call_continue(call, later_step);
}

static void handle_fields(struct api_call *call)
{
    struct value values[REGISTER_FIELDS] = {0};

    if (call_read_body(call, register_fields, REGISTER_FIELDS, false, values))
        reply_detail(call, 200, "valid");
    validate_close(values, REGISTER_FIELDS);
}

static const struct route table[] = {
    {"/health/", ROUTE_PUBLIC, ROUTE_PLAIN, {{HTTP_GET, handle_health, "Health", NULL}}},
    {"/later/", ROUTE_PUBLIC, ROUTE_DRF, {{HTTP_GET, handle_later, "Later", NULL}}},
    {"/fields/", ROUTE_PUBLIC, ROUTE_DRF, {{HTTP_POST, handle_fields, "Fields", NULL}}},
    {"/v1/secret/", ROUTE_KEY, ROUTE_DRF, {{HTTP_GET, handle_health, "Secret", NULL}}},
    {NULL, ROUTE_PUBLIC, ROUTE_PLAIN, {{HTTP_GET, NULL, NULL, NULL}}},
};

static unsigned posted;

static void on_post(struct http_exchange *x, void *context)
{
    (void)x;
    (void)context;
    posted++;
}

static const struct http_host host = {on_post};

static const struct notify_settings settings = {.allowed_hosts = "testserver,.example.com"};

struct request {
    const char *method, *path, *query, *host, *content_type, *body, *accept, *key, *id;
    bool too_large;
};

static struct span maybe(const char *text)
{
    return text ? span_of(text) : (struct span){NULL, 0};
}

/* Runs a request to its end; the caller destroys the exchange. */
static struct http_exchange *run(const struct request *q)
{
    static struct api api = {.routes = table, .settings = &settings};
    struct http_exchange *x;
    struct http_request *r;

    assert_int_equal(http_exchange_create(&host, NULL, &x), CELERIAC_OK);
    r = http_request(x);
    r->method_name = span_of(q->method ? q->method : "GET");
    r->method = http_method_of(r->method_name);
    r->path = span_of(q->path);
    r->query = span_of(q->query);
    r->host = span_of(q->host ? q->host : "testserver");
    r->content_type = maybe(q->content_type);
    r->body = span_of(q->body);
    r->accept = maybe(q->accept);
    r->api_key = maybe(q->key);
    r->request_id = maybe(q->id);
    r->body_too_large = q->too_large;
    http_set_step(x, dispatch, &api);
    posted = 0;
    http_run(x);
    while (!http_is_finished(x) && posted > 0) {
        posted--;
        http_run(x);
    }
    assert_true(http_is_finished(x));
    return x;
}

static const char *header_of(struct http_exchange *x, const char *name)
{
    const struct http_response *r = http_response(x);

    for (size_t i = 0; i < r->header_count; i++) {
        if (strcmp(r->headers[i].name, name) == 0)
            return r->headers[i].value;
    }
    return "none";
}

static void check(const struct request *q, unsigned status, const char *body, const char *allow)
{
    struct http_exchange *x = run(q);
    struct http_response *r = http_response(x);

    assert_int_equal(r->status, status);
    assert_string_equal(strbuf_text(&r->body), body);
    assert_string_equal(header_of(x, "Allow"), allow);
    assert_string_equal(r->content_type, "application/json");
    http_exchange_destroy(x);
}

static void requests_reach_their_handlers(void **state)
{
    (void)state;
    check(&(struct request){.path = "/health/"}, 200, "{\"status\":\"ok\"}", "none");
    check(&(struct request){.path = "/health"}, 200, "{\"status\":\"ok\"}", "none");
    check(&(struct request){.path = "/%68ealth/"}, 200, "{\"status\":\"ok\"}", "none");
    check(&(struct request){.path = "/health/", .method = "HEAD"}, 200, "{\"status\":\"ok\"}",
          "none");
    check(&(struct request){.path = "/later/"}, 200, "{\"detail\":\"later\"}",
          "GET, HEAD, OPTIONS");
}

static void what_is_not_there_is_json_too(void **state)
{
    static char longest[ROUTE_PATH_MAX + 100];

    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    longest[0] = '/';
    check(&(struct request){.path = "/nothing/"}, 404, "{\"detail\":\"Not found.\"}", "none");
    check(&(struct request){.path = longest}, 404, "{\"detail\":\"Not found.\"}", "none");
    check(&(struct request){.path = "/health/", .method = "POST"}, 405,
          "{\"detail\":\"Method \\\"POST\\\" not allowed.\"}", "GET, HEAD, OPTIONS");
    check(&(struct request){.path = "/fields/", .method = "HEAD"}, 405,
          "{\"detail\":\"Method \\\"HEAD\\\" not allowed.\"}", "POST, OPTIONS");
    check(&(struct request){.path = "/fields/", .method = "BREW"}, 405,
          "{\"detail\":\"Method \\\"BREW\\\" not allowed.\"}", "POST, OPTIONS");
}

static void a_key_is_asked_for_before_anything_else(void **state)
{
    static const char missing[] =
        "{\"error\":\"Authentication required\",\"detail\":\"Missing X-API-KEY header\"}";

    (void)state;
    check(&(struct request){.path = "/v1/secret/"}, 401, missing, "none");
    check(&(struct request){.path = "/v1/secret/", .key = ""}, 401, missing, "none");
    check(&(struct request){.path = "/v1/secret/", .method = "DELETE"}, 401, missing, "none");
    check(&(struct request){.path = "/v1/nothing/"}, 401, missing, "none");
    check(&(struct request){.path = "/v1/secret/", .method = "OPTIONS"}, 401, missing, "none");
}

static void hosts_are_checked(void **state)
{
    (void)state;
    check(&(struct request){.path = "/health/", .host = "evil.test"}, 400,
          "{\"detail\":\"Invalid Host header.\"}", "none");
    check(&(struct request){.path = "/health/", .host = "a.EXAMPLE.com:8000"}, 200,
          "{\"status\":\"ok\"}", "none");
    check(&(struct request){.path = "/v1/secret/", .host = "evil.test"}, 400,
          "{\"detail\":\"Invalid Host header.\"}", "none");
}

static void bodies_are_read_and_limited(void **state)
{
    (void)state;
    check(&(struct request){.path = "/fields/", .method = "POST", .too_large = true}, 413,
          "{\"detail\":\"Request body exceeded 2621440 bytes.\"}", "none");
    check(&(struct request){.path = "/fields/",
                            .method = "POST",
                            .content_type = "text/\"plain\"",
                            .body = "hello"},
          415, "{\"detail\":\"Unsupported media type \\\"text/\\\"plain\\\"\\\" in request.\"}",
          "POST, OPTIONS");
    /* Bytes of a header are Latin-1 to WSGI. */
    check(
        &(struct request){
            .path = "/fields/", .method = "POST", .content_type = "\xc3\xa9/\xff", .body = "hello"},
        415,
        "{\"detail\":\"Unsupported media type \\\"\xc3\x83\xc2\xa9/\xc3\xbf\\\" in request.\"}",
        "POST, OPTIONS");
    check(&(struct request){.path = "/fields/",
                            .method = "POST",
                            .content_type = "multipart/form-data; boundary=\xe9",
                            .body = "hello"},
          400,
          "{\"detail\":\"Multipart form parse error - Invalid non-ASCII Content-Type in multipart: "
          "multipart/form-data; boundary=\xc3\xa9\"}",
          "POST, OPTIONS");
    check(
        &(struct request){
            .path = "/fields/", .method = "POST", .content_type = "*/*", .body = "{\"name\": 1}"},
        400, "{\"email\":[\"This field is required.\"]}", "POST, OPTIONS");
    check(&(struct request){.path = "/fields/",
                            .method = "POST",
                            .content_type = "application/json",
                            .body = "{\"name\": 1}\xe2\x82"},
          400, "{\"email\":[\"This field is required.\"]}", "POST, OPTIONS");
    check(&(struct request){.path = "/fields/", .method = "POST"}, 400,
          "{\"name\":[\"This field is required.\"],\"email\":[\"This field is required.\"]}",
          "POST, OPTIONS");
    check(&(struct request){.path = "/fields/",
                            .method = "POST",
                            .content_type = "application/json",
                            .body = "{\"name\": "},
          400, "{\"detail\":\"JSON parse error - Expecting value: line 1 column 10 (char 9)\"}",
          "POST, OPTIONS");
    check(&(struct request){.path = "/fields/",
                            .method = "POST",
                            .content_type = "application/json",
                            .body = "{\"name\": \"a\", \"email\": \"a@b.co\"}"},
          200, "{\"detail\":\"valid\"}", "POST, OPTIONS");
}

static void accept_is_negotiated(void **state)
{
    (void)state;
    check(&(struct request){.path = "/later/", .accept = "image/png"}, 406,
          "{\"detail\":\"Could not satisfy the request Accept header.\"}", "GET, HEAD, OPTIONS");
    check(&(struct request){.path = "/later/", .accept = "text/html"}, 200,
          "{\"detail\":\"later\"}", "GET, HEAD, OPTIONS");
    check(&(struct request){.path = "/health/", .accept = "image/png"}, 200, "{\"status\":\"ok\"}",
          "none");
}

static void options_describe(void **state)
{
    (void)state;
    check(&(struct request){.path = "/fields/", .method = "OPTIONS"}, 200,
          "{\"name\":\"Fields\",\"description\":\"\",\"renders\":[\"application/json\"],"
          "\"parses\":[\"application/json\",\"application/x-www-form-urlencoded\","
          "\"multipart/form-data\"]}",
          "POST, OPTIONS");
}

static void drf_answers_vary(void **state)
{
    struct http_exchange *x = run(&(struct request){.path = "/later/"});

    (void)state;
    assert_string_equal(header_of(x, "Vary"), "Accept, Cookie");
    http_exchange_destroy(x);
    x = run(&(struct request){.path = "/later/", .accept = "image/png"});
    assert_string_equal(header_of(x, "Vary"), "Accept");
    http_exchange_destroy(x);
    x = run(&(struct request){.path = "/health/"});
    assert_string_equal(header_of(x, "Vary"), "none");
    http_exchange_destroy(x);
}

static void request_ids_are_passed_on_or_made(void **state)
{
    static const char *const bad[] = {"", "a b", "a\"b", "a\nb",
                                      ("1234567890123456789012345678901234567890123456789012345678"
                                       "9012345")};
    struct http_exchange *x = run(&(struct request){.path = "/health/", .id = "proxy-1.A_b"});

    (void)state;
    assert_string_equal(header_of(x, "X-Request-ID"), "proxy-1.A_b");
    http_exchange_destroy(x);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        x = run(&(struct request){.path = "/health/", .id = bad[i]});
        assert_int_equal(strlen(header_of(x, "X-Request-ID")), UUID_LEN);
        http_exchange_destroy(x);
    }
}

/* The log has the route's pattern: no path, no query, no key, no host. */
static void log_lines_hold_nothing_personal(void **state)
{
    char path[SCRATCH_PATH_SIZE];
    char line[4096] = "";
    FILE *file;

    (void)state;
    scratch_path(path, "log");
    log_set_level(LOG_INFO);
    assert_int_equal(log_set_file(path, NULL), CELERIAC_OK);
    http_exchange_destroy(run(&(struct request){
        .path = "/v1/secret/", .query = "to=someone@example.com", .key = "", .id = "the-id"}));
    assert_int_equal(log_set_file(NULL, NULL), CELERIAC_OK);
    log_set_level(LOG_WARNING);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    fclose(file);
    assert_non_null(strstr(line, "method=GET route=/v1/secret/ status=401 took="));
    assert_non_null(strstr(line, "request=the-id tenant=-"));
    assert_null(strstr(line, "someone"));
}

static void no_memory_is_answered(void **state)
{
    bool done = false;

    (void)state;
    for (size_t n = 2; !done; n++) {
        struct request q = {.path = "/fields/",
                            .method = "POST",
                            .content_type = "application/json",
                            .body = "{\"name\": \"a\\n\", \"email\": \"x\"}"};
        struct http_exchange *x;

        mem_fail_at(n);
        x = run(&q);
        done = !mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(http_response(x)->status, done ? 400 : 503);
        http_exchange_destroy(x);
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_reach_their_handlers),
        cmocka_unit_test(what_is_not_there_is_json_too),
        cmocka_unit_test(a_key_is_asked_for_before_anything_else),
        cmocka_unit_test(hosts_are_checked),
        cmocka_unit_test(bodies_are_read_and_limited),
        cmocka_unit_test(accept_is_negotiated),
        cmocka_unit_test(options_describe),
        cmocka_unit_test(drf_answers_vary),
        cmocka_unit_test(request_ids_are_passed_on_or_made),
        cmocka_unit_test(log_lines_hold_nothing_personal),
        cmocka_unit_test(no_memory_is_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
