/*
 * What the task of the notification service works with: the database, the templates, the ways out.
 * In this process with threads, in each child process with `-P prefork`, which opens its own.
 */
#ifndef WORKER_MAIN_SENDING_H
#define WORKER_MAIN_SENDING_H

#include <stdbool.h>

#include "celeriac/error.h"
#include "celeriac/worker.h"
#include "notify/idle_closer.h"
#include "notify/send_task.h"
#include "notify/settings.h"
#include "notify/webhook_task.h"

/* What the worker's processes share. All zero is its beginning. */
struct worker_shared {
    struct notify_send_shared send;
    struct notify_webhook_shared webhook;
};

/* Start with all zero; its address must not change. */
struct worker_sending {
    const struct notify_settings *settings;
    struct worker_shared *shared;    /* in memory that children share */
    struct notify_send_times *times; /* in shared */
    struct store *store;
    struct notify_render *render;
    struct notify_providers *providers;
    struct notify_idle_closer *idle_closer; /* of the providers */
    struct notify_send_task task;
    struct notify_webhook_poster *poster; /* NULL: webhooks are switched off */
    struct notify_webhook_task webhook;
    void (*told)(void *user); /* of the task that sends; set by the caller, or NULL */
    void *told_user;
};

/* How many of the worker's threads deliver webhooks at most. */
struct worker_webhook_share {
    unsigned threads; /* of all tasks, or child processes; 0: one for each processor */
    bool alone;       /* no other queue is consumed */
};

/*
 * Makes what is to be there before any process is forked, the ways out among it, so that a wrong
 * setting is told at the start; and registers the task, which may run once worker_sending_begin()
 * has returned in its process; likewise the one that delivers webhooks, unless they are switched
 * off. settings are borrowed. Errors as notify_providers_create() and
 * celeriac_worker_register().
 */
enum celeriac_err worker_sending_init(struct worker_sending *sending,
                                      const struct notify_settings *settings,
                                      const struct worker_webhook_share *share,
                                      struct celeriac_worker *worker,
                                      struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Opens the database with so many connections; nothing is waited for. Errors as store_create(). */
enum celeriac_err worker_sending_open_store(struct worker_sending *sending, unsigned connections,
                                            struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Waits for the database as long as `may_wait` says, which is asked about once a second and told
 * whether it is the first time. A missing schema ends the wait with its error, may_wait with
 * CELERIAC_ERR_SHUTDOWN.
 */
enum celeriac_err worker_sending_await_store(struct worker_sending *sending,
                                             bool (*may_wait)(void *user, bool first), void *user,
                                             struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Opens the rest, once the database is there: the task may run. */
enum celeriac_err worker_sending_begin(struct worker_sending *sending,
                                       struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Closes and releases everything; tasks have ended. */
void worker_sending_close(struct worker_sending *sending);

/* The child_start and child_stop of struct celeriac_worker_options; user is the sending. */
enum celeriac_err worker_sending_child_start(void *user,
                                             struct celeriac_error *err) CELERIAC_MUST_CHECK;
void worker_sending_child_stop(void *user);

#endif
