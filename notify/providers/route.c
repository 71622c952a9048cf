#include "notify/providers/route.h"

#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "notify/providers/turn_lock.h"

/* Kept states: more than there are task threads (worker.h allows 4096), so nothing is ever refused.
 */
#define IDLE_MAX 8192

/* A state that waits for its next message. */
struct kept {
    void *state;
    int64_t since_ns;
};

struct server {
    const void *config;
    struct kept *idle; /* a stack: the state used last is on top, at idle[count - 1] */
    size_t count;
    size_t cap;
    size_t states;    /* in use or kept */
    bool is_away;     /* it failed, and nothing has gone through it since */
    int64_t until_ns; /* while it is away: passed over until then */
};

struct notify_route {
    const struct notify_provider *provider;
    size_t connections;
    int64_t interval_ns, idle_ns, away_ns;
    struct notify_pace *pace;
    struct notify_pace own_pace;
    struct notify_turn_lock lock; /* guards the servers; it changes when a state is given back */
    size_t server_count;
    struct server servers[NOTIFY_ROUTE_SERVERS_MAX];
};

enum celeriac_err notify_route_create(const struct notify_route_options *options,
                                      struct notify_route **route, struct celeriac_error *err)
{
    struct notify_route *r = mem_calloc(1, sizeof *r);

    if (r == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "%s",
                                  celeriac_err_name(CELERIAC_ERR_MEMORY));
    if (!notify_turn_lock_init(&r->lock)) {
        mem_free(r);
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot make a lock");
    }
    r->provider = options->provider;
    r->connections = options->connections;
    r->interval_ns = options->interval_ns;
    r->pace = options->pace != NULL ? options->pace : &r->own_pace;
    r->idle_ns = options->idle_ns;
    r->away_ns = options->away_ns != 0 ? options->away_ns : NOTIFY_ROUTE_AWAY_NS;
    r->server_count = options->servers;
    for (size_t i = 0; i < r->server_count; i++)
        r->servers[i].config = options->configs[i];
    *route = r;
    return CELERIAC_OK;
}

void notify_route_destroy(struct notify_route *route)
{
    if (route == NULL)
        return;
    for (size_t i = 0; i < route->server_count; i++) {
        struct server *server = &route->servers[i];

        for (size_t k = 0; k < server->count; k++)
            route->provider->destroy(server->idle[k].state);
        mem_free(server->idle);
    }
    notify_turn_lock_destroy(&route->lock);
    mem_free(route);
}

/* ---- which server ---------------------------------------------------------------------------- */

static bool has_room(const struct notify_route *route, const struct server *server)
{
    return server->count > 0 || route->connections == 0 || server->states < route->connections;
}

/* The choice of one look. */
struct choice {
    struct server *server; /* NULL: none now */
    bool may_wait;         /* but one will be free */
};

/*
 * The first server that is there and has room. When all are away, and this message has tried none
 * of them, the one whose time is over first. Under the lock.
 */
static struct choice choose(struct notify_route *route, unsigned tried, int64_t now_ns)
{
    struct server *back_first = NULL;
    struct choice choice = {NULL, false};

    for (size_t i = 0; i < route->server_count; i++) {
        struct server *server = &route->servers[i];

        if ((tried & (1U << i)) != 0)
            continue;
        if (server->is_away && server->until_ns > now_ns) {
            if (back_first == NULL || server->until_ns < back_first->until_ns)
                back_first = server;
        } else if (has_room(route, server)) {
            choice.server = server;
            return choice;
        } else {
            choice.may_wait = true;
        }
    }
    if (!choice.may_wait && tried == 0 && back_first != NULL) {
        choice.may_wait = !has_room(route, back_first);
        choice.server = choice.may_wait ? NULL : back_first;
    }
    return choice;
}

/* Takes a state of the server, NULL when one is to be made. Under the lock. */
static void *take(struct notify_route *route, struct server *server, int64_t now_ns)
{
    /* Only this message tries it; the others wait for what becomes of it. */
    if (server->is_away && server->until_ns <= now_ns)
        server->until_ns = now_ns + route->away_ns;
    if (server->count > 0)
        return server->idle[--server->count].state;
    server->states++;
    return NULL;
}

/*
 * Waits for a state of one of the servers that were not tried. NULL when there is none to wait for,
 * or the message is to stop; *state is NULL when one is to be made.
 */
static struct server *await_state(struct notify_route *route, const struct notify_message *message,
                                  unsigned tried, void **state)
{
    struct choice choice;

    (void)pthread_mutex_lock(&route->lock.mutex);
    for (;;) {
        int64_t now_ns = clock_monotonic_ns();

        choice = choose(route, tried, now_ns);
        if (choice.server != NULL)
            *state = take(route, choice.server, now_ns);
        if (choice.server != NULL || !choice.may_wait || notify_message_stops(message))
            break;
        notify_turn_lock_wait(&route->lock);
    }
    (void)pthread_mutex_unlock(&route->lock.mutex);
    return choice.server;
}

/* ---- giving back ----------------------------------------------------------------------------- */

/* Room for one more kept state; false when there is none. Under the lock. */
static bool make_room(struct server *server)
{
    size_t cap = server->cap > 0 ? server->cap * 2 : 16;
    struct kept *bigger;

    if (server->count < server->cap)
        return true;
    if (cap > IDLE_MAX)
        return false;
    bigger = mem_resize(server->idle, cap, sizeof *bigger);
    if (bigger == NULL)
        return false;
    server->idle = bigger;
    server->cap = cap;
    return true;
}

