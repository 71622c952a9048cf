#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/listen_socket.h"

static void check_parse(const char *text, const char *host, unsigned port)
{
    char found[LISTEN_HOST_SIZE];
    unsigned found_port = 12345;

    assert_int_equal(listen_address_parse(span_of(text), found, &found_port, NULL), CELERIAC_OK);
    assert_string_equal(found, host);
    assert_int_equal(found_port, port);
}

static void addresses_are_split(void **state)
{
    (void)state;
    check_parse("127.0.0.1:8000", "127.0.0.1", 8000);
    check_parse("localhost:0", "localhost", 0);
    check_parse("[::1]:65535", "::1", 65535);
    check_parse(":80", "", 80);
    check_parse("a.example:1", "a.example", 1);
}

static void bad_addresses_are_named(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "'' is not HOST:PORT"},
        {"localhost", "'localhost' is not HOST:PORT"},
        {"localhost:", "'' is not a port (0 to 65535)"},
        {"localhost:65536", "'65536' is not a port (0 to 65535)"},
        {"localhost:-1", "'-1' is not a port (0 to 65535)"},
        {"localhost:http", "'http' is not a port (0 to 65535)"},
        {"::1:80", "write an IPv6 address in brackets: [::1]:80"},
    };
    char host[LISTEN_HOST_SIZE];
    unsigned port;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct celeriac_error err = {0};

        assert_int_equal(listen_address_parse(span_of(cases[i].text), host, &port, &err),
                         CELERIAC_ERR_VALUE);
        assert_string_equal(err.text, cases[i].why);
    }
}

static void long_hosts_are_refused(void **state)
{
    char text[LISTEN_HOST_SIZE + 4];
    char host[LISTEN_HOST_SIZE];
    unsigned port;

    (void)state;
    memset(text, 'x', sizeof text);
    memcpy(text + LISTEN_HOST_SIZE - 1, ":80", 4);
    assert_int_equal(listen_address_parse(span_of(text), host, &port, NULL), CELERIAC_OK);
    memcpy(text + LISTEN_HOST_SIZE - 1, "x:80", 5);
    assert_int_equal(listen_address_parse(span_of(text), host, &port, NULL), CELERIAC_ERR_VALUE);
}

static void a_port_is_taken_once(void **state)
{
    struct celeriac_error err = {0};
    char expected[100];
    unsigned port = 0;
    int first, second;

    (void)state;
    assert_int_equal(listen_socket_open("127.0.0.1", 0, false, &first, &port, &err), CELERIAC_OK);
    assert_true(port > 0);
    assert_int_equal(listen_socket_open("127.0.0.1", port, false, &second, NULL, &err),
                     CELERIAC_ERR_EXISTS);
    (void)snprintf(expected, sizeof expected,
                   "cannot listen on 127.0.0.1:%u: Address already in use", port);
    assert_string_equal(err.text, expected);
    close(first);
}

static void a_port_can_be_shared(void **state)
{
    unsigned port = 0;
    int first, second;

    (void)state;
    assert_int_equal(listen_socket_open("127.0.0.1", 0, true, &first, &port, NULL), CELERIAC_OK);
    assert_int_equal(listen_socket_open("127.0.0.1", port, true, &second, NULL, NULL), CELERIAC_OK);
    close(first);
    close(second);
}

static void unknown_hosts_are_named(void **state)
{
    struct celeriac_error err = {0};
    int fd;

    (void)state;
    assert_int_equal(listen_socket_open("300.1.1.1.invalid", 0, false, &fd, NULL, &err),
                     CELERIAC_ERR_VALUE);
    assert_memory_equal(err.text, "host '300.1.1.1.invalid': ", 26);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_split),    cmocka_unit_test(bad_addresses_are_named),
        cmocka_unit_test(long_hosts_are_refused), cmocka_unit_test(a_port_is_taken_once),
        cmocka_unit_test(a_port_can_be_shared),   cmocka_unit_test(unknown_hosts_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
