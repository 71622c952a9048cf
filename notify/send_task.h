/*
 * The task notifications.tasks.send_notification_task: load a notification, render it, send it,
 * record the outcome. Every outcome of the Python task, with its weaknesses mended: trouble with
 * the database holds the task and spends no retry, and a second delivery while the first one works
 * waits for it.
 */
#ifndef NOTIFY_SEND_TASK_H
#define NOTIFY_SEND_TASK_H

#include "base/histogram.h"
#include "celeriac/error.h"
#include "celeriac/task.h"
#include "notify/providers/provider_table.h"
#include "notify/render.h"
#include "notify/rules/retry_plan.h"
#include "notify/store/store.h"

/* The name under which Django's API and ours send it. */
#define NOTIFY_SEND_TASK_NAME "notifications.tasks.send_notification_task"

/* The longest pause between attempts in seconds (retry_backoff_max). */
#define NOTIFY_SEND_BACKOFF_MAX 900

/* How long its steps take. Any thread. */
struct notify_send_times {
    struct histogram database; /* loading and claiming a notification: one call */
    struct histogram provider; /* one delivery, well or badly: SMTP */
};

/* What all processes of a worker write to. All zero is its beginning. */
struct notify_send_shared {
    struct notify_send_times times;
    struct notify_pace smtp_pace; /* of the mails of all together */
};

/* What the task works with. Borrowed; all of it is safe for any number of threads. */
struct notify_send_task {
    struct store *store; /* with a started sender, see store_start_sender() */
    struct notify_render *render;
    struct notify_providers *providers;
    struct notify_send_times *times;  /* NULL: nobody wants to know */
    struct notify_retry_plan retries; /* all zero: as in Python */
    /* Called when what was recorded has made messages for webhooks; must not block. NULL: nobody.
     */
    void (*told)(void *user);
    void *told_user;
};

/* The options to register it with, for which its retries are set; task outlives the worker. */
struct celeriac_task_options notify_send_task_options(struct notify_send_task *task);

#endif
