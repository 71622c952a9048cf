/*
 * The operator's HTTP port of a daemon (--http): GET /livez, /readyz and /metrics, by one small
 * thread that sleeps while nobody asks. It is for the operator's network: there is no login.
 */
#ifndef PROBE_SERVER_H
#define PROBE_SERVER_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "celeriac/error.h"

/* Connections at the same time: a few collectors and probes. */
#define PROBE_CONNECTIONS 32

/* Seconds after which a silent connection is closed. */
#define PROBE_IDLE_SECONDS 15

struct probe_server;

/* All functions are called by the server's thread, one at a time. */
struct probe_options {
    const char *address; /* HOST:PORT */
    /*
     * Whether the process is worth keeping, and whether it takes work; each appends how it is: one
     * or more lines without the last newline.
     */
    bool (*is_live)(void *user, struct strbuf *answer);
    bool (*is_ready)(void *user, struct strbuf *answer);
    /* Appends the text of /metrics. */
    void (*metrics)(void *user, struct strbuf *out);
    void *user; /* given to the functions */
};

/*
 * Starts the server. CELERIAC_ERR_VALUE names a bad address, CELERIAC_ERR_EXISTS a port in use;
 * CELERIAC_ERR_SYSTEM, CELERIAC_ERR_MEMORY.
 */
enum celeriac_err probe_server_create(const struct probe_options *options,
                                      struct probe_server **server,
                                      struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Ends the thread and releases the server, which may be NULL. */
void probe_server_destroy(struct probe_server *server);

#endif
