#include "notify/settings.h"

#include "base/clock.h"
#include "base/parse_num.h"

/* clang-format off */
const struct setting notify_settings_table[] = {
    {"redis_url", SETTING_TEXT, "redis://127.0.0.1:6379/0", "REDIS_URL", NULL, NULL, 0, 0, true,
     "broker and result backend, as kombu spells it"},
    {"celery_broker_url", SETTING_TEXT, NULL, "CELERY_BROKER_URL", NULL, NULL, 0, 0, true,
     "broker alone; wins over REDIS_URL"},
    {"celery_result_backend", SETTING_TEXT, NULL, "CELERY_RESULT_BACKEND", NULL, NULL, 0, 0, true,
     "result backend alone; wins over REDIS_URL"},
    {"celery_broker_transport_options", SETTING_TEXT, NULL, "CELERY_BROKER_TRANSPORT_OPTIONS", NULL, NULL,
     0, 0, true, "kombu's options of the broker, a JSON object"},
    {"celery_result_backend_transport_options", SETTING_TEXT, NULL,
     "CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS", NULL, NULL, 0, 0, true,
     "options of the result backend, a JSON object"},
    {"celery_broker_use_ssl", SETTING_TEXT, NULL, "CELERY_BROKER_USE_SSL", NULL, NULL, 0, 0, true,
     "TLS to the broker, a JSON object of ssl_* keys"},
    {"celery_redis_backend_use_ssl", SETTING_TEXT, NULL, "CELERY_REDIS_BACKEND_USE_SSL", NULL, NULL,
     0, 0, true, "TLS to the result backend, a JSON object of ssl_* keys"},
    {"celery_broker_failover_strategy", SETTING_TEXT, "round-robin", "CELERY_BROKER_FAILOVER_STRATEGY",
     NULL, NULL, 0, 0, false, "order of several broker URLs: round-robin or shuffle"},

    {"db_name", SETTING_TEXT, "notification_service", "DB_NAME", NULL, NULL, 0, 0, false,
     "PostgreSQL database"},
    {"db_user", SETTING_TEXT, "notification_user", "DB_USER", NULL, NULL, 0, 0, false,
     "PostgreSQL user"},
    {"db_password", SETTING_TEXT, "notif_pass", "DB_PASSWORD", NULL, NULL, 0, 0, true,
     "PostgreSQL password"},
    {"db_host", SETTING_TEXT, "127.0.0.1", "DB_HOST", NULL, NULL, 0, 0, false,
     "PostgreSQL server: host, folder of its socket, or several hosts separated by commas"},
    {"db_port", SETTING_TEXT, "5432", "DB_PORT", NULL, NULL, 0, 0, false,
     "PostgreSQL port, or as many as there are hosts"},

    {"email_host", SETTING_TEXT, "", "EMAIL_HOST", NULL, NULL, 0, 0, false,
     "SMTP server; sending fails while it is empty"},
    {"email_port", SETTING_INT, "587", "EMAIL_PORT", NULL, NULL, 1, 65535, false,
     "port of the SMTP server"},
    {"email_host_user", SETTING_TEXT, "", "EMAIL_HOST_USER", NULL, NULL, 0, 0, false,
     "SMTP user; there is no login unless the password is set too"},
    {"email_host_password", SETTING_TEXT, "", "EMAIL_HOST_PASSWORD", NULL, NULL, 0, 0, true,
     "SMTP password"},
    {"email_use_tls", SETTING_BOOL, "True", "EMAIL_USE_TLS", NULL, NULL, 0, 0, false,
     "STARTTLS with a verified certificate"},
    {"default_from_email", SETTING_TEXT, NULL, "DEFAULT_FROM_EMAIL", NULL, NULL, 0, 0, false,
     "From header and envelope sender; EMAIL_HOST_USER when it is not set"},

    {"allowed_hosts", SETTING_TEXT, "127.0.0.1,localhost", "ALLOWED_HOSTS", NULL, NULL, 0, 0, false,
     "Host headers that the API accepts, separated by commas; 0.0.0.0 always is"},
    {"django_secret_key", SETTING_TEXT, NULL, "DJANGO_SECRET_KEY", NULL, NULL, 0, 0, true,
     "accepted without effect"},
    {"debug", SETTING_BOOL, NULL, "DEBUG", NULL, NULL, 0, 0, false, "accepted without effect"},
    {"twilio_account_sid", SETTING_TEXT, "", "TWILIO_ACCOUNT_SID", NULL, NULL, 0, 0, true,
     "Twilio's account"},
    {"twilio_auth_token", SETTING_TEXT, "", "TWILIO_AUTH_TOKEN", NULL, NULL, 0, 0, true,
     "its token"},
    {"twilio_from_number", SETTING_TEXT, "", "TWILIO_FROM_NUMBER", NULL, NULL, 0, 0, false,
     "number or name that SMS are from"},
    {"twilio_messaging_service_sid", SETTING_TEXT, "", "TWILIO_MESSAGING_SERVICE_SID", NULL, NULL,
     0, 0, true, "messaging service that chooses the number"},
    {"twilio_whatsapp_from", SETTING_TEXT, "", "TWILIO_WHATSAPP_FROM", NULL, NULL, 0, 0, false,
     "number that WhatsApp messages are from"},
    {"twilio_base_url", SETTING_TEXT, "https://api.twilio.com", "TWILIO_BASE_URL", NULL, NULL,
     0, 0, true, "address of Twilio's API"},
    {"fcm_credentials", SETTING_TEXT, "", "FCM_CREDENTIALS", NULL, NULL, 0, 0, false,
     "JSON file of the service account for push messages"},
    {"google_application_credentials", SETTING_TEXT, "", "GOOGLE_APPLICATION_CREDENTIALS", NULL,
     NULL, 0, 0, false, "the same, when FCM_CREDENTIALS is not set"},
    {"fcm_base_url", SETTING_TEXT, "https://fcm.googleapis.com", "FCM_BASE_URL", NULL, NULL, 0, 0,
     true, "address of FCM's API"},
    {"fcm_token_url", SETTING_TEXT, "", "FCM_TOKEN_URL", NULL, NULL, 0, 0, true,
     "address that gives access tokens, instead of the file's"},

    {"celeriac_db_connections", SETTING_INT, "2", "CELERIAC_DB_CONNECTIONS", NULL, NULL, 1, 32, false,
     "connections to PostgreSQL of one process, whatever its number of threads"},
    {"celeriac_email_ca_file", SETTING_TEXT, "", "CELERIAC_EMAIL_CA_FILE", NULL, NULL, 0, 0, false,
     "PEM file of the certificates to trust instead of the system's"},
    {"celeriac_email_helo", SETTING_TEXT, "", "CELERIAC_EMAIL_HELO", NULL, NULL, 0, 0, false,
     "name that the SMTP server is greeted with; the machine's host name when it is empty"},
    {"celeriac_email_connect_timeout", SETTING_SECONDS, "20", "CELERIAC_EMAIL_CONNECT_TIMEOUT", NULL, NULL,
     1, 3600, false, "seconds for connecting to the SMTP server, TLS and login included"},
    {"celeriac_email_timeout", SETTING_SECONDS, "120", "CELERIAC_EMAIL_TIMEOUT", NULL, NULL, 1, 3600, false,
     "seconds for one mail, connecting included"},
    {"celeriac_email_idle", SETTING_SECONDS, "30", "CELERIAC_EMAIL_IDLE", NULL, NULL, 1, 3600, false,
     "seconds after which an unused SMTP connection is closed"},
    {"celeriac_smtp_hosts", SETTING_TEXT, "", "CELERIAC_SMTP_HOSTS", NULL, NULL, 0, 0, false,
     "further SMTP servers, host or host:port, separated by commas"},
    {"celeriac_smtp_connections", SETTING_INT, "0", "CELERIAC_SMTP_CONNECTIONS", NULL, NULL, 0, 4096,
     false, "most connections of one worker to one SMTP server; 0 is no limit"},
    {"celeriac_smtp_rate", SETTING_TEXT, "", "CELERIAC_SMTP_RATE", NULL, NULL, 0, 0, false,
     "most mails that one worker sends in a second"},
    {"celeriac_api_ca_file", SETTING_TEXT, "", "CELERIAC_API_CA_FILE", NULL, NULL, 0, 0, false,
     "PEM file of the certificates to trust in calls of APIs instead of the system's"},
    {"celeriac_api_connect_timeout", SETTING_SECONDS, "10", "CELERIAC_API_CONNECT_TIMEOUT", NULL, NULL,
     1, 3600, false, "seconds for connecting to an API"},
    {"celeriac_api_timeout", SETTING_SECONDS, "30", "CELERIAC_API_TIMEOUT", NULL, NULL, 1, 3600, false,
     "seconds for one call of an API, connecting included"},
    {"celeriac_permanent_failures", SETTING_TEXT, "retry", "CELERIAC_PERMANENT_FAILURES", NULL, NULL,
     0, 0, false, "what a provider refuses for good: retry, or dead-letter at once"},
    {"celeriac_retry_after_max", SETTING_INT, "0", "CELERIAC_RETRY_AFTER_MAX", NULL, NULL,
     0, NOTIFY_RETRY_DELAY_MAX_S, false, "longest Retry-After heeded, in seconds; 0 heeds none"},
    {"celeriac_retry_schedule", SETTING_TEXT, "", "CELERIAC_RETRY_SCHEDULE", NULL, NULL, 0, 0, false,
     "seconds before each retry, separated by commas, instead of Celery's three"},
    {"celeriac_reconcile_after", SETTING_SECONDS, "900", "CELERIAC_RECONCILE_AFTER", NULL, NULL, 30, 604800, false,
     "seconds after which what is not sent is published again, whatever the broker has"},
    {"celeriac_send_at_horizon", SETTING_SECONDS, "60", "CELERIAC_SEND_AT_HORIZON", NULL, NULL, 1, 3600, false,
     "seconds before its send_at that the message of a notification is published"},
    {"celeriac_test_keys_send", SETTING_BOOL, "True", "CELERIAC_TEST_KEYS_SEND", NULL, NULL, 0, 0,
     false, "whether what comes with a test key is sent; else it is only recorded as sent"},
    {"celeriac_webhooks", SETTING_BOOL, "True", "CELERIAC_WEBHOOKS", NULL, NULL, 0, 0, false,
     "whether the worker delivers webhooks, and without -Q consumes their queue as well"},
    {"celeriac_webhook_timeout", SETTING_SECONDS, "15", "CELERIAC_WEBHOOK_TIMEOUT", NULL, NULL, 1, 300, false,
     "seconds for one delivery, connecting included"},
    {"celeriac_webhook_schedule", SETTING_TEXT, "5,300,1800,7200,18000,36000,50400,72000,86400",
     "CELERIAC_WEBHOOK_SCHEDULE", NULL, NULL, 0, 0, false,
     "seconds before each further attempt, separated by commas"},
    {"celeriac_webhook_per_endpoint", SETTING_INT, "4", "CELERIAC_WEBHOOK_PER_ENDPOINT", NULL, NULL, 1, 1024, false,
     "most deliveries that one worker makes to one endpoint at once"},
    {"celeriac_webhook_ca_file", SETTING_TEXT, "", "CELERIAC_WEBHOOK_CA_FILE", NULL, NULL, 0, 0, false,
     "PEM file of the certificates to trust at endpoints instead of the system's"},
    {"celeriac_webhook_allow", SETTING_TEXT, "", "CELERIAC_WEBHOOK_ALLOW", NULL, NULL, 0, 0, false,
     "where webhooks may go besides https to public addresses: http, private, or networks"},
    {"celeriac_template_fuel", SETTING_INT, "1000000", "CELERIAC_TEMPLATE_FUEL", NULL, NULL,
     1000, 1000000000, false, "work units that rendering one text may take"},
    {"celeriac_template_output", SETTING_INT, "4194304", "CELERIAC_TEMPLATE_OUTPUT", NULL, NULL,
     1024, 10485760, false, "bytes that one rendered text may have"},
    {"celeriac_template_cache", SETTING_INT, "67108864", "CELERIAC_TEMPLATE_CACHE", NULL, NULL,
     1048576, 4294967296, false, "bytes that compiled templates may take"},
    {NULL, SETTING_TEXT, NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};
/* clang-format on */

const struct setting_field notify_settings_fields[] = {
    {"broker_url", "celery_broker_url redis_url"},
    {"broker_transport_options", "celery_broker_transport_options"},
    {"broker_use_ssl", "celery_broker_use_ssl"},
    {"broker_failover_strategy", "celery_broker_failover_strategy"},
    {"dbname", "db_name"},
    {NULL, NULL},
};

/* A text that means nothing when it is empty. */
static const char *filled(const struct settings *s, const char *name)
{
    const char *text = settings_text(s, name);

    return text != NULL && text[0] != '\0' ? text : NULL;
}

static const char *text_or_empty(const struct settings *s, const char *name)
{
    const char *text = settings_text(s, name);

    return text != NULL ? text : "";
}

#define PORT_MAX 65535

static size_t count_entries(struct span list)
{
    struct span entry;
    size_t count = 1;

    while (span_cut(list, ',', &entry, &list))
        count++;
    return count;
}

/* libpq looks at ports when it connects, which would look like a server that is away. */
static enum celeriac_err check_ports(const struct settings *s, struct celeriac_error *err)
{
    const char *hosts = filled(s, "db_host");
    struct span rest = span_of(filled(s, "db_port"));
    size_t count = count_entries(rest);
    bool more = rest.len > 0;

    while (more) {
        struct span entry;
        int64_t port;

        more = span_cut(rest, ',', &entry, &rest);
        entry = span_trim(entry);
        if (entry.len > 0 && parse_int64(entry, 1, PORT_MAX, &port) != CELERIAC_OK)
            return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                      "DB_PORT: must be a port between 1 and %d, or such ports "
                                      "separated by commas",
                                      PORT_MAX);
    }
    if (hosts != NULL && count > 1 && count != count_entries(span_of(hosts)))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "DB_PORT: must be one port, or as many as DB_HOST has hosts");
    return CELERIAC_OK;
}

