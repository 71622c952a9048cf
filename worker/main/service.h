/*
 * celeriac-worker as a service of systemd, or of any manager that speaks sd_notify(3): ready when
 * it takes messages, alive as long as its consumer makes progress, stopping when it was asked to.
 */
#ifndef WORKER_MAIN_SERVICE_H
#define WORKER_MAIN_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sd_notify.h"
#include "celeriac/error.h"

struct worker_service {
    struct sd_notify *notify;
    bool told_ready;  /* what follows belongs to the consumer's thread */
    bool told_away;   /* the manager was told last that the broker is away */
    int64_t fed_ns;   /* monotonic time of the last "WATCHDOG=1"; 0: none */
    int64_t every_ns; /* between two of them; 0: nobody watches */
};

/* Opens the way to the manager. Errors as of sd_notify_create(). */
enum celeriac_err worker_service_open(struct worker_service *service,
                                      const struct sd_notify_options *options,
                                      struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Closes it; an all-zero struct is allowed. */
void worker_service_close(struct worker_service *service);

/* Shows a line of text as the service's status. Any thread. */
void worker_service_status(const struct worker_service *service, const char *line);

/* Says that we were asked to stop. Any thread. */
void worker_service_stopping(const struct worker_service *service);

/* The `progress` of struct celeriac_worker_options; user is a struct worker_service. */
void worker_service_progress(void *user, bool consuming);

#endif
