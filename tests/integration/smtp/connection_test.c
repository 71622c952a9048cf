/* How connections are kept, lost and replaced, against a server that misbehaves on order. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "scripted_server.h"
#include "sending.h"

/* A server with these scripts and providers that send to it. */
struct pair {
    struct scripted_server *server;
    struct notify_providers *providers;
};

static struct pair start(const struct script *scripts, size_t count)
{
    struct scripted_server *server = scripted_server_start(scripts, count, NULL);
    struct notify_smtp_options options = sending_options(scripted_server_port(server));

    return (struct pair){server, sending_start(&options)};
}

static void stop(struct pair pair)
{
    notify_providers_destroy(pair.providers);
    scripted_server_stop(pair.server);
}

static void assert_outcome(const struct notify_outcome *outcome, enum notify_outcome_kind kind,
                           int code, bool perhaps_sent, const char *reason)
{
    if (outcome->kind != kind || outcome->code != code || outcome->perhaps_sent != perhaps_sent ||
        strcmp(outcome->reason, reason) != 0)
        fail_msg("%s, code %d, perhaps_sent %d, %s: %s", notify_outcome_name(outcome->kind),
                 outcome->code, outcome->perhaps_sent, outcome->reason, outcome->error);
}

/* 100 mails one after the other travel on one connection, and it ends with a QUIT. */
static void test_one_connection(void **state)
{
    struct pair pair = start(NULL, 0);

    (void)state;
    for (int i = 0; i < 100; i++)
        sending_send_well(pair.providers);
    assert_int_equal(scripted_server_counts(pair.server).connections, 1);
    assert_int_equal(scripted_server_counts(pair.server).mails, 100);
    notify_providers_close_idle(pair.providers, INT64_MAX);
    scripted_server_wait_closed(pair.server, 1);
    sending_send_well(pair.providers);
    assert_int_equal(scripted_server_counts(pair.server).connections, 2);
    stop(pair);
}

/* The server closes after each mail. No attempt fails for it. */
static void test_closed_while_idle(void **state)
{
    static const struct script scripts[] = {{.close_after_mails = 1}};
    struct pair pair = start(scripts, 1);

    (void)state;
    for (unsigned i = 1; i <= 10; i++) {
        sending_send_well(pair.providers);
        scripted_server_wait_closed(pair.server, i);
    }
    assert_int_equal(scripted_server_counts(pair.server).mails, 10);
    assert_int_equal(scripted_server_counts(pair.server).connections, 10);
    stop(pair);
}

/* It says 421 before: those words are still unread when the next mail is about to go. */
static void test_closed_with_a_farewell(void **state)
{
    static const struct script scripts[] = {
        {.close_after_mails = 1, .farewell = "421 4.4.2 idle for too long"}};
    struct pair pair = start(scripts, 1);

    (void)state;
    for (unsigned i = 1; i <= 10; i++) {
        sending_send_well(pair.providers);
        scripted_server_wait_closed(pair.server, i);
    }
    assert_int_equal(scripted_server_counts(pair.server).mails, 10);
    stop(pair);
}

/* The connection looks alive and breaks with the second MAIL command: nothing was accepted yet. */
static void test_closed_at_the_command(void **state)
{
    static const struct script scripts[] = {{.close_at_mail = 2}};
    struct pair pair = start(scripts, 1);

    (void)state;
    for (int i = 0; i < 10; i++)
        sending_send_well(pair.providers);
    assert_int_equal(scripted_server_counts(pair.server).mails, 10);
    assert_int_equal(scripted_server_counts(pair.server).connections, 10);
    stop(pair);
}

/* A server that does so on a fresh connection too is not asked a third time. */
static void test_closed_at_every_command(void **state)
{
    static const struct script scripts[] = {{.close_at_mail = 2}, {.close_at_mail = 1}};
    struct pair pair = start(scripts, 2);
    struct notify_outcome outcome;

    (void)state;
    sending_send_well(pair.providers);
    outcome = sending_send_badly(pair.providers);
    assert_outcome(&outcome, NOTIFY_OUTCOME_LATER, 0, false, "connection lost");
    assert_int_equal(scripted_server_counts(pair.server).connections, 2);
    stop(pair);
}

