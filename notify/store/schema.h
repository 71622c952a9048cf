/*
 * The version of our schema `celeriac`: the number of the last migration (migrate.c). Programs of
 * several versions may share a database: a migration names the oldest version that can still work
 * with what it leaves, and a program accepts newer schemas that are readable from its own version.
 */
#ifndef NOTIFY_STORE_SCHEMA_H
#define NOTIFY_STORE_SCHEMA_H

/* The version that this program needs at least. */
#define STORE_SCHEMA_VERSION 9

/* What an operator runs to get there. */
#define STORE_MIGRATE_COMMAND "celeriac-api migrate"

#endif
