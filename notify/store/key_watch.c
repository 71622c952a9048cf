#include "notify/store/key_watch.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"
#include "notify/store/combine.h"
#include "notify/store/login.h"
#include "notify/store/sql.h"

/* How long an answer may take before the server counts as silent. */
#define ANSWER_NS (3 * NS_PER_SEC)

/* Keys switched off in one go, as text for the statement; more follow at the next look. */
#define SWEEP_ROWS "1000"

struct store_key_watch {
    struct store_login *login;
    void (*changed)(void *context);
    void (*watching)(void *context, bool is_watching);
    void *context;
    int64_t sweep_ns;
    int wake; /* eventfd, to end */
    atomic_bool stopping;
    pthread_t thread;
    bool started;

    /* The thread's. */
    PGconn *pg;
    char probe[UUID_SIZE];
    bool heard_probe;
    bool is_watching;
};

static void say(struct store_key_watch *w, bool is_watching)
{
    if (is_watching == w->is_watching)
        return;
    w->is_watching = is_watching;
    if (w->watching)
        w->watching(w->context, is_watching);
}

/* Takes what has arrived; false when the connection is lost. */
static bool hear(struct store_key_watch *w)
{
    PGnotify *message;

    if (!PQconsumeInput(w->pg))
        return false;
    while ((message = PQnotifies(w->pg))) {
        if (strcmp(message->extra, w->probe) == 0)
            w->heard_probe = true;
        else if (message->extra[0] == '\0' && w->changed)
            w->changed(w->context);
        PQfreemem(message);
    }
    return true;
}

/* Waits for the server or the end, and hears; false when the connection is lost or it is the end.
 */
static bool listen_until(struct store_key_watch *w, int64_t until_ns)
{
    struct pollfd fds[2] = {{.fd = PQsocket(w->pg), .events = POLLIN},
                            {.fd = w->wake, .events = POLLIN}};

    (void)poll(fds, 2, clock_poll_ms(clock_monotonic_ns(), until_ns));
    return !atomic_load(&w->stopping) && hear(w);
}

/* Runs one statement with at most one parameter; false when it failed or the answer did not come.
 */
static bool run(struct store_key_watch *w, const char *sql, const char *value)
{
    int64_t until_ns = clock_monotonic_ns() + ANSWER_NS;
    bool good = true;
    PGresult *result;

    if (!PQsendQueryParams(w->pg, sql, value ? 1 : 0, NULL, &value, NULL, NULL, 0))
        return false;
    for (;;) {
        while (PQisBusy(w->pg)) {
            if (clock_monotonic_ns() >= until_ns || !listen_until(w, until_ns))
                return false;
        }
        result = PQgetResult(w->pg);
        if (!result)
            return good;
        good = good && (PQresultStatus(result) == PGRES_COMMAND_OK ||
                        PQresultStatus(result) == PGRES_TUPLES_OK);
        PQclear(result);
    }
}

/* Listens, and makes sure of it. */
static bool start_listening(struct store_key_watch *w)
{
    int64_t until_ns;

    w->heard_probe = false;
    uuid_new(w->probe);
    if (!run(w, store_sql_listen_keys, NULL) || !run(w, store_sql_probe_keys, w->probe))
        return false;
    until_ns = clock_monotonic_ns() + ANSWER_NS;
    while (!w->heard_probe) {
        if (clock_monotonic_ns() >= until_ns || !listen_until(w, until_ns))
            return false;
    }
    return true;
}

/* Listens and looks until the connection is lost or it is the end. */
static void attend(struct store_key_watch *w)
{
    int64_t sweep_ns = clock_monotonic_ns();

    while (!atomic_load(&w->stopping)) {
        if (clock_monotonic_ns() >= sweep_ns) {
            if (!run(w, store_sql_sweep_keys, SWEEP_ROWS))
                return;
            sweep_ns = clock_monotonic_ns() + w->sweep_ns;
        }
        if (!listen_until(w, sweep_ns))
            return;
    }
}

static void ignore_notice(void *context, const PGresult *notice)
{
    (void)context;
    (void)notice;
}

/* One connection, from its beginning to its end; whether it was of use. */
static bool connect_once(struct store_key_watch *w)
{
    bool was_watching;

    if (store_login_connect(w->login, &w->pg, NULL) != CELERIAC_OK)
        return false;
    (void)PQsetNoticeReceiver(w->pg, ignore_notice, NULL);
    if (start_listening(w)) {
        say(w, true);
        attend(w);
    }
    was_watching = w->is_watching;
    say(w, false);
    PQfinish(w->pg);
    w->pg = NULL;
    return was_watching;
}

static void *watch_keys(void *context)
{
    struct store_key_watch *w = context;
    unsigned failures = 0;
    bool reported = false;

    while (!atomic_load(&w->stopping)) {
        struct pollfd end = {.fd = w->wake, .events = POLLIN};

        failures = connect_once(w) ? 0 : failures + 1;
        if (atomic_load(&w->stopping))
            break;
        if (failures > 1 && !reported)
            log_warning("store", "changes of keys are not heard; nothing is remembered of keys");
        reported = failures > 1;
        (void)poll(&end, 1, (int)(store_backoff_ns(failures) / NS_PER_MS));
    }
    return NULL;
}

enum celeriac_err store_key_watch_create(const struct store_key_watch_options *options,
                                         struct store_key_watch **watch, struct celeriac_error *err)
{
    struct store_key_watch *w = mem_calloc(1, sizeof *w);
    unsigned sweep_ms = options->sweep_ms ? options->sweep_ms : STORE_KEY_SWEEP_MS;
    enum celeriac_err rc;

    if (!w)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for the watch over keys");
    w->changed = options->changed;
    w->watching = options->watching;
    w->context = options->context;
    w->sweep_ns = (int64_t)sweep_ms * NS_PER_MS;
    atomic_init(&w->stopping, false);
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    rc = w->wake < 0 ? celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot make an eventfd")
                     : store_login_create(&options->server, "celeriac-keys", &w->login, err);
    if (rc == CELERIAC_OK) {
        w->started = pthread_create(&w->thread, NULL, watch_keys, w) == 0;
        if (!w->started)
            rc = celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot start a thread");
    }
    if (rc != CELERIAC_OK) {
        store_key_watch_destroy(w);
        return rc;
    }
    *watch = w;
    return CELERIAC_OK;
}

void store_key_watch_destroy(struct store_key_watch *w)
{
    const uint64_t one = 1;

    if (!w)
        return;
    atomic_store(&w->stopping, true);
    if (w->started) {
        (void)!write(w->wake, &one, sizeof one);
        pthread_join(w->thread, NULL);
    }
    if (w->wake >= 0)
        close(w->wake);
    store_login_destroy(w->login);
    mem_free(w);
}