/* Takes the state that has been idle longest, if that is too long. Under the lock. */
static void *take_stale(const struct notify_route *route, struct server *server, int64_t now_ns)
{
    void *state;

    if (server->count == 0 || now_ns - server->idle[0].since_ns < route->idle_ns)
        return NULL;
    state = server->idle[0].state;
    server->count--;
    memmove(server->idle, server->idle + 1, server->count * sizeof server->idle[0]);
    server->states--;
    return state;
}

/* What an attempt tells of the server. */
enum finding { FOUND_NOTHING, FOUND_THERE, FOUND_AWAY };

static enum finding finding_of(const struct notify_outcome *outcome)
{
    if (outcome->elsewhere)
        return FOUND_AWAY;
    return outcome->kind == NOTIFY_OUTCOME_SENT || outcome->code != 0 ? FOUND_THERE : FOUND_NOTHING;
}

/* Remembers what was found. Returns whether that is news. Under the lock. */
static bool remember(struct notify_route *route, struct server *server, enum finding finding,
                     int64_t now_ns)
{
    bool is_away = finding == FOUND_AWAY;
    bool is_news = server->is_away != is_away;

    if (route->server_count == 1 || finding == FOUND_NOTHING)
        return false;
    server->is_away = is_away;
    if (is_away)
        server->until_ns = now_ns + route->away_ns;
    return is_news;
}

/* Keeps the state for the next message, and closes one that nobody needed for too long. */
static void give_back(struct notify_route *route, struct server *server, void *state,
                      enum finding finding)
{
    int64_t now_ns = clock_monotonic_ns();
    void *surplus = NULL;
    bool is_news;

    (void)pthread_mutex_lock(&route->lock.mutex);
    is_news = remember(route, server, finding, now_ns);
    if (state == NULL) {
        server->states--;
    } else if (make_room(server)) {
        server->idle[server->count++] = (struct kept){state, now_ns};
        surplus = take_stale(route, server, now_ns);
    } else {
        surplus = state;
        server->states--;
    }
    (void)pthread_cond_signal(&route->lock.changed);
    (void)pthread_mutex_unlock(&route->lock.mutex);
    route->provider->destroy(surplus);
    if (is_news)
        log_warning("notify",
                    finding == FOUND_AWAY ? "a server is passed over" : "a server is back",
                    LOG_INT("server", server - route->servers + 1));
}

/* ---- sending --------------------------------------------------------------------------------- */

static void hold_stopped(struct notify_outcome *outcome)
{
    notify_outcome_fail(outcome, NOTIFY_OUTCOME_HOLD, 0, "stopping", "the worker stops");
}

/* Waits for this message's moment; false when it is to stop before. */
static bool await_turn(struct notify_route *route, const struct notify_message *message)
{
    int64_t wait_ns, until_ns, now_ns;

    if (route->interval_ns == 0)
        return true;
    now_ns = clock_monotonic_ns();
    wait_ns = notify_pace_reserve(route->pace, route->interval_ns, now_ns);
    until_ns = now_ns + wait_ns;
    while (wait_ns > 0) {
        struct timespec pause = {
            .tv_nsec = (long)(wait_ns < NOTIFY_TURN_LOOK_NS ? wait_ns : NOTIFY_TURN_LOOK_NS)};

        if (notify_message_stops(message))
            return false;
        (void)nanosleep(&pause, NULL);
        wait_ns = until_ns - clock_monotonic_ns();
    }
    return true;
}

/* Sends by one server; false when there was no memory for a state. */
static bool send_by(struct notify_route *route, struct server *server, void *state,
                    const struct notify_message *message, struct notify_outcome *outcome)
{
    if (state == NULL && route->provider->create(server->config, &state, NULL)) {
        give_back(route, server, NULL, FOUND_NOTHING);
        return false;
    }
    route->provider->send(state, message, outcome);
    give_back(route, server, state, finding_of(outcome));
    return true;
}

void notify_route_send(struct notify_route *route, const struct notify_message *message,
                       struct notify_outcome *outcome)
{
    unsigned tried = 0;

    if (!await_turn(route, message)) {
        hold_stopped(outcome);
        return;
    }
    for (;;) {
        void *state = NULL;
        struct server *server = await_state(route, message, tried, &state);

        if (server == NULL) {
            if (tried == 0)
                hold_stopped(outcome);
            return;
        }
        if (!send_by(route, server, state, message, outcome)) {
            notify_outcome_hold_for_memory(outcome);
            return;
        }
        if (!outcome->elsewhere)
            return;
        tried |= 1U << (server - route->servers);
    }
}

void notify_route_close_idle(struct notify_route *route, int64_t now_ns)
{
    for (size_t i = 0; i < route->server_count; i++) {
        void *state;

        do {
            (void)pthread_mutex_lock(&route->lock.mutex);
            state = take_stale(route, &route->servers[i], now_ns);
            (void)pthread_mutex_unlock(&route->lock.mutex);
            if (state != NULL)
                route->provider->destroy(state);
        } while (state != NULL);
    }
}

void notify_route_count(struct notify_route *route, size_t *states, size_t *idle)
{
    (void)pthread_mutex_lock(&route->lock.mutex);
    for (size_t i = 0; i < route->server_count; i++) {
        *states += route->servers[i].states;
        *idle += route->servers[i].count;
    }
    (void)pthread_mutex_unlock(&route->lock.mutex);
}
