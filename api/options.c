#include "api/options.h"

#include <unistd.h>

#include "base/alloc.h"
#include "base/parse_num.h"

/* clang-format off */
static const struct setting table[] = {
    {"bind", SETTING_TEXT, "127.0.0.1:8000", "CELERIAC_API_BIND", "-b, --bind", "HOST:PORT", 0, 0, false,
     "where to listen; port 0 takes a free one, no host means all interfaces"},
    {"share_port", SETTING_FLAG, NULL, NULL, "--share-port", NULL, 0, 0, false,
     "let several processes listen on the same port; the kernel spreads the connections"},
    {"threads", SETTING_INT, "2", "CELERIAC_API_THREADS", "-t, --threads", "N", 1, 64, false,
     "threads that serve requests; they never wait for the database"},
    {"connections", SETTING_INT, "4096", "CELERIAC_API_CONNECTIONS", "--connections", "N", 1, 65536, false,
     "connections at a time; for each one more the one that is idle longest is closed"},
    {"connections_per_address", SETTING_INT, "0", "CELERIAC_API_CONNECTIONS_PER_ADDRESS",
     "--connections-per-address", "N", 0, 65536, false,
     "most connections of one address, or one /64 of IPv6; 0: half of --connections"},
    {"unknown_keys", SETTING_INT, "50", "CELERIAC_API_UNKNOWN_KEYS", "--unknown-keys", "N", 0, 100000, false,
     "unknown keys that an address may try a second, ten times as many at once; 0: no limit"},
    {"rate_limit", SETTING_INT, "0", "CELERIAC_RATE_LIMIT", "--rate-limit", "N", 0, 100000, false,
     "requests a second of a tenant that has no limit of its own; 0: no limit"},
    {"rate_burst", SETTING_INT, "0", "CELERIAC_RATE_BURST", "--rate-burst", "N", 0, 1000000, false,
     "and how many at once after a pause; 0: as many as in a second"},
    {"trusted_proxies", SETTING_TEXT, NULL, "CELERIAC_TRUSTED_PROXIES", "--trusted-proxies", "NETWORKS", 0, 0, false,
     "proxies whose X-Forwarded-For names the client: networks or addresses, separated by commas; none when not given"},
    {"keep_alive", SETTING_INT, "75", "CELERIAC_API_KEEP_ALIVE", "--keep-alive", "SECONDS", 1, 3600, false,
     "how long a silent connection stays open"},
    {"graceful_timeout", SETTING_INT, "30", "CELERIAC_API_GRACEFUL_TIMEOUT", "--graceful-timeout", "SECONDS",
     0, 3600, false, "how long a stop waits for clients that are slow to read their answer"},
    {"http", SETTING_TEXT, NULL, "CELERIAC_API_HTTP", "--http", "HOST:PORT", 0, 0, false,
     "serve /livez, /readyz and /metrics there, without a login; off when not given"},
    {"loglevel", SETTING_LEVEL, "INFO", "CELERIAC_API_LOGLEVEL", "-l, --loglevel", "LEVEL", 0, 0, false,
     "DEBUG, INFO, WARNING, ERROR, CRITICAL or FATAL; INFO has a line for each request"},
    {"logformat", SETTING_TEXT, "text", "CELERIAC_API_LOGFORMAT", "--logformat", "FORMAT", 0, 0, false,
     "text or json"},
    {"logfile", SETTING_TEXT, NULL, "CELERIAC_API_LOGFILE", "-f, --logfile", "FILE", 0, 0, false,
     "log file; standard error when not given; SIGHUP opens it anew"},
    {"json", SETTING_FLAG, NULL, NULL, "--json", NULL, 0, 0, false,
     "with create-tenant and limit: print JSON"},
    {"workdir", SETTING_TEXT, NULL, NULL, "--workdir", "FOLDER", 0, 0, false,
     "working folder, where .env is read"},
    {"help", SETTING_FLAG, NULL, NULL, "-h, --help", NULL, 0, 0, false, "show this text and exit"},
    {"version", SETTING_FLAG, NULL, NULL, "--version", NULL, 0, 0, false, "show the version and exit"},
    {NULL, SETTING_TEXT, NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};
/* clang-format on */

static const struct setting *const tables[] = {table, notify_settings_table, NULL};

/* limit TENANT_ID [PER_SECOND BURST | none]; moves *words behind what it took. */
static enum celeriac_err read_limit(struct api_options *options, char *const **words,
                                    struct celeriac_error *err)
{
    char *const *word = *words;
    double per_second;
    int64_t burst;

    if (!word[0])
        return celeriac_error_set(
            err, CELERIAC_ERR_VALUE,
            "limit: give TENANT_ID, then PER_SECOND BURST or none to change it");
    if (uuid_parse(span_of(word[0]), &options->limit.tenant_id) != CELERIAC_OK)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "limit: TENANT_ID: is no UUID");
    *words = ++word;
    if (!word[0])
        return CELERIAC_OK;
    if (span_is(span_of(word[0]), "none")) {
        options->limit.change = STORE_LIMIT_REMOVE;
        *words = word + 1;
        return CELERIAC_OK;
    }
    if (parse_double(span_of(word[0]), &per_second) != CELERIAC_OK ||
        !(per_second * 1000 >= STORE_LIMIT_MILLI_MIN && per_second * 1000 <= STORE_LIMIT_MILLI_MAX))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "limit: PER_SECOND: must be between 0.001 and 100000, or none");
    if (!word[1] || parse_int64(span_of(word[1]), STORE_LIMIT_BURST_MIN, STORE_LIMIT_BURST_MAX,
                                &burst) != CELERIAC_OK)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "limit: BURST: must be between 1 and 1000000");
    options->limit.change = STORE_LIMIT_SET;
    options->limit.milli = (int64_t)(per_second * 1000 + 0.5);
    options->limit.burst = (int32_t)burst;
    *words = word + 2;
    return CELERIAC_OK;
}

