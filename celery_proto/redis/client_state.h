/*
 * The inside of a client, shared by client.c (tasks and results) and client_apply.c (canvases), and
 * how a worker has one for what its tasks send.
 */
#ifndef CEL_REDIS_CLIENT_STATE_H
#define CEL_REDIS_CLIENT_STATE_H

#include "base/span.h"
#include "base/strbuf.h"
#include "base/uuid.h"
#include "celeriac/client.h"
#include "celeriac/signature.h"
#include "celery_proto/redis/addresses.h"
#include "celery_proto/redis/chord.h"
#include "celery_proto/redis/publish.h"
#include "celery_proto/redis/result_store.h"

struct celeriac_client {
    struct cel_addresses own;       /* empty when they are somebody else's */
    const struct cel_addresses *at; /* own, or borrowed */
    struct cel_publisher *publisher;
    struct cel_result_store *results; /* NULL: there is no result backend */
    struct cel_chord_store *chords;   /* made when the first canvas is sent */
    uint32_t result_expires;          /* seconds; 0: the default */
    char *default_queue;              /* of tasks that have no route; NULL: "celery" */
    struct strbuf origin;     /* "gen<pid>@<host>", celery/utils/nodenames.py anon_nodename */
    char reply_to[UUID_SIZE]; /* identifies this client, as Celery's thread_oid */
    struct strbuf scratch;
    struct strbuf envelopes; /* of one batch, one after the other */
};

/* The task that sends: celery/app/base.py send_task() under a current task. Borrowed. */
struct cel_client_parent {
    struct span task_id;
    struct span root_id;
    struct span queue; /* for tasks that name none */
    bool has_priority; /* task_inherit_parent_priority */
    int priority;
};

/*
 * Makes a client for addresses that somebody else owns and that outlive it; without a result
 * backend it sends, but no chords. CELERIAC_ERR_VALUE, _MEMORY.
 */
enum celeriac_err cel_client_create_at(const struct cel_addresses *addresses,
                                       uint32_t result_expires, struct celeriac_client **client,
                                       struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * celeriac_client_send() and celeriac_client_apply() for a task; parent NULL: for a program. Result
 * tuples of what was sent go to the end of children (may be NULL), separated by commas; when that
 * is full they are not recorded.
 */
enum celeriac_err cel_client_send(struct celeriac_client *client,
                                  const struct cel_client_parent *parent,
                                  const struct celeriac_send *sends, size_t count,
                                  char (*ids)[CELERIAC_TASK_ID_SIZE], struct strbuf *children,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;
enum celeriac_err cel_client_apply(struct celeriac_client *client,
                                   const struct cel_client_parent *parent,
                                   const struct celeriac_signature *signature, char *id,
                                   struct strbuf *children,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
