/*
 * The only file that knows libmicrohttpd.
 *
 * One struct flight accompanies a request from its first line (on_uri) to the end of its response
 * (on_completed). Its phase decides who runs the next step, since http_continue() may be called
 * while the server's thread is still about to suspend the connection:
 *
 *     RUNNING --step returned, pending--> WAITING   (connection suspended)
 *     RUNNING --http_continue()---------> POSTED    (the same thread runs the step next)
 *     WAITING --http_continue()---------> POSTED    (which resumes the connection)
 */
#include "api/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/drain.h"
#include "api/memory_budget.h"
#include "api/patience.h"
#include "api/peer_count.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/parse_num.h"

#define THREADS_DEFAULT 2
#define THREADS_MAX 64
#define CONNECTIONS_DEFAULT 4096
#define IDLE_SECONDS_DEFAULT 75
#define HEAD_SECONDS_DEFAULT 30

/*
 * Connections beyond the wanted number that the library may accept, as a share of it and at least;
 * the library divides them among its threads, of which there are THREADS_MAX at most.
 */
#define SPARE_SHARE 16
#define SPARE_MIN 64

/* Bytes of an error's text; the longest of glibc has about 60. */
#define REASON_SIZE 128

/* Handlers parse JSON iteratively and render in bounded depth; 512 KiB leaves ample room. */
#define STACK_SIZE ((size_t)512 * 1024)

enum phase { PHASE_READING, PHASE_RUNNING, PHASE_WAITING, PHASE_POSTED };

struct server {
    struct MHD_Daemon *daemon;
    struct patience *patience;
    struct peer_count *peers;              /* NULL: connections are not counted by address */
    const struct trusted_proxies *trusted; /* never NULL */
    size_t (*body_max)(struct span path, void *context);
    http_step_fn *handler;
    void *context;
    bool stopped;
    atomic_bool closing;          /* answers say "Connection: close" */
    struct memory_budget bodies;  /* of requests that are large */
    struct memory_budget answers; /* likewise */
    struct drain drain;
    atomic_uint_fast64_t accepted, closed; /* connections */
};

/* One connection. */
struct visit {
    struct patience_entry *entry; /* NULL: not watched */
    struct peer_net net;
    bool counted; /* in peers */
};

struct flight {
    struct server *server;
    struct MHD_Connection *connection;
    struct http_exchange *exchange;
    char *uri;
    struct strbuf body;
    size_t received;
    size_t held; /* of these, those counted in bodies */
    bool headers_seen;
    bool begun;
    atomic_int phase;
};

/* Gives back what the body takes. */
static void drop_body(struct flight *f)
{
    strbuf_close(&f->body);
    memory_budget_release(&f->server->bodies, &f->held);
}

static void flight_destroy(struct flight *f)
{
    if (!f)
        return;
    http_exchange_destroy(f->exchange);
    drop_body(f);
    mem_free(f->uri);
    mem_free(f);
}

static void on_post(struct http_exchange *x, void *context)
{
    struct flight *f = context;
    int expected = PHASE_RUNNING;

    (void)x;
    if (!atomic_compare_exchange_strong(&f->phase, &expected, PHASE_POSTED)) {
        struct MHD_Connection *connection = f->connection;

        atomic_store(&f->phase, PHASE_POSTED);
        MHD_resume_connection(connection);
    }
}

static const struct http_host host = {on_post};

static const struct trusted_proxies nobody = {.count = 0};

static size_t body_max(const struct server *s, const char *uri)
{
    struct span path;
    struct span query;

    (void)span_cut(span_of(uri), '?', &path, &query);
    return s->body_max ? s->body_max(path, s->context) : HTTP_BODY_MAX;
}

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct flight *f = mem_calloc(1, sizeof *f);

    if (!f)
        return NULL;
    f->server = cls;
    f->connection = connection;
    strbuf_init(&f->body, body_max(f->server, uri));
    atomic_init(&f->phase, PHASE_READING);
    f->uri = mem_dup(uri);
    if (!f->uri || http_exchange_create(&host, f, &f->exchange) != CELERIAC_OK) {
        flight_destroy(f);
        return NULL;
    }
    http_set_budget(f->exchange, &f->server->answers);
    return f;
}

static struct patience_entry *entry_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    const struct visit *visit = info ? info->socket_context : NULL;

    return visit ? visit->entry : NULL;
}

static void fill_peer(struct MHD_Connection *connection, char peer[HTTP_PEER_SIZE])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    if (info && info->client_addr)
        peer_net_address(info->client_addr, peer, HTTP_PEER_SIZE);
}

