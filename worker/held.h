/*
 * The requests that exist, so that what the server says we hold can be compared with what we do
 * hold: a server that was failed over or restarted may have forgotten acknowledgements. Any thread.
 */
#ifndef WORKER_HELD_H
#define WORKER_HELD_H

#include <stddef.h>
#include <stdint.h>

#include "base/hashmap.h"
#include "celeriac/error.h"

struct cel_claimer;
struct cel_held;
struct cel_request;
struct cel_schedule;

/* What the list keeps inside a request; zero at first, touched by held.c only. */
struct cel_held_node {
    struct cel_held *held; /* NULL: not in a list */
    struct cel_request *prev, *next;
};

/* Makes an empty list. CELERIAC_ERR_MEMORY. */
enum celeriac_err cel_held_create(struct cel_held **held) CELERIAC_MUST_CHECK;

/* Releases a list that holds no request any more; held may be NULL. */
void cel_held_destroy(struct cel_held *held);

/* Adds a request, which is in no list yet. */
void cel_held_add(struct cel_held *held, struct cel_request *request);

/* Takes a request out of its list; one that is in none is left alone. */
void cel_held_remove(struct cel_request *request);

/* Adds the tags of all requests to a set; the values mean nothing. CELERIAC_ERR_MEMORY. */
enum celeriac_err cel_held_tags(struct cel_held *held, struct hashmap *tags) CELERIAC_MUST_CHECK;

/*
 * When a comparison with the server is due: puts back what it says we hold and neither a request
 * nor the schedule is about; *restored counts. Consumer thread, right after a successful
 * cel_claim(). Errors as cel_claim_reconcile().
 */
enum celeriac_err cel_held_reconcile(struct cel_held *held, struct cel_schedule *schedule,
                                     struct cel_claimer *claimer, int64_t now_ns, size_t *restored,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
