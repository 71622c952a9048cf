/*
 * The inside of a result store, shared by result_store.c, result_wait.c and finish.c.
 */
#ifndef CEL_REDIS_RESULT_STATE_H
#define CEL_REDIS_RESULT_STATE_H

#include "celery_proto/redis/pipeline.h"
#include "celery_proto/redis/pubsub.h"
#include "celery_proto/redis/result_store.h"

struct cel_result_store {
    struct cel_conn *conn;
    struct cel_pubsub *pubsub; /* made when a result is first waited for */
    struct cel_conn_options options;
    const struct cel_keys *keys;
    uint32_t seconds; /* records are kept; 0: for ever */
    struct cel_pipeline pipeline;
    struct strbuf key;
};

/* What became of one record. */
enum result_outcome {
    RESULT_STORED,
    RESULT_UNHEARD, /* stored, and nobody has subscribed */
    RESULT_KEPT,    /* a SUCCESS was there and stays */
    RESULT_LATER,   /* the server cannot write now */
    RESULT_REFUSED  /* it never will */
};

/* The outcome in a reply of store_result() (lua/result_function.lua). */
enum result_outcome cel_result_outcome(const struct redisReply *reply);

/* cel_result_put() with an outcome for each record; filled with CELERIAC_OK. */
enum celeriac_err cel_result_put_each(struct cel_result_store *store,
                                      const struct cel_result_record *records, size_t count,
                                      enum result_outcome *outcomes,
                                      struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* The seconds that options mean; 0: for ever. */
uint32_t cel_result_seconds(const struct cel_result_store_options *options);

/* Whether a record keeps to the limits. */
bool cel_result_is_storable(const struct cel_result_record *record);

#endif