/* Counts a new connection by its address; one too many is shut down, which its thread then sees. */
static void count_visit(struct server *s, struct MHD_Connection *connection, struct visit *visit,
                        int fd)
{
    char peer[HTTP_PEER_SIZE] = "";

    if (!s->peers)
        return;
    fill_peer(connection, peer);
    /* A proxy's connections are those of all its clients. */
    if (trusted_proxies_has(s->trusted, peer))
        return;
    visit->net = peer_net_of(peer);
    visit->counted = peer_count_enter(s->peers, &visit->net);
    if (!visit->counted)
        (void)shutdown(fd, SHUT_RDWR);
}

static void *begin_visit(struct server *s, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct visit *visit = info ? mem_calloc(1, sizeof *visit) : NULL;

    if (!visit)
        return NULL;
    visit->entry = patience_enter(s->patience, info->connect_fd);
    count_visit(s, connection, visit, info->connect_fd);
    return visit;
}

static void end_visit(struct server *s, struct visit *visit)
{
    if (!visit)
        return;
    patience_leave(s->patience, visit->entry);
    if (visit->counted)
        peer_count_leave(s->peers, &visit->net);
    mem_free(visit);
}

/* A connection was accepted, or is about to be closed. */
static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server *s = cls;

    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        atomic_fetch_add_explicit(&s->closed, 1, memory_order_relaxed);
        end_visit(s, *context);
        *context = NULL;
        return;
    }
    atomic_fetch_add_explicit(&s->accepted, 1, memory_order_relaxed);
    *context = begin_visit(s, connection);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct server *s = cls;
    struct flight *f = *context;
    bool begun = f && f->begun;
    bool finished = begun && http_is_finished(f->exchange);

    (void)code;
    patience_waiting(s->patience, entry_of(connection));
    flight_destroy(f);
    *context = NULL;
    if (begun)
        drain_leave(&s->drain, finished);
}

static struct span header(struct MHD_Connection *connection, const char *name)
{
    const char *value = NULL;
    size_t len = 0;

    if (MHD_lookup_connection_value_n(connection, MHD_HEADER_KIND, name, strlen(name), &value,
                                      &len) != MHD_YES)
        return (struct span){NULL, 0};
    if (!value)
        return SPAN("");
    return span_trim((struct span){value, len});
}

static enum MHD_Result note_line(void *cls, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    (void)kind;
    forwarded_lines_add(cls, name, value);
    return MHD_YES;
}

static void fill_client(struct flight *f, char client[HTTP_PEER_SIZE])
{
    struct forwarded_lines forwarded = {.count = 0};
    char peer[HTTP_PEER_SIZE] = "";

    fill_peer(f->connection, peer);
    if (f->server->trusted->count > 0)
        (void)MHD_get_connection_values(f->connection, MHD_HEADER_KIND, note_line, &forwarded);
    client_address_find(f->server->trusted, peer, &forwarded, client);
}

static void fill_request(struct flight *f, const char *method)
{
    struct http_request *r = http_request(f->exchange);

    r->method_name = span_of(method);
    r->method = http_method_of(r->method_name);
    (void)span_cut(span_of(f->uri), '?', &r->path, &r->query);
    r->host = header(f->connection, MHD_HTTP_HEADER_HOST);
    r->content_type = header(f->connection, MHD_HTTP_HEADER_CONTENT_TYPE);
    r->accept = header(f->connection, MHD_HTTP_HEADER_ACCEPT);
    r->api_key = header(f->connection, "X-API-KEY");
    r->request_id = header(f->connection, "X-Request-ID");
    r->idempotency_key = header(f->connection, "Idempotency-Key");
    r->traceparent = header(f->connection, "traceparent");
    r->tracestate = header(f->connection, "tracestate");
    fill_client(f, r->peer);
}

/* The response's bytes move to libmicrohttpd, which frees them when it has sent them. */
static struct MHD_Response *make_response(struct http_response *r)
{
    struct MHD_Response *response;
    char *text = NULL;
    size_t len = 0;

    if (strbuf_take(&r->body, &text, &len) != CELERIAC_OK)
        return NULL;
    response = MHD_create_response_from_buffer_with_free_callback(len, text, mem_free);
    if (!response)
        mem_free(text);
    return response;
}

static enum MHD_Result send_response(struct flight *f)
{
    struct http_response *r = http_response(f->exchange);
    struct MHD_Response *response = make_response(r);
    enum MHD_Result result = MHD_YES;

