#include "celery_proto/redis/conn.h"

#include <poll.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "celery_proto/redis/backoff.h"
#include "celery_proto/redis/conn_io.h"
#include "celery_proto/redis/link.h"
#include "celery_proto/redis/net.h"
#include "celery_proto/redis/sentinel.h"

/* Longest pause when sentinels tell where the master is: asking one is cheap, and tasks must run
 * again within two seconds of its knowing a new master. */
#define SENTINEL_PAUSE_MAX_NS (400 * NS_PER_MS)

/* When the sentinel that we listened to is gone, and the master answers: how often to look for
 * another sentinel, and for how long. */
#define LISTEN_PAUSE_NS (5 * NS_PER_SEC)
#define LISTEN_PATIENCE_NS (200 * NS_PER_MS)

struct cel_conn {
    struct cel_broker_url *url;
    char *client_name;
    uint32_t connect_timeout_ms;
    uint32_t io_timeout_ms;
    struct cel_link *link;
    struct cel_link *watch; /* to a sentinel, which tells when the master has moved; else NULL */
    int64_t listen_ns;      /* when to look for a sentinel again, the watch being lost */
    struct cel_endpoint target;    /* where the link leads; strings are the URL's or `host` */
    char host[SENTINEL_HOST_SIZE]; /* of a master found by sentinels */
    size_t endpoint;
    uint64_t generation;
    unsigned failures;
};

static bool is_client_name(const char *name)
{
    for (; *name != '\0'; name++) {
        if (*name <= ' ' || *name > '~')
            return false;
    }
    return true;
}

enum celeriac_err cel_conn_create(const struct cel_conn_options *options, struct cel_conn **conn,
                                  struct celeriac_error *err)
{
    if (options->url == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "a Redis connection needs a URL");
    if (options->client_name != NULL && !is_client_name(options->client_name))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "client_name may hold printable characters only, no spaces");
    struct cel_conn *c = mem_calloc(1, sizeof *c);
    if (c == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for a Redis connection");
    c->url = options->url;
    c->target = *cel_broker_url_endpoint(c->url, 0);
    c->connect_timeout_ms = options->connect_timeout_ms;
    if (c->connect_timeout_ms == 0)
        c->connect_timeout_ms = cel_broker_url_is_sentinel(c->url) ? CEL_CONN_SENTINEL_TIMEOUT_MS
                                                                   : CEL_CONN_CONNECT_TIMEOUT_MS;
    c->io_timeout_ms =
        options->io_timeout_ms != 0 ? options->io_timeout_ms : CEL_CONN_IO_TIMEOUT_MS;
    c->client_name = mem_dup(options->client_name);
    c->link = link_create();
    bool is_watching = cel_broker_url_is_sentinel(c->url);
    c->watch = is_watching ? link_create() : NULL;
    if (c->link == NULL || (is_watching && c->watch == NULL) ||
        (options->client_name != NULL && c->client_name == NULL)) {
        cel_conn_destroy(c);
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for a Redis connection");
    }
    *conn = c;
    return CELERIAC_OK;
}

void cel_conn_destroy(struct cel_conn *conn)
{
    if (conn == NULL)
        return;
    link_destroy(conn->watch);
    link_destroy(conn->link);
    mem_free(conn->client_name);
    mem_free(conn);
}

void cel_conn_disconnect(struct cel_conn *conn)
{
    link_close(conn->link);
}

bool cel_conn_is_connected(const struct cel_conn *conn)
{
    return link_is_open(conn->link);
}

uint64_t cel_conn_generation(const struct cel_conn *conn)
{
    return conn->generation;
}

size_t cel_conn_endpoint(const struct cel_conn *conn)
{
    return conn->endpoint;
}

bool cel_conn_is_same_server(const struct cel_conn *a, const struct cel_conn *b)
{
    if (a->target.port != b->target.port || (a->target.host == NULL) != (b->target.host == NULL))
        return false;
    return a->target.host != NULL ? strcmp(a->target.host, b->target.host) == 0
                                  : strcmp(a->target.socket_path, b->target.socket_path) == 0;
}

int cel_conn_fd(const struct cel_conn *conn)
{
    return link_fd(conn->link);
}

unsigned cel_conn_failures(const struct cel_conn *conn)
{
    return conn->failures;
}

uint32_t cel_conn_io_timeout_ms(const struct cel_conn *conn)
{
    return conn->io_timeout_ms;
}

void cel_conn_succeed(struct cel_conn *conn)
{
    conn->failures = 0;
}

void cel_conn_count_failure(struct cel_conn *conn)
{
    if (conn->failures < UINT16_MAX)
        conn->failures++;
}

enum celeriac_err cel_conn_fail(struct cel_conn *conn, enum celeriac_err code, bool fail_over,
                                const char *why, struct celeriac_error *err)
{
    struct strbuf where;
    strbuf_init(&where, CELERIAC_ERROR_TEXT_MAX);
    cel_endpoint_describe(&conn->target, &where);
    (void)celeriac_error_set(err, code, "%s: %s", strbuf_text(&where), why);
    strbuf_close(&where);
    cel_conn_disconnect(conn);
    cel_conn_count_failure(conn);
    if (fail_over)
        cel_broker_url_failed(conn->url, conn->endpoint);
    return code;
}

