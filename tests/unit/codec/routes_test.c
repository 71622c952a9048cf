#include "celery_proto/codec/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/strbuf.h"

static struct cel_routes *read(const char *json)
{
    struct cel_routes *routes = NULL;
    struct celeriac_error err = {0};

    if (cel_routes_create(span_of(json), &routes, &err))
        fail_msg("%s", err.text);
    return routes;
}

static void assert_queue(const struct cel_routes *routes, const char *task, const char *queue)
{
    assert_true(span_is(cel_routes_find(routes, span_of(task))->queue, queue));
}

static void without_routes_there_are_none(void **state)
{
    static const char *const none[] = {"", "null", "{}", "[]", "[{}, []]"};

    (void)state;
    assert_int_equal(cel_routes_find(NULL, SPAN("a"))->queue.len, 0);
    cel_routes_destroy(NULL);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        struct cel_routes *routes = read(none[i]);

        assert_int_equal(cel_routes_find(routes, SPAN("a"))->queue.len, 0);
        cel_routes_destroy(routes);
    }
}

static void a_name_counts_before_patterns_in_their_order(void **state)
{
    struct cel_routes *routes = read("{\"feed.*\": {\"queue\": \"feeds\"}, \"*\": \"rest\", "
                                     "\"feed.own\": \"own\", \"feed.?\": \"no pattern\"}");

    (void)state;
    assert_queue(routes, "feed.tasks.add", "feeds");
    assert_queue(routes, "feed.own", "own");
    assert_queue(routes, "feed.x", "feeds");
    assert_queue(routes, "feed.?", "no pattern");
    assert_queue(routes, "web", "rest");
    cel_routes_destroy(routes);
    routes = read("{\"a\": \"first\", \"a\": \"last\"}");
    assert_queue(routes, "a", "last");
    assert_queue(routes, "A", "");
    cel_routes_destroy(routes);
}

/* Python's own answers to these, by app.amqp.router. */
static void the_first_map_that_knows_a_task_counts(void **state)
{
    struct cel_routes *routes =
        read("[[[\"feed.*\", {\"queue\": \"feeds\"}], [\"x\", \"y\"]], {\"feed.own\": \"own\", "
             "\"web\": {\"exchange\": \"media\", \"routing_key\": \"v\\u00e9\", \"priority\": 5, "
             "\"queue\": null, \"delivery_mode\": 1}, \"empty\": {}}, {\"empty\": \"unused\"}]");
    const struct cel_route *route = cel_routes_find(routes, SPAN("web"));

    (void)state;
    assert_queue(routes, "feed.own", "feeds");
    assert_queue(routes, "x", "y");
    assert_queue(routes, "empty", "");
    assert_int_equal(route->queue.len, 0);
    assert_string_equal(route->exchange.ptr, "media");
    assert_string_equal(route->routing_key.ptr, "v\xc3\xa9");
    assert_true(route->has_priority);
    assert_int_equal(route->priority, 5);
    cel_routes_destroy(routes);
}

