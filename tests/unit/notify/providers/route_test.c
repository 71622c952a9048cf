/*
 * Which server a message goes through, and what waits for what. The provider is a script: what real
 * servers do is tested in tests/integration/smtp.
 */
#include "notify/providers/route.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#define SERVERS 3

/* One scripted server. */
struct fake {
    enum { ANSWER_SENT, ANSWER_AWAY, ANSWER_REFUSED, ANSWER_LOST } answer;
    atomic_uint attempts, open, busy, most_busy;
    atomic_bool stuck; /* sends take until it is false */
};

static struct fake fakes[SERVERS];

struct fake_state {
    struct fake *fake;
};

static enum celeriac_err fake_create(const void *config, void **state, struct celeriac_error *err)
{
    struct fake_state *s = mem_alloc(sizeof *s);

    if (s == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    s->fake = &fakes[*(const int *)config];
    atomic_fetch_add(&s->fake->open, 1);
    *state = s;
    return CELERIAC_OK;
}

static void pause_ms(int64_t ms)
{
    const struct timespec pause = {.tv_nsec = (long)(ms * NS_PER_MS)};

    (void)nanosleep(&pause, NULL);
}

static void fake_send(void *state, const struct notify_message *message,
                      struct notify_outcome *outcome)
{
    struct fake *fake = ((struct fake_state *)state)->fake;
    unsigned busy = atomic_fetch_add(&fake->busy, 1) + 1;
    unsigned most = atomic_load(&fake->most_busy);

    (void)message;
    while (busy > most && !atomic_compare_exchange_weak(&fake->most_busy, &most, busy))
        continue;
    atomic_fetch_add(&fake->attempts, 1);
    while (atomic_load(&fake->stuck))
        pause_ms(1);
    switch (fake->answer) {
    case ANSWER_SENT:
        notify_outcome_sent(outcome, "p", "b", SPAN("id"));
        break;
    case ANSWER_AWAY:
        notify_outcome_fail(outcome, NOTIFY_OUTCOME_LATER, 0, "away", "server %d is away",
                            (int)(fake - fakes));
        outcome->elsewhere = true;
        break;
    case ANSWER_REFUSED:
        notify_outcome_fail(outcome, NOTIFY_OUTCOME_NEVER, 550, "no", "no");
        break;
    case ANSWER_LOST:
        notify_outcome_fail(outcome, NOTIFY_OUTCOME_LATER, 0, "lost", "lost");
        outcome->perhaps_sent = true;
        break;
    }
    atomic_fetch_sub(&fake->busy, 1);
}

static void fake_destroy(void *state)
{
    struct fake_state *s = state;

    if (s == NULL)
        return;
    atomic_fetch_sub(&s->fake->open, 1);
    mem_free(s);
}

static const struct notify_provider fake_provider = {fake_create, fake_send, fake_destroy};
static const int numbers[SERVERS] = {0, 1, 2};
static const void *const configs[SERVERS] = {&numbers[0], &numbers[1], &numbers[2]};

static struct notify_route *make(size_t servers, size_t connections, int64_t away_ns)
{
    struct notify_route_options options = {.provider = &fake_provider,
                                           .configs = configs,
                                           .servers = servers,
                                           .connections = connections,
                                           .idle_ns = NS_PER_SEC,
                                           .away_ns = away_ns};
    struct notify_route *route = NULL;

    assert_int_equal(notify_route_create(&options, &route, NULL), CELERIAC_OK);
    return route;
}

static int set_up(void **state)
{
    (void)state;
    log_set_level(LOG_ERROR);
    memset(fakes, 0, sizeof fakes);
    return 0;
}

static enum notify_outcome_kind send_one(struct notify_route *route)
{
    const struct notify_message message = {.to = SPAN("x")};
    struct notify_outcome outcome;