    if (!response)
        return MHD_NO;
    patience_answering(f->server->patience, entry_of(f->connection));
    if (r->content_type)
        result = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, r->content_type);
    for (size_t i = 0; result == MHD_YES && i < r->header_count; i++)
        result = MHD_add_response_header(response, r->headers[i].name, r->headers[i].value);
    if (result == MHD_YES && atomic_load(&f->server->closing))
        result = MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (result == MHD_YES)
        result = MHD_queue_response(f->connection, r->status, response);
    MHD_destroy_response(response);
    return result;
}

/* Runs steps until the exchange is finished or pending. */
static enum MHD_Result run_steps(struct flight *f)
{
    for (;;) {
        int expected = PHASE_RUNNING;

        atomic_store(&f->phase, PHASE_RUNNING);
        http_run(f->exchange);
        if (http_is_finished(f->exchange)) {
            drain_answered(&f->server->drain);
            return send_response(f);
        }
        if (atomic_load(&f->phase) == PHASE_POSTED)
            continue;
        /* Suspend before saying so: http_continue() resumes as soon as the phase is WAITING. */
        MHD_suspend_connection(f->connection);
        if (!atomic_compare_exchange_strong(&f->phase, &expected, PHASE_WAITING))
            MHD_resume_connection(f->connection);
        return MHD_YES;
    }
}

static enum MHD_Result begin(struct flight *f)
{
    http_request(f->exchange)->body = strbuf_span(&f->body);
    http_set_step(f->exchange, f->server->handler, f->server->context);
    patience_busy(f->server->patience, entry_of(f->connection));
    /* The library may ask again for what it gave up at its end. */
    if (!drain_enter(&f->server->drain))
        return MHD_NO;
    f->begun = true;
    return run_steps(f);
}

/* The announced length of the body; -1 when there is none. */
static int64_t announced_length(struct MHD_Connection *connection)
{
    struct span text = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    int64_t length;

    return text.ptr && parse_int64(text, 0, INT64_MAX, &length) == CELERIAC_OK ? length : -1;
}

static enum MHD_Result take_body(struct flight *f, const char *data, size_t len)
{
    struct http_request *r = http_request(f->exchange);

    if (len > SERVER_DRAIN_MAX - f->received)
        return MHD_NO;
    f->received += len;
    if (r->body_too_large || r->body_unwelcome)
        return MHD_YES;
    if (!memory_budget_hold(&f->server->bodies, f->body.len + len, &f->held)) {
        r->body_unwelcome = true;
        drop_body(f);
        return MHD_YES;
    }
    strbuf_add(&f->body, data, len);
    if (strbuf_status(&f->body) == CELERIAC_ERR_MEMORY)
        return MHD_NO;
    if (strbuf_status(&f->body) != CELERIAC_OK) {
        r->body_too_large = true;
        drop_body(f);
    }
    return MHD_YES;
}

/* A body of known length gets its memory at once, rather than twice as much by doubling. */
static bool make_room(struct flight *f, int64_t length)
{
    if (length <= 0 || length > (int64_t)f->body.max)
        return true;
    return strbuf_reserve(&f->body, (size_t)length) != NULL;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload_data,
                                  size_t *upload_data_size, void **context)
{
    struct flight *f = *context;

    (void)cls;
    (void)url;
    (void)version;
    if (!f)
        return MHD_NO;
    if (atomic_load(&f->phase) == PHASE_POSTED)
        return run_steps(f);
    if (!f->headers_seen) {
        int64_t length = announced_length(connection);

        f->headers_seen = true;
        patience_reading(f->server->patience, entry_of(connection));
        fill_request(f, method);
        /* Reading a body that is far too long would only cost. */
        if (length <= (int64_t)SERVER_DRAIN_MAX)
            return make_room(f, length) ? MHD_YES : MHD_NO;
        http_request(f->exchange)->body_too_large = true;
    } else if (*upload_data_size > 0) {
        enum MHD_Result taken = take_body(f, upload_data, *upload_data_size);

        *upload_data_size = 0;
        return taken;
    }
    return begin(f);
}

static unsigned wanted_connections(const struct server_options *o)
{
    return o->connections ? o->connections : CONNECTIONS_DEFAULT;
}

static struct MHD_Daemon *start(struct server *s, const struct server_options *o)
{
    const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
    unsigned threads = o->threads ? o->threads : THREADS_DEFAULT;
    unsigned wanted = wanted_connections(o);
    /* Room for those that are cut off, but not gone yet. */
    unsigned connections = wanted + wanted / SPARE_SHARE + SPARE_MIN;
    unsigned idle = o->idle_seconds ? o->idle_seconds : IDLE_SECONDS_DEFAULT;

