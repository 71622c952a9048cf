/*
 * How the worker is, for whoever asks: fed by the consumer's own progress, so that a worker that is
 * up but deaf says so. Any thread.
 */
#ifndef WORKER_MAIN_HEALTH_H
#define WORKER_MAIN_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The consumer goes round at least every two seconds, and after a few seconds when the broker does
 * not answer; silent for so long it is stuck.
 */
#define HEALTH_SILENCE_NS (30 * INT64_C(1000000000))

/* All zero: starting. */
struct worker_health {
    atomic_int_fast64_t progress_ns; /* monotonic time of the last progress; 0: none yet */
    atomic_bool consuming;
    atomic_bool stopping;
};

/* The consumer went round at now_ns; see `progress` of struct celeriac_worker_options. */
void worker_health_progress(struct worker_health *health, bool consuming, int64_t now_ns);

/* The worker was asked to stop. */
void worker_health_stopping(struct worker_health *health);

/*
 * Whether the process is worth keeping: it starts, or its consumer makes progress, or it stops.
 * *why (a constant) says how it is.
 */
bool worker_health_is_live(const struct worker_health *health, int64_t now_ns, const char **why);

/* Whether it takes messages: live, with a broker, and not stopping. */
bool worker_health_is_ready(const struct worker_health *health, int64_t now_ns, const char **why);

#endif
