#include "sending.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/parse_num.h"
#include "base/uuid.h"

struct notify_providers *sending_start(const struct notify_smtp_options *options)
{
    struct notify_providers_options all = {.smtp = *options};
    struct notify_providers *providers = NULL;
    struct celeriac_error err = {0};

    (void)signal(SIGPIPE, SIG_IGN);
    if (notify_providers_create(&all, &providers, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    return providers;
}

struct notify_smtp_options sending_options(unsigned port)
{
    return (struct notify_smtp_options){
        .host = "127.0.0.1",
        .port = port,
        .from = "noreply@example.com",
        .helo = "client.example.com",
        .connect_timeout_ns = 10 * NS_PER_SEC,
        .timeout_ns = 20 * NS_PER_SEC,
    };
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    if (value == NULL)
        fail_msg("%s is not set: run this by ctest, or under python3 -m tests.services up", name);
    return value;
}

struct notify_smtp_options sending_options_from_environment(void)
{
    int64_t port = 0;
    struct notify_smtp_options options;

    assert_int_equal(parse_int64(span_of(variable("EMAIL_PORT")), 1, 65535, &port), CELERIAC_OK);
    options = sending_options((unsigned)port);
    options.host = variable("EMAIL_HOST");
    options.user = getenv("EMAIL_HOST_USER");
    options.password = getenv("EMAIL_HOST_PASSWORD");
    options.starttls = strcmp(variable("EMAIL_USE_TLS"), "True") == 0;
    options.timeout_ns = 100 * NS_PER_SEC;
    return options;
}

struct notify_outcome sending_send(struct notify_providers *providers, struct span to,
                                   struct span subject, struct span body)
{
    char id[UUID_SIZE];
    struct notify_message message = {.to = to, .subject = subject, .body = body};
    struct notify_outcome outcome = {.kind = NOTIFY_OUTCOME_NEVER};

    uuid_new(id);
    message.id = span_of(id);
    message.date_us = clock_wall_us();
    notify_providers_send(providers, SPAN("email"), &message, &outcome);
    return outcome;
}

void sending_send_well(struct notify_providers *providers)
{
    struct notify_outcome outcome =
        sending_send(providers, SPAN("user@example.com"), SPAN("Hello"), SPAN("Hi\n"));

    if (outcome.kind != NOTIFY_OUTCOME_SENT)
        fail_msg("%s", outcome.error);
}

struct notify_outcome sending_send_badly(struct notify_providers *providers)
{
    struct notify_outcome outcome =
        sending_send(providers, SPAN("user@example.com"), SPAN("Hello"), SPAN("Hi\n"));

    assert_int_not_equal(outcome.kind, NOTIFY_OUTCOME_SENT);
    return outcome;
}
