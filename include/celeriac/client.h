/*
 * Sending Celery tasks and reading their results.
 *
 * A client holds one connection to the broker and, once results are asked for, one to the result
 * backend.
 *
 * Threads: a client may be made in one thread and used in another, but only by one at a time; make
 * one for each thread that sends, or take turns under a lock of yours. Clients know nothing of each
 * other. While celeriac_client_wait() waits its client is in use.
 */
#ifndef CELERIAC_CLIENT_H
#define CELERIAC_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "celeriac/bytes.h"
#include "celeriac/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct celeriac_client;

/* All zero means defaults. Strings are copied. */
struct celeriac_client_options {
    const char *broker_url;       /* redis://...; NULL: redis://127.0.0.1:6379/0 */
    const char *result_backend;   /* NULL: the broker */
    const char *global_keyprefix; /* kombu's transport option; NULL: none */
    unsigned result_expires;      /* seconds; 0: 86400; for states stored by this client */
    /*
     * kombu's and Celery's settings of these names, as JSON text; what each key does is in
     * docs/transport.md. NULL: none. global_keyprefix above wins over the one in the options.
     */
    const char *broker_transport_options;
    const char *result_backend_transport_options; /* NULL: none */
    const char *broker_use_ssl;                   /* ssl_* keys; makes redis:// URLs speak TLS */
    const char *redis_backend_use_ssl;            /* the same for the result backend */
    const char *broker_failover_strategy;         /* "round-robin" (the default) or "shuffle" */
    /*
     * task_routes as JSON text: where tasks go that name no queue (docs/settings.md). NULL: none.
     * default_queue is task_default_queue, for those without a route; NULL: "celery".
     */
    const char *task_routes;
    const char *default_queue;
};

/* Length of a task id made by us, with its NUL; ids given by callers may have up to 255 bytes. */
#define CELERIAC_TASK_ID_SIZE 37

/*
 * One task to send: the options of Celery's apply_async(). All zero but `task` means defaults.
 * Everything is borrowed for the call.
 */
struct celeriac_send {
    const char *task;         /* name; required */
    const char *args_json;    /* a JSON array; NULL: [] */
    const char *kwargs_json;  /* a JSON object; NULL: {} */
    const char *id;           /* task id; NULL: a fresh UUID4 */
    const char *queue;        /* NULL: by the task's route, else the default queue */
    int64_t countdown_ms;     /* run not before now + countdown; 0: at once */
    int64_t eta_us;           /* run not before this instant, microseconds since 1970; 0: none */
    int64_t expires_us;       /* not to be started after this instant; 0: never */
    int priority;             /* 0 (first) to 9 (last), Redis' order */
    bool ignore_result;       /* ask the worker to store no result */
    double time_limit;        /* hard limit in seconds; 0: none */
    double soft_time_limit;   /* soft limit in seconds; 0: none */
    const char *shadow;       /* name for logs and monitors; NULL: none */
    const char *headers_json; /* a JSON object of more headers; NULL: none */
    const char *link_json;    /* a signature, or an array of them, called on success; NULL: none */
    const char *link_error_json; /* likewise on failure */
    /*
     * Publish at most once: while a message with this key was published less than unique_seconds
     * ago (default 3600), the call succeeds without publishing again. Makes a repeat after an
     * uncertain answer harmless. NULL: always publish.
     */
    const char *unique_key;
    unsigned unique_seconds;
    const char *serializer;  /* NULL or "json": anything else is refused */
    const char *compression; /* of the body: "gzip" or "zlib" (one and the same in Celery); NULL:
                                none. Others are refused */
    /*
     * To the queues that are bound to a named exchange, instead of to `queue`: both must be given.
     * With exchange_type "topic" by the patterns of the bindings, with "direct", the default, by
     * the key itself. No bound queue drops the message, as Celery does.
     */
    const char *exchange;
    const char *routing_key;
    const char *exchange_type;
    const char *argsrepr;    /* what logs and monitors show of the arguments; NULL: these */
    const char *kwargsrepr;  /* likewise */
    const char *stamps_json; /* a JSON object of stamps, for revoke_by_stamped_headers; NULL: none
                              */
};

