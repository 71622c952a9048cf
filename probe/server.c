#include "probe/server.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/listen_socket.h"
#include "base/log.h"
#include "base/metrics_text.h"
#include "base/span.h"

/* Room for what answering needs: a Redis connection, perhaps with TLS, and the text's own calls. */
#define STACK_SIZE ((size_t)256 * 1024)

/* Memory for a request's head; probes send some hundred bytes. */
#define HEAD_MAX ((size_t)8 * 1024)

/* Longest answer: what the metrics of a worker may have, and the program's own. */
#define ANSWER_MAX ((size_t)20 * 1024 * 1024)

#define TEXT_TYPE "text/plain; charset=utf-8"

struct probe_server {
    struct MHD_Daemon *daemon;
    struct probe_options options;
};

static void free_text(void *text)
{
    mem_free(text);
}

/* Sends the text, which it takes over. */
static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status,
                                 const char *type, struct strbuf *body_steal)
{
    struct MHD_Response *response = NULL;
    enum MHD_Result result;
    char *text = NULL;
    size_t len = 0;

    if (strbuf_take(body_steal, &text, &len) == CELERIAC_OK)
        response = MHD_create_response_from_buffer_with_free_callback(len, text, free_text);
    strbuf_close(body_steal);
    if (!response) {
        mem_free(text);
        return MHD_NO;
    }
    result = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (result == MHD_YES && status == MHD_HTTP_METHOD_NOT_ALLOWED)
        result = MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    if (result == MHD_YES)
        result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_line(struct MHD_Connection *connection, unsigned status,
                                 const char *line)
{
    struct strbuf body;

    strbuf_init(&body, ANSWER_MAX);
    strbuf_add_text(&body, line);
    strbuf_add_char(&body, '\n');
    return send_text(connection, status, TEXT_TYPE, &body);
}

static enum MHD_Result send_health(struct probe_server *server, struct MHD_Connection *connection,
                                   bool (*is_well)(void *user, struct strbuf *answer))
{
    struct strbuf body;
    bool well;

    strbuf_init(&body, ANSWER_MAX);
    well = is_well(server->options.user, &body);
    strbuf_add_char(&body, '\n');
    return send_text(connection, well ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, TEXT_TYPE,
                     &body);
}

static enum MHD_Result send_metrics(struct probe_server *server, struct MHD_Connection *connection)
{
    struct strbuf body;

    strbuf_init(&body, ANSWER_MAX);
    server->options.metrics(server->options.user, &body);
    return send_text(connection, MHD_HTTP_OK, METRICS_TEXT_TYPE, &body);
}

static enum MHD_Result answer(struct probe_server *server, struct MHD_Connection *connection,
                              struct span path, struct span method)
{
    if (!span_is(path, "/livez") && !span_is(path, "/readyz") && !span_is(path, "/metrics"))
        return send_line(connection, MHD_HTTP_NOT_FOUND, "not found");
    if (!span_is(method, MHD_HTTP_METHOD_GET) && !span_is(method, MHD_HTTP_METHOD_HEAD))
        return send_line(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "method not allowed");
    if (span_is(path, "/livez"))
        return send_health(server, connection, server->options.is_live);
    if (span_is(path, "/readyz"))
        return send_health(server, connection, server->options.is_ready);
    return send_metrics(server, connection);
}

/* Called first with the head, then with what there is of a body, which is read and ignored. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_size, void **context)
{
    static char head_seen;

    (void)version;
    (void)data;
    if (!*context) {
        *context = &head_seen;
        return MHD_YES;
    }
    if (*data_size > 0) {
        *data_size = 0;
        return MHD_YES;
    }
    return answer(cls, connection, span_of(url), span_of(method));
}

/* libmicrohttpd's own words, such as about a client that went away; of interest when debugging. */
static void on_log(void *cls, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void on_log(void *cls, const char *format, va_list arguments)
{
    char text[CELERIAC_ERROR_TEXT_MAX];

    (void)cls;
    if (vsnprintf(text, sizeof text, format, arguments) > 0)
        log_debug("http", "libmicrohttpd", LOG_STR("message", text));
}

static struct MHD_Daemon *start(struct probe_server *server, int fd)
{
    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL,
                            on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
                            MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)PROBE_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                            (unsigned)PROBE_IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            HEAD_MAX, MHD_OPTION_THREAD_STACK_SIZE, STACK_SIZE, MHD_OPTION_END);
}

enum celeriac_err probe_server_create(const struct probe_options *options,
                                      struct probe_server **server, struct celeriac_error *err)
{
    char host[LISTEN_HOST_SIZE];
    struct probe_server *made;
    unsigned port = 0;
    int fd = -1;
    enum celeriac_err code = listen_address_parse(span_of(options->address), host, &port, err);

    if (code == CELERIAC_OK)
        code = listen_socket_open(host, port, false, &fd, &port, err);
    if (code)
        return code;
    made = mem_calloc(1, sizeof *made);
    if (made) {
        made->options = *options;
        made->daemon = start(made, fd);
    }
    if (!made || !made->daemon) {
        code = made ? celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "the HTTP server does not start")
                    : celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
        close(fd);
        mem_free(made);
        return code;
    }
    log_info("http", "listening", LOG_STR("host", host), LOG_INT("port", port));
    *server = made;
    return CELERIAC_OK;
}

void probe_server_destroy(struct probe_server *server)
{
    if (!server)
        return;
    MHD_stop_daemon(server->daemon);
    mem_free(server);
}
