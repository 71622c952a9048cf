#include "celery_proto/redis/broker_url.h"

#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse_num.h"
#include "base/random.h"
#include "celery_proto/redis/url_text.h"

/* Highest database number: far above any `databases` setting, and safe to print. */
#define DB_MAX 1000000

struct cel_broker_url {
    struct cel_endpoint endpoint[CEL_URL_ENDPOINTS_MAX];
    size_t count;
    atomic_size_t current;
    bool shuffle;
    struct cel_sentinel_options sentinel;
    struct cel_endpoint master; /* with sentinels: all but host and port */
    struct url_arena arena;     /* every decoded string of the endpoints */
};

/* What the ssl_* query keys of one URL said. */
struct tls_query {
    bool any;
    bool has_cert_reqs;
};

static enum celeriac_err parse_db(struct span text, uint32_t *db, struct celeriac_error *err)
{
    int64_t n = 0;
    if (text.len > 0 && parse_int64(text, 0, DB_MAX, &n) != CELERIAC_OK)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "database in the Redis URL is no number from 0 to %d: \"%.*s\"",
                                  DB_MAX, SPAN_PRINTF(text));
    *db = (uint32_t)n;
    return CELERIAC_OK;
}

static enum celeriac_err parse_cert_reqs(struct span value, enum cel_tls_verify *verify,
                                         struct celeriac_error *err)
{
    static const struct {
        const char *name;
        enum cel_tls_verify verify;
    } table[] = {
        {"required", CEL_TLS_REQUIRED}, {"CERT_REQUIRED", CEL_TLS_REQUIRED},
        {"optional", CEL_TLS_OPTIONAL}, {"CERT_OPTIONAL", CEL_TLS_OPTIONAL},
        {"none", CEL_TLS_NONE},         {"CERT_NONE", CEL_TLS_NONE},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (span_is(value, table[i].name)) {
            *verify = table[i].verify;
            return CELERIAC_OK;
        }
    }
    return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                              "ssl_cert_reqs in the Redis URL must be required, optional or none");
}

/* redis-py's connection arguments that may stand in a result backend's URL and mean nothing here:
 * our own deadlines and health checks replace them. */
static bool is_ignored_result_key(struct span key)
{
    static const char *const names[] = {
        "socket_timeout",        "socket_connect_timeout", "socket_keepalive", "retry_on_timeout",
        "health_check_interval", "max_connections",        "client_name",      "protocol",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (span_is(key, names[i]))
            return true;
    }
    return false;
}

static enum celeriac_err set_tls_key(struct url_arena *arena, struct span key, struct span value,
                                     struct cel_endpoint *e, struct tls_query *seen,
                                     struct celeriac_error *err)
{
    const struct {
        const char *name;
        const char **target;
    } files[] = {
        {"ssl_ca_certs", &e->ca_certs},
        {"ssl_ca_path", &e->ca_path},
        {"ssl_certfile", &e->certfile},
        {"ssl_keyfile", &e->keyfile},
    };
    seen->any = true;
    if (span_is(key, "ssl_cert_reqs")) {
        seen->has_cert_reqs = true;
        return parse_cert_reqs(value, &e->verify, err);
    }
    if (span_is(key, "ssl_check_hostname")) {
        e->check_hostname = !span_is_nocase(value, "false");
        return CELERIAC_OK;
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (span_is(key, files[i].name))
            return url_arena_copy(arena, value, files[i].name, files[i].target, err);
    }
    return celeriac_error_set(err, CELERIAC_ERR_VALUE, "unknown query key in the Redis URL: %.*s",
                              SPAN_PRINTF(key));
}

static enum celeriac_err set_query_key(struct url_arena *arena, enum cel_url_use use,
                                       struct span key, struct span value, struct cel_endpoint *e,
                                       struct tls_query *seen, struct celeriac_error *err)
{
    if (span_starts(key, SPAN("ssl_"))) {
        struct span decoded = value;
        /* celery/backends/redis.py decodes these once more than the query parser has. */
        if (use == CEL_URL_RESULTS)
            url_percent_decode(arena, value, &decoded);
        return set_tls_key(arena, key, decoded, e, seen, err);
    }
    if (span_is(key, "virtual_host") && e->socket_path != NULL)
        return parse_db(value, &e->db, err);
    if (use == CEL_URL_RESULTS && span_is(key, "db"))
        return parse_db(value, &e->db, err);
    if (use == CEL_URL_RESULTS && is_ignored_result_key(key))
        return CELERIAC_OK;
    return celeriac_error_set(err, CELERIAC_ERR_VALUE, "unknown query key in the Redis URL: %.*s",
                              SPAN_PRINTF(key));
}

