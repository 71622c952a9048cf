/*
 * Asking Redis Sentinels where the master is, as redis-py's Sentinel.discover_master() does: the
 * first sentinel that knows a living master of the name and enough other sentinels is believed.
 */
#ifndef CEL_REDIS_SENTINEL_H
#define CEL_REDIS_SENTINEL_H

#include <stdint.h>

#include "celeriac/error.h"
#include "celery_proto/redis/broker_url.h"
#include "celery_proto/redis/reply.h"

struct cel_link;

/* Longest host of a master with its NUL: a DNS name has 253 characters at most. */
#define SENTINEL_HOST_SIZE 256

/* What one sentinel may take for connecting and answering before the next one is asked; they are
 * small servers near their clients. The option sentinel_kwargs.socket_timeout replaces it. */
#define SENTINEL_TIMEOUT_MS 500

/* Where the master is. */
struct sentinel_answer {
    char host[SENTINEL_HOST_SIZE];
    uint16_t port;
};

/*
 * Asks the sentinels of url one after the other, starting with the one that new connections use
 * now, over link, which is closed before. The one that answered becomes the first to be asked, and
 * link stays open, subscribed to what it says of masters. CELERIAC_ERR_UNAVAILABLE (none knows a
 * living master, or none is there), CELERIAC_ERR_AUTH, CELERIAC_ERR_TIMEOUT.
 */
enum celeriac_err sentinel_find_master(struct cel_broker_url *url, struct cel_link *link,
                                       int64_t deadline_ns, struct sentinel_answer *answer,
                                       struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* What a sentinel has said since. */
enum sentinel_news {
    SENTINEL_QUIET, /* nothing about our master */
    SENTINEL_MOVED, /* there is another master */
    SENTINEL_LOST   /* the link is gone, and closed */
};

/* Looks, without waiting, what has come over the link of sentinel_find_master(). */
enum sentinel_news sentinel_hear(const struct cel_broker_url *url, struct cel_link *link);

/*
 * Reads the answer to SENTINEL MASTER: a flat list of fields and values. CELERIAC_ERR_UNAVAILABLE
 * when the master is thought to be down, is none, or too few other sentinels are seen;
 * CELERIAC_ERR_PROTOCOL when the answer has no usable address. Pure.
 */
enum celeriac_err sentinel_read_master(const struct redisReply *reply, uint32_t min_other_sentinels,
                                       struct sentinel_answer *answer,
                                       struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
