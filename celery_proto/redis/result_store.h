/*
 * Result records: written and announced as Celery's Redis backend does (backends/base.py:
 * _store_result, backends/redis.py: _set), read, awaited and forgotten.
 *
 * Each object holds its own connection(s). One thread at a time.
 */
#ifndef CEL_REDIS_RESULT_STORE_H
#define CEL_REDIS_RESULT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "celery_proto/redis/conn.h"

struct cel_keys;

/* Seconds a record is kept: result_expires, one day. */
#define CEL_RESULT_EXPIRES 86400

/* Largest record. Redis takes 512 MiB; a backend that fills up helps nobody. */
#define CEL_RESULT_MAX ((size_t)16 * 1024 * 1024)

/* Bytes and records of results that wait for their server to come back. */
#define CEL_RESULT_BACKLOG_BYTES ((size_t)32 * 1024 * 1024)
#define CEL_RESULT_BACKLOG_COUNT 20000

/* One record to store. Borrowed. */
struct cel_result_record {
    struct span task_id;  /* makes the key celery-task-meta-<id> */
    struct span document; /* the JSON record, stored and published as it is */
    /* A client that did not send the task may wait for it: a finisher announces the record once
     * more when nobody has heard of it (unheard.h). */
    bool may_be_missed;
};

struct cel_result_store_options {
    struct cel_conn_options conn; /* url NULL: results are switched off */
    const struct cel_keys *keys;  /* names in use (codec/keys.h); borrowed, outlives the store */
    uint32_t expires;             /* seconds; 0: CEL_RESULT_EXPIRES */
    bool keep;                    /* records never expire (result_expires None or 0) */
};

struct cel_result_store;

/* Makes a store; connects when first used. CELERIAC_ERR_VALUE or _MEMORY. */
enum celeriac_err cel_result_store_create(const struct cel_result_store_options *options,
                                          struct cel_result_store **store,
                                          struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* store may be NULL. */
void cel_result_store_destroy(struct cel_result_store *store);

/*
 * Stores and publishes count records in one round trip, each atomically; a record whose stored
 * predecessor has status SUCCESS is not written (*kept, may be NULL, counts these).
 * Repeating the call is harmless. CELERIAC_ERR_UNAVAILABLE, _AUTH, _LIMIT (record too large; the
 * others are written), _MEMORY, _PROTOCOL.
 */
enum celeriac_err cel_result_put(struct cel_result_store *store,
                                 const struct cel_result_record *records, size_t count,
                                 size_t *kept, struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Appends a task's record; CELERIAC_ERR_NOT_FOUND when there is none (PENDING). */
enum celeriac_err cel_result_get(struct cel_result_store *store, struct span task_id,
                                 struct strbuf *document,
                                 struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Appends the first record of a task whose state is final by is_final(document): subscribes, reads
 * what is stored, then waits for publications; after a reconnect it reads again. Never polls.
 * deadline_ns is monotonic, negative for none: CELERIAC_ERR_TIMEOUT. wake_fd (-1: none) readable:
 * CELERIAC_ERR_SHUTDOWN. A lost connection is re-established until the deadline.
 */
enum celeriac_err cel_result_wait(struct cel_result_store *store, struct span task_id,
                                  bool (*is_final)(struct span document), int64_t deadline_ns,
                                  int wake_fd, struct strbuf *document,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
