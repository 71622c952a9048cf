/* Connections that end with a QUIT: tests/integration/worker/providers_test.py. */
#include "notify/idle_closer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "notify/providers/provider_table.h"

/* Without a mail server, which is told when something is sent. */
static struct notify_providers *some_providers(void)
{
    const struct notify_providers_options options = {.smtp = {.from = "noreply@example.com"},
                                                     .idle_ns = NS_PER_MS};
    struct notify_providers *providers = NULL;

    assert_int_equal(notify_providers_create(&options, &providers, NULL), CELERIAC_OK);
    return providers;
}

/* Nobody waits for its next turn, be it in an hour or in a nanosecond. */
static void ends_at_once(void **state)
{
    static const int64_t periods[] = {1, NS_PER_MS, 3600 * NS_PER_SEC};
    struct notify_providers *providers = some_providers();

    (void)state;
    for (size_t i = 0; i < sizeof periods / sizeof periods[0]; i++) {
        struct notify_idle_closer *closer = NULL;

        assert_int_equal(notify_idle_closer_create(providers, periods[i], &closer, NULL),
                         CELERIAC_OK);
        notify_idle_closer_destroy(closer);
    }
    notify_idle_closer_destroy(NULL);
    notify_providers_destroy(providers);
}

static struct notify_providers_stats stats_of(struct notify_providers *providers)
{
    struct notify_providers_stats stats;

    notify_providers_get_stats(providers, &stats);
    return stats;
}

static void idle_states_are_closed(void **state)
{
    const struct notify_message message = {
        .id = SPAN("i"), .to = SPAN("user@example.com"), .subject = SPAN("s"), .body = SPAN("b")};
    struct notify_providers *providers = some_providers();
    struct notify_idle_closer *closer = NULL;
    struct notify_outcome outcome;

    (void)state;
    notify_providers_send(providers, SPAN("email"), &message, &outcome);
    assert_int_equal(stats_of(providers).idle, 1);
    assert_int_equal(notify_idle_closer_create(providers, NS_PER_MS, &closer, NULL), CELERIAC_OK);
    while (stats_of(providers).idle > 0)
        usleep(1000);
    assert_int_equal(stats_of(providers).states, 0);
    notify_idle_closer_destroy(closer);
    notify_providers_destroy(providers);
}

static void memory_is_short(void **state)
{
    struct notify_providers *providers = some_providers();
    struct notify_idle_closer *closer = NULL;
    struct celeriac_error err = {0};

    (void)state;
    mem_fail_at(1);
    assert_int_equal(notify_idle_closer_create(providers, NS_PER_SEC, &closer, &err),
                     CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_null(closer);
    assert_string_equal(err.text, "out of memory");
    notify_providers_destroy(providers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_at_once),
        cmocka_unit_test(idle_states_are_closed),
        cmocka_unit_test(memory_is_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
