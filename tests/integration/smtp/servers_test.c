/* Several mail servers, a limit of connections, and a rate, over real connections. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "scripted_server.h"
#include "sending.h"

/* The first server follows the script; the second behaves. */
struct stage {
    struct scripted_server *first, *second;
    struct notify_server_list more;
    struct notify_providers *providers;
};

static void start(struct stage *stage, const struct script *script)
{
    struct notify_providers_options options = {.smtp_servers = &stage->more};

    stage->first = scripted_server_start(script, script ? 1 : 0, NULL);
    stage->second = scripted_server_start(NULL, 0, NULL);
    stage->more = (struct notify_server_list){
        {{.host = "127.0.0.1", .port = scripted_server_port(stage->second)}}, 1};
    options.smtp = sending_options(scripted_server_port(stage->first));
    assert_int_equal(notify_providers_create(&options, &stage->providers, NULL), CELERIAC_OK);
}

static void stop(struct stage *stage)
{
    notify_providers_destroy(stage->providers);
    if (stage->first != NULL)
        scripted_server_stop(stage->first);
    scripted_server_stop(stage->second);
}

/* A server that turns us away is asked once; what follows goes to the other at once. */
static void test_busy_server(void **state)
{
    static const struct script scripts[] = {{.greeting = "421 4.3.2 too busy"},
                                            {.ehlo = "554 5.3.2 not now"},
                                            {.mail = "421 4.3.2 going down"},
                                            {.greeting = SCRIPT_CLOSE}};

    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        struct stage stage;

        start(&stage, &scripts[i]);
        for (int mail = 0; mail < 5; mail++)
            sending_send_well(stage.providers);
        assert_int_equal(scripted_server_counts(stage.second).mails, 5);
        assert_int_equal(scripted_server_counts(stage.first).mails, 0);
        assert_int_equal(scripted_server_counts(stage.first).connections, 1);
        stop(&stage);
    }
}

static void test_server_that_is_not_there(void **state)
{
    struct stage stage;

    (void)state;
    start(&stage, NULL);
    sending_send_well(stage.providers);
    assert_int_equal(scripted_server_counts(stage.first).mails, 1);
    scripted_server_stop(stage.first);
    stage.first = NULL;
    for (int mail = 0; mail < 5; mail++)
        sending_send_well(stage.providers);
    assert_int_equal(scripted_server_counts(stage.second).mails, 5);
    stop(&stage);
}

/* What is said of the message is not asked for elsewhere, nor is what may have been sent. */
static void test_refused_message(void **state)
{
    static const struct script scripts[] = {{.rcpt = "550 5.1.1 unknown"},
                                            {.rcpt = "450 4.2.0 greylisted"},
                                            {.end = "554 5.7.1 spam"},
                                            {.close_in_message = 10},
                                            {.end = SCRIPT_CLOSE}};

    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        struct stage stage;

        start(&stage, &scripts[i]);
        (void)sending_send_badly(stage.providers);
        assert_int_equal(scripted_server_counts(stage.second).connections, 0);
        stop(&stage);
    }
}

#define THREADS 8
#define EACH 5

static void *send_some(void *providers)
{
    for (int i = 0; i < EACH; i++)
        sending_send_well(providers);
    return NULL;
}

static void send_by_threads(struct notify_providers *providers)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_some, providers), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void test_connections(void **state)
{
    struct scripted_server *server = scripted_server_start(NULL, 0, NULL);
    struct notify_providers_options options = {
        .smtp = sending_options(scripted_server_port(server)), .smtp_connections = 2};
    struct notify_providers *providers = NULL;

    (void)state;
    assert_int_equal(notify_providers_create(&options, &providers, NULL), CELERIAC_OK);
    send_by_threads(providers);
    assert_int_equal(scripted_server_counts(server).mails, THREADS * EACH);
    assert_in_range(scripted_server_counts(server).connections, 1, 2);
    notify_providers_destroy(providers);
    scripted_server_stop(server);
}

/* 40 mails at 100 a second cannot be out before 290 ms have passed: a tenth of a second is credit.
 */
static void test_rate(void **state)
{
    struct scripted_server *server = scripted_server_start(NULL, 0, NULL);
    struct notify_providers_options options = {
        .smtp = sending_options(scripted_server_port(server)), .smtp_interval_ns = 10 * NS_PER_MS};
    struct notify_providers *providers = NULL;
    int64_t began_ns = clock_monotonic_ns();

    (void)state;
    assert_int_equal(notify_providers_create(&options, &providers, NULL), CELERIAC_OK);
    send_by_threads(providers);
    assert_true(clock_monotonic_ns() - began_ns >=
                (THREADS * EACH - 1) * 10 * NS_PER_MS - 100 * NS_PER_MS);
    assert_int_equal(scripted_server_counts(server).mails, THREADS * EACH);
    notify_providers_destroy(providers);
    scripted_server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_busy_server),
        cmocka_unit_test(test_server_that_is_not_there),
        cmocka_unit_test(test_refused_message),
        cmocka_unit_test(test_connections),
        cmocka_unit_test(test_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