/* Ends the connection after the link reported code with why. */
static enum celeriac_err fail_link(struct cel_conn *conn, enum celeriac_err code,
                                   const struct celeriac_error *why, struct celeriac_error *err)
{
    bool is_silent = code == CELERIAC_ERR_TIMEOUT;
    return cel_conn_fail(conn, is_silent ? CELERIAC_ERR_UNAVAILABLE : code, is_silent, why->text,
                         err);
}

static struct link_patience patience_of(const struct cel_conn *conn)
{
    return (struct link_patience){.deadline_ns = -1, .progress_ms = conn->io_timeout_ms};
}

enum celeriac_err cel_conn_send(struct cel_conn *conn, struct span bytes,
                                struct celeriac_error *err)
{
    struct celeriac_error why = {0};
    enum celeriac_err code = link_send(conn->link, bytes, patience_of(conn), &why);
    return code == CELERIAC_OK ? CELERIAC_OK : fail_link(conn, code, &why, err);
}

enum celeriac_err cel_conn_receive(struct cel_conn *conn, struct redisReply **reply,
                                   struct celeriac_error *err)
{
    struct celeriac_error why = {0};
    enum celeriac_err code = link_receive(conn->link, patience_of(conn), reply, &why);
    return code == CELERIAC_OK ? CELERIAC_OK : fail_link(conn, code, &why, err);
}

enum celeriac_err cel_conn_try_receive(struct cel_conn *conn, struct redisReply **reply,
                                       struct celeriac_error *err)
{
    struct celeriac_error why = {0};
    enum celeriac_err code = link_try_receive(conn->link, reply, &why);
    return code == CELERIAC_OK ? CELERIAC_OK : fail_link(conn, code, &why, err);
}

bool cel_conn_has_buffered(const struct cel_conn *conn)
{
    return link_has_buffered(conn->link);
}

static int64_t connect_deadline(const struct cel_conn *conn)
{
    return clock_monotonic_ns() + conn->connect_timeout_ms * NS_PER_MS;
}

/* Where to connect to: the current endpoint, or the master that the sentinels name. */
static enum celeriac_err choose_target(struct cel_conn *conn, int64_t deadline_ns,
                                       struct celeriac_error *err)
{
    conn->endpoint = cel_broker_url_current(conn->url);
    conn->target = *cel_broker_url_endpoint(conn->url, conn->endpoint);
    if (!cel_broker_url_is_sentinel(conn->url))
        return CELERIAC_OK;
    struct sentinel_answer answer;
    link_close(conn->watch);
    enum celeriac_err code =
        sentinel_find_master(conn->url, conn->watch, deadline_ns, &answer, err);
    if (code != CELERIAC_OK)
        return code;
    memcpy(conn->host, answer.host, sizeof conn->host);
    conn->target = *cel_broker_url_master(conn->url);
    conn->target.host = conn->host;
    conn->target.port = answer.port;
    conn->endpoint = cel_broker_url_current(conn->url);
    return CELERIAC_OK;
}

/*
 * Whether the sentinels have moved the master since we connected. An old master that was not told
 * yet takes what it is sent, for ten seconds and more, and all of it is lost.
 */
static bool has_moved(struct cel_conn *conn)
{
    if (conn->watch == NULL)
        return false;
    enum sentinel_news news = sentinel_hear(conn->url, conn->watch);
    if (news != SENTINEL_LOST)
        return news == SENTINEL_MOVED;
    int64_t now = clock_monotonic_ns();
    if (now < conn->listen_ns)
        return false;
    conn->listen_ns = now + LISTEN_PAUSE_NS;
    struct sentinel_answer answer;
    if (sentinel_find_master(conn->url, conn->watch, now + LISTEN_PATIENCE_NS, &answer, NULL) !=
        CELERIAC_OK)
        return false;
    return answer.port != conn->target.port || strcmp(answer.host, conn->host) != 0;
}

bool cel_conn_is_watching(const struct cel_conn *conn)
{
    return conn->watch != NULL;
}

enum celeriac_err cel_conn_ensure(struct cel_conn *conn, struct celeriac_error *err)
{
    if (link_is_open(conn->link)) {
        if (!has_moved(conn))
            return CELERIAC_OK;
        link_close(conn->link);
    }
    struct celeriac_error why = {0};
    enum celeriac_err code = choose_target(conn, connect_deadline(conn), &why);
    if (code == CELERIAC_OK)
        code =
            link_open(conn->link, &conn->target, conn->client_name, connect_deadline(conn), &why);
    if (code == CELERIAC_ERR_TIMEOUT)
        code = CELERIAC_ERR_UNAVAILABLE;
    /* Another server of the list may let us in where this one does not. */
    if (code != CELERIAC_OK)
        return cel_conn_fail(conn, code, code != CELERIAC_ERR_MEMORY, why.text, err);
    conn->generation++;
    return CELERIAC_OK;
}

enum celeriac_err cel_conn_pause(struct cel_conn *conn, int wake_fd)
{
    int64_t pause = cel_backoff_ns(conn->failures, random_os, NULL);
    if (cel_broker_url_is_sentinel(conn->url) && pause > SENTINEL_PAUSE_MAX_NS)
        pause = SENTINEL_PAUSE_MAX_NS;
    int64_t until = clock_monotonic_ns() + pause;
    /* Without a descriptor there is nothing to watch: poll() only sleeps. */
    enum celeriac_err woken = net_wait(wake_fd, wake_fd < 0 ? 0 : POLLIN, until);
    return woken == CELERIAC_OK ? CELERIAC_ERR_SHUTDOWN : CELERIAC_OK;
}
