#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/router.h"
#include "base/alloc.h"

static void handle(struct api_call *call)
{
    (void)call;
}

static const struct route table[] = {
    {"/health/", ROUTE_PUBLIC, ROUTE_PLAIN, {{HTTP_GET, handle, "Alive", NULL}}},
    {"/v1/things/",
     ROUTE_KEY,
     ROUTE_DRF,
     {{HTTP_GET, handle, "List", NULL}, {HTTP_POST, handle, "Create", NULL}}},
    {"/v1/things/{int}/",
     ROUTE_KEY,
     ROUTE_DRF,
     {{HTTP_GET, handle, "Get", NULL},
      {HTTP_PUT, handle, "Put", NULL},
      {HTTP_PATCH, handle, "Patch", NULL},
      {HTTP_DELETE, handle, "Delete", NULL}}},
    {"/v1/things/{int}/run/", ROUTE_KEY, ROUTE_DRF, {{HTTP_POST, handle, "Run", NULL}}},
    {"/v1/rows/{key}/", ROUTE_KEY, ROUTE_DRF, {{HTTP_GET, handle, "Get", NULL}}},
    {"/v1/notes/{uuid}/", ROUTE_KEY, ROUTE_DRF, {{HTTP_GET, handle, "Get", NULL}}},
    {"/page/{file}", ROUTE_PUBLIC, ROUTE_PLAIN, {{HTTP_GET, handle, "File", NULL}}},
    {NULL, ROUTE_PUBLIC, ROUTE_PLAIN, {{0}}},
};

#define UUID_TEXT "3f2b1c4d-0000-4000-8000-abcdefabcdef"

static void check_route(const char *path, const char *wanted)
{
    struct route_params params;
    const struct route *found = route_find(table, span_of(path), &params);

    if (!wanted)
        assert_null(found);
    else if (!found || strcmp(found->path, wanted) != 0)
        fail_msg("%s: %s instead of %s", path, found ? found->path : "nothing", wanted);
}

static void paths_match_with_and_without_the_last_slash(void **state)
{
    (void)state;
    check_route("/health/", "/health/");
    check_route("/health", "/health/");
    check_route("/v1/things", "/v1/things/");
    check_route("/v1/things/12/", "/v1/things/{int}/");
    check_route("/v1/things/12", "/v1/things/{int}/");
    check_route("/v1/things/12/run", "/v1/things/{int}/run/");
    check_route("/v1/notes/" UUID_TEXT "/", "/v1/notes/{uuid}/");
    check_route("/page/dead_letters.js", "/page/{file}");
}

static void other_paths_match_nothing(void **state)
{
    static const char *const paths[] = {
        "",
        "/",
        "//",
        "/health//",
        "//health/",
        "/Health/",
        "/health/x",
        "/v1/",
        "/v1",
        "/v1/things/x/",
        "/v1/things/-1/",
        "/v1/things/+1/",
        "/v1/things/1 /",
        "/v1/things/1.0/",
        "/v1/things//",
        "/v1/things//run/",
        "/v1/things/{int}/",
        "/v1/notes/123/",
        "/page/",
        "/page/../x",
        "/page/A.js",
        "/page/1.js",
        "/page/abcdefghijklmnopqrstuvwxyz.abcde",
        "/v1/notes/" UUID_TEXT "0/",
        "/v1/notes/3F2B1C4D-0000-4000-8000-ABCDEFABCDEF/",
        "/v1/rows/1.0/",
        "/v1/rows//",
        "/v1/rows/1/2/",
        "health/",
    };

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        check_route(paths[i], NULL);
}

static void parameters_are_typed(void **state)
{
    const struct uuid none = {{0}};
    struct route_params params;
    char text[UUID_SIZE];

    (void)state;
    assert_non_null(route_find(table, SPAN("/v1/things/9223372036854775807/"), &params));
    assert_true(params.number == INT64_MAX);
    assert_non_null(route_find(table, SPAN("/v1/things/9223372036854775808/"), &params));
    assert_true(params.number == ROUTE_NO_ID);
    assert_non_null(route_find(table, SPAN("/v1/things/007/"), &params));
    assert_true(params.number == 7);
    assert_non_null(route_find(table, SPAN("/v1/notes/" UUID_TEXT), &params));
    uuid_format(&params.uuid, text);
    assert_string_equal(text, UUID_TEXT);
    assert_non_null(route_find(table, SPAN("/page/abcdefghijklmnopqrstuvwxyz.abcd"), &params));
    assert_string_equal(params.file, "abcdefghijklmnopqrstuvwxyz.abcd");
    assert_non_null(route_find(table, SPAN("/health"), &params));
    assert_memory_equal(&params.uuid, &none, sizeof none);
    assert_string_equal(params.file, "");
}

/* Expectations: int(text) of CPython 3.11, which Django calls on what a router lets through. */
static void keys_are_what_python_makes_of_them(void **state)
{
    static const struct {
        struct span text;
        int64_t number;
    } cases[] = {
        {{"12", 2}, 12},
        {{"0012", 4}, 12},
        {{"+12", 3}, 12},
        {{" 12 ", 4}, 12},
        {{"12\n", 3}, 12},
        {{"1_2", 3}, 12},
        {{"\xc2\xa0"
          "12",
          4},
         12},
        {{"\xd9\xa1\xd9\xa2", 4}, 12}, /* Arabic digits */
        {{"-0", 2}, 0},
        {{"9223372036854775807", 19}, INT64_MAX},
        {{"9223372036854775808", 19}, ROUTE_NO_ID},
        {{"-12", 3}, ROUTE_NO_ID},
        {{"abc", 3}, ROUTE_NO_ID},
        {{"12\0", 3}, ROUTE_NO_ID},
        {{"1e1", 3}, ROUTE_NO_ID},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[ROUTE_PATH_MAX] = "/v1/rows/";
        struct route_params params;

        memcpy(path + 9, cases[i].text.ptr, cases[i].text.len);
        assert_non_null(route_find(table, (struct span){path, 9 + cases[i].text.len}, &params));
        assert_true(params.number == cases[i].number);
    }
}

