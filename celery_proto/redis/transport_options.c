#include "celery_proto/redis/transport_options.h"

#include <math.h>
#include <openssl/crypto.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"

#define MS_PER_S 1000.0

/* Seconds of visibility_timeout: a year at most, as the command line's option. */
#define VISIBILITY_MAX_S 31536000

/* Python's ssl.CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED as numbers. */
#define CERT_REQS_MAX 2

struct cel_transport_options {
    struct cel_url_options url;
    struct cel_endpoint tls; /* of use_ssl */
    struct cel_keys_options keys;
    struct cel_priority_steps steps;
    enum cel_queue_order order;
    uint32_t visibility_timeout;
    uint32_t io_timeout_ms;
    uint32_t connect_timeout_ms;
    const char *client_name;
    enum cel_url_use use;
    char *texts; /* every string of the options, one after the other */
    size_t used, cap;
};

/* Sets one option from its value; `name` is for errors. */
typedef enum celeriac_err option_fn(struct cel_transport_options *o, const char *name,
                                    const struct json_node *value, struct celeriac_error *err);

/* Reads one member of an object. */
typedef enum celeriac_err member_fn(struct cel_transport_options *o, const struct json_node *key,
                                    const struct json_node *value, struct celeriac_error *err);

static enum celeriac_err bad(const char *name, const char *wanted, struct celeriac_error *err)
{
    return celeriac_error_set(err, CELERIAC_ERR_VALUE, "transport option %s must be %s", name,
                              wanted);
}

/* ---- values -------------------------------------------------------------------------------- */

/* Decoded UTF-8 is never longer than its JSON, so the block made for the whole text is enough. */
static enum celeriac_err take_text(struct cel_transport_options *o, const char *name,
                                   const struct json_node *value, const char **text,
                                   struct celeriac_error *err)
{
    struct strbuf decoded;
    if (value->type == JSON_NULL)
        return CELERIAC_OK;
    if (value->type != JSON_STRING)
        return bad(name, "a string", err);
    strbuf_init(&decoded, CEL_TRANSPORT_TEXT_MAX);
    enum celeriac_err code = json_decode_string(value, &decoded);
    struct span s = strbuf_span(&decoded);
    if (code != CELERIAC_OK) {
        (void)celeriac_error_set(err, code, "transport option %s: %s", name,
                                 celeriac_err_name(code));
    } else if (s.len > 0 && memchr(s.ptr, '\0', s.len) != NULL) {
        code = bad(name, "a string without NUL", err);
    } else if (s.len >= o->cap - o->used) {
        code = celeriac_error_set(err, CELERIAC_ERR_LIMIT, "transport option %s is too long", name);
    } else {
        char *place = o->texts + o->used;
        if (s.len > 0)
            memcpy(place, s.ptr, s.len);
        place[s.len] = '\0';
        o->used += s.len + 1;
        *text = place;
    }
    if (decoded.ptr != NULL)
        OPENSSL_cleanse(decoded.ptr, decoded.len);
    strbuf_close(&decoded);
    return code;
}

static enum celeriac_err take_bool(const char *name, const struct json_node *value, bool *flag,
                                   struct celeriac_error *err)
{
    if (value->type != JSON_TRUE && value->type != JSON_FALSE)
        return bad(name, "true or false", err);
    *flag = value->type == JSON_TRUE;
    return CELERIAC_OK;
}

static enum celeriac_err take_timeout(const char *name, const struct json_node *value,
                                      uint32_t *milliseconds, struct celeriac_error *err)
{
    double seconds = 0;
    if (value->type == JSON_NULL)
        return CELERIAC_OK;
    if (json_double(value, &seconds) != CELERIAC_OK || seconds <= 0 ||
        seconds > CEL_TRANSPORT_TIMEOUT_MAX_S)
        return bad(name, "seconds above 0, at most 3600", err);
    *milliseconds = (uint32_t)ceil(seconds * MS_PER_S);
    return CELERIAC_OK;
}

/* ---- names of keys ------------------------------------------------------------------------- */

static enum celeriac_err set_keyprefix(struct cel_transport_options *o, const char *name,
                                       const struct json_node *value, struct celeriac_error *err)
{
    return take_text(
        o, name, value,
        o->use == CEL_URL_BROKER ? &o->keys.global_keyprefix : &o->keys.result_keyprefix, err);
}

static enum celeriac_err set_sep(struct cel_transport_options *o, const char *name,
                                 const struct json_node *value, struct celeriac_error *err)
{
    return take_text(o, name, value, &o->keys.sep, err);
}

