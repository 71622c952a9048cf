/*
 * One channel's way out: a provider, its servers in the order in which they are preferred, and for
 * each of these a stock of states (for mail: SMTP connections) that any number of threads share.
 *
 * A thread that sends takes the state that was used last, or makes one, and puts it back; so there
 * are as many connections as sends at one time, and with little to do only a few are kept warm.
 * Where connections are limited a thread waits for one. A server that is away or busy is passed
 * over, also by the messages after this one, until its time is over; then one message tries it.
 * While all are away the one that will be back first is tried. Any thread.
 */
#ifndef NOTIFY_PROVIDERS_ROUTE_H
#define NOTIFY_PROVIDERS_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "celeriac/error.h"
#include "notify/providers/pace.h"
#include "notify/providers/provider.h"

/* Most servers of one route; see NOTIFY_SERVERS_MAX for what can be configured. */
#define NOTIFY_ROUTE_SERVERS_MAX 16

/* How long a server that failed is passed over while there are others. */
#define NOTIFY_ROUTE_AWAY_NS (30 * INT64_C(1000000000))

/* Zero means no limit, and the default for the away time. */
struct notify_route_options {
    const struct notify_provider *provider;
    const void *const *configs; /* one for each server; the array is copied, what it holds is not */
    size_t servers;             /* 1 to NOTIFY_ROUTE_SERVERS_MAX */
    size_t connections;         /* states of one server at one time */
    int64_t interval_ns;        /* between two messages */
    struct notify_pace *pace;   /* where that is kept; outlives the route. NULL: in the route */
    int64_t idle_ns;            /* a state unused for longer is closed */
    int64_t away_ns;            /* a server that failed is passed over for so long */
};

struct notify_route;

/* Makes a route; connects to nothing. CELERIAC_ERR_MEMORY or _SYSTEM. The caller destroys it. */
enum celeriac_err notify_route_create(const struct notify_route_options *options,
                                      struct notify_route **route,
                                      struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Closes all states and releases the route; nobody may be sending. route may be NULL. */
void notify_route_destroy(struct notify_route *route);

/*
 * Sends one message and always fills *outcome; NOTIFY_OUTCOME_HOLD when memory is short, or the
 * message is stopped while it waits.
 */
void notify_route_send(struct notify_route *route, const struct notify_message *message,
                       struct notify_outcome *outcome);

/* Closes states that were not used for the idle time before now_ns (monotonic). */
void notify_route_close_idle(struct notify_route *route, int64_t now_ns);

/* Adds the number of states that exist, and how many of them are kept for later. */
void notify_route_count(struct notify_route *route, size_t *states, size_t *idle);

#endif
