/*
 * The seat of a task thread under `-P prefork`: the thread keeps a child process in it, has each
 * request executed there, and replaces the child when it is lost or has served its time. Functions
 * are for that thread, but for those that say any thread.
 */
#ifndef WORKER_SEAT_H
#define WORKER_SEAT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "celeriac/error.h"
#include "worker/child_watch.h"
#include "worker/execution.h"
#include "worker/request.h"
#include "worker/runtime.h"

struct cel_seat;

/*
 * Makes an empty seat of a worker that has a fork server. Children are watched under this token:
 * who is told of it calls cel_seat_look(). CELERIAC_ERR_MEMORY, _SYSTEM.
 */
enum celeriac_err cel_seat_create(struct cel_runtime *runtime, struct cel_child_watch *watch,
                                  uint32_t token, struct cel_seat **seat) CELERIAC_MUST_CHECK;

/* Sends the child home and releases the seat; seat may be NULL. */
void cel_seat_destroy(struct cel_seat *seat);

/*
 * Sees to it that a child sits there and is ready; a start that fails, or takes longer than
 * runtime->child_start_ns, is repeated with growing pauses until the worker stops. False: no child
 * will come, because the worker stops or its fork server is gone.
 */
bool cel_seat_fill(struct cel_seat *seat);

/* Has the seat look at its next cel_seat_fill() whether the child has died. Any thread. */
void cel_seat_look(struct cel_seat *seat);

/* True from cel_seat_look() to that cel_seat_fill(). Any thread. */
const atomic_bool *cel_seat_must_look(const struct cel_seat *seat);

/*
 * Executes a request to its end. One that no child could look at, since none will come or memory is
 * short, is postponed. The seat may be empty afterwards.
 */
void cel_seat_execute(struct cel_seat *seat, struct cel_execution *execution,
                      struct cel_request *request);

/*
 * Sends a signal to the child and all that it has started if it is executing this request, which
 * ends as revoked. False when it is not. Any thread.
 */
bool cel_seat_terminate(struct cel_seat *seat, const struct cel_request *request, int signum);

/*
 * Kills the child, whatever it does; its request is left as it is, for a cold stop that ends the
 * process. Any thread.
 */
void cel_seat_kill(struct cel_seat *seat);

/* Process id of the child; 0: none. Any thread. */
int64_t cel_seat_pid(const struct cel_seat *seat);

#endif
