#include "celery_proto/redis/addresses.h"

#include "base/span.h"

/* What Celery calls a result backend that keeps nothing. */
#define NO_BACKEND "disabled"

static const char *or_else(const char *text, const char *otherwise)
{
    return text != NULL && *text != '\0' ? text : otherwise;
}

static enum celeriac_err read_options(const struct cel_address_texts *texts,
                                      struct cel_addresses *addresses, struct celeriac_error *err)
{
    const struct cel_transport_texts broker = {.options = texts->broker_transport_options,
                                               .use_ssl = texts->broker_use_ssl,
                                               .failover = texts->broker_failover_strategy};
    const char *other_ssl = or_else(texts->result_backend, NULL) ? NULL : texts->broker_use_ssl;
    const struct cel_transport_texts backend = {
        .options =
            or_else(texts->result_backend_transport_options, texts->broker_transport_options),
        .use_ssl = or_else(texts->redis_backend_use_ssl, other_ssl),
        .failover = texts->broker_failover_strategy,
    };
    enum celeriac_err code =
        cel_transport_options_create(&broker, CEL_URL_BROKER, &addresses->broker_options, err);
    if (code == CELERIAC_OK)
        code = cel_transport_options_create(&backend, CEL_URL_RESULTS, &addresses->backend_options,
                                            err);
    return code;
}

static enum celeriac_err read_urls(const struct cel_address_texts *texts,
                                   struct cel_addresses *addresses, struct celeriac_error *err)
{
    struct celeriac_error why = {0};
    struct span backend = span_of(or_else(texts->result_backend, texts->broker_url));
    enum celeriac_err code = cel_broker_url_create(span_of(texts->broker_url), CEL_URL_BROKER,
                                                   cel_transport_url(addresses->broker_options),
                                                   &addresses->broker, &why);
    if (code != CELERIAC_OK)
        return celeriac_error_set(err, code, "broker_url: %s", why.text);
    /* Celery's stricter rules are for a URL that was meant for the backend. */
    enum cel_url_use use = or_else(texts->result_backend, NULL) ? CEL_URL_RESULTS : CEL_URL_BROKER;
    if (!span_starts(backend, SPAN(NO_BACKEND)))
        code = cel_broker_url_create(backend, use, cel_transport_url(addresses->backend_options),
                                     &addresses->backend, &why);
    return code != CELERIAC_OK ? celeriac_error_set(err, code, "result_backend: %s", why.text)
                               : CELERIAC_OK;
}

static enum celeriac_err name_keys(const struct cel_address_texts *texts,
                                   struct cel_addresses *addresses, struct celeriac_error *err)
{
    struct cel_keys_options names = *cel_transport_keys(addresses->broker_options);
    names.global_keyprefix = or_else(texts->global_keyprefix, names.global_keyprefix);
    if (or_else(texts->result_backend_transport_options, NULL))
        names.result_keyprefix = cel_transport_keys(addresses->backend_options)->result_keyprefix;
    names.db = cel_broker_url_db(addresses->broker);
    struct celeriac_error why = {0};
    enum celeriac_err code = cel_keys_create(&names, &addresses->keys, &why);
    /* All names but that prefix are among the options. */
    const char *field =
        or_else(texts->global_keyprefix, NULL) ? "global_keyprefix" : "broker_transport_options";
    return code != CELERIAC_OK ? celeriac_error_set(err, code, "%s: %s", field, why.text)
                               : CELERIAC_OK;
}

enum celeriac_err cel_addresses_open(const struct cel_address_texts *texts,
                                     struct cel_addresses *addresses, struct celeriac_error *err)
{
    struct cel_addresses made = {0};
    enum celeriac_err code = read_options(texts, &made, err);
    if (code == CELERIAC_OK)
        code = read_urls(texts, &made, err);
    if (code == CELERIAC_OK)
        code = name_keys(texts, &made, err);
    if (code == CELERIAC_OK)
        code = cel_routes_create(span_of(texts->task_routes), &made.routes, err);
    if (code != CELERIAC_OK)
        cel_addresses_close(&made);
    else
        *addresses = made;
    return code;
}

void cel_addresses_close(struct cel_addresses *addresses)
{
    cel_routes_destroy(addresses->routes);
    cel_keys_destroy(addresses->keys);
    cel_broker_url_destroy(addresses->backend);
    cel_broker_url_destroy(addresses->broker);
    cel_transport_options_destroy(addresses->backend_options);
    cel_transport_options_destroy(addresses->broker_options);
    *addresses = (struct cel_addresses){0};
}

struct cel_conn_options cel_to_broker(const struct cel_addresses *addresses, const char *role)
{
    return cel_transport_connection(addresses->broker_options, addresses->broker, role);
}

struct cel_conn_options cel_to_backend(const struct cel_addresses *addresses, const char *role)
{
    return cel_transport_connection(addresses->backend_options, addresses->backend, role);
}
