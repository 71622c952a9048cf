/*
 * A look at a database before anything is served from it: what is there, and what is missing.
 */
#ifndef NOTIFY_STORE_INSPECT_H
#define NOTIFY_STORE_INSPECT_H

#include "celeriac/error.h"
#include "notify/store/server.h"

/* Tables that Django's first migrations of the two apps make. */
#define STORE_SERVICE_TABLES 5

/* Bytes of the server's version, and of the list of missing privileges, with their NULs; cut. */
#define STORE_INSPECTION_VERSION_SIZE 64
#define STORE_INSPECTION_MISSING_SIZE 400

struct store_inspection {
    char server[STORE_INSPECTION_VERSION_SIZE];  /* e.g. "16.4" */
    int tables;                                  /* of STORE_SERVICE_TABLES */
    int version;                                 /* of our schema (schema.h); 0: not migrated */
    int readable_from;                           /* oldest version that can work with it */
    char missing[STORE_INSPECTION_MISSING_SIZE]; /* "INSERT on public.api_keys, ..."; "": none */
};

/*
 * Connects and looks. CELERIAC_ERR_UNAVAILABLE with libpq's reason when there is no connection to
 * be had, CELERIAC_ERR_PROTOCOL when a query fails, CELERIAC_ERR_VALUE, CELERIAC_ERR_MEMORY. Any
 * thread; blocks.
 */
enum celeriac_err store_inspect(const struct store_server *server,
                                struct store_inspection *inspection,
                                struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