static enum celeriac_err set_unacked(struct cel_transport_options *o, const char *name,
                                     const struct json_node *value, struct celeriac_error *err)
{
    return take_text(o, name, value, &o->keys.unacked_key, err);
}

static enum celeriac_err set_unacked_index(struct cel_transport_options *o, const char *name,
                                           const struct json_node *value,
                                           struct celeriac_error *err)
{
    return take_text(o, name, value, &o->keys.unacked_index_key, err);
}

static enum celeriac_err set_unacked_mutex(struct cel_transport_options *o, const char *name,
                                           const struct json_node *value,
                                           struct celeriac_error *err)
{
    return take_text(o, name, value, &o->keys.unacked_mutex_key, err);
}

static enum celeriac_err set_fanout_prefix(struct cel_transport_options *o, const char *name,
                                           const struct json_node *value,
                                           struct celeriac_error *err)
{
    if (value->type == JSON_TRUE)
        return CELERIAC_OK;
    if (value->type == JSON_FALSE) {
        o->keys.fanout_prefix = "";
        return CELERIAC_OK;
    }
    return take_text(o, name, value, &o->keys.fanout_prefix, err);
}

static enum celeriac_err set_fanout_patterns(struct cel_transport_options *o, const char *name,
                                             const struct json_node *value,
                                             struct celeriac_error *err)
{
    bool patterns = true;
    enum celeriac_err code = take_bool(name, value, &patterns, err);
    o->keys.no_fanout_patterns = !patterns;
    return code;
}

static enum celeriac_err set_steps(struct cel_transport_options *o, const char *name,
                                   const struct json_node *value, struct celeriac_error *err)
{
    if (value->type != JSON_ARRAY)
        return bad(name, "an array of numbers", err);
    enum celeriac_err code = cel_priority_steps_parse(json_raw(value), &o->steps, err);
    if (code == CELERIAC_OK)
        o->keys.priority_steps = &o->steps;
    return code;
}

/* ---- consuming ----------------------------------------------------------------------------- */

static enum celeriac_err set_order(struct cel_transport_options *o, const char *name,
                                   const struct json_node *value, struct celeriac_error *err)
{
    if (json_string_is(value, "round_robin"))
        o->order = CEL_ORDER_ROUND_ROBIN;
    else if (json_string_is(value, "sorted"))
        o->order = CEL_ORDER_SORTED;
    else if (json_string_is(value, "priority"))
        o->order = CEL_ORDER_PRIORITY;
    else
        return bad(name, "round_robin, sorted or priority", err);
    return CELERIAC_OK;
}

static enum celeriac_err set_visibility(struct cel_transport_options *o, const char *name,
                                        const struct json_node *value, struct celeriac_error *err)
{
    double seconds = 0;
    if (json_double(value, &seconds) != CELERIAC_OK || seconds < 1 || seconds > VISIBILITY_MAX_S)
        return bad(name, "seconds from 1 to 31536000", err);
    o->visibility_timeout = (uint32_t)seconds;
    return CELERIAC_OK;
}

static enum celeriac_err set_ack_emulation(struct cel_transport_options *o, const char *name,
                                           const struct json_node *value,
                                           struct celeriac_error *err)
{
    bool emulate = true;
    (void)o;
    enum celeriac_err code = take_bool(name, value, &emulate, err);
    if (code == CELERIAC_OK && !emulate)
        code = celeriac_error_set(err, CELERIAC_ERR_UNSUPPORTED,
                                  "transport option %s: false would lose what a worker holds when "
                                  "it dies, and is not supported",
                                  name);
    return code;
}

/* ---- connections --------------------------------------------------------------------------- */

static enum celeriac_err set_timeout(struct cel_transport_options *o, const char *name,
                                     const struct json_node *value, struct celeriac_error *err)
{
    return take_timeout(name, value, &o->io_timeout_ms, err);
}

static enum celeriac_err set_connect_timeout(struct cel_transport_options *o, const char *name,
                                             const struct json_node *value,
                                             struct celeriac_error *err)
{
    return take_timeout(name, value, &o->connect_timeout_ms, err);
}

static enum celeriac_err set_keepalive(struct cel_transport_options *o, const char *name,
                                       const struct json_node *value, struct celeriac_error *err)
{
    bool keepalive = true;
    if (value->type == JSON_NULL)
        return CELERIAC_OK;
    enum celeriac_err code = take_bool(name, value, &keepalive, err);
    o->url.no_keepalive = !keepalive;
    return code;
}

