#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/http.h"
#include "base/alloc.h"

static unsigned posted;

static void on_post(struct http_exchange *x, void *context)
{
    (void)x;
    posted += *(unsigned *)context;
}

static const struct http_host host = {on_post};

static void finish_step(struct http_exchange *x, void *context)
{
    http_response(x)->status = *(unsigned *)context;
    http_finish(x);
}

static void pending_step(struct http_exchange *x, void *context)
{
    http_continue(x, finish_step, context);
}

static void steps_run_one_after_the_other(void **state)
{
    unsigned weight = 1, status = 204;
    struct http_exchange *x;

    (void)state;
    posted = 0;
    assert_int_equal(http_exchange_create(&host, &weight, &x), CELERIAC_OK);
    http_set_step(x, pending_step, &status);
    http_run(x);
    assert_int_equal(posted, 1);
    assert_false(http_is_finished(x));
    http_run(x);
    assert_true(http_is_finished(x));
    assert_int_equal(http_response(x)->status, 204);
    http_exchange_destroy(x);
}

static void release_attached(void *data)
{
    *(bool *)data = true;
}

static void destroying_releases_what_is_attached(void **state)
{
    struct http_exchange *x;
    bool released = false;

    (void)state;
    assert_int_equal(http_exchange_create(&host, NULL, &x), CELERIAC_OK);
    http_attach(x, &released, release_attached);
    http_exchange_destroy(x);
    assert_true(released);
    http_exchange_destroy(NULL);
}

static void headers_are_bounded(void **state)
{
    struct http_response r;

    (void)state;
    memset(&r, 0, sizeof r);
    for (int i = 0; i < HTTP_HEADERS_MAX; i++)
        http_add_header(&r, "A", "b");
    assert_int_equal(r.header_count, HTTP_HEADERS_MAX);
    http_add_header(&r, "Late", "c");
    assert_int_equal(r.header_count, HTTP_HEADERS_MAX);
    assert_string_equal(r.headers[HTTP_HEADERS_MAX - 1].name, "A");
}

static void methods_have_names(void **state)
{
    (void)state;
    for (unsigned bit = HTTP_GET; bit < HTTP_OTHER_METHOD; bit <<= 1)
        assert_int_equal(http_method_of(span_of(http_method_name((enum http_method)bit))), bit);
    assert_int_equal(http_method_of(SPAN("get")), HTTP_OTHER_METHOD);
    assert_int_equal(http_method_of(SPAN("TRACE")), HTTP_OTHER_METHOD);
    assert_int_equal(http_method_of(SPAN("")), HTTP_OTHER_METHOD);
    assert_string_equal(http_method_name(HTTP_OTHER_METHOD), "OTHER");
}

static void no_memory_is_reported(void **state)
{
    struct http_exchange *x = NULL;

    (void)state;
    mem_fail_at(1);
    assert_int_equal(http_exchange_create(&host, NULL, &x), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_null(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_run_one_after_the_other),
        cmocka_unit_test(destroying_releases_what_is_attached),
        cmocka_unit_test(headers_are_bounded),
        cmocka_unit_test(methods_have_names),
        cmocka_unit_test(no_memory_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
