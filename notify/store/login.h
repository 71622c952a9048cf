/*
 * How to log in: a server's keywords with our own defaults around them.
 */
#ifndef NOTIFY_STORE_LOGIN_H
#define NOTIFY_STORE_LOGIN_H

#include <libpq-fe.h>

#include "celeriac/error.h"
#include "notify/store/server.h"

struct store_login;

/*
 * Copies a server's keywords and values together with our defaults. CELERIAC_ERR_VALUE for a
 * connection string that libpq cannot read or too many keywords, CELERIAC_ERR_MEMORY. Read-only
 * afterwards: any thread may connect with it.
 */
enum celeriac_err store_login_create(const struct store_server *server,
                                     const char *application_name, struct store_login **login,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Wipes and releases; login may be NULL. */
void store_login_destroy(struct store_login *login);

/*
 * Connects, at most 3 s unless the keywords say otherwise for each address of the server (libpq's
 * blocking call: only it moves on to the next address after a timeout). *pg is the caller's to
 * PQfinish(). CELERIAC_ERR_UNAVAILABLE with libpq's reason, CELERIAC_ERR_MEMORY.
 */
enum celeriac_err store_login_connect(const struct store_login *login, PGconn **pg,
                                      struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