static enum celeriac_err set_client_name(struct cel_transport_options *o, const char *name,
                                         const struct json_node *value, struct celeriac_error *err)
{
    return take_text(o, name, value, &o->client_name, err);
}

static enum celeriac_err refuse(struct cel_transport_options *o, const char *name,
                                const struct json_node *value, struct celeriac_error *err)
{
    (void)o;
    if (value->type == JSON_NULL)
        return CELERIAC_OK;
    return celeriac_error_set(err, CELERIAC_ERR_UNSUPPORTED,
                              "transport option %s names Python code and is not supported", name);
}

/* ---- TLS ----------------------------------------------------------------------------------- */

static enum celeriac_err take_cert_reqs(const char *name, const struct json_node *value,
                                        struct cel_endpoint *tls, struct celeriac_error *err)
{
    static const struct {
        const char *text;
        int64_t number;
        enum cel_tls_verify verify;
    } table[] = {
        {"none", 0, CEL_TLS_NONE},         {"CERT_NONE", 0, CEL_TLS_NONE},
        {"optional", 1, CEL_TLS_OPTIONAL}, {"CERT_OPTIONAL", 1, CEL_TLS_OPTIONAL},
        {"required", 2, CEL_TLS_REQUIRED}, {"CERT_REQUIRED", 2, CEL_TLS_REQUIRED},
    };
    int64_t number = -1;
    bool is_number = json_int(value, 0, CERT_REQS_MAX, &number) == CELERIAC_OK;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (is_number ? number == table[i].number : json_string_is(value, table[i].text)) {
            tls->verify = table[i].verify;
            if (tls->verify == CEL_TLS_NONE)
                tls->check_hostname = false;
            return CELERIAC_OK;
        }
    }
    return bad(name, "none, optional or required", err);
}

static void warn_ignored(const char *where, const struct json_node *key)
{
    struct span name = {0};
    if (json_peek_string(key, &name))
        log_warning("redis", "transport option has no effect here", LOG_STR("in", where),
                    LOG_SPAN("option", name));
}

/* One key of use_ssl or sentinel_kwargs that is no other: an ssl_* key, or one without effect. */
static enum celeriac_err take_tls_key(struct cel_transport_options *o, struct cel_endpoint *tls,
                                      const char *where, const struct json_node *key,
                                      const struct json_node *value, struct celeriac_error *err)
{
    const struct {
        const char *name;
        const char **target;
    } files[] = {
        {"ssl_ca_certs", &tls->ca_certs},
        {"ssl_ca_path", &tls->ca_path},
        {"ssl_certfile", &tls->certfile},
        {"ssl_keyfile", &tls->keyfile},
    };
    if (json_string_is(key, "ssl_cert_reqs"))
        return take_cert_reqs("ssl_cert_reqs", value, tls, err);
    if (json_string_is(key, "ssl_check_hostname"))
        return take_bool("ssl_check_hostname", value, &tls->check_hostname, err);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (json_string_is(key, files[i].name))
            return take_text(o, files[i].name, value, files[i].target, err);
    }
    warn_ignored(where, key);
    return CELERIAC_OK;
}

/* ---- sentinels ----------------------------------------------------------------------------- */

static enum celeriac_err set_master_name(struct cel_transport_options *o, const char *name,
                                         const struct json_node *value, struct celeriac_error *err)
{
    return take_text(o, name, value, &o->url.sentinel.master_name, err);
}

static enum celeriac_err set_min_others(struct cel_transport_options *o, const char *name,
                                        const struct json_node *value, struct celeriac_error *err)
{
    int64_t n = 0;
    if (json_int(value, 0, CEL_URL_ENDPOINTS_MAX, &n) != CELERIAC_OK)
        return bad(name, "a number from 0 to 16", err);
    o->url.sentinel.min_other_sentinels = (uint32_t)n;
    return CELERIAC_OK;
}

/* Gives each member of an object to one function. */
static enum celeriac_err each_member(struct cel_transport_options *o,
                                     const struct json_node *object, member_fn *member,
                                     struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;
    const struct json_node *key = json_first(object);
    while (key != NULL && code == CELERIAC_OK) {
        const struct json_node *value = json_next(object, key);
        code = member(o, key, value, err);
        key = json_next(object, value);
    }
    return code;
}