static enum celeriac_err parse_query(struct url_arena *arena, enum cel_url_use use,
                                     struct span query, struct cel_endpoint *e,
                                     struct tls_query *seen, struct celeriac_error *err)
{
    while (query.len > 0) {
        struct span pair;
        struct span rest;
        struct span key;
        struct span value;
        (void)span_cut(query, '&', &pair, &rest);
        query = rest;
        /* urllib's parse_qsl drops pairs without a value. */
        if (!span_cut(pair, '=', &key, &value) || value.len == 0)
            continue;
        struct span decoded;
        url_query_decode(arena, value, &decoded);
        enum celeriac_err code = set_query_key(arena, use, key, decoded, e, seen, err);
        if (code != CELERIAC_OK)
            return code;
    }
    return CELERIAC_OK;
}

/* Takes over how TLS is to be spoken. */
static void copy_tls(struct cel_endpoint *e, const struct cel_endpoint *from)
{
    e->tls = from->tls;
    e->verify = from->verify;
    e->check_hostname = from->check_hostname;
    e->ca_certs = from->ca_certs;
    e->ca_path = from->ca_path;
    e->certfile = from->certfile;
    e->keyfile = from->keyfile;
}

/* Applies what the spelling of TLS means when it was left half open; see section 1.9's sources. */
static enum celeriac_err settle_tls(enum cel_url_use use, const struct cel_endpoint *tls,
                                    const struct tls_query *seen, struct cel_endpoint *e,
                                    struct celeriac_error *err)
{
    /* kombu connects to the master by TLS when the URL of a sentinel has any such key. */
    if (e->is_sentinel)
        e->tls = seen->any;
    if (!e->tls && seen->any)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "ssl_* query keys need a rediss:// URL");
    if (!e->tls && tls == NULL)
        return CELERIAC_OK;
    if (tls != NULL && !seen->any) {
        copy_tls(e, tls);
        return CELERIAC_OK;
    }
    if (use == CEL_URL_RESULTS && !e->is_sentinel && !seen->has_cert_reqs)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "a rediss:// result backend must say ssl_cert_reqs=required, "
                                  "optional or none");
    /* kombu without any TLS option does not verify; with one, the library's default applies. */
    if (!seen->any)
        e->verify = CEL_TLS_NONE;
    if (e->verify == CEL_TLS_NONE)
        e->check_hostname = false;
    return CELERIAC_OK;
}

/* host[:port], or [IPv6][:port]. */
static enum celeriac_err parse_host(struct url_arena *arena, struct span text,
                                    struct cel_endpoint *e, struct celeriac_error *err)
{
    struct span host = text;
    struct span port = {0};
    if (text.len > 0 && text.ptr[0] == '[') {
        struct span inner = {text.ptr + 1, text.len - 1};
        struct span after;
        if (!span_cut(inner, ']', &host, &after) || (after.len > 0 && after.ptr[0] != ':'))
            return celeriac_error_set(err, CELERIAC_ERR_SYNTAX,
                                      "the Redis URL's [IPv6] address is not closed");
        if (after.len > 0)
            port = (struct span){after.ptr + 1, after.len - 1};
    } else {
        (void)span_cut(text, ':', &host, &port);
    }
    int64_t n = 0;
    if (port.len > 0 && parse_int64(port, 0, UINT16_MAX, &n) != CELERIAC_OK)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "port in the Redis URL is no number from 0 to 65535");
    e->port = (uint16_t)n;
    if (n == 0)
        e->port = e->is_sentinel ? CEL_SENTINEL_PORT : CEL_REDIS_PORT;
    if (host.len == 0) {
        e->host = "127.0.0.1";
        return CELERIAC_OK;
    }
    return url_arena_decode(arena, host, "host", &e->host, err);
}

/* user:password before the '@'. */
static enum celeriac_err parse_login(struct url_arena *arena, struct span text,
                                     struct cel_endpoint *e, struct celeriac_error *err)
{
    struct span user;
    struct span password;
    (void)span_cut(text, ':', &user, &password);
    enum celeriac_err code = CELERIAC_OK;
    if (user.len > 0)
        code = url_arena_decode(arena, user, "user", &e->user, err);
    if (code == CELERIAC_OK && password.len > 0)
        code = url_arena_decode(arena, password, "password", &e->password, err);
    return code;
}

