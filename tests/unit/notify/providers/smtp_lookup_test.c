/*
 * A resolver that does not answer. getaddrinfo() is this program's own, also for libcurl: it never
 * answers for one name until it is told to.
 */
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "notify/providers/provider_table.h"

#define SILENT_NAME "silent.example"

/* How long the resolver is silent when the test does not end it: too long to be waited for. */
#define SILENCE_S 20

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool asked, may_end, ended;

__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **list)
{
    struct timespec until;
    int rc = 0;

    (void)service;
    (void)hints;
    (void)list;
    if (strcmp(node, SILENT_NAME) != 0)
        return EAI_NONAME;
    (void)timespec_get(&until, TIME_UTC);
    until.tv_sec += SILENCE_S;
    pthread_mutex_lock(&lock);
    asked = true;
    while (!may_end && rc == 0)
        rc = pthread_cond_timedwait(&changed, &lock, &until);
    ended = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return EAI_AGAIN;
}

static struct notify_outcome send_to(const char *host)
{
    const struct notify_providers_options options = {.smtp = {.host = host,
                                                              .port = 25,
                                                              .from = "a@example.com",
                                                              .connect_timeout_ns = 300 * NS_PER_MS,
                                                              .timeout_ns = 600 * NS_PER_MS}};
    const struct notify_message message = {.id = SPAN("0b6e4a0e-7f0c-4a52-8a63-1d2f2f0b9c11"),
                                           .to = SPAN("b@example.com"),
                                           .subject = SPAN("s"),
                                           .body = SPAN("b")};
    struct notify_providers *providers = NULL;
    struct notify_outcome outcome;

    assert_int_equal(notify_providers_create(&options, &providers, NULL), CELERIAC_OK);
    notify_providers_send(providers, SPAN("email"), &message, &outcome);
    notify_providers_destroy(providers);
    return outcome;
}

static void unknown_name_is_told(void **state)
{
    struct notify_outcome outcome = send_to("unknown.example");

    (void)state;
    assert_int_equal(outcome.kind, NOTIFY_OUTCOME_LATER);
    assert_false(asked);
}

/* The mail fails while the resolver is still silent, and nobody waits for it at the end either. */
static void silent_resolver_is_not_waited_for(void **state)
{
    struct notify_outcome outcome = send_to(SILENT_NAME);

    (void)state;
    pthread_mutex_lock(&lock);
    bool was_asked = asked;
    bool had_ended = ended;
    may_end = true;
    pthread_cond_broadcast(&changed);
    while (!ended)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    assert_true(was_asked);
    assert_false(had_ended);
    assert_int_equal(outcome.kind, NOTIFY_OUTCOME_LATER);
    assert_false(outcome.perhaps_sent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_name_is_told),
        cmocka_unit_test(silent_resolver_is_not_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
