/*
 * Looking at queues from outside: lengths and purging. Uses a connection of the caller. One thread
 * at a time.
 */
#ifndef CEL_REDIS_QUEUE_INFO_H
#define CEL_REDIS_QUEUE_INFO_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "celery_proto/redis/conn.h"

struct cel_keys;

/*
 * Messages waiting in a queue, all priority lists added up, and how many messages are taken and not
 * acknowledged, of all queues; both at one moment.
 */
enum celeriac_err cel_queue_backlog(struct cel_conn *conn, const struct cel_keys *keys,
                                    struct span queue, uint64_t *waiting, uint64_t *unacked,
                                    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Deletes all waiting messages of the queues; *purged gets how many there were. */
enum celeriac_err cel_queue_purge(struct cel_conn *conn, const struct cel_keys *keys,
                                  const struct span *queues, size_t count, uint64_t *purged,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
