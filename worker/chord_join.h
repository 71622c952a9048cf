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

/* How long results are waited for that should be there: result_chord_join_timeout. */
#define CEL_JOIN_TIMEOUT_MS 3000

/*
 * Appends the list to results, or to why the text of the ChordError when a part has failed; one of
 * both is then empty. outcome is an element of cel_chord_take_reply()'s array.
 * CELERIAC_ERR_UNAVAILABLE, _MEMORY, _SHUTDOWN (stop_fd became readable while waiting).
 */
enum celeriac_err cel_chord_join(struct cel_chord_store *store, const struct redisReply *outcome,
                                 int stop_fd, struct strbuf *results, struct strbuf *why,
                                 struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * The pure half: appends what one part document says. is_first: no comma before it. When the part
 * has failed, why gets "Dependency <id> raised <exception>".
 */
enum celeriac_err cel_chord_add_part(struct span document, bool is_first, struct strbuf *results,
                                     struct strbuf *why) CELERIAC_MUST_CHECK;

#endif