    if (threads > THREADS_MAX)
        threads = THREADS_MAX;
    /* clang-format off */
    const struct MHD_OptionItem pool[] = {
        {MHD_OPTION_THREAD_POOL_SIZE, (intptr_t) threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    /* clang-format on */

    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET,
                            o->listen_fd, MHD_OPTION_CONNECTION_LIMIT, connections,
                            MHD_OPTION_CONNECTION_TIMEOUT, idle, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            SERVER_HEADERS_MAX, MHD_OPTION_THREAD_STACK_SIZE, STACK_SIZE,
                            MHD_OPTION_URI_LOG_CALLBACK, on_uri, s, MHD_OPTION_NOTIFY_COMPLETED,
                            on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
                            MHD_OPTION_ARRAY, threads > 1 ? pool : none, MHD_OPTION_END);
}

/* Closes what a server holds besides its daemon. */
static void release(struct server *s)
{
    patience_destroy(s->patience);
    peer_count_destroy(s->peers);
    drain_destroy(&s->drain);
    mem_free(s);
}

static int64_t seconds_or(unsigned seconds, unsigned otherwise)
{
    return (int64_t)(seconds ? seconds : otherwise) * NS_PER_SEC;
}

/* What watches over connections. */
static enum celeriac_err make_guards(struct server *s, const struct server_options *o,
                                     struct celeriac_error *err)
{
    const struct patience_limits limits = {
        .head_ns = seconds_or(o->idle_seconds, IDLE_SECONDS_DEFAULT) +
                   seconds_or(o->head_seconds, HEAD_SECONDS_DEFAULT),
        .body_ns = seconds_or(o->body_seconds, SERVER_BODY_SECONDS),
        .answer_ns = seconds_or(o->answer_seconds, SERVER_ANSWER_SECONDS),
        .connections = wanted_connections(o)};

    s->bodies.max = o->big_bytes ? o->big_bytes : SERVER_BIG_BYTES;
    s->answers.max = o->answer_bytes ? o->answer_bytes : SERVER_ANSWER_BYTES;
    if (o->connections_per_address > 0 &&
        peer_count_create(o->connections_per_address, &s->peers) != CELERIAC_OK)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for the server");
    return patience_create(&limits, &s->patience, err);
}

enum celeriac_err server_create(const struct server_options *options, struct server **s,
                                struct celeriac_error *err)
{
    struct server *made = mem_calloc(1, sizeof *made);
    char why[REASON_SIZE];
    enum celeriac_err rc;

    if (!made) {
        close(options->listen_fd);
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for the server");
    }
    made->body_max = options->body_max;
    made->handler = options->handler;
    made->trusted = options->trusted ? options->trusted : &nobody;
    made->context = options->context;
    drain_init(&made->drain);
    rc = make_guards(made, options, err);
    if (rc == CELERIAC_OK)
        made->daemon = start(made, options);
    if (!made->daemon) {
        if (rc == CELERIAC_OK)
            rc = celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "the HTTP server does not start: %s",
                                    strerror_r(errno, why, sizeof why));
        close(options->listen_fd);
        release(made);
        return rc;
    }
    *s = made;
    return CELERIAC_OK;
}

void server_stop(struct server *s, int64_t grace_ns)
{
    int fd;

    if (s->stopped)
        return;
    s->stopped = true;
    atomic_store(&s->closing, true);
    /*
     * From here on who connects is refused; but the descriptor stays ours until the threads of the
     * daemon have ended, as they take it out of their epoll sets whenever they get to it.
     */
    fd = MHD_quiesce_daemon(s->daemon);
    if (fd >= 0)
        (void)shutdown(fd, SHUT_RDWR);
    drain_close(&s->drain, grace_ns);
    MHD_stop_daemon(s->daemon);
    if (fd >= 0)
        close(fd);
    s->daemon = NULL;
}

void server_get_stats(struct server *s, struct server_stats *stats)
{
    uint64_t closed = atomic_load_explicit(&s->closed, memory_order_relaxed);

    stats->accepted = atomic_load_explicit(&s->accepted, memory_order_relaxed);
    stats->connections = stats->accepted > closed ? stats->accepted - closed : 0;
    drain_count(&s->drain, &stats->handling, &stats->sending);
}

void server_destroy(struct server *s)
{
    if (!s)
        return;
    server_stop(s, 0);
    release(s);
}
