#include "notify/providers/provider_table.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "notify/providers/route.h"
#include "notify/rules/channel.h"

/* EMAIL_HOST, and the list. */
#define MAIL_SERVERS_MAX (1 + NOTIFY_SERVERS_MAX)

_Static_assert(MAIL_SERVERS_MAX <= NOTIFY_ROUTE_SERVERS_MAX, "all mail servers fit into a route");

struct notify_providers {
    struct notify_route *routes[NOTIFY_CHANNEL_COUNT]; /* NULL: not implemented */
    struct notify_smtp_config *smtp[MAIL_SERVERS_MAX];
    size_t smtp_count;
    int64_t idle_ns;
    pthread_mutex_t lock; /* guards the numbers */
    struct notify_providers_stats stats;
};

/* ---- making ---------------------------------------------------------------------------------- */

static enum celeriac_err add_mail_server(struct notify_providers *p,
                                         const struct notify_smtp_options *options,
                                         struct celeriac_error *err)
{
    enum celeriac_err code = notify_smtp_config_create(options, &p->smtp[p->smtp_count], err);

    if (code == CELERIAC_OK)
        p->smtp_count++;
    return code;
}

/* EMAIL_HOST comes first; it is left out only where the list stands in its place. */
static enum celeriac_err add_mail_servers(struct notify_providers *p,
                                          const struct notify_providers_options *o,
                                          struct celeriac_error *err)
{
    size_t more = o->smtp_servers != NULL ? o->smtp_servers->count : 0;
    bool has_host = o->smtp.host != NULL && o->smtp.host[0] != '\0';
    enum celeriac_err code = CELERIAC_OK;

    if (has_host || more == 0)
        code = add_mail_server(p, &o->smtp, err);
    for (size_t i = 0; i < more && code == CELERIAC_OK; i++) {
        const struct notify_server *server = &o->smtp_servers->servers[i];
        struct notify_smtp_options one = o->smtp;

        one.host = server->host;
        one.host_name = "CELERIAC_SMTP_HOSTS";
        if (server->port != 0)
            one.port = server->port;
        code = add_mail_server(p, &one, err);
    }
    return code;
}

static enum celeriac_err open_mail(struct notify_providers *p,
                                   const struct notify_providers_options *o,
                                   struct celeriac_error *err)
{
    const void *configs[MAIL_SERVERS_MAX];
    struct notify_route_options route = {
        .provider = &notify_smtp_provider,
        .configs = configs,
        .connections = o->smtp_connections,
        .interval_ns = o->smtp_interval_ns,
        .pace = o->smtp_pace,
        .idle_ns = p->idle_ns,
    };
    enum celeriac_err code = add_mail_servers(p, o, err);

    if (code != CELERIAC_OK)
        return code;
    for (size_t i = 0; i < p->smtp_count; i++)
        configs[i] = p->smtp[i];
    route.servers = p->smtp_count;
    return notify_route_create(&route, &p->routes[NOTIFY_CHANNEL_EMAIL], err);
}

enum celeriac_err notify_providers_create(const struct notify_providers_options *options,
                                          struct notify_providers **providers,
                                          struct celeriac_error *err)
{
    struct notify_providers *p = mem_calloc(1, sizeof *p);
    enum celeriac_err code;

    if (p == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "%s",
                                  celeriac_err_name(CELERIAC_ERR_MEMORY));
    if (pthread_mutex_init(&p->lock, NULL) != 0) {
        mem_free(p);
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot make a lock");
    }
    p->idle_ns = options->idle_ns != 0 ? options->idle_ns : NOTIFY_PROVIDERS_IDLE_NS;
    code = open_mail(p, options, err);
    if (code != CELERIAC_OK) {
        notify_providers_destroy(p);
        return code;
    }
    *providers = p;
    return CELERIAC_OK;
}

void notify_providers_destroy(struct notify_providers *providers)
{
    if (providers == NULL)
        return;
    for (size_t i = 0; i < NOTIFY_CHANNEL_COUNT; i++)
        notify_route_destroy(providers->routes[i]);
    for (size_t i = 0; i < providers->smtp_count; i++)
        notify_smtp_config_destroy(providers->smtp[i]);
    (void)pthread_mutex_destroy(&providers->lock);
    mem_free(providers);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void count_outcome(struct notify_providers *p, enum notify_outcome_kind kind)
{
    (void)pthread_mutex_lock(&p->lock);
    switch (kind) {
    case NOTIFY_OUTCOME_SENT:
        p->stats.sent++;
        break;
    case NOTIFY_OUTCOME_LATER:
    case NOTIFY_OUTCOME_UNCONFIGURED:
        p->stats.later++;
        break;
    case NOTIFY_OUTCOME_NEVER:
        p->stats.never++;
        break;
    case NOTIFY_OUTCOME_HOLD:
        p->stats.held++;
        break;
    }
    (void)pthread_mutex_unlock(&p->lock);
}

void notify_providers_send(struct notify_providers *providers, struct span channel,
                           const struct notify_message *message, struct notify_outcome *outcome)
{
    enum notify_channel known = NOTIFY_CHANNEL_EMAIL;

    if (!notify_channel_parse(channel, &known))
        notify_outcome_fail(outcome, NOTIFY_OUTCOME_NEVER, 0, "unsupported channel",
                            "Unsupported channel: %.*s", SPAN_PRINTF(channel));
    else if (providers->routes[known] == NULL)
        notify_outcome_fail(outcome, NOTIFY_OUTCOME_UNCONFIGURED, 0, "no provider",
                            "Provider for channel '%s' is not implemented yet.",
                            notify_channel_name(known));
    else
        notify_route_send(providers->routes[known], message, outcome);
    count_outcome(providers, outcome->kind);
}

void notify_providers_close_idle(struct notify_providers *providers, int64_t now_ns)
{
    for (size_t i = 0; i < NOTIFY_CHANNEL_COUNT; i++) {
        if (providers->routes[i] != NULL)
            notify_route_close_idle(providers->routes[i], now_ns);
    }
}

void notify_providers_get_stats(struct notify_providers *providers,
                                struct notify_providers_stats *stats)
{
    (void)pthread_mutex_lock(&providers->lock);
    *stats = providers->stats;
    (void)pthread_mutex_unlock(&providers->lock);
    for (size_t i = 0; i < NOTIFY_CHANNEL_COUNT; i++) {
        if (providers->routes[i] != NULL)
            notify_route_count(providers->routes[i], &stats->states, &stats->idle);
    }
}
