/*
 * The store: everything that Celeriac keeps in PostgreSQL, and the only code that speaks SQL.
 *
 * Calls of many threads are combined. A store has a few connections, each with a thread of its own
 * that takes all waiting calls of one kind and runs them as one prepared statement, so one commit
 * serves many notifications. Under load the batches grow by themselves; when idle a batch is one
 * call and nothing waits for a timer. See call.h for how calls are made; the kinds of call are in
 * sends.h, insert.h, notifications.h, outbox.h, templates.h, template_versions.h, tenants.h,
 * api_keys.h, dead_letters.h and history.h.
 *
 * While the database is away, restarting or refusing for a reason of its own, calls are held and
 * tried again until their deadline. Every write can be repeated without harm, so a retry after a
 * commit of unknown outcome changes nothing. A batch that the server refuses for its data is
 * repeated row by row, so that one bad row fails alone.
 */
#ifndef NOTIFY_STORE_STORE_H
#define NOTIFY_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "celeriac/error.h"
#include "notify/store/server.h"

struct store;

/* Most connections of one store: PostgreSQL allows 100 in all by default. */
#define STORE_CONNECTIONS_MAX 32

/* Most calls in one statement; beyond some hundreds a batch only gets slower to answer. */
#define STORE_BATCH_MAX 4096

/* Most calls that may wait at once; 1 MiB of pointers, and minutes of work: more is refused. */
#define STORE_WAITING_MAX 65536

/* How to make a store; all zero but for the server means the defaults. */
struct store_options {
    struct store_server server;   /* copied */
    const char *application_name; /* shown in pg_stat_activity; NULL: "celeriac"; copied */
    unsigned connections;         /* 0: 2; at most STORE_CONNECTIONS_MAX */
    unsigned batch;               /* most calls in one statement; 0: 256; at most STORE_BATCH_MAX */
    unsigned waiting;             /* most calls waiting; 0: STORE_WAITING_MAX, and at most that */
    int64_t statement_timeout_ns; /* silent for so long, a server is dead; 0: 5 s; at least 2 s */
};

/*
 * Makes a store and starts its threads, which connect in the background: a database that is
 * away is no error here. CELERIAC_ERR_VALUE names a bad option or what libpq dislikes in a
 * connection string (without quoting it); CELERIAC_ERR_MEMORY, CELERIAC_ERR_SYSTEM. The caller
 * destroys it.
 */
enum celeriac_err store_create(const struct store_options *options, struct store **s,
                               struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Waits until a connection is up and the schema is there. CELERIAC_ERR_UNAVAILABLE when timeout_ns
 * passed first; the text is the last reason (server unreachable, login refused, ...).
 * CELERIAC_ERR_UNSUPPORTED at once when the database was not migrated; the text names the command
 * to run. The store goes on trying in both cases. Any thread.
 */
enum celeriac_err store_wait_ready(struct store *s, int64_t timeout_ns,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Ends the store's work: batches that are running are finished, waiting and later calls fail with
 * CELERIAC_ERR_SHUTDOWN. Returns when no callback will be called any more and, if a sender was
 * started, its claims are gone: at once as a rule, within statement_timeout_ns when the server is
 * silent. Repeating it does nothing. Not from a callback.
 */
void store_stop(struct store *s);

/* Stops the store if need be, closes the connections and releases everything; s may be NULL. */
void store_destroy(struct store *s);

/*
 * Declares this process a living sender and keeps saying so once a second; see sends.h. Waits until
 * the first sign of life is stored, at most until deadline_ns (CLOCK_MONOTONIC; 0: until the store
 * stops). Needed before the first call of sends.h; once per store. CELERIAC_ERR_TIMEOUT,
 * CELERIAC_ERR_SHUTDOWN, CELERIAC_ERR_EXISTS when it was called before.
 */
enum celeriac_err store_start_sender(struct store *s, const struct uuid *sender,
                                     int64_t deadline_ns,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* What the store did since it was made. */
struct store_stats {
    uint64_t calls;      /* completed, well or badly */
    uint64_t failed;     /* of these with an error */
    uint64_t statements; /* sent and answered: calls / statements is the mean size of a batch */
    uint64_t split;      /* batches repeated row by row */
    uint64_t held;       /* times a call was put back because of the infrastructure */
    uint64_t connects;   /* connections established */
    uint64_t waiting;    /* calls in the store now, running ones included */
    unsigned connected;  /* connections that are up now */
};

/* A consistent copy of the counters. Any thread. */
void store_get_stats(struct store *s, struct store_stats *stats);

#endif