static void load_database(const struct settings *s, struct notify_conninfo *database)
{
    static const struct {
        const char *keyword; /* libpq's */
        const char *name;
    } rows[] = {
        {"host", "db_host"}, {"port", "db_port"},         {"dbname", "db_name"},
        {"user", "db_user"}, {"password", "db_password"},
    };
    size_t count = 0;

    _Static_assert(sizeof rows / sizeof rows[0] < NOTIFY_CONNINFO_MAX, "room for the NULL");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (filled(s, rows[i].name) == NULL)
            continue;
        database->keywords[count] = rows[i].keyword;
        database->values[count++] = settings_text(s, rows[i].name);
    }
    database->keywords[count] = NULL;
    database->values[count] = NULL;
}

static void load_redis(const struct settings *s, struct notify_settings *out)
{
    out->redis.broker_transport_options = filled(s, "celery_broker_transport_options");
    out->redis.backend_transport_options = filled(s, "celery_result_backend_transport_options");
    out->redis.broker_use_ssl = filled(s, "celery_broker_use_ssl");
    out->redis.backend_use_ssl = filled(s, "celery_redis_backend_use_ssl");
    out->redis.failover_strategy = filled(s, "celery_broker_failover_strategy");
}

/* Fewest and most mails a second: one in a hundred seconds, and more than any server takes. */
#define RATE_MIN 0.01
#define RATE_MAX 100000.0

