/*
 * Where broker and result backend are and what their keys are called: everything that the settings
 * broker_url, result_backend, broker_transport_options, result_backend_transport_options,
 * broker_use_ssl, redis_backend_use_ssl and broker_failover_strategy say, read together; and the
 * queues that task_routes sends tasks to.
 *
 * Constant once opened, but for the endpoint that the addresses share among connections; any
 * thread.
 */
#ifndef CEL_REDIS_ADDRESSES_H
#define CEL_REDIS_ADDRESSES_H

#include <stdint.h>

#include "celeriac/error.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/codec/routes.h"
#include "celery_proto/redis/broker_url.h"
#include "celery_proto/redis/conn.h"
#include "celery_proto/redis/transport_options.h"

/* The settings as text; NULL or "" means not given. Borrowed for the call. */
struct cel_address_texts {
    const char *broker_url;
    const char *result_backend; /* not given: the broker; "disabled://": none */
    const char *broker_transport_options;
    const char *result_backend_transport_options; /* not given: the broker's, but for prefixes */
    const char *broker_use_ssl;
    const char *redis_backend_use_ssl; /* not given, and no result_backend: the broker's */
    const char *broker_failover_strategy;
    const char *global_keyprefix; /* wins over the one in broker_transport_options */
    const char *task_routes;
};

/* What became of them. Owned by the structure. */
struct cel_addresses {
    struct cel_transport_options *broker_options;
    struct cel_transport_options *backend_options;
    struct cel_broker_url *broker;
    struct cel_broker_url *backend; /* NULL: no results */
    struct cel_keys *keys;
    struct cel_routes *routes; /* task_routes: which queue is whose */
};

/*
 * Reads the texts. On failure nothing is held. CELERIAC_ERR_VALUE, _SYNTAX, _UNSUPPORTED or _LIMIT
 * with the member's name at the head ("broker_url: ...") and what is wrong, CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_addresses_open(const struct cel_address_texts *texts,
                                     struct cel_addresses *addresses,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Releases; the structure may be all zero. Connections must be gone. */
void cel_addresses_close(struct cel_addresses *addresses);

/* Options of a connection to the broker or to the result backend; role names it to the server
 * unless the option client_name does. */
struct cel_conn_options cel_to_broker(const struct cel_addresses *addresses, const char *role);
struct cel_conn_options cel_to_backend(const struct cel_addresses *addresses, const char *role);

#endif
