#include "worker/main/sending.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/uuid.h"

/* Pause between looks at a database that is away when we start. */
#define READY_WAIT_NS (1 * NS_PER_SEC)

/* A child runs one task at a time, which makes one call at a time. */
#define CHILD_CONNECTIONS 1

/* How often idle connections are looked at within their time, which they may outlive by a look. */
#define IDLE_LOOKS 2

static enum celeriac_err open_providers(struct worker_sending *sending, struct celeriac_error *err)
{
    const struct notify_settings *settings = sending->settings;
    struct notify_providers_options options = {
        .smtp = {.host = settings->email.host,
                 .port = settings->email.port,
                 .user = settings->email.user,
                 .password = settings->email.password,
                 .starttls = settings->email.starttls,
                 .from = settings->email.from,
                 .ca_file = settings->email.ca_file,
                 .helo = settings->email.helo,
                 .connect_timeout_ns = settings->email.connect_timeout_ns,
                 .timeout_ns = settings->email.timeout_ns},
        .smtp_servers = &settings->email.servers,
        .smtp_connections = settings->email.connections,
        .smtp_interval_ns = settings->email.interval_ns,
        .smtp_pace = &sending->shared->send.smtp_pace,
        .twilio = {.account_sid = settings->twilio.account_sid,
                   .auth_token = settings->twilio.auth_token,
                   .from_number = settings->twilio.from_number,
                   .messaging_service_sid = settings->twilio.messaging_service_sid,
                   .whatsapp_from = settings->twilio.whatsapp_from,
                   .base_url = settings->twilio.base_url},
        .fcm = {.credentials = settings->fcm.credentials,
                .credentials_name = settings->fcm.credentials_name,
                .base_url = settings->fcm.base_url,
                .token_url = settings->fcm.token_url},
        .fcm_is_fallback = settings->fcm.is_fallback,
        .api_ca_file = settings->api.ca_file,
        .api_connect_timeout_ns = settings->api.connect_timeout_ns,
        .api_timeout_ns = settings->api.timeout_ns,
        .idle_ns = settings->email.idle_ns,
    };

    return notify_providers_create(&options, &sending->providers, err);
}

/* Half of the threads, so that endpoints that do not answer leave the other half to send. */
static unsigned share_of(const struct worker_webhook_share *share)
{
    long processors = share->threads > 0 ? (long)share->threads : sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = processors > 1 ? (unsigned)processors : 1;

    return share->alone || threads == 1 ? threads : threads / 2;
}

static enum celeriac_err open_webhooks(struct worker_sending *sending,
                                       const struct worker_webhook_share *share,
                                       struct celeriac_worker *worker, struct celeriac_error *err)
{
    const struct notify_settings *settings = sending->settings;
    const struct notify_webhook_poster_options options = {.allow = &settings->webhooks.allow,
                                                          .ca_file = settings->webhooks.ca_file,
                                                          .timeout_ns =
                                                              settings->webhooks.timeout_ns};
    struct celeriac_task_options task;
    enum celeriac_err code;

    if (!settings->webhooks.on)
        return CELERIAC_OK;
    code = notify_webhook_poster_create(&options, &sending->poster, err);
    if (code)
        return code;
    sending->webhook = (struct notify_webhook_task){
        .poster = sending->poster,
        .shared = &sending->shared->webhook,
        .plan = settings->webhooks.plan,
        .at_once = share_of(share),
        .per_endpoint = settings->webhooks.per_endpoint,
        .timeout_ns = settings->webhooks.timeout_ns,
    };
    task = notify_webhook_task_options(&sending->webhook);
    return celeriac_worker_register(worker, &task, err);
}