static void nonsense_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *json;
        enum celeriac_err code;
        const char *text;
    } bad[] = {
        {"{", CELERIAC_ERR_SYNTAX, "task_routes: "},
        {"5", CELERIAC_ERR_VALUE, "task_routes: must be an object or a list of objects"},
        {"[5]", CELERIAC_ERR_VALUE, "task_routes: must be an object or a list of objects"},
        {"\"a.Router\"", CELERIAC_ERR_UNSUPPORTED, "task_routes: \"a.Router\": routers written in"},
        {"[\"a.Router\"]", CELERIAC_ERR_UNSUPPORTED, "task_routes: \"a.Router\": routers written"},
        {"[[[\"a\"]]]", CELERIAC_ERR_VALUE, "task_routes: a list in the list has pairs"},
        {"[[\"a\", \"b\"]]", CELERIAC_ERR_VALUE, "task_routes: a list in the list has pairs"},
        {"[[[5, \"b\"]]]", CELERIAC_ERR_VALUE, "task_routes: 5: must be a text"},
        {"{\"a\": 5}", CELERIAC_ERR_VALUE, "task_routes: a: must be an object or a queue's name"},
        {"{\"a\": \"\"}", CELERIAC_ERR_VALUE, "task_routes: a: must have 1 to 255 bytes"},
        {"{\"a\": \"b\\u0000\"}", CELERIAC_ERR_VALUE, "task_routes: a: must have 1 to 255 bytes"},
        {"{\"\": \"b\"}", CELERIAC_ERR_VALUE, "task_routes: \"\": must have 1 to 255 bytes"},
        {"{\"a\": {\"queue\": 5}}", CELERIAC_ERR_VALUE, "task_routes: a: must be a text"},
        {"{\"a\": {\"que\": 5}}", CELERIAC_ERR_VALUE, "task_routes: a: unknown option \"que\""},
        {"{\"a\": {\"priority\": 256}}", CELERIAC_ERR_VALUE, "task_routes: a: priority must be 0"},
        {"{\"a\": {\"priority\": -1}}", CELERIAC_ERR_VALUE, "task_routes: a: priority must be 0"},
        {"{\"a\": {\"priority\": \"1\"}}", CELERIAC_ERR_VALUE, "task_routes: a: priority must be"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct cel_routes *routes = NULL;
        struct celeriac_error err = {0};

        assert_int_equal(cel_routes_create(span_of(bad[i].json), &routes, &err), bad[i].code);
        assert_null(routes);
        if (strncmp(err.text, bad[i].text, strlen(bad[i].text)) != 0)
            fail_msg("%s", err.text);
    }
}

static void names_have_a_limit(void **state)
{
    char name[CEL_ROUTE_NAME_MAX + 2];

    (void)state;
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    for (size_t extra = 0; extra <= 1; extra++) {
        struct cel_routes *routes = NULL;
        struct strbuf json;
        enum celeriac_err code;

        strbuf_init(&json, 1000);
        strbuf_printf(&json, "{\"%s\": \"%s\"}", name + 1, name + 1 - extra);
        code = cel_routes_create(strbuf_span(&json), &routes, NULL);
        assert_int_equal(code, extra ? CELERIAC_ERR_LIMIT : CELERIAC_OK);
        cel_routes_destroy(routes);
        strbuf_close(&json);
    }
}

static void there_is_a_limit_to_their_number(void **state)
{
    (void)state;
    for (size_t count = CEL_ROUTES_MAX; count <= CEL_ROUTES_MAX + 1; count++) {
        struct cel_routes *routes = NULL;
        struct strbuf json;

        strbuf_init(&json, CEL_ROUTES_TEXT_MAX);
        for (size_t i = 0; i < count; i++)
            strbuf_printf(&json, "%s\"t%zu\": \"q%zu\"", i == 0 ? "{" : ", ", i, i);
        strbuf_add_char(&json, '}');
        assert_int_equal(cel_routes_create(strbuf_span(&json), &routes, NULL),
                         count > CEL_ROUTES_MAX ? CELERIAC_ERR_LIMIT : CELERIAC_OK);
        if (routes)
            assert_queue(routes, "t4095", "q4095");
        cel_routes_destroy(routes);
        strbuf_close(&json);
    }
}

static void survives_every_failing_allocation(void **state)
{
    enum celeriac_err code = CELERIAC_ERR_MEMORY;

    (void)state;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct cel_routes *routes = NULL;

        mem_fail_at(n);
        code = cel_routes_create(
            SPAN("[{\"a.*\": {\"queue\": \"q\", \"exchange\": \"e\"}}, {\"b\": \"c\"}]"), &routes,
            NULL);
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
        cel_routes_destroy(routes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_routes_there_are_none),
        cmocka_unit_test(a_name_counts_before_patterns_in_their_order),
        cmocka_unit_test(the_first_map_that_knows_a_task_counts),
        cmocka_unit_test(nonsense_is_refused_with_its_place),
        cmocka_unit_test(names_have_a_limit),
        cmocka_unit_test(there_is_a_limit_to_their_number),
        cmocka_unit_test(survives_every_failing_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
