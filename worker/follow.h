/*
 * Carrying out what ended tasks set off: sizes and structures of chords that are sent, parts of
 * chords that are returned, and the bodies of those that are complete. A request that completes a
 * chord whose results are not all there yet waits for them, unacknowledged, and nothing else with
 * it. Part of the settler's thread.
 */
#ifndef WORKER_FOLLOW_H
#define WORKER_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "celeriac/error.h"
#include "celery_proto/redis/chord.h"
#include "celery_proto/redis/finish.h"
#include "worker/follow_items.h"
#include "worker/request.h"
#include "worker/runtime.h"

/* What the settler lends. */
struct cel_follow_host {
    void *context;
    /* Writes items until they are through; false when the worker stops first. */
    bool (*write)(void *context, struct cel_finish_item *items, size_t count);
    /* Whether a repeat may still be tried. */
    bool (*may_go_on)(void *context);
    int stop_fd; /* ends pauses */
};

struct cel_follow;

/*
 * Makes it; options.results.conn.url NULL: no result backend, and so no chords. conn and keys reach
 * the broker. CELERIAC_ERR_VALUE or _MEMORY.
 */
enum celeriac_err cel_follow_create(struct cel_runtime *runtime,
                                    const struct cel_chord_options *options,
                                    const struct cel_conn_options *broker,
                                    const struct cel_keys *broker_keys,
                                    const struct cel_follow_host *host, struct cel_follow **follow,
                                    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* follow may be NULL. */
void cel_follow_destroy(struct cel_follow *follow);

/*
 * Does for ended requests what must be done before their messages are acknowledged: stores the
 * results of those that belong to chords, returns their parts, sends the bodies of chords that they
 * complete, writes the sizes of chords that they start. Afterwards a request whose chord_waits is
 * not 0 must not be acknowledged yet. False when the worker stops first.
 */
bool cel_follow_before(struct cel_follow *follow, struct cel_request *const *requests,
                       size_t count);

/*
 * Looks for results that chords wait for, where a look is due, and ends the chords that have all;
 * requests whose chord_waits has become 0 may be acknowledged. *next_ns: when it is to be called
 * again, monotonic; -1: nothing waits. False when the worker stops first.
 */
bool cel_follow_look(struct cel_follow *follow, int64_t *next_ns);

#endif
