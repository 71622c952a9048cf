#include "notify/providers/provider_table.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "notify/providers/curl_library.h"
#include "notify/providers/route.h"
#include "notify/providers/trust.h"
#include "notify/rules/channel.h"

/* EMAIL_HOST, and the list. */
#define MAIL_SERVERS_MAX (1 + NOTIFY_SERVERS_MAX)

/* Defaults of the deadlines of an API's calls. */
#define API_CONNECT_TIMEOUT_NS (10 * NS_PER_SEC)
#define API_TIMEOUT_NS (30 * NS_PER_SEC)

_Static_assert(MAIL_SERVERS_MAX <= NOTIFY_ROUTE_SERVERS_MAX, "all mail servers fit into a route");

struct notify_providers {
    struct notify_route *routes[NOTIFY_CHANNEL_COUNT]; /* NULL: not implemented */
    struct notify_smtp_config *smtp[MAIL_SERVERS_MAX];
    size_t smtp_count;
    struct notify_twilio_config *sms, *whatsapp;
    struct notify_fcm_config *fcm;
    struct notify_trust *trust; /* of the calls of APIs; NULL without any */
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

/* The one server of an API. */
static enum celeriac_err open_api(struct notify_providers *p, enum notify_channel channel,
                                  const struct notify_provider *provider, const void *config,
                                  struct celeriac_error *err)
{
    const struct notify_route_options route = {
        .provider = provider, .configs = &config, .servers = 1, .idle_ns = p->idle_ns};

    return notify_route_create(&route, &p->routes[channel], err);
}

static enum celeriac_err open_twilio(struct notify_providers *p,
                                     const struct notify_twilio_options *o,
                                     struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;

    if (notify_twilio_has_sms(o)) {
        code = notify_twilio_config_create(o, false, &p->sms, err);
        if (code == CELERIAC_OK)
            code = open_api(p, NOTIFY_CHANNEL_SMS, &notify_twilio_provider, p->sms, err);
    }
    if (code == CELERIAC_OK && notify_twilio_has_whatsapp(o)) {
        code = notify_twilio_config_create(o, true, &p->whatsapp, err);
        if (code == CELERIAC_OK)
            code = open_api(p, NOTIFY_CHANNEL_WHATSAPP, &notify_twilio_provider, p->whatsapp, err);
    }
    return code;
}

static enum celeriac_err open_fcm(struct notify_providers *p, const struct notify_fcm_options *o,
                                  bool is_fallback, struct celeriac_error *err)
{
    struct celeriac_error why = {0};
    enum celeriac_err code = notify_fcm_config_create(o, &p->fcm, &why);

    if (code == CELERIAC_OK)
        return open_api(p, NOTIFY_CHANNEL_PUSH, &notify_fcm_provider, p->fcm, err);
    if (!is_fallback || code == CELERIAC_ERR_MEMORY)
        return celeriac_error_set(err, code, "%s", why.text);
    log_warning("notify", "no push messages", LOG_ERR(&why));
    return CELERIAC_OK;
}

/* The APIs for which enough is set; without any nothing is loaded for them. */
static enum celeriac_err open_apis(struct notify_providers *p,
                                   const struct notify_providers_options *o,
                                   struct celeriac_error *err)
{
    int64_t connect_ns = o->api_connect_timeout_ns, timeout_ns = o->api_timeout_ns;
    struct notify_twilio_options twilio = o->twilio;
    struct notify_fcm_options fcm = o->fcm;
    bool has_twilio = notify_twilio_has_sms(&twilio) || notify_twilio_has_whatsapp(&twilio);
    bool has_fcm = fcm.credentials != NULL && fcm.credentials[0] != '\0';
    enum celeriac_err code;

    if (!has_twilio && !has_fcm)
        return CELERIAC_OK;
    code = notify_curl_start(err);
    if (code == CELERIAC_OK)
        code = notify_trust_create(o->api_ca_file, "CELERIAC_API_CA_FILE", &p->trust, err);
    twilio.http = (struct notify_http_options){
        .trust = p->trust,
        .connect_timeout_ms =
            (long)((connect_ns != 0 ? connect_ns : API_CONNECT_TIMEOUT_NS) / NS_PER_MS),
        .timeout_ms = (long)((timeout_ns != 0 ? timeout_ns : API_TIMEOUT_NS) / NS_PER_MS)};
    fcm.http = twilio.http;
    if (code == CELERIAC_OK)
        code = open_twilio(p, &twilio, err);
    if (code == CELERIAC_OK && has_fcm)
        code = open_fcm(p, &fcm, o->fcm_is_fallback, err);
    return code;
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
    if (code == CELERIAC_OK)
        code = open_apis(p, options, err);
    if (code != CELERIAC_OK) {
        notify_providers_destroy(p);
        return celeriac_error_set(err, code, "%s", celeriac_err_name(code));
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
    notify_twilio_config_destroy(providers->sms);
    notify_twilio_config_destroy(providers->whatsapp);
    notify_fcm_config_destroy(providers->fcm);
    notify_trust_destroy(providers->trust);
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
