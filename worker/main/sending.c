#include "worker/main/sending.h"

#include <sys/mman.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/uuid.h"

/* Pause between looks at a database that is away when we start. */
#define READY_WAIT_NS (1 * NS_PER_SEC)

/* A child runs one task at a time, which makes one call at a time. */
#define CHILD_CONNECTIONS 1

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
        .smtp_pace = &sending->shared->smtp_pace,
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

enum celeriac_err worker_sending_init(struct worker_sending *sending,
                                      const struct notify_settings *settings,
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
    sending->times = &sending->shared->times;
    sending->task.retries = settings->retries;
    code = open_providers(sending, err);
    if (code)
        return code;
    task = notify_send_task_options(&sending->task);
    return celeriac_worker_register(worker, &task, err);
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
    sending->task = (struct notify_send_task){.store = sending->store,
                                              .render = sending->render,
                                              .providers = sending->providers,
                                              .times = sending->times,
                                              .retries = settings->retries};
    return code;
}

void worker_sending_close(struct worker_sending *sending)
{
    store_destroy(sending->store);
    notify_providers_destroy(sending->providers);
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

    if (code == CELERIAC_OK)
        code = worker_sending_await_store(sending, wait_on, NULL, err);
    return code ? code : worker_sending_begin(sending, err);
}

void worker_sending_child_stop(void *user)
{
    worker_sending_close(user);
}
