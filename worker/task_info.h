/*
 * A request as remote control shows it (celery/worker/request.py Request.info). Any thread.
 */
#ifndef WORKER_TASK_INFO_H
#define WORKER_TASK_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json_writer.h"
#include "base/span.h"
#include "celery_proto/codec/task_message.h"

/* What the message does not say. */
struct cel_task_info {
    struct span hostname; /* of this node */
    struct span queue;    /* where the message came from */
    int64_t started_us;   /* wall time; 0: not started */
    int64_t pid;          /* of who runs it; 0: nobody yet */
    bool acknowledged;
    bool safe; /* show arguments as text, cut, not as JSON */
};

/* Writes the object. */
void cel_task_info_write(struct json_writer *w, const struct cel_task_message *message,
                         const struct cel_task_info *info);

#endif
