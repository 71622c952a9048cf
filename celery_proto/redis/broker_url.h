/*
 * Addresses of Redis servers as kombu and Celery spell them: redis://, rediss://, redis+socket://,
 * sentinel://, several of them separated by ';' for failover. (kombu/utils/url.py: parse_url,
 * kombu/transport/redis.py: Channel._connparams, SentinelChannel, celery/backends/redis.py:
 * _params_from_url, SentinelBackend)
 *
 * Parsing is pure. A parsed address is constant except for the number of the endpoint that is in
 * use, which all connections of the process share so that they fail over together. Any thread.
 */
#ifndef CEL_REDIS_BROKER_URL_H
#define CEL_REDIS_BROKER_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/* Longest text accepted; command lines and environment values are of this order. */
#define CEL_URL_TEXT_MAX 8192

/* Most endpoints in one failover list. */
#define CEL_URL_ENDPOINTS_MAX 16

/* Default ports of redis:// and rediss://, and of sentinel://. */
#define CEL_REDIS_PORT 6379
#define CEL_SENTINEL_PORT 26379

/* Which of Celery's two spellings applies: they differ in how they treat query keys and TLS. */
enum cel_url_use { CEL_URL_BROKER, CEL_URL_RESULTS };

/* Whether a TLS server must show a certificate that we trust: ssl.CERT_* of Python. */
enum cel_tls_verify { CEL_TLS_REQUIRED, CEL_TLS_OPTIONAL, CEL_TLS_NONE };

/* One server. Strings are owned by the address or, for a sentinel's login, by its options; all are
 * NUL-terminated. */
struct cel_endpoint {
    const char *host;        /* name or IP address; NULL for a Unix socket */
    const char *socket_path; /* NULL for TCP */
    uint16_t port;
    uint32_t db;
    const char *user;     /* NULL: the default user */
    const char *password; /* NULL: no AUTH; secret */
    bool tls;
    enum cel_tls_verify verify;
    bool check_hostname;  /* the certificate must name `host`; false with CEL_TLS_NONE */
    const char *ca_certs; /* file; NULL: the system's */
    const char *ca_path;  /* folder; NULL: none */
    const char *certfile; /* client certificate; NULL: none */
    const char *keyfile;  /* its key; NULL: inside certfile */
    bool is_sentinel;     /* knows where the master is, holds no data */
    bool must_be_master;  /* a server that turns out to be a replica is not the one */
    bool no_keepalive;    /* leave SO_KEEPALIVE off */
};

/* How the master is found when the URL names sentinels; kombu's transport options. Strings are
 * borrowed and outlive the address. */
struct cel_sentinel_options {
    const char *master_name;      /* required with sentinel:// */
    uint32_t min_other_sentinels; /* a sentinel that sees fewer is not believed */
    uint32_t timeout_ms;          /* for each sentinel; 0: SENTINEL_TIMEOUT_MS */
    struct cel_endpoint login;    /* sentinel_kwargs: user, password and TLS of the sentinels */
};

/* Everything about an address but its text; all zero means defaults. */
struct cel_url_options {
    struct cel_sentinel_options sentinel;
    const struct cel_endpoint
        *tls;          /* broker_use_ssl: TLS for redis:// too; NULL: as the URL says */
    bool no_keepalive; /* socket_keepalive: false */
    bool shuffle;      /* broker_failover_strategy "shuffle": after a failure any of the others */
};

struct cel_broker_url;

/*
 * Parses a list of URLs. text is copied. Empty text means redis://127.0.0.1:6379/0.
 * CELERIAC_ERR_VALUE or _SYNTAX with a text that names the URL part (never a password),
 * CELERIAC_ERR_UNSUPPORTED for schemes of other brokers, CELERIAC_ERR_LIMIT, CELERIAC_ERR_MEMORY.
 * options may be NULL.
 *
 * Of sentinel:// URLs user, password, database and ssl_* keys of the first are for the master, as
 * in kombu; a sentinel's own are in the options. Later ones may leave out "sentinel://".
 */
enum celeriac_err cel_broker_url_create(struct span text, enum cel_url_use use,
                                        const struct cel_url_options *options,
                                        struct cel_broker_url **url,
                                        struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* The same with default options. */
enum celeriac_err cel_broker_url_parse(struct span text, enum cel_url_use use,
                                       struct cel_broker_url **url,
                                       struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Wipes passwords and releases; url may be NULL. */
void cel_broker_url_destroy(struct cel_broker_url *url);

/* Number of endpoints, at least 1. */
size_t cel_broker_url_count(const struct cel_broker_url *url);

/* Endpoint index, which must be below the count; borrowed. */
const struct cel_endpoint *cel_broker_url_endpoint(const struct cel_broker_url *url, size_t index);

/* Index of the endpoint that new connections use now. */
size_t cel_broker_url_current(const struct cel_broker_url *url);

/* Whether the endpoints are sentinels. */
bool cel_broker_url_is_sentinel(const struct cel_broker_url *url);

/* How sentinels are to be asked; borrowed. */
const struct cel_sentinel_options *cel_broker_url_sentinel(const struct cel_broker_url *url);

/* The master as far as the URL tells: everything but host and port; borrowed. Sentinels only. */
const struct cel_endpoint *cel_broker_url_master(const struct cel_broker_url *url);

/* The number of the database that keys are in. */
uint32_t cel_broker_url_db(const struct cel_broker_url *url);

/* Makes an endpoint the one that new connections use. */
void cel_broker_url_choose(struct cel_broker_url *url, size_t index);

/*
 * Connecting to endpoint `failed` did not work: moves on to the next one (round robin, or any other
 * one with shuffle), unless another thread has done so already.
 */
void cel_broker_url_failed(struct cel_broker_url *url, size_t failed);

/* Whether two addresses mean the same servers and database, so that one connection can do for both.
 */
bool cel_broker_url_same(const struct cel_broker_url *a, const struct cel_broker_url *b);

/* Appends the endpoint for logs, without user and password: "redis://127.0.0.1:6379/0". */
void cel_endpoint_describe(const struct cel_endpoint *endpoint, struct strbuf *out);

#endif