enum celeriac_err worker_sending_init(struct worker_sending *sending,
                                      const struct notify_settings *settings,
                                      const struct worker_webhook_share *share,
                                      struct celeriac_worker *worker, struct celeriac_error *err)
{
    struct celeriac_task_options task;
    void *shared = mmap(NULL, sizeof *sending->shared, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    enum celeriac_err code;

    if (shared == MAP_FAILED)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    sending->settings = settings;
    sending->shared = shared;
    sending->times = &sending->shared->send.times;
    sending->task.retries = settings->retries;
    code = open_providers(sending, err);
    if (code)
        return code;
    task = notify_send_task_options(&sending->task);
    code = celeriac_worker_register(worker, &task, err);
    return code ? code : open_webhooks(sending, share, worker, err);
}

enum celeriac_err worker_sending_open_store(struct worker_sending *sending, unsigned connections,
                                            struct celeriac_error *err)
{
    const struct notify_settings *settings = sending->settings;
    struct store_options options = {
        .server = {.keywords = settings->database.keywords, .values = settings->database.values},
        .application_name = "celeriac-worker",
        .connections = connections,
    };

    return store_create(&options, &sending->store, err);
}

enum celeriac_err worker_sending_await_store(struct worker_sending *sending,
                                             bool (*may_wait)(void *user, bool first), void *user,
                                             struct celeriac_error *err)
{
    for (bool first = true;; first = false) {
        struct celeriac_error why = {0};
        enum celeriac_err code = store_wait_ready(sending->store, READY_WAIT_NS, &why);

        if (code == CELERIAC_OK)
            return CELERIAC_OK;
        if (code != CELERIAC_ERR_UNAVAILABLE)
            return celeriac_error_set(err, code, "%s", why.text);
        if (first)
            log_error("worker", "database is away, waiting for it", LOG_ERR(&why));
        if (!may_wait(user, first))
            return celeriac_error_set(err, CELERIAC_ERR_SHUTDOWN, "stopped while waiting");
    }
}

static enum celeriac_err start_sender(struct worker_sending *sending, struct celeriac_error *err)
{
    struct uuid sender;
    uint8_t bits[16];

    random_bytes(bits, sizeof bits);
    uuid_from_random(bits, &sender);
    return store_start_sender(sending->store, &sender, 0, err);
}

enum celeriac_err worker_sending_begin(struct worker_sending *sending, struct celeriac_error *err)
{
    const struct notify_settings *settings = sending->settings;
    struct notify_render_options render = {
        .cache_bytes = settings->templates.cache_bytes,
        .fuel = settings->templates.fuel,
        .max_output = settings->templates.max_output,
    };
    enum celeriac_err code = notify_render_create(&render, &sending->render, err);

    if (code == CELERIAC_OK)
        code = start_sender(sending, err);
    if (code == CELERIAC_OK)
        code = notify_idle_closer_create(sending->providers, settings->email.idle_ns / IDLE_LOOKS,
                                         &sending->idle_closer, err);
    sending->task = (struct notify_send_task){.store = sending->store,
                                              .render = sending->render,
                                              .providers = sending->providers,
                                              .times = sending->times,
                                              .retries = settings->retries,
                                              .told = sending->told,
                                              .told_user = sending->told_user};
    sending->webhook.store = sending->store;
    return code;
}

void worker_sending_close(struct worker_sending *sending)
{
    store_destroy(sending->store);
    notify_idle_closer_destroy(sending->idle_closer);
    notify_providers_destroy(sending->providers);
    notify_webhook_poster_destroy(sending->poster);
    notify_render_destroy(sending->render);
    if (sending->shared)
        (void)munmap(sending->shared, sizeof *sending->shared);
    *sending = (struct worker_sending){0};
}

/* A child is killed when it is not to wait any longer. */
static bool wait_on(void *user, bool first)
{
    (void)user;
    (void)first;
    return true;
}

enum celeriac_err worker_sending_child_start(void *user, struct celeriac_error *err)
{
    struct worker_sending *sending = user;
    enum celeriac_err code = worker_sending_open_store(sending, CHILD_CONNECTIONS, err);

    /* What is woken is in the process that forked this one. */
    sending->told = NULL;
    if (code == CELERIAC_OK)
        code = worker_sending_await_store(sending, wait_on, NULL, err);
    return code ? code : worker_sending_begin(sending, err);
}

void worker_sending_child_stop(void *user)
{
    worker_sending_close(user);
}
