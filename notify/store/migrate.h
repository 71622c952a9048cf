/*
 * Brings a database to the schema that this version needs.
 */
#ifndef NOTIFY_STORE_MIGRATE_H
#define NOTIFY_STORE_MIGRATE_H

#include <stdbool.h>

#include "celeriac/error.h"
#include "notify/store/server.h"

/* What a migration did. */
struct store_migration {
    int from;         /* version found; 0: none */
    int to;           /* version now */
    bool made_tables; /* Django's five tables were missing and were created */
};

/*
 * Connects and migrates, in one transaction under a lock, so that several processes may do it at
 * once and a failure leaves nothing half done.
 *
 * Without any of the five public tables it creates them as Django's first migrations do; beside
 * existing ones it touches nothing outside of the schema `celeriac`. A database that has some
 * of the five but not all is CELERIAC_ERR_UNSUPPORTED, as is one that a newer version has
 * migrated to something that this one cannot read. CELERIAC_ERR_AUTH when a privilege is missing:
 * the text names it and the SQL that grants it. CELERIAC_ERR_UNAVAILABLE when the server is away;
 * CELERIAC_ERR_MEMORY. result may be NULL. Any thread; blocks.
 */
enum celeriac_err store_migrate(const struct store_server *server, struct store_migration *result,
                                struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