static enum celeriac_err parse_scheme(struct span scheme, struct cel_endpoint *e, bool *is_socket,
                                      struct celeriac_error *err)
{
    *is_socket = false;
    if (span_is_nocase(scheme, "redis"))
        return CELERIAC_OK;
    if (span_is_nocase(scheme, "rediss")) {
        e->tls = true;
        return CELERIAC_OK;
    }
    if (span_is_nocase(scheme, "redis+socket") || span_is_nocase(scheme, "socket")) {
        *is_socket = true;
        return CELERIAC_OK;
    }
    if (span_is_nocase(scheme, "sentinel")) {
        e->is_sentinel = true;
        return CELERIAC_OK;
    }
    return celeriac_error_set(err, CELERIAC_ERR_UNSUPPORTED,
                              "unknown URL scheme \"%.*s\": use redis://, rediss://, "
                              "redis+socket:// or sentinel://",
                              SPAN_PRINTF(scheme));
}

static enum celeriac_err parse_path(struct url_arena *arena, struct span path, bool is_socket,
                                    struct cel_endpoint *e, struct celeriac_error *err)
{
    if (is_socket) {
        if (path.len < 2)
            return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                      "redis+socket:// needs the path of the socket");
        e->host = NULL;
        return url_arena_decode(arena, path, "socket path", &e->socket_path, err);
    }
    struct span db;
    url_percent_decode(arena, path, &db);
    while (db.len > 0 && db.ptr[0] == '/')
        db = (struct span){db.ptr + 1, db.len - 1};
    return parse_db(db, &e->db, err);
}

static enum celeriac_err parse_one(struct url_arena *arena, struct span text, enum cel_url_use use,
                                   const struct cel_endpoint *tls, bool may_lack_scheme,
                                   struct cel_endpoint *e, struct celeriac_error *err)
{
    struct url_parts parts;
    struct tls_query seen = {0};
    bool is_socket = false;

    *e = (struct cel_endpoint){.verify = CEL_TLS_REQUIRED, .check_hostname = true};
    if (!url_split(text, &parts)) {
        if (!may_lack_scheme)
            return celeriac_error_set(err, CELERIAC_ERR_SYNTAX,
                                      "the Redis URL has no scheme: redis://host:port/db");
        parts = (struct url_parts){.scheme = SPAN("sentinel"), .host = text};
    }
    enum celeriac_err code = parse_scheme(parts.scheme, e, &is_socket, err);
    if (code == CELERIAC_OK)
        code = parse_login(arena, parts.login, e, err);
    if (code == CELERIAC_OK)
        code = parse_host(arena, parts.host, e, err);
    if (code == CELERIAC_OK)
        code = parse_path(arena, parts.path, is_socket, e, err);
    if (code == CELERIAC_OK)
        code = parse_query(arena, use, parts.query, e, &seen, err);
    if (code == CELERIAC_OK && !is_socket)
        code = settle_tls(use, tls, &seen, e, err);
    return code;
}

/* Splits the list and parses each of its URLs. */
static enum celeriac_err parse_list(struct cel_broker_url *u, struct span text,
                                    enum cel_url_use use, const struct cel_url_options *options,
                                    struct celeriac_error *err)
{
    while (text.len > 0) {
        struct span one;
        struct span rest;
        (void)span_cut(text, ';', &one, &rest);
        text = rest;
        if (u->count == CEL_URL_ENDPOINTS_MAX)
            return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "more than %d Redis URLs",
                                      CEL_URL_ENDPOINTS_MAX);
        struct cel_endpoint *e = &u->endpoint[u->count];
        bool follows_sentinel = u->count > 0 && u->endpoint[0].is_sentinel;
        enum celeriac_err code =
            parse_one(&u->arena, span_trim(one), use, options->tls, follows_sentinel, e, err);
        if (code != CELERIAC_OK)
            return code;
        e->no_keepalive = options->no_keepalive;
        if (u->count > 0 && e->is_sentinel != follows_sentinel)
            return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                      "sentinel:// and other URLs cannot stand in one list");
        u->count++;
    }
    return CELERIAC_OK;
}

/* What the first URL says is the master's; the sentinels' own login and TLS are in the options. */
static enum celeriac_err settle_sentinels(struct cel_broker_url *u,
                                          const struct cel_sentinel_options *options,
                                          struct celeriac_error *err)
{
    if (!u->endpoint[0].is_sentinel)
        return CELERIAC_OK;
    if (options->master_name == NULL || *options->master_name == '\0')
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "sentinel:// needs the transport option master_name");
    u->sentinel = *options;
    u->master = u->endpoint[0];
    u->master.is_sentinel = false;
    u->master.must_be_master = true;
    for (size_t i = 0; i < u->count; i++) {
        u->endpoint[i].db = 0;
        u->endpoint[i].user = options->login.user;
        u->endpoint[i].password = options->login.password;
        copy_tls(&u->endpoint[i], &options->login);
    }
    return CELERIAC_OK;
}