    notify_route_send(route, &message, &outcome);
    return outcome.kind;
}

static unsigned attempts(int i)
{
    return atomic_load(&fakes[i].attempts);
}

static void test_first_server_is_preferred(void **state)
{
    struct notify_route *route = make(SERVERS, 0, 0);
    size_t states = 0, idle = 0;

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(send_one(route), NOTIFY_OUTCOME_SENT);
    assert_int_equal(attempts(0), 5);
    assert_int_equal(attempts(1), 0);
    notify_route_count(route, &states, &idle);
    assert_int_equal(states, 1);
    assert_int_equal(idle, 1);
    notify_route_destroy(route);
    assert_int_equal(atomic_load(&fakes[0].open), 0);
}

static void test_failed_server_is_remembered(void **state)
{
    struct notify_route *route = make(SERVERS, 0, 3600 * NS_PER_SEC);

    (void)state;
    fakes[0].answer = ANSWER_AWAY;
    for (int i = 0; i < 5; i++)
        assert_int_equal(send_one(route), NOTIFY_OUTCOME_SENT);
    assert_int_equal(attempts(0), 1);
    assert_int_equal(attempts(1), 5);
    /* All are away: one look at each, then only at the one that is back first. */
    fakes[1].answer = fakes[2].answer = ANSWER_AWAY;
    assert_int_equal(send_one(route), NOTIFY_OUTCOME_LATER);
    assert_int_equal(attempts(0) + attempts(1) + attempts(2), 8);
    assert_int_equal(send_one(route), NOTIFY_OUTCOME_LATER);
    assert_int_equal(attempts(0), 2);
    assert_int_equal(attempts(0) + attempts(1) + attempts(2), 9);
    /* The others are asked in turn: each failure puts a server at the end. */
    fakes[1].answer = ANSWER_SENT;
    assert_int_equal(send_one(route), NOTIFY_OUTCOME_SENT);
    assert_int_equal(attempts(1), 7);
    notify_route_destroy(route);
}

static void test_server_comes_back(void **state)
{
    struct notify_route *route = make(2, 0, 1);

    (void)state;
    fakes[0].answer = ANSWER_AWAY;
    assert_int_equal(send_one(route), NOTIFY_OUTCOME_SENT);
    fakes[0].answer = ANSWER_SENT;
    pause_ms(1);
    assert_int_equal(send_one(route), NOTIFY_OUTCOME_SENT);
    assert_int_equal(send_one(route), NOTIFY_OUTCOME_SENT);
    assert_int_equal(attempts(0), 3);
    assert_int_equal(attempts(1), 1);
    notify_route_destroy(route);
}

/* A refusal, and what another server might send a second time, ends the matter. */
static void test_what_goes_nowhere_else(void **state)
{
    struct notify_route *route = make(2, 0, 0);

    (void)state;
    fakes[0].answer = ANSWER_REFUSED;
    assert_int_equal(send_one(route), NOTIFY_OUTCOME_NEVER);
    fakes[0].answer = ANSWER_LOST;
    assert_int_equal(send_one(route), NOTIFY_OUTCOME_LATER);
    assert_int_equal(send_one(route), NOTIFY_OUTCOME_LATER);
    assert_int_equal(attempts(0), 3);
    assert_int_equal(attempts(1), 0);
    notify_route_destroy(route);
}

/* With one server there is nothing to choose: every message tries it. */
static void test_single_server(void **state)
{
    struct notify_route *route = make(1, 0, 3600 * NS_PER_SEC);

    (void)state;
    fakes[0].answer = ANSWER_AWAY;
    for (int i = 0; i < 3; i++)
        assert_int_equal(send_one(route), NOTIFY_OUTCOME_LATER);
    assert_int_equal(attempts(0), 3);
    notify_route_destroy(route);
}

#define THREADS 12
#define EACH 20

static void *send_some(void *context)
{
    for (int i = 0; i < EACH; i++)
        (void)send_one(context);
    return NULL;
}

static void test_connections_are_limited(void **state)
{
    struct notify_route *route = make(2, 2, 0);
    pthread_t threads[THREADS];
    size_t states = 0, idle = 0;

    (void)state;
    atomic_store(&fakes[0].stuck, true);
    atomic_store(&fakes[1].stuck, true);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_some, route), 0);
    /* The second takes what the first has no connection for. */
    while (atomic_load(&fakes[0].busy) + atomic_load(&fakes[1].busy) < 4)
        pause_ms(1);
    notify_route_count(route, &states, &idle);
    assert_int_equal(states, 4);
    assert_int_equal(idle, 0);
    atomic_store(&fakes[0].stuck, false);
    atomic_store(&fakes[1].stuck, false);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(attempts(0) + attempts(1), THREADS * EACH);
    assert_int_equal(atomic_load(&fakes[0].most_busy), 2);
    assert_int_equal(atomic_load(&fakes[1].most_busy), 2);
    notify_route_destroy(route);
    assert_int_equal(atomic_load(&fakes[0].open) + atomic_load(&fakes[1].open), 0);
}