/* An id that could not be read is told apart from one that no row has. */
static void keys_that_take_memory_say_so_without_it(void **state)
{
    const struct span path = SPAN("/v1/rows/\xd9\xa1\xd9\xa2");
    struct route_params params;
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        mem_fail_at(n);
        assert_non_null(route_find(table, path, &params));
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(params.is_unread, failed);
        assert_true(params.number == (failed ? ROUTE_NO_ID : 12));
        assert_true(failed || n > 1);
    }
}

static void check_decode(struct span path, const char *wanted)
{
    char buf[ROUTE_PATH_MAX];
    struct span decoded;

    assert_int_equal(route_decode_path(path, buf, &decoded), wanted != NULL);
    if (wanted)
        assert_true(span_is(decoded, wanted));
}

static void paths_are_decoded(void **state)
{
    char longest[ROUTE_PATH_MAX + 1];

    (void)state;
    check_decode(SPAN("/plain/"), "/plain/");
    check_decode(SPAN("/%76%31/n%4Ftify%2F"), "/v1/nOtify/");
    check_decode(SPAN("/a+b%"), "/a+b%");
    check_decode(SPAN("/a%2"), "/a%2");
    check_decode(SPAN("/a%zz"), "/a%zz");
    memset(longest, 'x', sizeof longest);
    assert_true(route_decode_path((struct span){longest, ROUTE_PATH_MAX}, (char[ROUTE_PATH_MAX]){0},
                                  &(struct span){0}));
    check_decode((struct span){longest, ROUTE_PATH_MAX + 1}, NULL);
}

/* A NUL is a byte like others, and the beginning of a path that is too long still says who may. */
static void odd_paths_are_decoded_too(void **state)
{
    char buf[ROUTE_PATH_MAX];
    char longest[ROUTE_PATH_MAX + 1] = "/v1/";
    struct span decoded;

    (void)state;
    assert_true(route_decode_path(SPAN("/a%00b"), buf, &decoded));
    assert_int_equal(decoded.len, 4);
    assert_memory_equal(decoded.ptr, "/a\0b", 4);
    memset(longest + 4, 'x', sizeof longest - 4);
    assert_false(route_decode_path((struct span){longest, sizeof longest}, buf, &decoded));
    assert_int_equal(decoded.len, ROUTE_PATH_MAX);
    assert_int_equal(route_access_of(decoded), ROUTE_KEY);
}

static void v1_needs_a_key(void **state)
{
    (void)state;
    assert_int_equal(route_access_of(SPAN("/v1/nothing/")), ROUTE_KEY);
    assert_int_equal(route_access_of(SPAN("/v1/")), ROUTE_KEY);
    assert_int_equal(route_access_of(SPAN("/v1/tenants/me/")), ROUTE_KEY);
    assert_int_equal(route_access_of(SPAN("/v1/tenants/register/")), ROUTE_PUBLIC);
    assert_int_equal(route_access_of(SPAN("/v1/tenants/register")), ROUTE_PUBLIC);
    assert_int_equal(route_access_of(SPAN("/health/")), ROUTE_PUBLIC);
    assert_int_equal(route_access_of(SPAN("/")), ROUTE_PUBLIC);
}

static void methods_find_their_operation(void **state)
{
    (void)state;
    assert_string_equal(route_operation_of(&table[1], HTTP_POST)->summary, "Create");
    assert_string_equal(route_operation_of(&table[1], HTTP_HEAD)->summary, "List");
    assert_null(route_operation_of(&table[1], HTTP_PUT));
    assert_null(route_operation_of(&table[3], HTTP_HEAD));
    assert_null(route_operation_of(&table[1], HTTP_OPTIONS));
    assert_null(route_operation_of(&table[1], HTTP_OTHER_METHOD));
}

static void allow_is_in_drfs_order(void **state)
{
    char allow[ROUTE_ALLOW_SIZE];

    (void)state;
    route_allow(&table[1], allow);
    assert_string_equal(allow, "GET, POST, HEAD, OPTIONS");
    route_allow(&table[2], allow);
    assert_string_equal(allow, "GET, PUT, PATCH, DELETE, HEAD, OPTIONS");
    route_allow(&table[3], allow);
    assert_string_equal(allow, "POST, OPTIONS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_match_with_and_without_the_last_slash),
        cmocka_unit_test(other_paths_match_nothing),
        cmocka_unit_test(parameters_are_typed),
        cmocka_unit_test(keys_are_what_python_makes_of_them),
        cmocka_unit_test(keys_that_take_memory_say_so_without_it),
        cmocka_unit_test(paths_are_decoded),
        cmocka_unit_test(odd_paths_are_decoded_too),
        cmocka_unit_test(v1_needs_a_key),
        cmocka_unit_test(methods_find_their_operation),
        cmocka_unit_test(allow_is_in_drfs_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
