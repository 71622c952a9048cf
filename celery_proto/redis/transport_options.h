/*
 * kombu's broker_transport_options and Celery's result_backend_transport_options, broker_use_ssl
 * and broker_failover_strategy, read from the JSON that a settings file or an environment variable
 * holds. What each option does here is in docs/transport.md; one that means nothing here is named
 * in a warning, one that would lose messages is refused.
 *
 * Constant once made; any thread.
 */
#ifndef CEL_REDIS_TRANSPORT_OPTIONS_H
#define CEL_REDIS_TRANSPORT_OPTIONS_H

#include <stdint.h>

#include "celeriac/error.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/redis/broker_url.h"
#include "celery_proto/redis/claim.h"
#include "celery_proto/redis/conn.h"

/* Longest text of one setting; real ones are a few hundred bytes. */
#define CEL_TRANSPORT_TEXT_MAX ((size_t)64 * 1024)

/* Longest socket_timeout and socket_connect_timeout: an hour. */
#define CEL_TRANSPORT_TIMEOUT_MAX_S 3600

/* The settings as text; NULL or "" means not given. */
struct cel_transport_texts {
    const char *options;  /* a JSON object */
    const char *use_ssl;  /* a JSON object with ssl_* keys, null or false */
    const char *failover; /* "round-robin" or "shuffle" */
};

struct cel_transport_options;

/*
 * Reads the texts for the broker or the result backend. An error begins with the setting's name,
 * such as "broker_use_ssl: ": CELERIAC_ERR_VALUE or _SYNTAX with the option's name,
 * CELERIAC_ERR_UNSUPPORTED for ack_emulation=false and credential_provider, CELERIAC_ERR_LIMIT,
 * CELERIAC_ERR_MEMORY. The caller destroys it.
 */
enum celeriac_err cel_transport_options_create(const struct cel_transport_texts *texts,
                                               enum cel_url_use use,
                                               struct cel_transport_options **options,
                                               struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Wipes passwords and releases; options may be NULL. */
void cel_transport_options_destroy(struct cel_transport_options *options);

/* What an address takes from the options; borrowed, the options must outlive the address. */
const struct cel_url_options *cel_transport_url(const struct cel_transport_options *options);

/* What the names of keys take from the options, all but `db`; borrowed. */
const struct cel_keys_options *cel_transport_keys(const struct cel_transport_options *options);

/* Seconds of visibility_timeout; 0 when it was not given. */
uint32_t cel_transport_visibility_timeout(const struct cel_transport_options *options);

/* queue_order_strategy. */
enum cel_queue_order cel_transport_queue_order(const struct cel_transport_options *options);

/* Options of a connection to url. role names it to the server unless client_name was given. */
struct cel_conn_options cel_transport_connection(const struct cel_transport_options *options,
                                                 struct cel_broker_url *url, const char *role);

#endif
