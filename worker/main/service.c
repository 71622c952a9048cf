#include "worker/main/service.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"

/* Longest status line, with "STATUS=" and its NUL. */
#define STATUS_SIZE 128

enum celeriac_err worker_service_open(struct worker_service *service,
                                      const struct sd_notify_options *options,
                                      struct celeriac_error *err)
{
    enum celeriac_err code = sd_notify_create(options, &service->notify, err);

    if (code == CELERIAC_OK)
        service->every_ns = sd_notify_watchdog_ns(service->notify);
    return code;
}

void worker_service_close(struct worker_service *service)
{
    sd_notify_destroy(service->notify);
    service->notify = NULL;
}

/* A manager that does not listen is no reason to work less. */
static bool tell(const struct worker_service *service, const char *lines)
{
    if (sd_notify_tell(service->notify, lines) == CELERIAC_OK)
        return true;
    log_debug("worker", "the service manager does not listen");
    return false;
}

void worker_service_status(const struct worker_service *service, const char *line)
{
    char text[STATUS_SIZE];
    int len = snprintf(text, sizeof text, "STATUS=%s", line);

    if (len > 0 && (size_t)len < sizeof text)
        (void)tell(service, text);
}

void worker_service_stopping(const struct worker_service *service)
{
    (void)tell(service, "STOPPING=1\nSTATUS=finishing what runs");
}

void worker_service_progress(void *user, bool consuming)
{
    struct worker_service *service = user;
    int64_t now = clock_monotonic_ns();

    if (consuming && (!service->told_ready || service->told_away) &&
        tell(service, "READY=1\nSTATUS=consuming")) {
        service->told_ready = true;
        service->told_away = false;
    }
    if (!consuming && !service->told_away && tell(service, "STATUS=waiting for the broker"))
        service->told_away = true;
    if (service->every_ns > 0 &&
        (service->fed_ns == 0 || now - service->fed_ns >= service->every_ns) &&
        tell(service, "WATCHDOG=1"))
        service->fed_ns = now;
}
