/*
 * What PostgreSQL and the store can do with notifications: threads that begin and end sends, as a
 * worker's tasks do without the mail in between, or that accept notifications as the API does.
 *
 *     python3 -m tests.services up postgres -- build/release/bench/store_bench send 20000 64 2
 *
 * Arguments: send or accept, notifications, threads, connections. The database in PG_CONNINFO is
 * migrated and filled by the program. PostgreSQL's CPU time is that of all its processes, which
 * must run on this machine.
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse_num.h"
#include "base/random.h"
#include "notify/store/insert.h"
#include "notify/store/migrate.h"
#include "notify/store/notifications.h"
#include "notify/store/outbox.h"
#include "notify/store/sends.h"
#include "notify/store/store.h"

#define THREADS_MAX 1024

static struct store *store;
static struct uuid tenant;
static struct uuid *ids;
static size_t id_count;
static atomic_size_t next_id;
static atomic_size_t failures;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "store_bench: %s: %s\n", what, why);
    exit(1);
}

static PGconn *connect_sql(void)
{
    PGconn *pg = PQconnectdb(getenv("PG_CONNINFO"));
    if (PQstatus(pg) != CONNECTION_OK)
        die("connect", PQerrorMessage(pg));
    return pg;
}

static PGresult *run_sql(PGconn *pg, const char *sql)
{
    PGresult *result = PQexec(pg, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        die(sql, PQerrorMessage(pg));
    return result;
}

/* A tenant with one template and `count` pending notifications, half of them with the template. */
static void fill(PGconn *pg, size_t count)
{
    char sql[1024];
    PQclear(run_sql(pg, "INSERT INTO business_tenants VALUES (gen_random_uuid(), 'Acme',"
                        " gen_random_uuid() || '@example.com', true, now(), now())"));
    PQclear(run_sql(pg, "INSERT INTO templates (name, channel, subject, body, variables, is_active,"
                        " created_at, updated_at, tenant_id) SELECT 'bench', 'email', 'Hi',"
                        " repeat('Hello {{ name }}, ', 100), '{}', true, now(), now(), tenant_id"
                        " FROM business_tenants ON CONFLICT DO NOTHING"));
    snprintf(sql, sizeof sql,
             "INSERT INTO notifications SELECT gen_random_uuid(), 'email', 'user@example.com',"
             " '{\"template_data\": {\"name\": \"John\"}, \"inline_body\": null}', 'pending',"
             " '{}', NULL, clock_timestamp(), clock_timestamp(), NULL, t.tenant_id,"
             " CASE WHEN n %% 2 = 0 THEN t.id END"
             " FROM generate_series(1, %zu) n, (SELECT * FROM templates LIMIT 1) t",
             count);
    PQclear(run_sql(pg, sql));
}

static void read_ids(PGconn *pg)
{
    PGresult *result = run_sql(pg, "SELECT id FROM notifications WHERE status = 'pending'"
                                   " ORDER BY created_at");
    id_count = (size_t)PQntuples(result);
    ids = calloc(id_count + 1, sizeof *ids);
    for (size_t i = 0; ids && i < id_count; i++) {
        if (uuid_parse(span_of(PQgetvalue(result, (int)i, 0)), &ids[i]) != CELERIAC_OK)
            die("id", "not a UUID");
    }
    PQclear(result);
    result = run_sql(pg, "SELECT tenant_id FROM templates LIMIT 1");
    if (uuid_parse(span_of(PQgetvalue(result, 0, 0)), &tenant) != CELERIAC_OK)
        die("tenant", "not a UUID");
    PQclear(result);
}

/* The fields before the CPU times in a process' stat, counted from behind its name: proc(5). */
#define STAT_FIELDS_BEFORE 11

