/*
 * The settings that both daemons share: what the Django service reads (environment or `.env`),
 * under the same names and with the same defaults, and ours with the prefix CELERIAC_.
 * docs/settings.md describes each row; a test compares the two.
 */
#ifndef NOTIFY_SETTINGS_H
#define NOTIFY_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/settings.h"
#include "base/span.h"
#include "celeriac/error.h"
#include "notify/providers/server_list.h"
#include "notify/rules/retry_plan.h"
#include "notify/rules/webhook_allow.h"

/* The file in the working directory that settings_read_dotenv() is given. */
#define NOTIFY_SETTINGS_DOTENV ".env"

/* Longest Retry-After of a webhook's endpoint that is heeded, in seconds: the longest pause of the
 * usual schedule. */
#define NOTIFY_WEBHOOK_RETRY_AFTER_MAX_S 86400

/*
 * The table for settings_create(): rows named in lower case after their variable ("email_host" is
 * EMAIL_HOST). No row is a command line option, except that a daemon's own table may add one that
 * overrides a value here. Ends with a row whose name is NULL.
 */
extern const struct setting notify_settings_table[];

/* By which settings of the table the fields come about that errors of the library and the store
 * name, for settings_blame(). */
extern const struct setting_field notify_settings_fields[];

/* The database settings as libpq takes them: libpq's keyword arrays, no quoting involved. */
#define NOTIFY_CONNINFO_MAX 16
struct notify_conninfo {
    const char *keywords[NOTIFY_CONNINFO_MAX]; /* NULL-terminated, for PQconnectdbParams() */
    const char *values[NOTIFY_CONNINFO_MAX];
};

/* The typed values. Strings are borrowed from the struct settings, which must outlive this. */
struct notify_settings {
    const char *broker_url;     /* CELERY_BROKER_URL, else REDIS_URL */
    const char *result_backend; /* CELERY_RESULT_BACKEND, else REDIS_URL */

    struct {
        const char *broker_transport_options;  /* JSON; NULL when unset, like the others */
        const char *backend_transport_options; /* JSON */
        const char *broker_use_ssl;            /* JSON */
        const char *backend_use_ssl;           /* JSON */
        const char *failover_strategy;         /* round-robin or shuffle */
    } redis; /* CELERY_..., see docs/settings.md; may hold passwords: never log them */

    struct notify_conninfo database; /* points into settings; holds the password: never log it */
    unsigned database_connections;   /* CELERIAC_DB_CONNECTIONS: connections of the store */

    struct {
        const char *host; /* "" when unset */
        unsigned port;
        const char *user;     /* "" when unset */
        const char *password; /* "" when unset */
        bool starttls;
        const char *from;    /* DEFAULT_FROM_EMAIL, else EMAIL_HOST_USER */
        const char *ca_file; /* "" means the system's certificates */
        const char *helo;    /* "" means the host's name */
        int64_t connect_timeout_ns;
        int64_t timeout_ns;
        int64_t idle_ns;
        struct notify_server_list servers; /* CELERIAC_SMTP_HOSTS: those after host */
        unsigned connections;              /* most for one server; 0: no limit */
        int64_t interval_ns;               /* between two mails, of CELERIAC_SMTP_RATE; 0: none */
    } email;

    struct {
        const char *account_sid; /* all "" when unset */
        const char *auth_token;
        const char *from_number;
        const char *messaging_service_sid;
        const char *whatsapp_from;
        const char *base_url;
    } twilio;

    struct {
        const char *credentials;      /* FCM_CREDENTIALS, else GOOGLE_APPLICATION_CREDENTIALS; "" */
        const char *credentials_name; /* which of them */
        bool is_fallback;             /* the latter */
        const char *base_url;
        const char *token_url; /* "": what the file says */
    } fcm;

    struct {
        const char *ca_file; /* "" means the system's certificates */
        int64_t connect_timeout_ns;
        int64_t timeout_ns;
    } api; /* of all calls of Twilio and FCM */

    struct notify_retry_plan retries; /* CELERIAC_PERMANENT_FAILURES and the like */

    struct {
        bool on;                           /* CELERIAC_WEBHOOKS */
        struct notify_webhook_allow allow; /* CELERIAC_WEBHOOK_ALLOW */
        struct notify_retry_plan plan;     /* CELERIAC_WEBHOOK_SCHEDULE; at least one delay */
        int64_t timeout_ns;
        unsigned per_endpoint;
        const char *ca_file; /* "" means the system's certificates */
    } webhooks;

    struct {
        uint64_t fuel;      /* work units of one render */
        size_t max_output;  /* bytes of one render */
        size_t cache_bytes; /* memory of the cache of compiled templates */
    } templates;

    unsigned reconcile_after_s; /* CELERIAC_RECONCILE_AFTER */
    int64_t send_at_horizon_us; /* CELERIAC_SEND_AT_HORIZON, in microseconds */
    bool test_keys_send;        /* CELERIAC_TEST_KEYS_SEND: what comes with a test key is sent */

    const char *allowed_hosts; /* the list as text; see notify_settings_host_allowed() */
};

/*
 * Reads the typed values out of s, whose tables include notify_settings_table. CELERIAC_ERR_VALUE
 * or _LIMIT, which names the variable that is wrong; *out is then untouched.
 */
enum celeriac_err notify_settings_load(const struct settings *s, struct notify_settings *out,
                                       struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Whether a Host header is accepted, as Django 5.2 decides it: the port is left out, case does not
 * matter, a pattern ".example.com" takes the domain and all below it, "*" takes everything. Besides
 * the list, 0.0.0.0 is always allowed, as in the existing deployment. Any thread.
 */
bool notify_settings_host_allowed(const struct notify_settings *s, struct span host);

#endif