static enum celeriac_err read_sentinel_kwarg(struct cel_transport_options *o,
                                             const struct json_node *key,
                                             const struct json_node *value,
                                             struct celeriac_error *err)
{
    struct cel_sentinel_options *s = &o->url.sentinel;
    if (json_string_is(key, "password"))
        return take_text(o, "sentinel_kwargs.password", value, &s->login.password, err);
    if (json_string_is(key, "username"))
        return take_text(o, "sentinel_kwargs.username", value, &s->login.user, err);
    if (json_string_is(key, "ssl"))
        return take_bool("sentinel_kwargs.ssl", value, &s->login.tls, err);
    if (json_string_is(key, "socket_timeout") || json_string_is(key, "socket_connect_timeout"))
        return take_timeout("sentinel_kwargs.socket_timeout", value, &s->timeout_ms, err);
    return take_tls_key(o, &s->login, "sentinel_kwargs", key, value, err);
}

static enum celeriac_err set_sentinel_kwargs(struct cel_transport_options *o, const char *name,
                                             const struct json_node *value,
                                             struct celeriac_error *err)
{
    if (value->type == JSON_NULL)
        return CELERIAC_OK;
    if (value->type != JSON_OBJECT)
        return bad(name, "an object", err);
    o->url.sentinel.login.verify = CEL_TLS_REQUIRED;
    o->url.sentinel.login.check_hostname = true;
    return each_member(o, value, read_sentinel_kwarg, err);
}

/* ---- the table ----------------------------------------------------------------------------- */

static const struct {
    const char *name;
    option_fn *set;
    bool broker_only; /* means nothing to the result backend, which often shares the dictionary */
} options_table[] = {
    {"global_keyprefix", set_keyprefix, false},
    {"sep", set_sep, true},
    {"unacked_key", set_unacked, true},
    {"unacked_index_key", set_unacked_index, true},
    {"unacked_mutex_key", set_unacked_mutex, true},
    {"fanout_prefix", set_fanout_prefix, true},
    {"fanout_patterns", set_fanout_patterns, true},
    {"priority_steps", set_steps, true},
    {"queue_order_strategy", set_order, true},
    {"visibility_timeout", set_visibility, true},
    {"ack_emulation", set_ack_emulation, true},
    {"socket_timeout", set_timeout, false},
    {"socket_connect_timeout", set_connect_timeout, false},
    {"socket_keepalive", set_keepalive, false},
    {"client_name", set_client_name, false},
    {"credential_provider", refuse, false},
    {"master_name", set_master_name, false},
    {"min_other_sentinels", set_min_others, false},
    {"sentinel_kwargs", set_sentinel_kwargs, false},
};

static enum celeriac_err read_option(struct cel_transport_options *o, const struct json_node *key,
                                     const struct json_node *value, struct celeriac_error *err)
{
    for (size_t i = 0; i < sizeof options_table / sizeof options_table[0]; i++) {
        if (!json_string_is(key, options_table[i].name))
            continue;
        if (o->use == CEL_URL_RESULTS && options_table[i].broker_only)
            return CELERIAC_OK;
        return options_table[i].set(o, options_table[i].name, value, err);
    }
    warn_ignored(o->use == CEL_URL_BROKER ? "broker_transport_options"
                                          : "result_backend_transport_options",
                 key);
    return CELERIAC_OK;
}

static enum celeriac_err read_tls_key(struct cel_transport_options *o, const struct json_node *key,
                                      const struct json_node *value, struct celeriac_error *err)
{
    return take_tls_key(o, &o->tls, "use_ssl", key, value, err);
}

/* Reads a setting that is a JSON object. null and false are as if it were not given. */
static enum celeriac_err read_setting(struct cel_transport_options *o, const char *what,
                                      const char *text, member_fn *member, bool *given,
                                      struct celeriac_error *err)
{
    struct celeriac_error why = {0};
    struct json_doc doc;
    *given = false;
    if (text == NULL || *text == '\0')
        return CELERIAC_OK;
    json_init(&doc);
    enum celeriac_err code = json_parse(&doc, span_of(text), NULL, &why);
    const struct json_node *root = json_root(&doc);
    if (code != CELERIAC_OK) {
        (void)celeriac_error_set(err, code, "%s: no JSON: %s", what, why.text);
    } else if (root->type == JSON_OBJECT) {
        *given = true;
        code = each_member(o, root, member, err);
    } else if (root->type != JSON_NULL && root->type != JSON_FALSE) {
        code = celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s must be a JSON object", what);
    }
    json_close(&doc);
    return code;
}

