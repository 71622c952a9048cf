#include "notify/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/support/case_file.h"
#include "tests/support/scratch.h"

static const struct setting *const tables[] = {notify_settings_table, NULL};

static struct settings *create(void)
{
    struct settings *s = NULL;

    assert_int_equal(settings_create(tables, &s, NULL), CELERIAC_OK);
    return s;
}

/* Takes an environment of lines. */
static enum celeriac_err read_environment(struct settings *s, const char *lines,
                                          struct celeriac_error *err)
{
    char text[1000];
    char *environment[10] = {NULL};
    size_t count = 0;

    assert_true((size_t)snprintf(text, sizeof text, "%s", lines) < sizeof text);
    for (char *line = text; line != NULL; count++) {
        char *end = strchr(line, '\n');

        if (end != NULL)
            *end++ = '\0';
        assert_in_range(count, 0, 8);
        environment[count] = line;
        line = end;
    }
    return settings_read_environment(s, environment, err);
}

/* Settings as they are with this environment. */
static struct settings *create_with(const char *lines)
{
    struct settings *s = create();
    struct celeriac_error err = {0};

    if (read_environment(s, lines, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    return s;
}

static struct notify_settings load(const struct settings *s)
{
    struct notify_settings loaded;
    struct celeriac_error err = {0};

    if (notify_settings_load(s, &loaded, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    return loaded;
}

static const char *keyword(const struct notify_conninfo *database, const char *name)
{
    for (size_t i = 0; database->keywords[i] != NULL; i++) {
        if (strcmp(database->keywords[i], name) == 0)
            return database->values[i];
    }
    return NULL;
}

static void test_defaults(void **state)
{
    struct settings *s = create();
    struct notify_settings loaded = load(s);

    (void)state;
    assert_string_equal(loaded.broker_url, "redis://127.0.0.1:6379/0");
    assert_string_equal(loaded.result_backend, "redis://127.0.0.1:6379/0");
    assert_string_equal(keyword(&loaded.database, "dbname"), "notification_service");
    assert_string_equal(keyword(&loaded.database, "user"), "notification_user");
    assert_string_equal(keyword(&loaded.database, "password"), "notif_pass");
    assert_string_equal(keyword(&loaded.database, "host"), "127.0.0.1");
    assert_string_equal(keyword(&loaded.database, "port"), "5432");
    assert_int_equal(loaded.database_connections, 2);
    assert_string_equal(loaded.email.host, "");
    assert_int_equal(loaded.email.port, 587);
    assert_string_equal(loaded.email.user, "");
    assert_string_equal(loaded.email.password, "");
    assert_true(loaded.email.starttls);
    assert_string_equal(loaded.email.from, "");
    assert_int_equal(loaded.email.connect_timeout_ns, 20 * NS_PER_SEC);
    assert_int_equal(loaded.email.timeout_ns, 120 * NS_PER_SEC);
    assert_int_equal(loaded.email.idle_ns, 30 * NS_PER_SEC);
    assert_int_equal(loaded.email.servers.count, 0);
    assert_int_equal(loaded.email.connections, 0);
    assert_int_equal(loaded.email.interval_ns, 0);
    assert_false(loaded.retries.give_up_refused);
    assert_int_equal(loaded.retries.retry_after_max, 0);
    assert_int_equal(loaded.retries.delay_count, 0);
    assert_string_equal(loaded.twilio.account_sid, "");
    assert_string_equal(loaded.twilio.base_url, "https://api.twilio.com");
    assert_string_equal(loaded.fcm.credentials, "");
    assert_true(loaded.fcm.is_fallback);
    assert_string_equal(loaded.fcm.base_url, "https://fcm.googleapis.com");
    assert_int_equal(loaded.api.connect_timeout_ns, 10 * NS_PER_SEC);
    assert_int_equal(loaded.api.timeout_ns, 30 * NS_PER_SEC);
    assert_int_equal(loaded.templates.fuel, 1000000);
    assert_int_equal(loaded.templates.max_output, 4194304);
    assert_int_equal(loaded.templates.cache_bytes, 67108864);
    assert_true(loaded.test_keys_send);
    assert_string_equal(loaded.allowed_hosts, "127.0.0.1,localhost");
    settings_destroy(s);
}

static void test_redis_roles(void **state)
{
    static const char both[] = "REDIS_URL=redis://a/1";
    static const char apart[] = "REDIS_URL=redis://a/1\n"
                                "CELERY_BROKER_URL=redis://b/2\n"
                                "CELERY_RESULT_BACKEND=redis://c/3";
    static const char empty[] = "REDIS_URL=redis://a/1\n"
                                "CELERY_BROKER_URL=\n"
                                "CELERY_RESULT_BACKEND=";
    struct settings *s = create_with(both);

    (void)state;
    assert_string_equal(load(s).broker_url, "redis://a/1");
    assert_string_equal(load(s).result_backend, "redis://a/1");
    settings_destroy(s);
    s = create_with(apart);
    assert_string_equal(load(s).broker_url, "redis://b/2");
    assert_string_equal(load(s).result_backend, "redis://c/3");
    settings_destroy(s);
    s = create_with(empty);
    assert_string_equal(load(s).broker_url, "redis://a/1");
    assert_string_equal(load(s).result_backend, "redis://a/1");
    settings_destroy(s);
}

static void test_from(void **state)
{
    static const char user[] = "EMAIL_HOST_USER=u@example.com";
    static const char both[] = "EMAIL_HOST_USER=u@example.com\n"
                               "DEFAULT_FROM_EMAIL=A <a@example.com>";
    static const char empty[] = "EMAIL_HOST_USER=u@example.com\n"
                                "DEFAULT_FROM_EMAIL=";
    struct settings *s = create_with(user);

    (void)state;
    assert_string_equal(load(s).email.from, "u@example.com");
    settings_destroy(s);
    s = create_with(both);
    assert_string_equal(load(s).email.from, "A <a@example.com>");
    settings_destroy(s);
    /* As in Django: an empty value is a value, and sending then fails. */
    s = create_with(empty);
    assert_string_equal(load(s).email.from, "");
    settings_destroy(s);
}

static void test_tls_words(void **state)
{
    static const struct {
        const char *variable;
        bool on;
    } words[] = {
        {"EMAIL_USE_TLS=true", true}, {"EMAIL_USE_TLS=ON", true},     {"EMAIL_USE_TLS=ok", true},
        {"EMAIL_USE_TLS=Y", true},    {"EMAIL_USE_TLS=yes", true},    {"EMAIL_USE_TLS=1", true},
        {"EMAIL_USE_TLS=0", false},   {"EMAIL_USE_TLS=False", false}, {"EMAIL_USE_TLS=off", false},
        {"EMAIL_USE_TLS=", false},    {"EMAIL_USE_TLS=t", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct settings *s = create_with(words[i].variable);

        if (load(s).email.starttls != words[i].on)
            fail_msg("%s is read as %d", words[i].variable, !words[i].on);
        settings_destroy(s);
    }
}

/* Values that would need quoting in a connection string need none in libpq's arrays. */
static void test_database(void **state)
{
    static const char environment[] = "DB_PASSWORD=it's \\ a=b host=evil\n"
                                      "DB_HOST=\n"
                                      "DB_PORT=5433\n"
                                      "DB_NAME=x";
    struct settings *s = create_with(environment);
    struct notify_settings loaded = load(s);

    (void)state;
    assert_string_equal(keyword(&loaded.database, "password"), "it's \\ a=b host=evil");
    assert_null(keyword(&loaded.database, "host"));
    assert_string_equal(keyword(&loaded.database, "port"), "5433");
    settings_destroy(s);
}

static void test_ports_of_the_database(void **state)
{
    static const struct {
        const char *variables;
        bool good;
    } cases[] = {
        {"DB_PORT=1", true},
        {"DB_PORT=65535", true},
        {"DB_PORT=65536", false},
        {"DB_PORT=0", false},
        {"DB_PORT=many", false},
        {"DB_PORT=", true},
        {"DB_PORT=5432,5433\nDB_HOST=a,b", true},
        {"DB_PORT=5432,\nDB_HOST=a,b", true},
        {"DB_PORT=5432\nDB_HOST=a,b", true},
        {"DB_PORT=5432,5433\nDB_HOST=a", false},
        {"DB_PORT=5432,5433,5434\nDB_HOST=a,b", false},
        {"DB_PORT=5432,x\nDB_HOST=a,b", false},
        {"DB_PORT=5432,5433\nDB_HOST=", true}, /* libpq has its own list then */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct settings *s = create_with(cases[i].variables);
        struct notify_settings loaded;
        struct celeriac_error err = {0};
        enum celeriac_err code = notify_settings_load(s, &loaded, &err);

        if (code != (cases[i].good ? CELERIAC_OK : CELERIAC_ERR_VALUE))
            fail_msg("%s: %s", cases[i].variables, err.text);
        if (!cases[i].good)
            assert_ptr_equal(strstr(err.text, "DB_PORT: "), err.text);
        settings_destroy(s);
    }
}

static void test_providers(void **state)
{
    static const char environment[] = "CELERIAC_SMTP_HOSTS=a, b:26\n"
                                      "CELERIAC_SMTP_CONNECTIONS=7\n"
                                      "CELERIAC_SMTP_RATE=2.5\n"
                                      "CELERIAC_PERMANENT_FAILURES=dead-letter\n"
                                      "CELERIAC_RETRY_AFTER_MAX=600\n"
                                      "CELERIAC_RETRY_SCHEDULE=60,300";
    struct settings *s = create_with(environment);
    struct notify_settings loaded = load(s);

    (void)state;
    assert_int_equal(loaded.email.servers.count, 2);
    assert_string_equal(loaded.email.servers.servers[1].host, "b");
    assert_int_equal(loaded.email.servers.servers[1].port, 26);
    assert_int_equal(loaded.email.connections, 7);
    assert_int_equal(loaded.email.interval_ns, 400 * NS_PER_MS);
    assert_true(loaded.retries.give_up_refused);
    assert_int_equal(loaded.retries.retry_after_max, 600);
    assert_int_equal(loaded.retries.delay_count, 2);
    assert_int_equal(loaded.retries.delays[1], 300);
    settings_destroy(s);
}

static void test_webhooks(void **state)
{
    struct settings *s = create();
    struct notify_settings loaded = load(s);

    (void)state;
    assert_false(loaded.webhooks.allow.http);
    assert_false(loaded.webhooks.allow.any_address);
    assert_int_equal(loaded.webhooks.allow.network_count, 0);
    settings_destroy(s);
    s = create_with("CELERIAC_WEBHOOK_ALLOW=http, 10.0.0.0/8");
    loaded = load(s);
    assert_true(loaded.webhooks.allow.http);
    assert_int_equal(loaded.webhooks.allow.network_count, 1);
    settings_destroy(s);
}

static void test_credentials_of_push(void **state)
{
    struct settings *s = create_with("GOOGLE_APPLICATION_CREDENTIALS=/a\nFCM_CREDENTIALS=");

    (void)state;
    assert_string_equal(load(s).fcm.credentials, "/a");
    assert_string_equal(load(s).fcm.credentials_name, "GOOGLE_APPLICATION_CREDENTIALS");
    assert_true(load(s).fcm.is_fallback);
    settings_destroy(s);
    s = create_with("GOOGLE_APPLICATION_CREDENTIALS=/a\nFCM_CREDENTIALS=/b");
    assert_string_equal(load(s).fcm.credentials, "/b");
    assert_string_equal(load(s).fcm.credentials_name, "FCM_CREDENTIALS");
    assert_false(load(s).fcm.is_fallback);
    settings_destroy(s);
}

static void refuse(const char *variable, const char *text)
{
    struct settings *s = create();
    struct notify_settings loaded;
    struct celeriac_error err = {0};
    enum celeriac_err code = read_environment(s, variable, &err);

    if (code == CELERIAC_OK)
        code = notify_settings_load(s, &loaded, &err);
    assert_int_equal(code, CELERIAC_ERR_VALUE);
    if (strstr(err.text, text) == NULL)
        fail_msg("%s: expected \"%s\" in: %s", variable, text, err.text);
    settings_destroy(s);
}

static void test_bad_values(void **state)
{
    (void)state;
    refuse("EMAIL_PORT=smtp", "EMAIL_PORT");
    refuse("EMAIL_PORT=0", "EMAIL_PORT");
    refuse("EMAIL_PORT=65536", "EMAIL_PORT");
    refuse("DB_NAME=", "DB_NAME");
    refuse("CELERIAC_DB_CONNECTIONS=0", "CELERIAC_DB_CONNECTIONS");
    refuse("CELERIAC_DB_CONNECTIONS=33", "CELERIAC_DB_CONNECTIONS");
    refuse("CELERIAC_EMAIL_TIMEOUT=0", "CELERIAC_EMAIL_TIMEOUT");
    refuse("CELERIAC_EMAIL_TIMEOUT=3601", "CELERIAC_EMAIL_TIMEOUT");
    refuse("CELERIAC_SMTP_HOSTS=a,,b", "CELERIAC_SMTP_HOSTS: server 2");
    refuse("CELERIAC_SMTP_CONNECTIONS=4097", "CELERIAC_SMTP_CONNECTIONS");
    refuse("CELERIAC_SMTP_RATE=fast", "CELERIAC_SMTP_RATE: ");
    refuse("CELERIAC_SMTP_RATE=0", "CELERIAC_SMTP_RATE: ");
    refuse("CELERIAC_SMTP_RATE=100001", "CELERIAC_SMTP_RATE: ");
    refuse("CELERIAC_PERMANENT_FAILURES=yes", "CELERIAC_PERMANENT_FAILURES: ");
    refuse("CELERIAC_RETRY_AFTER_MAX=604801", "CELERIAC_RETRY_AFTER_MAX");
    refuse("CELERIAC_RETRY_SCHEDULE=1m", "CELERIAC_RETRY_SCHEDULE: ");
    refuse("CELERIAC_WEBHOOK_ALLOW=10.0.0.1/8", "CELERIAC_WEBHOOK_ALLOW: ");
    refuse("CELERIAC_TEMPLATE_FUEL=many", "CELERIAC_TEMPLATE_FUEL");
    refuse("CELERIAC_TEMPLATE_CACHE=1", "CELERIAC_TEMPLATE_CACHE");
}

static void test_ignored_variables(void **state)
{
    static const char environment[] = "DJANGO_SECRET_KEY=secret\n"
                                      "DEBUG=on";
    struct settings *s = create_with(environment);

    (void)state;
    (void)load(s);
    settings_destroy(s);
}

/* An exported variable wins over the file. */
static void test_dotenv(void **state)
{
    char path[SCRATCH_PATH_SIZE];
    static const char environment[] = "EMAIL_HOST=exported.example.com";
    static const char text[] = "# mail\nEMAIL_HOST=file.example.com\nexport EMAIL_PORT=25\n"
                               "DEFAULT_FROM_EMAIL='Acme <noreply@example.com>'\n";
    struct settings *s = create();
    struct notify_settings loaded;

    (void)state;
    scratch_make_file(path, text);
    assert_int_equal(settings_read_dotenv(s, path, false, NULL), CELERIAC_OK);
    assert_int_equal(read_environment(s, environment, NULL), CELERIAC_OK);
    loaded = load(s);
    assert_string_equal(loaded.email.host, "exported.example.com");
    assert_int_equal(loaded.email.port, 25);
    assert_string_equal(loaded.email.from, "Acme <noreply@example.com>");
    settings_destroy(s);
}

/* Whatever holds a password or a token says so, and is then neither printed nor logged. */
static void test_secrets_are_marked(void **state)
{
    static const char *const words[] = {"PASSWORD", "SECRET", "TOKEN", "URL", "BACKEND", "SID"};

    (void)state;
    for (const struct setting *row = notify_settings_table; row->name != NULL; row++) {
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
            if (strstr(row->env, words[i]) != NULL && !row->secret)
                fail_msg("%s is not marked as secret", row->env);
        }
    }
}

/* docs/settings.md has a line "| `NAME` | `default` | meaning |" for each row, and no other. */
static void test_manual(void **state)
{
    FILE *file = fopen(SETTINGS_MANUAL, "rb");
    static char text[65536];
    size_t len, rows = 0, described = 0;

    (void)state;
    assert_non_null(file);
    len = fread(text, 1, sizeof text - 1, file);
    assert_int_equal(fclose(file), 0);
    assert_in_range(len, 1, sizeof text - 2);
    for (const struct setting *row = notify_settings_table; row->name != NULL; row++) {
        char want[256];
        const char *value = row->default_value;
        bool plain = value != NULL && value[0] != '\0';

        rows++;
        assert_true((size_t)snprintf(want, sizeof want, "\n| `%s` | %s%s%s |", row->env,
                                     plain ? "`" : "", plain ? value : "",
                                     plain ? "`" : "") < sizeof want);
        if (strstr(text, want) == NULL)
            fail_msg("docs/settings.md lacks:%s", want);
    }
    for (const char *line = strstr(text, "## Both daemons"); line != NULL;
         line = strstr(line + 1, "\n| `"))
        described++;
    assert_int_equal(described - 1, rows);
}

static void test_hosts_as_in_django(void **state)
{
    struct case_file *file = case_file_open("notify/hosts.tsv");
    struct span columns[3];

    (void)state;
    while (case_file_next(file, columns, 3)) {
        struct notify_settings s = {.allowed_hosts = columns[0].ptr};

        if (notify_settings_host_allowed(&s, columns[1]) != span_is(columns[2], "yes"))
            fail_msg("line %zu: \"%s\" with \"%s\"", case_file_line(file), columns[1].ptr,
                     columns[0].ptr);
    }
    assert_true(case_file_line(file) > 250);
    case_file_close(file);
}

static void test_longest_host(void **state)
{
    struct notify_settings s = {.allowed_hosts = "*"};
    char host[301];

    (void)state;
    memset(host, 'x', sizeof host);
    assert_true(notify_settings_host_allowed(&s, (struct span){host, 300}));
    assert_false(notify_settings_host_allowed(&s, (struct span){host, 301}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_redis_roles),
        cmocka_unit_test(test_from),
        cmocka_unit_test(test_tls_words),
        cmocka_unit_test(test_database),
        cmocka_unit_test(test_ports_of_the_database),
        cmocka_unit_test(test_providers),
        cmocka_unit_test(test_webhooks),
        cmocka_unit_test(test_credentials_of_push),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_ignored_variables),
        cmocka_unit_test(test_dotenv),
        cmocka_unit_test(test_secrets_are_marked),
        cmocka_unit_test(test_manual),
        cmocka_unit_test(test_hosts_as_in_django),
        cmocka_unit_test(test_longest_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
