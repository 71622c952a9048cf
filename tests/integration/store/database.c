#include "tests/integration/store/database.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/parse_num.h"
#include "base/random.h"
#include "notify/store/migrate.h"

/* Longest SQL text of a test. */
#define SQL_MAX 8192

/* Far beyond what connecting takes. */
#define READY_NS (60 * NS_PER_SEC)

/* Attempts to migrate the database of a test. */
#define SET_UP_ATTEMPTS 10

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    if (!value)
        fail_msg("%s is not set: run this through ctest, or python3 -m tests.services up", name);
    return value;
}

static void ignore_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

/* Runs one statement over a connection of its own, so that a server that was killed does not
 * matter. */
static PGresult *run(const char *server, const char *sql)
{
    PGconn *pg = PQconnectdb(variable(server));
    if (PQstatus(pg) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(pg));
    (void)PQsetNoticeProcessor(pg, ignore_notice, NULL);
    PGresult *result = PQexec(pg, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(pg));
    PQfinish(pg);
    return result;
}

static PGresult *run_format(const char *server, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static PGresult *run_format(const char *server, const char *format, va_list args)
{
    char sql[SQL_MAX];
    int len = vsnprintf(sql, sizeof sql, format, args);
    assert_in_range(len, 1, SQL_MAX - 1);
    return run(server, sql);
}

void database_run(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    PQclear(run_format("PG_LOCAL_CONNINFO", format, args));
    va_end(args);
}

void database_run_long(const char *sql)
{
    PQclear(run("PG_LOCAL_CONNINFO", sql));
}

void database_run_as_admin(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    PQclear(run_format("PG_ADMIN_CONNINFO", format, args));
    va_end(args);
}

static const char *first(PGresult *result)
{
    static char text[64 * 1024];
    if (PQntuples(result) == 0)
        (void)snprintf(text, sizeof text, "NO ROW");
    else
        (void)snprintf(text, sizeof text, "%s",
                       PQgetisnull(result, 0, 0) ? "NULL" : PQgetvalue(result, 0, 0));
    PQclear(result);
    return text;
}

int64_t database_number(const char *format, ...)
{
    va_list args;
    int64_t n = 0;
    va_start(args, format);
    const char *text = first(run_format("PG_LOCAL_CONNINFO", format, args));
    va_end(args);
    if (parse_int64(span_of(text), INT64_MIN, INT64_MAX, &n) != CELERIAC_OK)
        fail_msg("%s: not a number: %s", format, text);
    return n;
}

const char *database_text(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = first(run_format("PG_LOCAL_CONNINFO", format, args));
    va_end(args);
    return text;
}

void database_tell(const char *verb)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char line[64];
    char answer[256];
    int len = snprintf(line, sizeof line, "%s postgres\n", verb);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", variable("SERVICES_CONTROL"));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(write(fd, line, (size_t)len), len);
    ssize_t got = read(fd, answer, sizeof answer - 1);
    assert_true(got > 0);
    answer[got] = '\0';
    close(fd);
    if (strcmp(answer, "ok\n") != 0)
        fail_msg("%s: %s", line, answer);
}

struct store_server database_server(void)
{
    static const char *const keywords[] = {"dbname", NULL};
    /* Tests ask on several threads. */
    static _Thread_local const char *values[] = {NULL, NULL};
    values[0] = variable("PG_CONNINFO");
    return (struct store_server){keywords, values};
}

void database_clear(void)
{
    database_run("DROP SCHEMA IF EXISTS celeriac CASCADE;"
                 "DROP TABLE IF EXISTS public.dead_letters, public.notifications, public.templates,"
                 " public.api_keys, public.business_tenants CASCADE");
}

int database_set_up(void **state)
{
    struct celeriac_error err = {0};
    struct store_server server = database_server();
    enum celeriac_err rc = CELERIAC_ERR_UNAVAILABLE;
    (void)state;
    database_clear();
    /* A machine that is busy with other tests may take longer than our 3 s to let us in. */
    for (int i = 0; i < SET_UP_ATTEMPTS && rc == CELERIAC_ERR_UNAVAILABLE; i++) {
        celeriac_error_clear(&err);
        rc = store_migrate(&server, NULL, &err);
    }
    if (rc != CELERIAC_OK)
        fail_msg("%s", err.text);
    return 0;
}

