/*
 * From what a chord's header tasks returned to the list that its body gets: the parts in their
 * order, or, if the header holds groups, the stored results in their structure
 * (celery/backends/redis.py on_chord_part_return). Part of the settler's thread.
 */
#ifndef WORKER_CHORD_JOIN_H
#define WORKER_CHORD_JOIN_H

#include <stddef.h>

#include "base/strbuf.h"
#include "celeriac/error.h"
#include "celery_proto/redis/chord.h"
#include "celery_proto/redis/reply.h"

/* Most bytes of all results together: a body's argument must fit into a message. */
#define CEL_JOIN_MAX ((size_t)48 * 1024 * 1024)

/* Most tasks of a header with groups whose results are read. */
#define CEL_JOIN_TASKS_MAX 100000

/*
 * The group's record of an outcome: an element of cel_chord_take_reply()'s array. Empty: the header
 * holds tasks only, and the outcome has their parts. Borrowed.
 */
struct span cel_chord_group(const struct redisReply *outcome);

/*
 * A header of tasks only: appends the list to results, or to why the text of the ChordError when a
 * part has failed. CELERIAC_ERR_MEMORY; _LIMIT: the results are too long.
 */
enum celeriac_err cel_chord_join(const struct redisReply *outcome, struct strbuf *results,
                                 struct strbuf *why) CELERIAC_MUST_CHECK;

/*
 * The pure half: appends what one part document says. is_first: no comma before it. When the part
 * has failed, why gets "Dependency <id> raised <exception>".
 */
enum celeriac_err cel_chord_add_part(struct span document, bool is_first, struct strbuf *results,
                                     struct strbuf *why) CELERIAC_MUST_CHECK;

/* A header with groups on its way to a list; keeps the results that it has found. */
struct cel_group_join;

/*
 * Makes it of a group's record, which is copied. CELERIAC_ERR_MEMORY; _LIMIT: more than
 * CEL_JOIN_TASKS_MAX tasks, or too deep; _SYNTAX: not a record.
 */
enum celeriac_err cel_group_join_create(struct span record, struct cel_group_join **join,
                                        struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* join may be NULL. */
void cel_group_join_destroy(struct cel_group_join *join);

/*
 * Reads the results that were not there yet, without waiting; *missing counts those that still are
 * not. If a task has failed, why gets the text of the ChordError. CELERIAC_ERR_MEMORY, and those of
 * cel_chord_read_results(): the next look then goes on; what is in why has no meaning.
 */
enum celeriac_err cel_group_join_look(struct cel_group_join *join, struct cel_chord_store *store,
                                      size_t *missing, struct strbuf *why,
                                      struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Appends the list when nothing is missing. CELERIAC_ERR_MEMORY; _LIMIT: the results are too long.
 */
enum celeriac_err cel_group_join_write(const struct cel_group_join *join,
                                       struct strbuf *results) CELERIAC_MUST_CHECK;

#endif