/* Says stop when it is asked for the third time. */
static bool stop_soon(void *user)
{
    return ++*(int *)user >= 3;
}

static struct notify_outcome send_until_stopped(struct notify_route *route)
{
    int asked = 0;
    const struct notify_message message = {.to = SPAN("x"), .stopping = stop_soon, .user = &asked};
    struct notify_outcome outcome;

    notify_route_send(route, &message, &outcome);
    if (outcome.kind == NOTIFY_OUTCOME_HOLD)
        assert_int_equal(asked, 3);
    return outcome;
}

static void *send_the_first(void *context)
{
    (void)send_one(context);
    return NULL;
}

static void test_stop_while_waiting_for_a_connection(void **state)
{
    struct notify_route *route = make(1, 1, 0);
    pthread_t thread;

    (void)state;
    atomic_store(&fakes[0].stuck, true);
    assert_int_equal(pthread_create(&thread, NULL, send_the_first, route), 0);
    while (atomic_load(&fakes[0].busy) == 0)
        pause_ms(1);
    assert_int_equal(send_until_stopped(route).kind, NOTIFY_OUTCOME_HOLD);
    assert_int_equal(attempts(0), 1);
    atomic_store(&fakes[0].stuck, false);
    assert_int_equal(pthread_join(thread, NULL), 0);
    notify_route_destroy(route);
}

static void test_stop_while_waiting_for_a_turn(void **state)
{
    struct notify_pace pace = {0};
    struct notify_route_options options = {.provider = &fake_provider,
                                           .configs = configs,
                                           .servers = 1,
                                           .interval_ns = 3600 * NS_PER_SEC,
                                           .pace = &pace};
    struct notify_route *route = NULL;

    (void)state;
    assert_int_equal(notify_route_create(&options, &route, NULL), CELERIAC_OK);
    assert_int_equal(send_until_stopped(route).kind, NOTIFY_OUTCOME_SENT);
    assert_int_equal(send_until_stopped(route).kind, NOTIFY_OUTCOME_HOLD);
    assert_int_equal(attempts(0), 1);
    assert_true(atomic_load(&pace.next_ns) > clock_monotonic_ns());
    notify_route_destroy(route);
}

static void test_idle_states_are_closed(void **state)
{
    struct notify_route *route = make(1, 0, 0);
    size_t states = 0, idle = 0;

    (void)state;
    (void)send_one(route);
    notify_route_close_idle(route, 0);
    assert_int_equal(atomic_load(&fakes[0].open), 1);
    notify_route_close_idle(route, INT64_MAX);
    assert_int_equal(atomic_load(&fakes[0].open), 0);
    notify_route_count(route, &states, &idle);
    assert_int_equal(states, 0);
    notify_route_destroy(route);
    notify_route_destroy(NULL);
}

/* Without memory a message is held, and a connection that cannot be kept is closed. */
static void test_memory(void **state)
{
    bool done = false;

    (void)state;
    for (size_t n = 1; !done; n++) {
        struct notify_route_options options = {
            .provider = &fake_provider, .configs = configs, .servers = 1, .connections = 1};
        struct notify_route *route = NULL;

        mem_fail_at(n);
        if (notify_route_create(&options, &route, NULL) == CELERIAC_OK) {
            enum notify_outcome_kind kind = send_one(route);

            done = !mem_has_failed();
            assert_true(kind == NOTIFY_OUTCOME_SENT || (!done && kind == NOTIFY_OUTCOME_HOLD));
            mem_fail_at(0);
            /* Neither has cost the only connection. */
            assert_int_equal(send_one(route), NOTIFY_OUTCOME_SENT);
        }
        mem_fail_at(0);
        notify_route_destroy(route);
        assert_int_equal(atomic_load(&fakes[0].open), 0);
        assert_true(n < 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_first_server_is_preferred, set_up),
        cmocka_unit_test_setup(test_failed_server_is_remembered, set_up),
        cmocka_unit_test_setup(test_server_comes_back, set_up),
        cmocka_unit_test_setup(test_what_goes_nowhere_else, set_up),
        cmocka_unit_test_setup(test_single_server, set_up),
        cmocka_unit_test_setup(test_connections_are_limited, set_up),
        cmocka_unit_test_setup(test_stop_while_waiting_for_a_connection, set_up),
        cmocka_unit_test_setup(test_stop_while_waiting_for_a_turn, set_up),
        cmocka_unit_test_setup(test_idle_states_are_closed, set_up),
        cmocka_unit_test_setup(test_memory, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