static enum celeriac_err load_rate(const struct settings *s, const char *name, const char *variable,
                                   int64_t *interval_ns, struct celeriac_error *err)
{
    const char *text = filled(s, name);
    double rate = 0;

    if (text == NULL)
        return CELERIAC_OK;
    if (parse_double(span_of(text), &rate) || !(rate >= RATE_MIN && rate <= RATE_MAX))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "%s: must be a number between %g and %.0f, or empty", variable,
                                  RATE_MIN, RATE_MAX);
    *interval_ns = (int64_t)((double)NS_PER_SEC / rate);
    return CELERIAC_OK;
}

/* What goes beyond Django's settings of mail. */
static enum celeriac_err load_smtp(const struct settings *s, struct notify_settings *out,
                                   struct celeriac_error *err)
{
    enum celeriac_err code =
        notify_server_list_parse(span_of(text_or_empty(s, "celeriac_smtp_hosts")),
                                 "CELERIAC_SMTP_HOSTS", &out->email.servers, err);

    out->email.connections = (unsigned)settings_int(s, "celeriac_smtp_connections");
    if (code)
        return code;
    return load_rate(s, "celeriac_smtp_rate", "CELERIAC_SMTP_RATE", &out->email.interval_ns, err);
}

static void load_apis(const struct settings *s, struct notify_settings *out)
{
    bool own = filled(s, "fcm_credentials") != NULL;

    out->twilio.account_sid = text_or_empty(s, "twilio_account_sid");
    out->twilio.auth_token = text_or_empty(s, "twilio_auth_token");
    out->twilio.from_number = text_or_empty(s, "twilio_from_number");
    out->twilio.messaging_service_sid = text_or_empty(s, "twilio_messaging_service_sid");
    out->twilio.whatsapp_from = text_or_empty(s, "twilio_whatsapp_from");
    out->twilio.base_url = text_or_empty(s, "twilio_base_url");
    out->fcm.credentials =
        text_or_empty(s, own ? "fcm_credentials" : "google_application_credentials");
    out->fcm.credentials_name = own ? "FCM_CREDENTIALS" : "GOOGLE_APPLICATION_CREDENTIALS";
    out->fcm.is_fallback = !own;
    out->fcm.base_url = text_or_empty(s, "fcm_base_url");
    out->fcm.token_url = text_or_empty(s, "fcm_token_url");
    out->api.ca_file = text_or_empty(s, "celeriac_api_ca_file");
    out->api.connect_timeout_ns = settings_seconds_ns(s, "celeriac_api_connect_timeout");
    out->api.timeout_ns = settings_seconds_ns(s, "celeriac_api_timeout");
}

