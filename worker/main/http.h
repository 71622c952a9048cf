/*
 * The worker's HTTP port (--http): GET /livez, /readyz and /metrics, by one small thread that
 * sleeps while nobody asks. It is for the operator's network: there is no login.
 */
#ifndef WORKER_MAIN_HTTP_H
#define WORKER_MAIN_HTTP_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "celeriac/error.h"
#include "worker/main/health.h"

/* Connections at the same time: a few collectors and probes. */
#define WORKER_HTTP_CONNECTIONS 32

/* Seconds after which a silent connection is closed. */
#define WORKER_HTTP_IDLE_SECONDS 15

struct worker_http;

struct worker_http_options {
    const char *address;                /* HOST:PORT */
    const struct worker_health *health; /* borrowed */
    /* Appends the text of /metrics. Called by the server's thread. */
    void (*metrics)(void *user, struct strbuf *out);
    void *metrics_user;
};

/*
 * Starts the server. CELERIAC_ERR_VALUE names a bad address, CELERIAC_ERR_EXISTS a port in use;
 * CELERIAC_ERR_SYSTEM, CELERIAC_ERR_MEMORY.
 */
enum celeriac_err worker_http_create(const struct worker_http_options *options,
                                     struct worker_http **http,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Ends the thread and releases the server; http may be NULL. */
void worker_http_destroy(struct worker_http *http);

#endif
