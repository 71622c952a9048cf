/* What a store remembers of its server; see tests/integration/store/login_test.c for servers. */
#include "notify/store/login.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

static enum celeriac_err create(const char *keyword, const char *value, struct store_login **login,
                                struct celeriac_error *err)
{
    const char *keywords[] = {keyword, NULL};
    const char *values[] = {value, NULL};
    struct store_server server = {keywords, values};
    return store_login_create(&server, "test", login, err);
}

static void keywords_up_to_their_limit(void **state)
{
    const char *keywords[STORE_SERVER_KEYWORDS_MAX + 2];
    const char *values[STORE_SERVER_KEYWORDS_MAX + 2];
    struct store_server server = {keywords, values};
    struct store_login *login = NULL;
    struct celeriac_error err = {0};
    (void)state;
    for (int i = 0; i < STORE_SERVER_KEYWORDS_MAX + 1; i++) {
        keywords[i] = "host";
        values[i] = "localhost";
    }
    keywords[STORE_SERVER_KEYWORDS_MAX + 1] = NULL;
    assert_int_equal(store_login_create(&server, NULL, &login, &err), CELERIAC_ERR_VALUE);
    assert_string_equal(err.text, "more than 64 connection keywords");
    assert_null(login);
    keywords[STORE_SERVER_KEYWORDS_MAX] = NULL;
    assert_int_equal(store_login_create(&server, NULL, &login, NULL), CELERIAC_OK);
    store_login_destroy(login);
}

static void strings_that_libpq_cannot_read_are_not_quoted(void **state)
{
    static const char *const bad[] = {
        "postgresql://user:secret@host:port:port/db?x=1",
        "host=a password='secret",
        "nonsense=secret",
        "postgresql://host/db?secret",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct store_login *login = NULL;
        struct celeriac_error err = {0};
        assert_int_equal(create("dbname", bad[i], &login, &err), CELERIAC_ERR_VALUE);
        assert_null(login);
        assert_memory_equal(err.text, "dbname: ", 8);
        assert_null(strstr(err.text, "secret"));
    }
}

static void names_and_strings_that_libpq_reads(void **state)
{
    static const char *const good[] = {
        "plain_name",
        "",
        NULL,
        "host=a,b port=1,2",
        "postgresql://u:p@h1:1,h2:2/db?sslmode=require",
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct store_login *login = NULL;
        assert_int_equal(create("dbname", good[i], &login, NULL), CELERIAC_OK);
        store_login_destroy(login);
    }
    struct store_login *login = NULL;
    struct store_server none = {0};
    assert_int_equal(store_login_create(&none, NULL, &login, NULL), CELERIAC_OK);
    store_login_destroy(login);
    store_login_destroy(NULL);
}

/* A keyword that libpq does not know, and a socket that is not there. */
static void reasons_of_libpq_are_told(void **state)
{
    struct store_login *login = NULL;
    PGconn *pg = NULL;
    struct celeriac_error err = {0};
    (void)state;
    assert_int_equal(create("no_such_keyword", "x", &login, NULL), CELERIAC_OK);
    assert_int_equal(store_login_connect(login, &pg, &err), CELERIAC_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "no_such_keyword"));
    assert_null(pg);
    store_login_destroy(login);
    celeriac_error_clear(&err);
    assert_int_equal(create("host", "/nowhere", &login, NULL), CELERIAC_OK);
    assert_int_equal(store_login_connect(login, &pg, &err), CELERIAC_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "/nowhere"));
    assert_null(strchr(err.text, '\n'));
    store_login_destroy(login);
}

static void want_of_memory_is_told(void **state)
{
    struct store_login *login = NULL;
    size_t n = 1;
    (void)state;
    for (;; n++) {
        struct celeriac_error err = {0};
        mem_fail_at(n);
        enum celeriac_err rc = create("dbname", "host=a", &login, &err);
        mem_fail_at(0);
        if (rc == CELERIAC_OK)
            break;
        assert_int_equal(rc, CELERIAC_ERR_MEMORY);
        assert_int_equal(err.code, CELERIAC_ERR_MEMORY);
        assert_null(login);
    }
    assert_true(n > 10);
    mem_fail_at(0);
    store_login_destroy(login);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keywords_up_to_their_limit),
        cmocka_unit_test(strings_that_libpq_cannot_read_are_not_quoted),
        cmocka_unit_test(names_and_strings_that_libpq_reads),
        cmocka_unit_test(reasons_of_libpq_are_told),
        cmocka_unit_test(want_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