struct store *database_store(const struct store_options *options)
{
    struct celeriac_error err = {0};
    struct store_options with = {0};
    struct store *s = NULL;
    if (options)
        with = *options;
    with.server = database_server();
    if (store_create(&with, &s, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    if (store_wait_ready(s, READY_NS, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    return s;
}

void database_await_reason(struct store *s, const char *words, struct celeriac_error *err)
{
    /* The first attempt may have failed for another reason, or be under way. */
    for (int i = 0; i < 200; i++) {
        celeriac_error_clear(err);
        assert_int_equal(store_wait_ready(s, 100 * NS_PER_MS, err), CELERIAC_ERR_UNAVAILABLE);
        if (strstr(err->text, words))
            return;
    }
    fail_msg("%s", err->text);
}

struct store *database_sender(const struct store_options *options, struct uuid *sender)
{
    struct celeriac_error err = {0};
    struct uuid made = database_uuid();
    struct store *s = database_store(options);
    if (store_start_sender(s, &made, clock_monotonic_ns() + READY_NS, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    if (sender)
        *sender = made;
    return s;
}

struct uuid database_uuid(void)
{
    uint8_t random[16];
    struct uuid u;
    random_bytes(random, sizeof random);
    uuid_from_random(random, &u);
    return u;
}

const char *database_show(const struct uuid *u)
{
    static char texts[8][UUID_SIZE];
    static unsigned next;
    char *text = texts[next++ % 8];
    uuid_format(u, text);
    return text;
}

struct uuid database_tenant(void)
{
    struct uuid tenant = database_uuid();
    const char *text = database_show(&tenant);
    database_run("INSERT INTO business_tenants VALUES"
                 " ('%s', 'Acme', '%s@example.com', true, now(), now())",
                 text, text);
    return tenant;
}

struct uuid database_notification(const struct uuid *tenant, const char *status,
                                  int64_t template_id)
{
    struct uuid id = database_uuid();
    database_run("INSERT INTO notifications (id, channel, \"to\", data, status, provider_response,"
                 " created_at, updated_at, tenant_id, template_id) VALUES"
                 " ('%s', 'email', 'user@example.com', '{\"template_data\": {}}', '%s', '{}',"
                 " now(), now(), '%s', nullif(%lld, 0))",
                 database_show(&id), status, database_show(tenant), (long long)template_id);
    return id;
}

void database_notifications(const struct uuid *tenant, int64_t template_id, struct uuid *ids,
                            size_t count)
{
    char sql[SQL_MAX];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO notifications SELECT gen_random_uuid(), 'email',"
                   " 'user@example.com', '{\"template_data\": {}}', 'pending', '{}', NULL, now(),"
                   " now(), NULL, '%s', nullif(%lld, 0) FROM generate_series(1, %zu) RETURNING id",
                   database_show(tenant), (long long)template_id, count);
    PGresult *result = run("PG_LOCAL_CONNINFO", sql);
    assert_int_equal(PQntuples(result), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(uuid_parse(span_of(PQgetvalue(result, (int)i, 0)), &ids[i]), CELERIAC_OK);
    PQclear(result);
}

int64_t database_template(const struct uuid *tenant, const char *name, const char *body)
{
    return database_number("INSERT INTO templates (name, channel, subject, body, variables,"
                           " is_active, created_at, updated_at, tenant_id) VALUES"
                           " ('%s', 'email', 'Subject', '%s', '{}', true, now(), now(), '%s')"
                           " RETURNING id",
                           name, body, database_show(tenant));
}

struct pair {
    struct store *store;
    struct store_call *call;
    enum celeriac_err rc;
};

static void *run_call(void *context)
{
    struct pair *pair = context;
    pair->rc = store_run(pair->store, pair->call);
    return NULL;
}

void database_race(struct store *first_store, struct store_call *first_call,
                   struct store *second_store, struct store_call *second_call,
                   enum celeriac_err rcs[2])
{
    struct pair pairs[2] = {{first_store, first_call, CELERIAC_OK},
                            {second_store, second_call, CELERIAC_OK}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_call, &pairs[i]), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        rcs[i] = pairs[i].rc;
    }
}

void database_sleep_ms(int64_t ms)
{
    struct timespec wait = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&wait, &wait) != 0)
        ;
}