enum celeriac_err cel_broker_url_create(struct span text, enum cel_url_use use,
                                        const struct cel_url_options *options,
                                        struct cel_broker_url **url, struct celeriac_error *err)
{
    static const struct cel_url_options defaults = {0};
    if (options == NULL)
        options = &defaults;
    text = span_trim(text);
    if (text.len == 0)
        text = SPAN("redis://");
    if (text.len > CEL_URL_TEXT_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "the Redis URL is longer than %d bytes",
                                  CEL_URL_TEXT_MAX);
    struct cel_broker_url *u = mem_calloc(1, sizeof *u);
    if (u == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for the Redis URL");
    enum celeriac_err code = url_arena_init(&u->arena, text.len);
    if (code != CELERIAC_OK)
        (void)celeriac_error_set(err, code, "no memory for the Redis URL");
    if (code == CELERIAC_OK)
        code = parse_list(u, text, use, options, err);
    if (code == CELERIAC_OK)
        code = settle_sentinels(u, &options->sentinel, err);
    if (code != CELERIAC_OK) {
        cel_broker_url_destroy(u);
        return code;
    }
    u->shuffle = options->shuffle;
    atomic_init(&u->current, 0);
    *url = u;
    return CELERIAC_OK;
}

enum celeriac_err cel_broker_url_parse(struct span text, enum cel_url_use use,
                                       struct cel_broker_url **url, struct celeriac_error *err)
{
    return cel_broker_url_create(text, use, NULL, url, err);
}

void cel_broker_url_destroy(struct cel_broker_url *url)
{
    if (url == NULL)
        return;
    url_arena_close(&url->arena);
    mem_free(url);
}

size_t cel_broker_url_count(const struct cel_broker_url *url)
{
    return url->count;
}

const struct cel_endpoint *cel_broker_url_endpoint(const struct cel_broker_url *url, size_t index)
{
    return &url->endpoint[index];
}

size_t cel_broker_url_current(const struct cel_broker_url *url)
{
    return atomic_load_explicit(&url->current, memory_order_relaxed);
}

bool cel_broker_url_is_sentinel(const struct cel_broker_url *url)
{
    return url->endpoint[0].is_sentinel;
}

const struct cel_sentinel_options *cel_broker_url_sentinel(const struct cel_broker_url *url)
{
    return &url->sentinel;
}

const struct cel_endpoint *cel_broker_url_master(const struct cel_broker_url *url)
{
    return &url->master;
}

uint32_t cel_broker_url_db(const struct cel_broker_url *url)
{
    return cel_broker_url_is_sentinel(url) ? url->master.db : url->endpoint[0].db;
}

void cel_broker_url_choose(struct cel_broker_url *url, size_t index)
{
    atomic_store_explicit(&url->current, index, memory_order_relaxed);
}

void cel_broker_url_failed(struct cel_broker_url *url, size_t failed)
{
    /* Any endpoint but the failed one is `step` further on. */
    size_t step = 1;
    if (url->shuffle && url->count > 2)
        step = 1 + (size_t)(random_os(NULL) % (url->count - 1));
    size_t next = (failed + step) % url->count;
    (void)atomic_compare_exchange_strong_explicit(&url->current, &failed, next,
                                                  memory_order_relaxed, memory_order_relaxed);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool cel_broker_url_same(const struct cel_broker_url *a, const struct cel_broker_url *b)
{
    if (a == b)
        return true;
    if (a->count != b->count || cel_broker_url_db(a) != cel_broker_url_db(b) ||
        !same_text(a->sentinel.master_name, b->sentinel.master_name) ||
        !same_text(a->master.user, b->master.user))
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct cel_endpoint *x = &a->endpoint[i];
        const struct cel_endpoint *y = &b->endpoint[i];
        if (!same_text(x->host, y->host) || !same_text(x->socket_path, y->socket_path) ||
            x->port != y->port || x->db != y->db || x->tls != y->tls ||
            !same_text(x->user, y->user))
            return false;
    }
    return true;
}

void cel_endpoint_describe(const struct cel_endpoint *endpoint, struct strbuf *out)
{
    if (endpoint->socket_path != NULL) {
        strbuf_add_text(out, "redis+socket://");
        strbuf_add_text(out, endpoint->socket_path);
        strbuf_add_text(out, "?virtual_host=");
    } else {
        bool is_ipv6 = strchr(endpoint->host, ':') != NULL;
        const char *scheme = endpoint->tls ? "rediss://" : "redis://";
        strbuf_add_text(out, endpoint->is_sentinel ? "sentinel://" : scheme);
        strbuf_add_text(out, is_ipv6 ? "[" : "");
        strbuf_add_text(out, endpoint->host);
        strbuf_add_text(out, is_ipv6 ? "]:" : ":");
        strbuf_add_int(out, endpoint->port);
        strbuf_add_char(out, '/');
    }
    strbuf_add_int(out, endpoint->db);
}
