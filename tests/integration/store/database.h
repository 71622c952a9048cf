/*
 * The database of an integration test, and stores on it. PG_CONNINFO (for the stores),
 * PG_LOCAL_CONNINFO and PG_ADMIN_CONNINFO (for the test's own SQL) and SERVICES_CONTROL come from
 * tests/services. Every function fails the running test when it cannot do its work. One thread,
 * unless it says otherwise.
 */
#ifndef TESTS_STORE_DATABASE_H
#define TESTS_STORE_DATABASE_H

#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "notify/store/call.h"
#include "notify/store/store.h"

/* A cmocka group set-up: an empty database, migrated. */
int database_set_up(void **state);

/* Drops everything that is ours and Django's: an empty database. */
void database_clear(void);

/* Runs SQL as the service's role, or as the cluster's superuser. */
void database_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
void database_run_as_admin(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Runs a long script as it is. */
void database_run_long(const char *sql);

/* The first column of the first row, as a number. */
int64_t database_number(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The first column of the first row as text, "NULL" for SQL NULL; valid until the next call. */
const char *database_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Stops, kills, freezes, ... the server: a line of tests/services/control.py, e.g. "kill". */
void database_tell(const char *verb);

/* The server as stores take it; valid as long as the calling thread. Any thread. */
struct store_server database_server(void);

/* A store with these options (NULL: defaults) that is ready; destroy it with store_destroy(). */
struct store *database_store(const struct store_options *options);

/* Waits until the store, which cannot become ready, gives a reason with those words. */
void database_await_reason(struct store *s, const char *words, struct celeriac_error *err);

/* The same with a new sender, which is given back unless `sender` is NULL. */
struct store *database_sender(const struct store_options *options, struct uuid *sender);

/* A random UUID; any thread. */
struct uuid database_uuid(void);

/* Prints a UUID for SQL; valid until the eighth call after it. One thread. */
const char *database_show(const struct uuid *u);

/* A new active tenant with a random address. */
struct uuid database_tenant(void);

/* A new notification of the tenant in that status, template 0 for none. */
struct uuid database_notification(const struct uuid *tenant, const char *status,
                                  int64_t template_id);

/* Many new pending notifications of the tenant, whose ids go to ids[0..count-1]. */
void database_notifications(const struct uuid *tenant, int64_t template_id, struct uuid *ids,
                            size_t count);

/* A new active template of the tenant with that body; returns its id. */
int64_t database_template(const struct uuid *tenant, const char *name, const char *body);

/* Runs one call on each of two stores at the same time; rcs gets their outcomes. */
void database_race(struct store *first, struct store_call *first_call, struct store *second,
                   struct store_call *second_call, enum celeriac_err rcs[2]);

/* Sleeps. */
void database_sleep_ms(int64_t ms);

#endif
