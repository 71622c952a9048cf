/*
 * What becomes of a message that was claimed: it is decoded and goes to the task threads, to the
 * schedule until its time, into the line of its rate limit, back as somebody else's, or to its end
 * at once. Consumer thread, but for cel_intake_schedule().
 */
#ifndef WORKER_INTAKE_H
#define WORKER_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "worker/request.h"
#include "worker/runtime.h"
#include "worker/schedule.h"

struct cel_intake;

/*
 * Makes it for the tasks of runtime->registry, which is complete. eta_limit is the most messages
 * that may wait for their time (0: CEL_WAITING_MAX). CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_intake_create(struct cel_runtime *runtime, size_t eta_limit,
                                    struct cel_intake **intake) CELERIAC_MUST_CHECK;

/* Releases it with what waits inside; intake may be NULL. What is held in Redis stays held. */
void cel_intake_destroy(struct cel_intake *intake);

/*
 * Takes in a message that we hold; is_new: it comes from its queue and not from the schedule. All
 * is borrowed for the call. At most CEL_CLAIM_ROOM_MAX between two calls of cel_intake_hand_over().
 * CELERIAC_ERR_MEMORY: it stays held and is with nobody.
 */
enum celeriac_err cel_intake_receive(struct cel_intake *intake, struct span tag, struct span queue,
                                     struct span envelope, bool is_new) CELERIAC_MUST_CHECK;

/*
 * Takes over a request in state WAITING until request->due_ns, unless it was claimed before we were
 * declared dead. CELERIAC_ERR_MEMORY; then, too, it is released, and its message stays held.
 */
enum celeriac_err cel_intake_postpone(struct cel_intake *intake,
                                      struct cel_request *request) CELERIAC_MUST_CHECK;

/* Takes in what is due, up to room messages, and hands it over; as cel_schedule_fire(). */
enum celeriac_err cel_intake_fire(struct cel_intake *intake, struct cel_claimer *claimer,
                                  size_t room, size_t *fired,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Lets those go whose rate limit allows it. They have their place in the window already. */
void cel_intake_release_limited(struct cel_intake *intake);

/* When to call that again; INT64_MAX: when something was received. */
int64_t cel_intake_limited_due(const struct cel_intake *intake);

/* Gives the task threads what is ready for them. Returns how much that was. */
size_t cel_intake_hand_over(struct cel_intake *intake);

/* How many messages of others were given back since the last call. */
size_t cel_intake_take_strays(struct cel_intake *intake);

/* We had been declared dead: what waits here, or is ready, has been given to others. */
void cel_intake_forget(struct cel_intake *intake);

/* What waits for its time, to be looked at. Borrowed. Any thread. */
struct cel_schedule *cel_intake_schedule(struct cel_intake *intake);

#endif
