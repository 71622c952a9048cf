/*
 * Message priorities and the steps that kombu's Redis transport sorts them into
 * (kombu/transport/virtual/base.py Channel._get_message_priority, redis.py Channel.priority).
 * 0 is served first. Pure; any thread.
 */
#ifndef CEL_PRIORITY_H
#define CEL_PRIORITY_H

#include <stddef.h>

#include "base/json.h"
#include "base/span.h"
#include "celeriac/error.h"

/* Range of a message's priority. */
#define CEL_PRIORITY_MIN 0
#define CEL_PRIORITY_MAX 9

/* Most steps: one list for each priority there is. */
#define CEL_PRIORITY_STEPS_MAX 10

/* The steps, ascending, each within the range above. A step of 0 is a queue's list without suffix.
 */
struct cel_priority_steps {
    unsigned char step[CEL_PRIORITY_STEPS_MAX];
    size_t count; /* 1 to CEL_PRIORITY_STEPS_MAX */
};

/* kombu's default: 0, 3, 6, 9. */
void cel_priority_steps_default(struct cel_priority_steps *steps);

/*
 * Reads the transport option priority_steps as a JSON array ("[0, 5]") or a comma list ("0,5"), in
 * any order. CELERIAC_ERR_VALUE, with the offending element in err, when it is empty, out of range
 * or holds a step twice.
 */
enum celeriac_err cel_priority_steps_parse(struct span text, struct cel_priority_steps *steps,
                                           struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * A message's priority from its JSON value as Python's int() takes it: an integer, a float (cut), a
 * boolean or a string of digits; clamped to the range; 0 for anything else, also for NULL.
 */
int cel_priority_of(const struct json_node *value);

/* Clamps any number to the range. */
int cel_priority_clamp(long long priority);

/*
 * The step whose list takes a message: the greatest step that is not above the priority. With
 * custom steps whose first is above it, the last step, as Python's steps[bisect_right(steps, p) -
 * 1].
 */
int cel_priority_step(const struct cel_priority_steps *steps, int priority);

#endif