/* The server dies within a message on a kept connection: that is reported, not repeated. */
static void test_dies_in_the_message(void **state)
{
    static const struct script scripts[] = {{.close_in_message = 1000000}, {.greeting = NULL}};
    struct pair pair = start(scripts, 2);
    static char body[NOTIFY_BODY_MAX];
    struct notify_outcome outcome;

    (void)state;
    memset(body, 'x', sizeof body);
    for (size_t i = 99; i < sizeof body; i += 100)
        body[i] = '\n';
    sending_send_well(pair.providers);
    outcome = sending_send(pair.providers, SPAN("user@example.com"), SPAN("Hello"),
                           (struct span){body, sizeof body});
    assert_outcome(&outcome, NOTIFY_OUTCOME_LATER, 0, false, "connection lost");
    assert_int_equal(scripted_server_counts(pair.server).connections, 1);
    outcome = sending_send(pair.providers, SPAN("user@example.com"), SPAN("Hello"),
                           (struct span){body, sizeof body});
    assert_int_equal(outcome.kind, NOTIFY_OUTCOME_SENT);
    assert_int_equal(scripted_server_counts(pair.server).connections, 2);
    stop(pair);
}

/* The server has the whole message and dies before it says so: perhaps sent, and not repeated. */
static void test_dies_after_the_message(void **state)
{
    static const struct script scripts[] = {{.end = SCRIPT_CLOSE}};
    struct pair pair = start(scripts, 1);
    struct notify_outcome outcome = sending_send_badly(pair.providers);

    (void)state;
    assert_outcome(&outcome, NOTIFY_OUTCOME_LATER, 0, true, "connection lost");
    assert_int_equal(scripted_server_counts(pair.server).mails, 1);
    stop(pair);
}

/* The second mail of a connection: also then the lost reply leads to no second copy. */
static void test_dies_after_a_later_message(void **state)
{
    static const struct script scripts[] = {
        {.close_after_mails = 1}, {.end = SCRIPT_CLOSE}, {.greeting = NULL}};
    struct pair pair = start(scripts, 3);
    struct notify_outcome outcome;

    (void)state;
    sending_send_well(pair.providers);
    scripted_server_wait_closed(pair.server, 1);
    outcome = sending_send_badly(pair.providers);
    assert_true(outcome.perhaps_sent);
    assert_int_equal(scripted_server_counts(pair.server).mails, 2);
    assert_int_equal(scripted_server_counts(pair.server).connections, 2);
    stop(pair);
}