/*
 * Makes a client; connects when it is first used. CELERIAC_ERR_VALUE, _SYNTAX, _LIMIT and
 * _UNSUPPORTED begin with the bad option's name ("broker_url: ...").
 */
CELERIAC_PUBLIC enum celeriac_err celeriac_client_create(
    const struct celeriac_client_options *options, struct celeriac_client **client,
    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Closes the connections; client may be NULL. */
CELERIAC_PUBLIC void celeriac_client_destroy(struct celeriac_client *client);

/*
 * Publishes count tasks in one round trip. ids (may be NULL) gets each task's id when that fits in
 * CELERIAC_TASK_ID_SIZE. A lost connection is tried again as kombu's task_publish_retry_policy does
 * (3 times, after 0, 0.2 and 0.4 s), so a message may be published twice unless it has a
 * unique_key. CELERIAC_ERR_UNAVAILABLE: none or some were published; CELERIAC_ERR_VALUE names the
 * bad field, and nothing was published.
 */
CELERIAC_PUBLIC enum celeriac_err celeriac_client_send(
    struct celeriac_client *client, const struct celeriac_send *sends, size_t count,
    char (*ids)[CELERIAC_TASK_ID_SIZE], struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Forgets unique keys, so that their memory is free before they expire by themselves. */
CELERIAC_PUBLIC enum celeriac_err celeriac_client_forget_unique(
    struct celeriac_client *client, const char *const *keys, size_t count,
    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Tells all workers (Celery's remote control command "revoke") not to execute tasks with these ids:
 * one that has not begun ends as REVOKED wherever it arrives. Workers that are away do not hear it,
 * and one that runs goes on. CELERIAC_ERR_UNAVAILABLE when the broker is away, CELERIAC_ERR_LIMIT
 * beyond CELERIAC_REVOKE_MAX ids, CELERIAC_ERR_VALUE, _MEMORY.
 */
#define CELERIAC_REVOKE_MAX 1000
CELERIAC_PUBLIC enum celeriac_err celeriac_client_revoke(
    struct celeriac_client *client, const char *const *ids, size_t count,
    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* How many messages the broker has. */
struct celeriac_backlog {
    uint64_t waiting; /* in the queue, of all priorities */
    uint64_t unacked; /* taken by workers, from whichever queue, and not acknowledged yet */
};

/*
 * Counts, both at one moment. queue NULL: "celery". CELERIAC_ERR_UNAVAILABLE, _VALUE (the queue's
 * name), _MEMORY.
 */
CELERIAC_PUBLIC enum celeriac_err celeriac_client_backlog(
    struct celeriac_client *client, const char *queue, struct celeriac_backlog *backlog,
    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Task states of celery/states.py; CELERIAC_CUSTOM is anything set by update_state(). */
enum celeriac_state {
    CELERIAC_PENDING,
    CELERIAC_STARTED,
    CELERIAC_RETRY,
    CELERIAC_SUCCESS,
    CELERIAC_FAILURE,
    CELERIAC_REVOKED,
    CELERIAC_CUSTOM
};

/* A result record; release it with celeriac_result_close(). */
struct celeriac_result {
    enum celeriac_state state;
    char *status;         /* the state's name as stored */
    char *result_json;    /* return value, exception object or meta, as JSON text; "null" if none */
    char *exception_type; /* for FAILURE, RETRY and REVOKED, else NULL */
    char *exception_text; /* its message arguments as JSON text, else NULL */
    char *traceback;      /* text or NULL */
    int64_t date_done_us; /* 0 when not recorded */
};

/* Reads a task's record once. A task without one is PENDING. */
CELERIAC_PUBLIC enum celeriac_err celeriac_client_get(
    struct celeriac_client *client, const char *id, struct celeriac_result *result,
    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Waits until the task is SUCCESS, FAILURE or REVOKED, by subscription, never by polling. A
 * negative timeout waits for ever; CELERIAC_ERR_TIMEOUT when it passes.
 */
CELERIAC_PUBLIC enum celeriac_err celeriac_client_wait(
    struct celeriac_client *client, const char *id, int64_t timeout_ms,
    struct celeriac_result *result, struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Releases what a result holds and zeroes it. */
CELERIAC_PUBLIC void celeriac_result_close(struct celeriac_result *result);

#ifdef __cplusplus
}
#endif
#endif