static enum celeriac_err load_retries(const struct settings *s, struct notify_retry_plan *plan,
                                      struct celeriac_error *err)
{
    struct span word = span_of(text_or_empty(s, "celeriac_permanent_failures"));

    if (!span_is(word, "retry") && !span_is(word, "dead-letter"))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "CELERIAC_PERMANENT_FAILURES: must be retry or dead-letter");
    plan->give_up_refused = span_is(word, "dead-letter");
    plan->retry_after_max = (uint32_t)settings_int(s, "celeriac_retry_after_max");
    return notify_retry_plan_parse(span_of(text_or_empty(s, "celeriac_retry_schedule")),
                                   "CELERIAC_RETRY_SCHEDULE", plan, err);
}

static enum celeriac_err load_webhooks(const struct settings *s, struct notify_settings *out,
                                       struct celeriac_error *err)
{
    enum celeriac_err code;

    out->webhooks.on = settings_bool(s, "celeriac_webhooks");
    out->webhooks.timeout_ns = settings_seconds_ns(s, "celeriac_webhook_timeout");
    out->webhooks.per_endpoint = (unsigned)settings_int(s, "celeriac_webhook_per_endpoint");
    out->webhooks.ca_file = text_or_empty(s, "celeriac_webhook_ca_file");
    out->webhooks.plan.retry_after_max = NOTIFY_WEBHOOK_RETRY_AFTER_MAX_S;
    code = notify_retry_plan_parse(span_of(text_or_empty(s, "celeriac_webhook_schedule")),
                                   "CELERIAC_WEBHOOK_SCHEDULE", &out->webhooks.plan, err);
    if (code)
        return code;
    if (out->webhooks.plan.delay_count == 0)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "CELERIAC_WEBHOOK_SCHEDULE: must not be empty");
    return notify_webhook_allow_parse(span_of(text_or_empty(s, "celeriac_webhook_allow")),
                                      "CELERIAC_WEBHOOK_ALLOW", &out->webhooks.allow, err);
}

