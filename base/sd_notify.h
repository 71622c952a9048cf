/*
 * Telling a service manager how we are: "ready", "stopping", "still alive". The protocol is that of
 * sd_notify(3): datagrams of NAME=value lines to the Unix socket that NOTIFY_SOCKET names. Without
 * that variable there is no manager, and telling it something does nothing.
 */
#ifndef BASE_SD_NOTIFY_H
#define BASE_SD_NOTIFY_H

#include <stdint.h>
#include <sys/types.h>

#include "celeriac/error.h"

/*
 * Longest watchdog interval that is taken, in microseconds: a year. What is longer watches nothing,
 * and its nanoseconds stay far from the end of 64 bits.
 */
#define SD_NOTIFY_WATCHDOG_MAX_US INT64_C(31536000000000)

/* The variables of the protocol as the environment has them; NULL or empty where there is none. */
struct sd_notify_options {
    const char *socket;        /* NOTIFY_SOCKET: "/path", or "@name" in the abstract name space */
    const char *watchdog_usec; /* WATCHDOG_USEC: the interval within which we must be alive */
    const char *watchdog_pid;  /* WATCHDOG_PID: the process that is meant; nobody else feeds */
    pid_t pid;                 /* our own */
};

struct sd_notify;

/*
 * Opens the way to the manager; the caller destroys *notify. Nothing is sent yet, and it does not
 * matter whether the socket exists. CELERIAC_ERR_VALUE names the variable that makes no sense;
 * CELERIAC_ERR_LIMIT: the socket's name is longer than an address holds; _SYSTEM, _MEMORY.
 */
enum celeriac_err sd_notify_create(const struct sd_notify_options *options,
                                   struct sd_notify **notify,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Closes it; notify may be NULL. */
void sd_notify_destroy(struct sd_notify *notify);

/*
 * Sends one datagram of lines, such as "READY=1\nSTATUS=consuming". Never blocks. Without a manager
 * it succeeds. CELERIAC_ERR_UNAVAILABLE: the manager is away or does not read; the state is not
 * known to it, and may be told again. Any thread.
 */
enum celeriac_err sd_notify_tell(const struct sd_notify *notify,
                                 const char *lines) CELERIAC_MUST_CHECK;

/*
 * Nanoseconds between two "WATCHDOG=1": half of what the manager allows, as the protocol advises. 0
 * when nobody watches. Any thread.
 */
int64_t sd_notify_watchdog_ns(const struct sd_notify *notify);

#endif
