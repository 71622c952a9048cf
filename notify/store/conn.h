/*
 * One session with PostgreSQL: connected, set up, and sure that its predecessor is gone. One thread
 * at a time.
 */
#ifndef NOTIFY_STORE_CONN_H
#define NOTIFY_STORE_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "celeriac/error.h"
#include "notify/store/login.h"
#include "notify/store/pipeline.h"

struct store_conn;

/* Which server process a session talks to, so that it can be ended if the connection is lost. */
struct store_backend {
    int32_t pid;      /* 0: none */
    int64_t start_us; /* tells it from a later process with the same number */
};

/*
 * Connects and prepares the session: settings, the end of `former`, the server process of a lost
 * connection, whose statement could otherwise still take effect (pid 0: none), and the check of our
 * schema. CELERIAC_ERR_UNAVAILABLE; CELERIAC_ERR_UNSUPPORTED when server or schema is missing, too
 * old or too new; CELERIAC_ERR_MEMORY. The caller closes it.
 */
enum celeriac_err store_conn_open(const struct store_login *login, int64_t statement_timeout_ns,
                                  const struct store_backend *former, struct store_conn **conn,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Closes and releases; conn may be NULL. */
void store_conn_close(struct store_conn *conn);

/* The server process at the other end. */
struct store_backend store_conn_backend(const struct store_conn *conn);

/* The session's pipeline, idle after opening; borrowed. */
struct store_pipeline *store_conn_pipeline(struct store_conn *conn);

#endif
