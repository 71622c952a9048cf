/*
 * The inside of a client, shared by client.c (tasks and results) and client_apply.c (canvases).
 */
#ifndef CEL_REDIS_CLIENT_STATE_H
#define CEL_REDIS_CLIENT_STATE_H

#include "base/strbuf.h"
#include "base/uuid.h"
#include "celery_proto/redis/addresses.h"
#include "celery_proto/redis/chord.h"
#include "celery_proto/redis/publish.h"
#include "celery_proto/redis/result_store.h"

struct celeriac_client {
    struct cel_addresses addresses;
    struct cel_publisher *publisher;
    struct cel_result_store *results;
    struct cel_chord_store *chords; /* made when the first canvas is sent */
    uint32_t result_expires;        /* seconds; 0: the default */
    struct strbuf origin;           /* "gen<pid>@<host>", celery/utils/nodenames.py anon_nodename */
    char reply_to[UUID_SIZE];       /* identifies this client, as Celery's thread_oid */
    struct strbuf scratch;
    struct strbuf envelopes; /* of one batch, one after the other */
};

#endif