static void load_email(const struct settings *s, struct notify_settings *out)
{
    const char *from = settings_text(s, "default_from_email");

    out->email.host = text_or_empty(s, "email_host");
    out->email.port = (unsigned)settings_int(s, "email_port");
    out->email.user = text_or_empty(s, "email_host_user");
    out->email.password = text_or_empty(s, "email_host_password");
    out->email.starttls = settings_bool(s, "email_use_tls");
    out->email.from = from != NULL ? from : out->email.user;
    out->email.ca_file = text_or_empty(s, "celeriac_email_ca_file");
    out->email.helo = text_or_empty(s, "celeriac_email_helo");
    out->email.connect_timeout_ns = settings_seconds_ns(s, "celeriac_email_connect_timeout");
    out->email.timeout_ns = settings_seconds_ns(s, "celeriac_email_timeout");
    out->email.idle_ns = settings_seconds_ns(s, "celeriac_email_idle");
}

enum celeriac_err notify_settings_load(const struct settings *s, struct notify_settings *out,
                                       struct celeriac_error *err)
{
    struct notify_settings loaded = {.broker_url = filled(s, "celery_broker_url"),
                                     .result_backend = filled(s, "celery_result_backend")};
    enum celeriac_err code;

    if (loaded.broker_url == NULL)
        loaded.broker_url = settings_text(s, "redis_url");
    if (loaded.result_backend == NULL)
        loaded.result_backend = settings_text(s, "redis_url");
    load_redis(s, &loaded);
    load_database(s, &loaded.database);
    loaded.database_connections = (unsigned)settings_int(s, "celeriac_db_connections");
    load_email(s, &loaded);
    load_apis(s, &loaded);
    loaded.templates.fuel = (uint64_t)settings_int(s, "celeriac_template_fuel");
    loaded.templates.max_output = (size_t)settings_int(s, "celeriac_template_output");
    loaded.templates.cache_bytes = (size_t)settings_int(s, "celeriac_template_cache");
    loaded.reconcile_after_s =
        (unsigned)(settings_seconds_ns(s, "celeriac_reconcile_after") / 1000000000);
    loaded.send_at_horizon_us = settings_seconds_ns(s, "celeriac_send_at_horizon") / 1000;
    loaded.test_keys_send = settings_bool(s, "celeriac_test_keys_send");
    loaded.allowed_hosts = text_or_empty(s, "allowed_hosts");
    if (filled(s, "db_name") == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "DB_NAME: must not be empty");
    code = check_ports(s, err);
    if (code == CELERIAC_OK)
        code = load_smtp(s, &loaded, err);
    if (code == CELERIAC_OK)
        code = load_retries(s, &loaded.retries, err);
    if (code == CELERIAC_OK)
        code = load_webhooks(s, &loaded, err);
    if (code)
        return code;
    *out = loaded;
    return CELERIAC_OK;
}
