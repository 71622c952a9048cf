#include "api/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/listen_socket.h"
#include "celeriac/client.h"
#include "notify/store/inspect.h"
#include "notify/store/schema.h"

/* Longest sentence: the texts of the settings and of errors fit. */
#define SENTENCE_SIZE 1024

/* Descriptors beside those of connections: servers' sockets, epoll, log, standard streams. */
#define FILES_BESIDE 64

/* A key that nobody has: forgetting it is one round trip that changes nothing. */
#define CONTACT_KEY "celeriac.contact"

/* The ports where a mail server expects TLS from the first byte on, which we do not speak. */
#define PORT_IMPLICIT_TLS 465

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL };

struct checking {
    const struct api_options *options;
    struct strbuf *out;
    bool failed;
};

static void say(struct checking *c, enum verdict verdict, const char *part, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void say(struct checking *c, enum verdict verdict, const char *part, const char *format, ...)
{
    static const char *const words[] = {"ok", "warn", "FAIL"};
    char sentence[SENTENCE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    strbuf_printf(c->out, "%-4s  %-13s %s\n", words[verdict], part, sentence);
    c->failed = c->failed || verdict == VERDICT_FAIL;
}

void api_check_failed(struct strbuf *out, const char *part, const char *sentence)
{
    struct checking c = {.out = out};

    say(&c, VERDICT_FAIL, part, "%s", sentence);
}

/* ---- what needs nobody else -------------------------------------------------------------------
 */

static void check_dotenv(struct checking *c)
{
    struct stat file;

    if (stat(NOTIFY_SETTINGS_DOTENV, &file) != 0) {
        say(c, VERDICT_OK, "settings", "no file .env here; the environment alone");
        return;
    }
    if ((file.st_mode & (S_IRGRP | S_IROTH)) != 0)
        say(c, VERDICT_WARN, "settings", ".env can be read by others (mode %03o): chmod 600 .env",
            (unsigned)(file.st_mode & 0777));
    else
        say(c, VERDICT_OK, "settings", ".env was read");
}

/* A pattern of ALLOWED_HOSTS is a name, an address or ".domain": no scheme, port, path or space. */
static bool is_host_pattern(struct span pattern)
{
    if (pattern.len == 0)
        return false;
    for (size_t i = 0; i < pattern.len; i++) {
        char ch = pattern.ptr[i];

        if (ch == '/' || ch == ' ' || (ch == ':' && pattern.ptr[0] != '['))
            return false;
    }
    return true;
}

static void check_hosts(struct checking *c)
{
    struct span rest = span_of(c->options->notify.allowed_hosts);
    bool all = false, more = rest.len > 0;

    while (more) {
        struct span pattern;

        more = span_cut(rest, ',', &pattern, &rest);
        pattern = span_trim(pattern);
        all = all || span_is(pattern, "*");
        if (!is_host_pattern(pattern)) {
            say(c, VERDICT_FAIL, "hosts",
                "ALLOWED_HOSTS: \"%.*s\" matches no Host header: names without scheme, port and "
                "path, separated by commas",
                (int)pattern.len, pattern.ptr);
            return;
        }
    }
    if (all)
        say(c, VERDICT_WARN, "hosts", "ALLOWED_HOSTS takes every Host header (*)");
    else
        say(c, VERDICT_OK, "hosts", "ALLOWED_HOSTS: %s", c->options->notify.allowed_hosts);
}

static void check_email(struct checking *c)
{
    const struct notify_settings *s = &c->options->notify;
    bool has_user = s->email.user[0], has_password = s->email.password[0];

    if (!s->email.host[0])
        say(c, VERDICT_WARN, "email", "EMAIL_HOST is empty: the workers cannot send email");
    else if (!s->email.from[0])
        say(c, VERDICT_WARN, "email",
            "DEFAULT_FROM_EMAIL and EMAIL_HOST_USER are empty: the workers have no sender");
    else if (has_user != has_password)
        say(c, VERDICT_WARN, "email",
            "%s is empty: the workers do not log in, which takes user and password",
            has_user ? "EMAIL_HOST_PASSWORD" : "EMAIL_HOST_USER");
    else if (has_user && !s->email.starttls)
        say(c, VERDICT_WARN, "email", "EMAIL_USE_TLS is off: the password travels in the clear");
    else if (s->email.port == PORT_IMPLICIT_TLS)
        say(c, VERDICT_WARN, "email",
            "EMAIL_PORT 465 is for TLS without STARTTLS, which is not spoken: take 587");
    else
        say(c, VERDICT_OK, "email", "%s:%u, %s", s->email.host, s->email.port,
            s->email.starttls ? "STARTTLS" : "without TLS");
}

static void check_proxies(struct checking *c)
{
    const struct trusted_proxies *trusted = &c->options->trusted;

    if (trusted->count == 0)
        say(c, VERDICT_OK, "proxies",
            "none is trusted: clients' addresses are those of connections");
    else if (trusted_proxies_has_all(trusted))
        say(c, VERDICT_WARN, "proxies",
            "CELERIAC_TRUSTED_PROXIES trusts everybody: a client can say it is any other");
    else
        say(c, VERDICT_OK, "proxies", "X-Forwarded-For of %zu %s names the client", trusted->count,
            trusted->count == 1 ? "network" : "networks");
}

static void check_files(struct checking *c)
{
    unsigned long wanted = (unsigned long)c->options->connections + FILES_BESIDE;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        say(c, VERDICT_WARN, "files", "the limit of open files cannot be asked for");
    else if (limit.rlim_max < wanted)
        say(c, VERDICT_FAIL, "files",
            "%u connections take %lu open files, and the hard limit is %llu: raise it "
            "(LimitNOFILE=), or lower --connections",
            c->options->connections, wanted, (unsigned long long)limit.rlim_max);
    else
        say(c, VERDICT_OK, "files", "%u connections; up to %llu files can be open",
            c->options->connections, (unsigned long long)limit.rlim_max);
}

static void check_address(struct checking *c)
{
    const struct api_options *o = c->options;
    struct celeriac_error why = {0};
    unsigned port = 0;
    int fd = -1;
    enum celeriac_err rc = listen_socket_open(o->host, o->port, o->share_port, &fd, &port, &why);

    if (rc == CELERIAC_OK) {
        close(fd);
        say(c, VERDICT_OK, "address", "%s:%u is free", o->host[0] ? o->host : "*", port);
    } else if (rc == CELERIAC_ERR_EXISTS) {
        say(c, VERDICT_WARN, "address", "%s (by this service, perhaps)", why.text);
    } else {
        say(c, VERDICT_FAIL, "address", "%s", why.text);
    }
}

/* ---- servers ----------------------------------------------------------------------------------
 */

static void judge_schema(struct checking *c, const struct store_inspection *found)
{
    if (found->tables != 0 && found->tables != STORE_SERVICE_TABLES)
        say(c, VERDICT_FAIL, "schema",
            "%d of the service's %d tables are there: finish or undo "
            "what made them",
            found->tables, STORE_SERVICE_TABLES);
    else if (found->missing[0])
        say(c, VERDICT_FAIL, "schema", "the role lacks %s", found->missing);
    else if (found->tables == 0 || found->version < STORE_SCHEMA_VERSION)
        say(c, VERDICT_FAIL, "schema", "version %d, this program needs %d: run `%s`",
            found->version, STORE_SCHEMA_VERSION, STORE_MIGRATE_COMMAND);
    else if (found->readable_from > STORE_SCHEMA_VERSION)
        say(c, VERDICT_FAIL, "schema", "version %d needs a newer program than this one",
            found->version);
    else
        say(c, VERDICT_OK, "schema", "version %d, all privileges", found->version);
}

static void check_database(struct checking *c)
{
    const struct store_server server = {.keywords = c->options->notify.database.keywords,
                                        .values = c->options->notify.database.values};
    struct store_inspection found;
    struct celeriac_error why = {0};

    if (store_inspect(&server, &found, &why) != CELERIAC_OK) {
        say(c, VERDICT_FAIL, "database", "%s", why.text);
        return;
    }
    say(c, VERDICT_OK, "database", "PostgreSQL %s", found.server);
    judge_schema(c, &found);
}

static void check_broker(struct checking *c)
{
    const struct notify_settings *s = &c->options->notify;
    const struct celeriac_client_options options = {
        .broker_url = s->broker_url,
        .broker_transport_options = s->redis.broker_transport_options,
        .broker_use_ssl = s->redis.broker_use_ssl,
        .broker_failover_strategy = s->redis.failover_strategy,
    };
    const char *const key = CONTACT_KEY;
    struct celeriac_client *client = NULL;
    struct celeriac_error why = {0};
    enum celeriac_err rc = celeriac_client_create(&options, &client, &why);

    if (rc == CELERIAC_OK)
        rc = celeriac_client_forget_unique(client, &key, 1, &why);
    if (rc == CELERIAC_OK)
        say(c, VERDICT_OK, "broker", "reached, and it lets us write");
    else
        say(c, VERDICT_FAIL, "broker", "%s", why.text);
    celeriac_client_destroy(client);
}

bool api_check(const struct api_options *options, struct strbuf *out)
{
    struct checking c = {.options = options, .out = out};

    check_dotenv(&c);
    check_hosts(&c);
    check_address(&c);
    check_proxies(&c);
    check_files(&c);
    check_database(&c);
    check_broker(&c);
    check_email(&c);
    return !c.failed;
}