static enum celeriac_err read_words(struct api_options *options, char *const *words,
                                    struct celeriac_error *err)
{
    static const char *const names[] = {[API_MIGRATE] = "migrate",
                                        [API_CHECK] = "check",
                                        [API_CREATE_TENANT] = "create-tenant",
                                        [API_LIMIT] = "limit"};
    enum celeriac_err code = CELERIAC_OK;

    for (size_t i = API_MIGRATE; words[0] && i < sizeof names / sizeof names[0]; i++) {
        if (span_is(span_of(words[0]), names[i])) {
            options->command = (enum api_command)i;
            words++;
            break;
        }
    }
    if (options->command == API_CREATE_TENANT) {
        if (!words[0] || !words[1])
            return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                      "create-tenant: give NAME and EMAIL");
        options->name = words[0];
        options->email = words[1];
        words += 2;
    }
    if (options->command == API_LIMIT)
        code = read_limit(options, &words, err);
    if (code != CELERIAC_OK)
        return code;
    if (words[0])
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "unexpected argument: %s", words[0]);
    return CELERIAC_OK;
}

static enum celeriac_err read_sources(struct api_options *options, int argc, char *const *argv,
                                      char *const *environment, struct celeriac_error *err)
{
    char **words = NULL;
    const char *folder;
    enum celeriac_err code = settings_create(tables, &options->settings, err);

    if (code != CELERIAC_OK)
        return code;
    code = settings_read_options(options->settings, argc, argv, &words, err);
    if (code == CELERIAC_OK)
        code = read_words(options, words, err);
    mem_free(words);
    if (code != CELERIAC_OK)
        return code;
    folder = settings_text(options->settings, "workdir");
    if (folder && chdir(folder) != 0)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "option --workdir: cannot enter %s",
                                  folder);
    /* First, so that a bad line of the file which a variable overrides is no error. */
    code = settings_read_environment(options->settings, environment, err);
    if (code == CELERIAC_OK)
        code = settings_read_dotenv(options->settings, NOTIFY_SETTINGS_DOTENV, true, err);
    return code;
}

static enum celeriac_err read_address(const struct settings *settings, const char *name,
                                      char host[LISTEN_HOST_SIZE], unsigned *port,
                                      struct celeriac_error *err)
{
    struct celeriac_error why = {0};
    enum celeriac_err code =
        listen_address_parse(span_of(settings_text(settings, name)), host, port, &why);

    if (code != CELERIAC_OK)
        return celeriac_error_set(err, code, "%s: %s", settings_place(settings, name), why.text);
    return CELERIAC_OK;
}

