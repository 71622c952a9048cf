/* What needs no server; sending is tested in tests/integration/smtp. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "notify/providers/provider_table.h"

static const struct notify_message message = {
    .id = {"6f9619ff-8b86-4d01-b42d-00cf4fc964ff", 36},
    .to = {"user@example.com", 16},
    .subject = {"Hello", 5},
    .body = {"Hi", 2},
    .date_us = INT64_C(1795379251000000),
};

static struct notify_providers *make(const char *host, const char *from)
{
    struct notify_providers_options options = {.smtp = {.host = host, .from = from}};
    struct notify_providers *providers = NULL;

    assert_int_equal(notify_providers_create(&options, &providers, NULL), CELERIAC_OK);
    return providers;
}

static void assert_failure(struct notify_providers *providers, struct span channel,
                           enum notify_outcome_kind kind, const char *error)
{
    struct notify_outcome outcome = {.kind = NOTIFY_OUTCOME_SENT};

    notify_providers_send(providers, channel, &message, &outcome);
    assert_int_equal(outcome.kind, kind);
    assert_string_equal(outcome.error, error);
    assert_false(outcome.perhaps_sent);
}

static void test_channels_without_provider(void **state)
{
    struct notify_providers *p = make("127.0.0.1", "a@b.c");
    struct notify_providers_stats stats;

    (void)state;
    assert_failure(p, SPAN("sms"), NOTIFY_OUTCOME_UNCONFIGURED,
                   "Provider for channel 'sms' is not implemented yet.");
    assert_failure(p, SPAN("whatsapp"), NOTIFY_OUTCOME_UNCONFIGURED,
                   "Provider for channel 'whatsapp' is not implemented yet.");
    assert_failure(p, SPAN("push"), NOTIFY_OUTCOME_UNCONFIGURED,
                   "Provider for channel 'push' is not implemented yet.");
    assert_failure(p, SPAN("fax"), NOTIFY_OUTCOME_NEVER, "Unsupported channel: fax");
    assert_failure(p, SPAN(""), NOTIFY_OUTCOME_NEVER, "Unsupported channel: ");
    notify_providers_get_stats(p, &stats);
    assert_int_equal(stats.never, 2);
    assert_int_equal(stats.later, 3);
    assert_int_equal(stats.states, 0);
    notify_providers_destroy(p);
}

static void test_email_without_settings(void **state)
{
    struct notify_providers *p = make(NULL, "a@b.c");
    struct notify_providers_stats stats;

    (void)state;
    assert_failure(p, SPAN("email"), NOTIFY_OUTCOME_UNCONFIGURED, "EMAIL_HOST is not configured");
    notify_providers_get_stats(p, &stats);
    assert_int_equal(stats.later, 1);
    assert_int_equal(stats.states, 1);
    assert_int_equal(stats.idle, 1);
    notify_providers_destroy(p);

    p = make(NULL, NULL);
    assert_failure(p, SPAN("email"), NOTIFY_OUTCOME_UNCONFIGURED,
                   "DEFAULT_FROM_EMAIL is not configured");
    notify_providers_destroy(p);
}

static void test_idle_states_are_closed(void **state)
{
    struct notify_providers *p = make(NULL, "a@b.c");
    struct notify_providers_stats stats;

    (void)state;
    assert_failure(p, SPAN("email"), NOTIFY_OUTCOME_UNCONFIGURED, "EMAIL_HOST is not configured");
    notify_providers_close_idle(p, 0);
    notify_providers_get_stats(p, &stats);
    assert_int_equal(stats.idle, 1);
    notify_providers_close_idle(p, INT64_MAX);
    notify_providers_get_stats(p, &stats);
    assert_int_equal(stats.idle, 0);
    assert_int_equal(stats.states, 0);
    notify_providers_destroy(p);
}

static void test_bad_option(void **state)
{
    struct notify_providers_options options = {.smtp = {.host = "not a host"}};
    struct notify_providers *p = NULL;
    struct celeriac_error err = {0};

    (void)state;
    assert_int_equal(notify_providers_create(&options, &p, &err), CELERIAC_ERR_VALUE);
    assert_null(p);
    assert_non_null(strstr(err.text, "EMAIL_HOST"));
    notify_providers_destroy(NULL);
    notify_smtp_provider.destroy(NULL);
}

/* A wrong server of the list is named by the list. */
static void test_bad_further_server(void **state)
{
    const struct notify_server_list servers = {{{"ok.example.com", 25}, {"a_[b", 0}}, 2};
    struct notify_providers_options options = {.smtp = {.host = "h"}, .smtp_servers = &servers};
    struct notify_providers *p = NULL;
    struct celeriac_error err = {0};

    (void)state;
    assert_int_equal(notify_providers_create(&options, &p, &err), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(err.text, "CELERIAC_SMTP_HOSTS: "));
}

/* Creating may fail; without memory a message is held, spends no retry, and nothing leaks. */
static void test_memory(void **state)
{
    const struct notify_server_list servers = {{{"other.example.com", 25}}, 1};
    struct notify_providers_options options = {.smtp = {.host = NULL, .from = "a@b.c"},
                                               .smtp_servers = &servers};
    struct notify_message bad = message;
    size_t held = 0;
    bool done = false;

    (void)state;
    bad.to = SPAN("a@example.com\nb");
    for (size_t n = 1; !done; n++) {
        struct notify_providers *p = NULL;
        struct notify_outcome outcome;

        mem_fail_at(n);
        if (notify_providers_create(&options, &p, NULL) == CELERIAC_OK) {
            notify_providers_send(p, SPAN("email"), &bad, &outcome);
            done = !mem_has_failed();
            assert_true(outcome.kind == NOTIFY_OUTCOME_NEVER ||
                        (!done && outcome.kind == NOTIFY_OUTCOME_HOLD));
            held += outcome.kind == NOTIFY_OUTCOME_HOLD;
        }
        mem_fail_at(0);
        notify_providers_destroy(p);
        assert_true(n < 200);
    }
    assert_true(held > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_channels_without_provider),
        cmocka_unit_test(test_email_without_settings),
        cmocka_unit_test(test_idle_states_are_closed),
        cmocka_unit_test(test_bad_option),
        cmocka_unit_test(test_bad_further_server),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