/* CPU seconds of one process. */
static double process_cpu(const char *pid)
{
    char path[64];
    char line[1024] = "";
    int64_t sum = 0;
    (void)snprintf(path, sizeof path, "/proc/%s/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    const char *name_end = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    fclose(file);
    if (!name_end)
        return 0;
    struct span rest = span_of(name_end);
    struct span field;
    (void)span_cut(rest, ' ', &field, &rest);
    for (int i = 0; i < STAT_FIELDS_BEFORE + 2; i++) {
        int64_t ticks = 0;
        (void)span_cut(rest, ' ', &field, &rest);
        if (i >= STAT_FIELDS_BEFORE && parse_int64(field, 0, INT64_MAX / 4, &ticks) == CELERIAC_OK)
            sum += ticks;
    }
    return (double)sum / (double)sysconf(_SC_CLK_TCK);
}

static double server_cpu(PGconn *pg)
{
    double sum = 0;
    PGresult *result =
        run_sql(pg, "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()");
    for (int i = 0; i < PQntuples(result); i++)
        sum += process_cpu(PQgetvalue(result, i, 0));
    PQclear(result);
    return sum;
}

static double own_cpu(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void *send_some(void *unused)
{
    size_t i;
    (void)unused;
    while ((i = atomic_fetch_add(&next_id, 1)) < id_count) {
        struct store_begin_send begin;
        if (store_begin_send(store, &ids[i], &begin) != CELERIAC_OK ||
            begin.state != STORE_SEND_READY ||
            store_mark_sent(store, &ids[i], clock_wall_us(),
                            SPAN("{\"provider\": \"email\", \"status\": \"sent\", \"message_id\":"
                                 " null, \"detail\": \"Sent to 1 recipient\"}"),
                            NULL) != CELERIAC_OK)
            atomic_fetch_add(&failures, 1);
        store_call_release(&begin.call);
    }
    return NULL;
}

static struct uuid random_uuid(void)
{
    uint8_t random[16];
    struct uuid u;
    random_bytes(random, sizeof random);
    uuid_from_random(random, &u);
    return u;
}

static void *accept_some(void *unused)
{
    (void)unused;
    while (atomic_fetch_add(&next_id, 1) < id_count) {
        struct store_insert_notification in;
        struct store_delete_outbox del;
        store_insert_notification_init(&in);
        in.row.id = random_uuid();
        in.row.task_id = random_uuid();
        in.tenant_id = tenant;
        in.row.created_at_us = clock_wall_us();
        in.row.channel = SPAN("email");
        in.row.to = SPAN("user@example.com");
        in.row.data = SPAN("{\"template_data\": {\"name\": \"John\"}, \"inline_body\": \"Hi\"}");
        if (store_run(store, &in.call) != CELERIAC_OK)
            atomic_fetch_add(&failures, 1);
        store_delete_outbox_init(&del, &in.row.id, &in.row.task_id);
        if (store_run(store, &del.call) != CELERIAC_OK)
            atomic_fetch_add(&failures, 1);
        store_call_release(&in.call);
        store_call_release(&del.call);
    }
    return NULL;
}

static void open_store(unsigned connections)
{
    static const char *const keywords[] = {"dbname", NULL};
    const char *values[] = {getenv("PG_CONNINFO"), NULL};
    struct store_options options = {.server = {keywords, values}, .connections = connections};
    struct celeriac_error err = {0};
    struct uuid sender = random_uuid();
    if (store_migrate(&options.server, NULL, &err) != CELERIAC_OK ||
        store_create(&options, &store, &err) != CELERIAC_OK ||
        store_start_sender(store, &sender, 0, &err) != CELERIAC_OK)
        die("store", err.text);
}

static void run_threads(void *(*work)(void *), size_t count)
{
    static pthread_t threads[THREADS_MAX];
    for (size_t i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            die("thread", "cannot be started");
    }
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
    if (argc != 5 || !getenv("PG_CONNINFO"))
        die("usage", "PG_CONNINFO=... store_bench send|accept NOTIFICATIONS THREADS CONNECTIONS");
    bool sends = strcmp(argv[1], "send") == 0;
    size_t count = strtoul(argv[2], NULL, 10);
    size_t threads = strtoul(argv[3], NULL, 10);
    if (threads < 1 || threads > THREADS_MAX)
        die("threads", "1 to 1024");
    open_store((unsigned)strtoul(argv[4], NULL, 10));
    PGconn *pg = connect_sql();
    fill(pg, sends ? count : 1);
    read_ids(pg);
    id_count = count;

    struct store_stats before;
    struct store_stats after;
    store_get_stats(store, &before);
    double server = server_cpu(pg);
    double own = own_cpu();
    int64_t start = clock_monotonic_ns();
    run_threads(sends ? send_some : accept_some, threads);
    double seconds = (double)(clock_monotonic_ns() - start) / 1e9;
    store_get_stats(store, &after);
    server = server_cpu(pg) - server;
    own = own_cpu() - own;
    printf("%s: %.0f/s, PostgreSQL %.3f CPU-ms each, own %.3f CPU-ms each, %.1f calls a statement, "
           "%zu failed\n",
           argv[1], (double)count / seconds, server * 1e3 / (double)count,
           own * 1e3 / (double)count,
           (double)(after.calls - before.calls) / (double)(after.statements - before.statements),
           atomic_load(&failures));
    PQfinish(pg);
    store_destroy(store);
    free(ids);
    return atomic_load(&failures) != 0;
}