/* Where to listen; what the operator's port is made of is read again when it is opened. */
static enum celeriac_err read_addresses(struct api_options *options, struct celeriac_error *err)
{
    char host[LISTEN_HOST_SIZE];
    unsigned port;
    enum celeriac_err code =
        read_address(options->settings, "bind", options->host, &options->port, err);

    options->http = settings_text(options->settings, "http");
    if (code == CELERIAC_OK && options->http)
        code = read_address(options->settings, "http", host, &port, err);
    return code;
}

static enum celeriac_err read_proxies(struct api_options *options, struct celeriac_error *err)
{
    struct celeriac_error why = {0};
    const char *list = settings_text(options->settings, "trusted_proxies");
    enum celeriac_err code =
        trusted_proxies_parse(span_of(list ? list : ""), &options->trusted, &why);

    if (code != CELERIAC_OK)
        return celeriac_error_set(err, code, "%s: %s",
                                  settings_place(options->settings, "trusted_proxies"), why.text);
    return CELERIAC_OK;
}

static enum celeriac_err read_log(struct api_options *options, struct celeriac_error *err)
{
    struct span format = span_of(settings_text(options->settings, "logformat"));

    if (!span_is(format, "text") && !span_is(format, "json"))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: must be text or json",
                                  settings_place(options->settings, "logformat"));
    options->format = span_is(format, "json") ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT;
    options->logfile = settings_text(options->settings, "logfile");
    return log_level_parse(span_of(settings_text(options->settings, "loglevel")), &options->level);
}

enum celeriac_err api_options_read(struct api_options *options, int argc, char *const *argv,
                                   char *const *environment, struct celeriac_error *err)
{
    enum celeriac_err code = read_sources(options, argc, argv, environment, err);
    struct settings *settings = options->settings;

    if (code != CELERIAC_OK)
        return code;
    options->help = settings_bool(settings, "help");
    options->version = settings_bool(settings, "version");
    options->json = settings_bool(settings, "json");
    if (options->json && options->command != API_CREATE_TENANT && options->command != API_LIMIT)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "option --json: only with create-tenant and limit");
    options->share_port = settings_bool(settings, "share_port");
    options->threads = (unsigned)settings_int(settings, "threads");
    options->connections = (unsigned)settings_int(settings, "connections");
    options->connections_per_address = (unsigned)settings_int(settings, "connections_per_address");
    if (options->connections_per_address == 0)
        options->connections_per_address = (options->connections + 1) / 2;
    options->rate_limit = settings_int(settings, "rate_limit");
    options->rate_burst = settings_int(settings, "rate_burst");
    if (options->rate_burst == 0)
        options->rate_burst = options->rate_limit;
    options->unknown_keys = (unsigned)settings_int(settings, "unknown_keys");
    options->idle_seconds = (unsigned)settings_int(settings, "keep_alive");
    options->grace_ns = settings_int(settings, "graceful_timeout") * INT64_C(1000000000);
    code = notify_settings_load(settings, &options->notify, err);
    if (code == CELERIAC_OK)
        code = read_addresses(options, err);
    if (code == CELERIAC_OK)
        code = read_proxies(options, err);
    if (code == CELERIAC_OK)
        code = read_log(options, err);
    if (code != CELERIAC_OK && err != NULL)
        (void)settings_blame(settings, notify_settings_fields, err);
    return code;
}

void api_options_close(struct api_options *options)
{
    settings_destroy(options->settings);
    options->settings = NULL;
}

void api_options_help(struct strbuf *out)
{
    strbuf_add_text(
        out,
        "usage: celeriac-api [options]            serve the REST API\n"
        "       celeriac-api migrate [options]    bring the database to this version\n"
        "       celeriac-api check [options]      say what is wrong with the configuration\n"
        "       celeriac-api create-tenant NAME EMAIL [options]\n"
        "                                         register a tenant, print id and key\n"
        "       celeriac-api limit TENANT_ID [PER_SECOND BURST | none] [options]\n"
        "                                         show, set or remove a tenant's limit of rate\n\n"
        "The notification service's REST API. Settings come from the environment or from\n"
        ".env; see docs/settings.md and docs/rest.md.\n\n");
    settings_help(table, out);
}
