/*
 * Every Redis key and channel name of the project, spelled once.
 *
 * Names of the broker follow kombu/transport/redis.py, names of results celery/backends/base.py. A
 * struct cel_keys holds what an operator may change; it is immutable and may be used by any thread.
 * Functions that build a name append it to a strbuf, whose sticky error they share.
 */
#ifndef CEL_KEYS_H
#define CEL_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "celery_proto/codec/priority.h"

/* kombu's separator between a queue and its priority step, and between the parts of a binding. */
#define CEL_SEP_DEFAULT "\x06\x16"

/*
 * Longest key prefix, separator or key name that options may give: long enough for any real name,
 * short enough that a key is never a burden on Redis.
 */
#define CEL_KEY_OPTION_MAX 256

/* The transport options that name keys. All zero means kombu's defaults. Texts are copied. */
struct cel_keys_options {
    const char *global_keyprefix;  /* before every broker key and channel; NULL = "" */
    const char *sep;               /* NULL = CEL_SEP_DEFAULT */
    const char *unacked_key;       /* NULL = "unacked" */
    const char *unacked_index_key; /* NULL = "unacked_index" */
    const char *unacked_mutex_key; /* NULL = "unacked_mutex" */
    const char *fanout_prefix;     /* NULL = "/{db}."; "{db}" stands for the number; "" = none */
    bool no_fanout_patterns;       /* leave the routing key out of channel names */
    unsigned db;                   /* database number for fanout_prefix */
    const struct cel_priority_steps *priority_steps; /* NULL = 0, 3, 6, 9 */
    /*
     * result_backend_transport_options.global_keyprefix: before every result key; '_' is added
     * unless it ends in one of ":_-."; NULL = "".
     */
    const char *result_keyprefix;
};

struct cel_keys;

/*
 * Makes the names. options may be NULL. CELERIAC_ERR_VALUE with the option's name when one is too
 * long or sep is empty; CELERIAC_ERR_MEMORY. The caller destroys it.
 */
enum celeriac_err cel_keys_create(const struct cel_keys_options *options, struct cel_keys **keys,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Releases it; NULL is allowed. */
void cel_keys_destroy(struct cel_keys *keys);

/* The steps in use, ascending. Borrowed. */
const struct cel_priority_steps *cel_keys_steps(const struct cel_keys *keys);

/* The prefix of every broker key. Borrowed. */
struct span cel_keys_prefix(const struct cel_keys *keys);

/* Hash: delivery tag -> JSON array [envelope, exchange, routing_key]. Borrowed. */
struct span cel_key_unacked(const struct cel_keys *keys);

/* Sorted set: delivery tag scored with the Unix time of delivery. Borrowed. */
struct span cel_key_unacked_index(const struct cel_keys *keys);

/* String: lock of whoever restores what is overdue. Borrowed. */
struct span cel_key_unacked_mutex(const struct cel_keys *keys);

/* List of a queue's messages of one step; step 0 has no suffix. */
void cel_key_queue(const struct cel_keys *keys, struct span queue, int step, struct strbuf *out);

/* The queue that a list's key belongs to: without prefix, separator and step. Borrows from key. */
struct span cel_queue_of_key(const struct cel_keys *keys, struct span key);

/* Set: the bindings of an exchange. */
void cel_key_binding(const struct cel_keys *keys, struct span exchange, struct strbuf *out);

/* One member of that set: routing key, pattern and queue, joined by the separator. */
void cel_binding_member(const struct cel_keys *keys, struct span routing_key, struct span pattern,
                        struct span queue, struct strbuf *out);

/* Takes a member apart; false when it has not three parts. Results borrow from member. */
bool cel_binding_split(const struct cel_keys *keys, struct span member, struct span *routing_key,
                       struct span *pattern, struct span *queue);

/* Channel that a fanout message is published to: prefix, exchange, and "/" routing key if any. */
void cel_channel_fanout(const struct cel_keys *keys, struct span exchange, struct span routing_key,
                        struct strbuf *out);

/* Pattern that a consumer subscribes to for a binding key: the same with '*' for every '#'. */
void cel_channel_pattern(const struct cel_keys *keys, struct span exchange, struct span routing_key,
                         struct strbuf *out);

/* String: a task's result record; also the channel on which it is announced. */
void cel_key_result(const struct cel_keys *keys, struct span task_id, struct strbuf *out);

/* String: a saved group; suffix ".j" chord parts, ".t" added parts, ".s" size, or NULL. */
void cel_key_group(const struct cel_keys *keys, struct span group_id, const char *suffix,
                   struct strbuf *out);

/*
 * Keys of our own, unknown to kombu. They begin with "celeriac." after the prefix, so that they
 * collide with no queue of a Python application.
 */

/* List of whole messages that nobody can decode, newest first. Borrowed. */
struct span cel_key_quarantine(const struct cel_keys *keys);

#endif
