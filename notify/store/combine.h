/*
 * The heart of the store: calls wait in one queue for each kind until a connection is free, which
 * then takes all of the kind whose oldest call is the oldest of all. Everything here is under one
 * lock, held for moments; callbacks are called without it.
 */
#ifndef NOTIFY_STORE_COMBINE_H
#define NOTIFY_STORE_COMBINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notify/store/batch.h"
#include "notify/store/conn.h"
#include "notify/store/kind.h"
#include "notify/store/login.h"
#include "notify/store/queue.h"
#include "notify/store/store.h"
#include "notify/store/touch.h"

/* Most bytes of requests in one statement, unless a single one is larger. */
#define STORE_BATCH_BYTES_MAX ((size_t)4 * 1024 * 1024)

/* Most calls of a kind that is not combined in one round trip. */
#define STORE_PIPELINE_MAX 16

/* A call that was sent so often without an outcome is sent alone: it may be what kills the server.
 */
#define STORE_SUSPECT_ATTEMPTS 3

/* Waits before repeating: the first, and the longest. */
#define STORE_BACKOFF_MIN_NS (INT64_C(50) * 1000000)
#define STORE_BACKOFF_MAX_NS (INT64_C(1000) * 1000000)

/* A thread with its connection (executor.c). */
struct store_thread {
    struct store *store;
    pthread_t id;
    unsigned number;             /* from 1; owner of calls held for it */
    struct store_conn *conn;     /* NULL: not connected */
    struct store_backend former; /* of the connection that was lost */
    unsigned failures;           /* since the last success */
    struct store_params params;
    struct store_batch batch;
};

/* A call of the store's own that repeats (keeper.c). */
struct store_chore {
    struct store *store;
    bool runs; /* submitted and not complete */
    int64_t due_ns;
};

struct store {
    /* Fixed after store_create(). */
    struct store_login *login;
    unsigned thread_count;
    unsigned batch_max;
    unsigned waiting_max;
    int64_t timeout_ns;

    pthread_mutex_t lock;  /* guards all below */
    pthread_cond_t work;   /* calls wait, or the store stops */
    pthread_cond_t keeper; /* the keeper's next time is earlier than it thinks */
    pthread_cond_t change; /* connections, chores: what store_wait_ready() and store_stop() watch */
    struct store_queue queues[STORE_KIND_COUNT];
    struct store_queue held;
    uint64_t last_order;
    unsigned idle_threads;
    unsigned slow_running;
    bool closing;  /* no more calls from outside */
    bool stopping; /* threads end */
    bool stopped;  /* store_stop() has begun */
    struct store_context context;
    bool has_sender;
    struct celeriac_error trouble; /* why the last connection could not be had */
    struct store_stats stats;

    int64_t keeper_next_ns;
    pthread_t keeper_thread;
    bool keeper_started;
    struct store_call beat;
    struct store_chore beat_chore;
    bool has_beaten; /* a sign of life is stored */
    struct store_call sweep;
    struct store_chore sweep_chore;
    struct store_touches *touches;
    struct store_touch_keys touch;
    struct store_chore touch_chore;

    unsigned threads_started;
    struct store_thread threads[];
};

/* Starts a sign of life unless one is on its way. With the lock held. */
void store_beat_now(struct store *s);

/* Puts a call of the store's own into its queue, closing or not. With the lock held. */
void store_push(struct store *s, struct store_call *call);

/* Makes the keeper look at the clock at that time. With the lock held. */
void store_wake_keeper_at(struct store *s, int64_t when_ns);

/*
 * Waits for work and takes a batch of it. False when the store stops. On the thread that will run
 * it.
 */
bool store_next_batch(struct store *s, struct store_batch *batch)
    __attribute__((warn_unused_result));

/*
 * Deals with a batch after its run: completes what is done, holds or queues again what is not.
 * `number` is the thread's, for calls that must wait until it has ended its lost session.
 */
void store_finish_batch(struct store *s, const struct store_batch *batch,
                        const struct store_run *run, unsigned number);

/* Queues again what was held for a thread. With the lock held. */
void store_release_held(struct store *s, unsigned number);

/* Completes calls that were taken out of the store, with a code unless it is CELERIAC_OK. */
void store_complete(struct store *s, struct store_queue *calls, enum celeriac_err code);

/* The n-th wait (from 0): doubling from the first to the longest, and a quarter more or less. */
int64_t store_backoff_ns(unsigned n);

/* The keeper's thread (keeper.c) and the connections' (executor.c); arguments: store, store_thread.
 */
void *store_keeper_main(void *store);
void *store_executor_main(void *thread);

#endif
