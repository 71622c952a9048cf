#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/sd_notify.h"
#include "tests/support/scratch.h"

#define SELF 4711

/* Longest abstract name; a path has a NUL in there as well. */
#define NAME_MAX_LEN sizeof(((struct sockaddr_un *)NULL)->sun_path)

/* ---- a manager ----------------------------------------------------------------------------- */

struct manager {
    char name[NAME_MAX_LEN + 1]; /* as NOTIFY_SOCKET has it */
    int fd;
};

static void bind_manager(struct manager *m)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(m->name);
    bool is_abstract = m->name[0] == '@';

    assert_true(len <= NAME_MAX_LEN);
    memcpy(address.sun_path, m->name, len);
    if (is_abstract)
        address.sun_path[0] = '\0';
    m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(m->fd >= 0);
    len += offsetof(struct sockaddr_un, sun_path) + (is_abstract ? 0 : 1);
    assert_int_equal(bind(m->fd, (struct sockaddr *)&address, (socklen_t)len), 0);
}

/* Listens on a path of exactly len bytes (0: as short as can be). */
static void open_manager(struct manager *m, size_t len)
{
    snprintf(m->name, sizeof m->name, "%s/s", scratch_folder());
    for (size_t at = strlen(m->name); at < len; at++)
        memcpy(m->name + at, "x", 2);
    bind_manager(m);
}

static void close_manager(struct manager *m)
{
    assert_int_equal(close(m->fd), 0);
    assert_int_equal(unlink(m->name), 0);
}

static void assert_heard(const struct manager *m, const char *wanted)
{
    char text[256] = "";
    ssize_t n = recv(m->fd, text, sizeof text - 1, 0);

    assert_true(n >= 0);
    assert_int_equal(n, strlen(wanted));
    assert_string_equal(text, wanted);
}

static void assert_heard_nothing(const struct manager *m)
{
    char byte;

    assert_int_equal(recv(m->fd, &byte, 1, 0), -1);
}

static struct sd_notify *open_notify(const struct sd_notify_options *options)
{
    struct sd_notify *notify = NULL;
    struct celeriac_error err = {0};

    assert_int_equal(sd_notify_create(options, &notify, &err), CELERIAC_OK);
    assert_int_equal(err.code, CELERIAC_OK);
    return notify;
}

/* ---- telling ------------------------------------------------------------------------------- */

static void tells_one_datagram_at_a_time(void **state)
{
    (void)state;
    struct manager m;
    open_manager(&m, 0);
    struct sd_notify *notify = open_notify(&(struct sd_notify_options){.socket = m.name});
    assert_heard_nothing(&m);
    assert_int_equal(sd_notify_tell(notify, "READY=1\nSTATUS=consuming"), CELERIAC_OK);
    assert_int_equal(sd_notify_tell(notify, "STOPPING=1"), CELERIAC_OK);
    assert_heard(&m, "READY=1\nSTATUS=consuming");
    assert_heard(&m, "STOPPING=1");
    assert_heard_nothing(&m);
    sd_notify_destroy(notify);
    close_manager(&m);
}

static void knows_abstract_names(void **state)
{
    (void)state;
    struct manager m;
    snprintf(m.name, sizeof m.name, "@celeriac-notify-%ld", (long)getpid());
    bind_manager(&m);
    struct sd_notify *notify = open_notify(&(struct sd_notify_options){.socket = m.name});
    assert_int_equal(sd_notify_tell(notify, "READY=1"), CELERIAC_OK);
    assert_heard(&m, "READY=1");
    sd_notify_destroy(notify);
    assert_int_equal(close(m.fd), 0);
}

static void says_nothing_without_a_manager(void **state)
{
    (void)state;
    static const char *const none[] = {NULL, ""};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        struct sd_notify *notify =
            open_notify(&(struct sd_notify_options){.socket = none[i], .watchdog_usec = "1000"});
        assert_int_equal(sd_notify_tell(notify, "READY=1"), CELERIAC_OK);
        assert_int_equal(sd_notify_watchdog_ns(notify), 0);
        sd_notify_destroy(notify);
    }
    sd_notify_destroy(NULL);
}

static void survives_a_manager_that_comes_and_goes(void **state)
{
    (void)state;
    struct manager m;
    open_manager(&m, 0);
    struct sd_notify *notify = open_notify(&(struct sd_notify_options){.socket = m.name});
    assert_int_equal(close(m.fd), 0);
    assert_int_equal(sd_notify_tell(notify, "READY=1"), CELERIAC_ERR_UNAVAILABLE);
    assert_int_equal(unlink(m.name), 0);
    assert_int_equal(sd_notify_tell(notify, "READY=1"), CELERIAC_ERR_UNAVAILABLE);
    bind_manager(&m);
    assert_int_equal(sd_notify_tell(notify, "READY=1"), CELERIAC_OK);
    assert_heard(&m, "READY=1");
    sd_notify_destroy(notify);
    close_manager(&m);
}

/* The kernel queues few datagrams; a manager that reads none of them must not hold us up. */
static void never_waits_for_the_manager(void **state)
{
    (void)state;
    struct manager m;
    open_manager(&m, 0);
    struct sd_notify *notify = open_notify(&(struct sd_notify_options){.socket = m.name});
    enum celeriac_err code = CELERIAC_OK;
    for (int i = 0; i < 100000 && code == CELERIAC_OK; i++)
        code = sd_notify_tell(notify, "WATCHDOG=1");
    assert_int_equal(code, CELERIAC_ERR_UNAVAILABLE);
    assert_heard(&m, "WATCHDOG=1");
    assert_int_equal(sd_notify_tell(notify, "STOPPING=1"), CELERIAC_OK);
    sd_notify_destroy(notify);
    close_manager(&m);
}

