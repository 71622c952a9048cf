/*
 * The command line of celeriac-api.
 */
#ifndef API_OPTIONS_H
#define API_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "api/client_address.h"
#include "base/listen_socket.h"
#include "base/log.h"
#include "base/settings.h"
#include "base/strbuf.h"
#include "base/uuid.h"
#include "celeriac/error.h"
#include "notify/settings.h"
#include "notify/store/tenant_limit.h"

/* What the program is to do: the first word of the command line. */
enum api_command {
    API_SERVE,         /* none */
    API_MIGRATE,       /* migrate */
    API_CHECK,         /* check */
    API_CREATE_TENANT, /* create-tenant NAME EMAIL */
    API_LIMIT          /* limit TENANT_ID [PER_SECOND BURST | none] */
};

/* Everything the program was told. Strings borrow from `settings`. */
struct api_options {
    struct settings *settings;
    struct notify_settings notify;
    enum api_command command; /* set also when reading fails later */
    const char *name;         /* with API_CREATE_TENANT; borrowed from argv */
    const char *email;
    struct {
        struct uuid tenant_id;
        enum store_limit_change change;
        int64_t milli; /* thousandths of a request a second, with STORE_LIMIT_SET as the next */
        int32_t burst;
    } limit;   /* with API_LIMIT */
    bool json; /* with these two: print JSON */
    char host[LISTEN_HOST_SIZE];
    unsigned port;
    bool share_port;
    const char *http; /* where probes and /metrics are served; NULL: nowhere */
    unsigned threads;
    unsigned connections;
    unsigned connections_per_address; /* at least 1 */
    int64_t rate_limit;    /* requests a second of a tenant without a limit of its own; 0: none */
    int64_t rate_burst;    /* and at once */
    unsigned unknown_keys; /* tries of an address a second; 0: no limit */
    struct trusted_proxies trusted;
    unsigned idle_seconds;
    int64_t grace_ns;
    enum log_level level;
    enum log_format format;
    const char *logfile; /* NULL: standard error */
    bool help;
    bool version;
};

/*
 * Reads .env, the environment and the command line. CELERIAC_ERR_VALUE names the option, variable
 * or line. The caller closes *options, also after a failure.
 */
enum celeriac_err api_options_read(struct api_options *options, int argc, char *const *argv,
                                   char *const *environment,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Releases what api_options_read() has made; an all-zero struct is allowed. */
void api_options_close(struct api_options *options);

/* Appends the text of --help. */
void api_options_help(struct strbuf *out);

#endif