static enum celeriac_err read_use_ssl(struct cel_transport_options *o, const char *text,
                                      struct celeriac_error *err)
{
    o->tls = (struct cel_endpoint){.tls = true, .verify = CEL_TLS_REQUIRED, .check_hostname = true};
    bool given = false;
    enum celeriac_err code = read_setting(o, "use_ssl", text, read_tls_key, &given, err);
    if (given)
        o->url.tls = &o->tls;
    return code;
}

static enum celeriac_err read_failover(struct cel_transport_options *o, const char *text,
                                       struct celeriac_error *err)
{
    struct span strategy = span_of(text);
    if (strategy.len == 0 || span_is(strategy, "round-robin"))
        return CELERIAC_OK;
    if (!span_is(strategy, "shuffle"))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "must be round-robin or shuffle");
    o->url.shuffle = true;
    return CELERIAC_OK;
}

/* The settings that the texts are, by use. */
static const struct {
    const char *options;
    const char *use_ssl;
} fields[] = {[CEL_URL_BROKER] = {"broker_transport_options", "broker_use_ssl"},
              [CEL_URL_RESULTS] = {"result_backend_transport_options", "redis_backend_use_ssl"}};

/* Reads all texts; *field is the setting that is being read. */
static enum celeriac_err read_all(struct cel_transport_options *o,
                                  const struct cel_transport_texts *texts, const char **field,
                                  struct celeriac_error *err)
{
    bool given = false;
    *field = fields[o->use].options;
    enum celeriac_err code =
        read_setting(o, "transport options", texts->options, read_option, &given, err);
    if (code == CELERIAC_OK) {
        *field = fields[o->use].use_ssl;
        code = read_use_ssl(o, texts->use_ssl, err);
    }
    if (code == CELERIAC_OK) {
        *field = "broker_failover_strategy";
        code = read_failover(o, texts->failover, err);
    }
    return code;
}

enum celeriac_err cel_transport_options_create(const struct cel_transport_texts *texts,
                                               enum cel_url_use use,
                                               struct cel_transport_options **options,
                                               struct celeriac_error *err)
{
    size_t lengths[] = {span_of(texts->options).len, span_of(texts->use_ssl).len};
    if (lengths[0] > CEL_TRANSPORT_TEXT_MAX || lengths[1] > CEL_TRANSPORT_TEXT_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "%s: longer than 65536 bytes",
                                  lengths[0] > CEL_TRANSPORT_TEXT_MAX ? fields[use].options
                                                                      : fields[use].use_ssl);
    struct cel_transport_options *o = mem_calloc(1, sizeof *o);
    if (o == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for transport options");
    o->use = use;
    o->cap = lengths[0] + lengths[1] + 1;
    o->texts = mem_calloc(1, o->cap);
    struct celeriac_error why = {0};
    const char *field = fields[use].options;
    enum celeriac_err code =
        o->texts != NULL ? read_all(o, texts, &field, &why) : CELERIAC_ERR_MEMORY;
    if (code != CELERIAC_OK) {
        cel_transport_options_destroy(o);
        return celeriac_error_set(err, code, "%s: %s", field,
                                  why.text[0] ? why.text : celeriac_err_name(code));
    }
    *options = o;
    return CELERIAC_OK;
}

void cel_transport_options_destroy(struct cel_transport_options *options)
{
    if (options == NULL)
        return;
    if (options->texts != NULL)
        OPENSSL_cleanse(options->texts, options->cap);
    mem_free(options->texts);
    mem_free(options);
}

const struct cel_url_options *cel_transport_url(const struct cel_transport_options *options)
{
    return &options->url;
}

const struct cel_keys_options *cel_transport_keys(const struct cel_transport_options *options)
{
    return &options->keys;
}

uint32_t cel_transport_visibility_timeout(const struct cel_transport_options *options)
{
    return options->visibility_timeout;
}

enum cel_queue_order cel_transport_queue_order(const struct cel_transport_options *options)
{
    return options->order;
}

struct cel_conn_options cel_transport_connection(const struct cel_transport_options *options,
                                                 struct cel_broker_url *url, const char *role)
{
    return (struct cel_conn_options){
        .url = url,
        .client_name = options->client_name != NULL ? options->client_name : role,
        .connect_timeout_ms = options->connect_timeout_ms,
        .io_timeout_ms = options->io_timeout_ms,
    };
}