/* ---- options ------------------------------------------------------------------------------- */

static void assert_too_long(const char *name)
{
    struct sd_notify *notify = NULL;
    struct celeriac_error err = {0};

    assert_int_equal(sd_notify_create(&(struct sd_notify_options){.socket = name}, &notify, &err),
                     CELERIAC_ERR_LIMIT);
    assert_null(notify);
    assert_non_null(strstr(err.text, "NOTIFY_SOCKET"));
}

/* One byte more than name has; longer has room for it. */
static void append_byte(char *longer, const char *name)
{
    size_t len = strlen(name);

    memcpy(longer, name, len);
    memcpy(longer + len, "x", 2);
}

static void takes_paths_as_long_as_an_address(void **state)
{
    (void)state;
    struct manager m;
    char longer[NAME_MAX_LEN + 1];
    open_manager(&m, NAME_MAX_LEN - 1);
    struct sd_notify *notify = open_notify(&(struct sd_notify_options){.socket = m.name});
    assert_int_equal(sd_notify_tell(notify, "READY=1"), CELERIAC_OK);
    assert_heard(&m, "READY=1");
    append_byte(longer, m.name);
    assert_too_long(longer);
    sd_notify_destroy(notify);
    close_manager(&m);
}

static void takes_abstract_names_as_long_as_an_address(void **state)
{
    (void)state;
    struct manager m;
    char longer[NAME_MAX_LEN + 2];
    snprintf(m.name, sizeof m.name, "@celeriac-notify-%0*ld", (int)NAME_MAX_LEN - 17,
             (long)getpid());
    assert_int_equal(strlen(m.name), NAME_MAX_LEN);
    bind_manager(&m);
    struct sd_notify *notify = open_notify(&(struct sd_notify_options){.socket = m.name});
    assert_int_equal(sd_notify_tell(notify, "READY=1"), CELERIAC_OK);
    assert_heard(&m, "READY=1");
    append_byte(longer, m.name);
    assert_too_long(longer);
    sd_notify_destroy(notify);
    assert_int_equal(close(m.fd), 0);
}

static void assert_refused(const struct sd_notify_options *options, const char *variable)
{
    struct sd_notify *notify = NULL;
    struct celeriac_error err = {0};

    assert_int_equal(sd_notify_create(options, &notify, &err), CELERIAC_ERR_VALUE);
    assert_null(notify);
    assert_non_null(strstr(err.text, variable));
}

static void refuses_what_makes_no_sense(void **state)
{
    (void)state;
    static const char *const sockets[] = {"relative", "@", "vsock:2:1234", " /s"};
    static const char *const intervals[] = {"0", "-1", "1s", " 1", "31536000000001"};
    static const char *const pids[] = {"0", "self", "2147483648"};
    for (size_t i = 0; i < sizeof sockets / sizeof sockets[0]; i++)
        assert_refused(&(struct sd_notify_options){.socket = sockets[i]}, "NOTIFY_SOCKET");
    for (size_t i = 0; i < sizeof intervals / sizeof intervals[0]; i++)
        assert_refused(
            &(struct sd_notify_options){.socket = "/s", .watchdog_usec = intervals[i], .pid = SELF},
            "WATCHDOG_USEC");
    for (size_t i = 0; i < sizeof pids / sizeof pids[0]; i++)
        assert_refused(
            &(struct sd_notify_options){
                .socket = "/s", .watchdog_usec = "1", .watchdog_pid = pids[i], .pid = SELF},
            "WATCHDOG_PID");
}

static int64_t watchdog_ns(const char *usec, const char *pid)
{
    struct sd_notify *notify = open_notify(&(struct sd_notify_options){
        .socket = "/s", .watchdog_usec = usec, .watchdog_pid = pid, .pid = SELF});
    int64_t interval = sd_notify_watchdog_ns(notify);

    sd_notify_destroy(notify);
    return interval;
}

static void feeds_at_half_of_the_interval(void **state)
{
    (void)state;
    assert_int_equal(watchdog_ns("30000000", "4711"), INT64_C(15000000000));
    assert_int_equal(watchdog_ns("30000000", NULL), INT64_C(15000000000));
    assert_int_equal(watchdog_ns("30000000", ""), INT64_C(15000000000));
    assert_int_equal(watchdog_ns("1", NULL), 500);
    assert_int_equal(watchdog_ns("31536000000000", NULL), INT64_C(15768000000000000));
    /* Not for us, or not at all. */
    assert_int_equal(watchdog_ns("30000000", "4712"), 0);
    assert_int_equal(watchdog_ns(NULL, "4711"), 0);
    assert_int_equal(watchdog_ns("", NULL), 0);
}

static void reports_lack_of_memory(void **state)
{
    (void)state;
    struct sd_notify *notify = NULL;
    mem_fail_at(1);
    enum celeriac_err code =
        sd_notify_create(&(struct sd_notify_options){.socket = "/s"}, &notify, NULL);
    mem_fail_at(0);
    assert_int_equal(code, CELERIAC_ERR_MEMORY);
    assert_null(notify);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_one_datagram_at_a_time),
        cmocka_unit_test(knows_abstract_names),
        cmocka_unit_test(says_nothing_without_a_manager),
        cmocka_unit_test(survives_a_manager_that_comes_and_goes),
        cmocka_unit_test(never_waits_for_the_manager),
        cmocka_unit_test(takes_paths_as_long_as_an_address),
        cmocka_unit_test(takes_abstract_names_as_long_as_an_address),
        cmocka_unit_test(refuses_what_makes_no_sense),
        cmocka_unit_test(feeds_at_half_of_the_interval),
        cmocka_unit_test(reports_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