static void test_refusals(void **state)
{
    static const struct {
        struct script script;
        enum notify_outcome_kind kind;
        int code;
        const char *reason, *words;
    } cases[] = {
        {{.mail = "550 5.7.1 not you"},
         NOTIFY_OUTCOME_LATER,
         550,
         "sender refused",
         "The mail server refused the sender: 550 5.7.1 not you"},
        {{.mail = "451 4.3.0 later"}, NOTIFY_OUTCOME_LATER, 451, "sender refused", "451 4.3.0"},
        {{.rcpt = "550 5.1.1 unknown"},
         NOTIFY_OUTCOME_NEVER,
         550,
         "recipient refused",
         "The mail server refused the recipient: 550 5.1.1 unknown"},
        {{.rcpt = "450-4.2.0 one\r\n450-4.2.0 two\r\n450 4.2.0 three"},
         NOTIFY_OUTCOME_LATER,
         450,
         "recipient refused",
         "450 4.2.0 one\n4.2.0 two\n4.2.0 three"},
        {{.data = "554 5.5.1 no"}, NOTIFY_OUTCOME_NEVER, 554, "message refused", "554 5.5.1 no"},
        {{.end = "552 5.3.4 too big"},
         NOTIFY_OUTCOME_NEVER,
         552,
         "message refused",
         "The mail server refused the message: 552 5.3.4 too big"},
        {{.end = "452-4.3.1 disk\r\n452 4.3.1 full"},
         NOTIFY_OUTCOME_LATER,
         452,
         "message refused",
         "452 4.3.1 disk\n4.3.1 full"},
        {{.greeting = "554 5.3.2 closed"},
         NOTIFY_OUTCOME_LATER,
         554,
         "server refused",
         "554 5.3.2 closed"},
        {{.greeting = "421 4.3.2 busy"},
         NOTIFY_OUTCOME_LATER,
         421,
         "server refused",
         "421 4.3.2 busy"},
        {{.rcpt = "421 4.3.2 going down"},
         NOTIFY_OUTCOME_LATER,
         421,
         "recipient refused",
         "421 4.3.2 going down"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair pair = start(&cases[i].script, 1);
        struct notify_outcome outcome = sending_send_badly(pair.providers);

        assert_outcome(&outcome, cases[i].kind, cases[i].code, false, cases[i].reason);
        if (strstr(outcome.error, cases[i].words) == NULL)
            fail_msg("expected \"%s\" in: %s", cases[i].words, outcome.error);
        stop(pair);
    }
}

/* After a refused recipient the next mail goes out as if nothing had been. */
static void test_refusal_and_then_a_mail(void **state)
{
    static const struct script scripts[] = {{.rcpt = "550 5.1.1 unknown"}, {.greeting = NULL}};
    struct pair pair = start(scripts, 2);

    (void)state;
    (void)sending_send_badly(pair.providers);
    sending_send_well(pair.providers);
    sending_send_well(pair.providers);
    assert_int_equal(scripted_server_counts(pair.server).mails, 2);
    stop(pair);
}

static void test_silence(void **state)
{
    static const struct {
        struct script script;
        bool perhaps_sent;
    } cases[] = {
        {{.greeting = SCRIPT_SILENCE}, false}, {{.ehlo = SCRIPT_SILENCE}, false},
        {{.mail = SCRIPT_SILENCE}, false},     {{.rcpt = SCRIPT_SILENCE}, false},
        {{.data = SCRIPT_SILENCE}, false},     {{.end = SCRIPT_SILENCE}, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scripted_server *server = scripted_server_start(&cases[i].script, 1, NULL);
        struct notify_smtp_options options = sending_options(scripted_server_port(server));
        struct notify_providers *providers;
        struct notify_outcome outcome;

        options.timeout_ns = options.connect_timeout_ns = 300 * NS_PER_MS;
        providers = sending_start(&options);
        outcome = sending_send_badly(providers);
        assert_outcome(&outcome, NOTIFY_OUTCOME_LATER, 0, cases[i].perhaps_sent, "timed out");
        stop((struct pair){server, providers});
    }
}

static void test_nobody_there(void **state)
{
    struct scripted_server *server = scripted_server_start(NULL, 0, NULL);
    struct notify_smtp_options options = sending_options(scripted_server_port(server));
    struct notify_providers *providers = sending_start(&options);
    struct notify_outcome outcome;

    (void)state;
    scripted_server_stop(server);
    outcome = sending_send_badly(providers);
    assert_outcome(&outcome, NOTIFY_OUTCOME_LATER, 0, false, "no connection");
    notify_providers_destroy(providers);

    options.host = "no-such-host.invalid";
    providers = sending_start(&options);
    outcome = sending_send_badly(providers);
    assert_outcome(&outcome, NOTIFY_OUTCOME_LATER, 0, false, "host not found");
    notify_providers_destroy(providers);
}

/* Replies of many lines, long capabilities, other codes of success. */
static void test_odd_replies(void **state)
{
    static char capabilities[3000];
    struct script script = {.greeting = "220-several\r\n220-lines\r\n220 of greeting",
                            .ehlo = capabilities,
                            .mail = "250-2.1.0 a\r\n250 2.1.0 b",
                            .rcpt = "251 will forward",
                            .end = "250"};
    struct pair pair;
    size_t len = 0;

    (void)state;
    for (int i = 0; i < 30; i++)
        len += (size_t)snprintf(
            capabilities + len, sizeof capabilities - len,
            "250-X-EXTENSION-%d with quite a long description of what it does\r\n", i);
    (void)snprintf(capabilities + len, sizeof capabilities - len, "250 8BITMIME");
    pair = start(&script, 1);
    sending_send_well(pair.providers);
    sending_send_well(pair.providers);
    assert_int_equal(scripted_server_counts(pair.server).connections, 1);
    stop(pair);
}

#define THREADS 50
#define MAILS 10

static void *send_some(void *context)
{
    struct notify_providers *providers = context;

    for (int i = 0; i < MAILS; i++) {
        struct notify_outcome outcome =
            sending_send(providers, SPAN("user@example.com"), SPAN("Hello"), SPAN("Hi\n"));

        if (outcome.kind != NOTIFY_OUTCOME_SENT)
            return NULL;
    }
    return context;
}

/* 50 threads at once, while the server keeps closing: every mail is taken exactly once. */
static void test_threads(void **state)
{
    static const struct script scripts[] = {{.close_after_mails = 4, .farewell = "421 enough"}};
    struct pair pair = start(scripts, 1);
    pthread_t threads[THREADS];
    struct notify_providers_stats stats;

    (void)state;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_some, pair.providers), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *result = NULL;

        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, pair.providers);
    }
    assert_int_equal(scripted_server_counts(pair.server).mails, THREADS * MAILS);
    notify_providers_get_stats(pair.providers, &stats);
    assert_int_equal(stats.sent, THREADS * MAILS);
    assert_int_equal(stats.later, 0);
    assert_in_range(stats.states, 1, THREADS);
    assert_int_equal(stats.idle, stats.states);
    stop(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_connection),
        cmocka_unit_test(test_closed_while_idle),
        cmocka_unit_test(test_closed_with_a_farewell),
        cmocka_unit_test(test_closed_at_the_command),
        cmocka_unit_test(test_closed_at_every_command),
        cmocka_unit_test(test_dies_in_the_message),
        cmocka_unit_test(test_dies_after_the_message),
        cmocka_unit_test(test_dies_after_a_later_message),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_refusal_and_then_a_mail),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_odd_replies),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
