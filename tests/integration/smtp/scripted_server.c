#include "scripted_server.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define CONNECTIONS_MAX 256
#define LINE_MAX_BYTES 4096
#define MESSAGE_MAX ((size_t)64 * 1024 * 1024)

struct connection {
    struct scripted_server *server;
    const struct script *script;
    pthread_t thread;
    int fd;
    SSL *ssl;
    unsigned mail_commands, mails;
    size_t start, end; /* what is unread of the buffer */
    char buffer[LINE_MAX_BYTES];
};

struct scripted_server {
    const struct script *scripts;
    size_t script_count;
    SSL_CTX *tls;
    int listener;
    unsigned port;
    pthread_t acceptor;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct scripted_counts counts;
    struct strbuf last;
    struct connection *connections[CONNECTIONS_MAX];
};

static const struct script well_behaved;

/* ---- bytes ----------------------------------------------------------------------------------- */

static void send_all(struct connection *c, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = c->ssl != NULL ? (ssize_t)SSL_write(c->ssl, bytes, (int)len)
                                      : send(c->fd, bytes, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return;
        bytes += sent;
        len -= (size_t)sent;
    }
}

/* Reads one line, with its CRLF, up to the size of the buffer; false at the end. */
static bool read_line(struct connection *c, char *line, size_t *len)
{
    for (*len = 0; *len < LINE_MAX_BYTES - 1;) {
        if (c->start == c->end) {
            ssize_t got = c->ssl != NULL ? (ssize_t)SSL_read(c->ssl, c->buffer, sizeof c->buffer)
                                         : recv(c->fd, c->buffer, sizeof c->buffer, 0);

            if (got <= 0)
                return false;
            c->start = 0;
            c->end = (size_t)got;
        }
        line[(*len)++] = c->buffer[c->start++];
        if (line[*len - 1] == '\n')
            break;
    }
    line[*len] = '\0';
    return true;
}

/* Says a reply of the script or the usual one; false when the connection is to end. */
static bool say(struct connection *c, const char *scripted, const char *usual)
{
    const char *reply = scripted != NULL ? scripted : usual;

    if (strcmp(reply, SCRIPT_CLOSE) == 0)
        return false;
    if (strcmp(reply, SCRIPT_SILENCE) == 0)
        return true;
    send_all(c, reply, strlen(reply));
    send_all(c, "\r\n", 2);
    return true;
}

/* ---- the conversation ------------------------------------------------------------------------ */

static void count_mail(struct connection *c, struct strbuf *message)
{
    struct scripted_server *s = c->server;

    (void)pthread_mutex_lock(&s->lock);
    s->counts.mails++;
    strbuf_clear(&s->last);
    strbuf_add_span(&s->last, strbuf_span(message));
    (void)pthread_mutex_unlock(&s->lock);
    c->mails++;
}

static void count(struct connection *c, unsigned *number)
{
    (void)pthread_mutex_lock(&c->server->lock);
    (*number)++;
    (void)pthread_mutex_unlock(&c->server->lock);
}

/* Takes a message up to its dot; false when the connection is to end. */
static bool take_message(struct connection *c)
{
    char line[LINE_MAX_BYTES];
    size_t len;
    struct strbuf message;
    bool whole = false;

    strbuf_init(&message, MESSAGE_MAX);
    while (!whole && read_line(c, line, &len)) {
        whole = strcmp(line, ".\r\n") == 0;
        if (!whole)
            strbuf_add(&message, line + (line[0] == '.'), len - (line[0] == '.'));
        if (c->script->close_in_message > 0 &&
            strbuf_span(&message).len >= c->script->close_in_message)
            break;
    }
    if (whole)
        count_mail(c, &message);
    strbuf_close(&message);
    if (!whole || !say(c, c->script->end, "250 2.0.0 taken"))
        return false;
    if (c->script->close_after_mails == 0 || c->mails < c->script->close_after_mails)
        return true;
    if (c->script->farewell != NULL)
        (void)say(c, c->script->farewell, "");
    return false;
}

static bool offers_tls(const struct connection *c)
{
    return c->server->tls != NULL && c->ssl == NULL && !c->script->no_starttls;
}

static bool start_tls(struct connection *c)
{
    if (!offers_tls(c))
        return say(c, NULL, "502 5.5.1 not here");
    (void)say(c, NULL, "220 2.0.0 go ahead");
    c->ssl = SSL_new(c->server->tls);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1 || SSL_accept(c->ssl) != 1)
        return false;
    count(c, &c->server->counts.tls);
    return true;
}

static bool greet_back(struct connection *c)
{
    return say(c, c->script->ehlo,
               offers_tls(c)
                   ? "250-scripted\r\n250-8BITMIME\r\n250-STARTTLS\r\n250 SIZE 99999999"
                   : "250-scripted\r\n250-8BITMIME\r\n250-AUTH PLAIN\r\n250 SIZE 99999999");
}

/* Answers one command; false when the connection is to end. */
static bool answer(struct connection *c, const char *line)
{
    if (strncasecmp(line, "EHLO", 4) == 0 || strncasecmp(line, "HELO", 4) == 0)
        return greet_back(c);
    if (strncasecmp(line, "STARTTLS", 8) == 0)
        return start_tls(c);
    if (strncasecmp(line, "AUTH", 4) == 0) {
        count(c, &c->server->counts.logins);
        return say(c, NULL, "235 2.7.0 welcome");
    }
    if (strncasecmp(line, "MAIL", 4) == 0) {
        if (++c->mail_commands == c->script->close_at_mail)
            return false;
        return say(c, c->script->mail, "250 2.1.0 sender taken");
    }
    if (strncasecmp(line, "RCPT", 4) == 0)
        return say(c, c->script->rcpt, "250 2.1.5 recipient taken");
    if (strncasecmp(line, "DATA", 4) == 0) {
        bool refused = c->script->data != NULL && c->script->data[0] != '3';

        if (!say(c, c->script->data, "354 go ahead"))
            return false;
        return refused || take_message(c);
    }
    if (strncasecmp(line, "QUIT", 4) == 0) {
        (void)say(c, NULL, "221 2.0.0 bye");
        return false;
    }
    return say(c, NULL, "502 5.5.2 unknown");
}

static void *converse(void *context)
{
    struct connection *c = context;
    struct scripted_server *s = c->server;
    char line[LINE_MAX_BYTES];
    size_t len;

    if (say(c, c->script->greeting, "220 scripted ESMTP")) {
        while (read_line(c, line, &len) && answer(c, line))
            ;
    }
    (void)pthread_mutex_lock(&s->lock);
    SSL_free(c->ssl);
    (void)close(c->fd);
    c->fd = -1;
    s->counts.closed++;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void *accept_all(void *context)
{
    struct scripted_server *s = context;
    int fd;

    while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
        struct connection *c = calloc(1, sizeof *c);
        unsigned number;

        if (c == NULL)
            break;
        (void)pthread_mutex_lock(&s->lock);
        number = s->counts.connections;
        if (number < CONNECTIONS_MAX) {
            s->connections[number] = c;
            s->counts.connections++;
        }
        (void)pthread_mutex_unlock(&s->lock);
        /* A reply goes out in two pieces; they should not wait for each other. */
        if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) != 0)
            abort();
        c->server = s;
        c->fd = fd;
        c->script = s->script_count == 0       ? &well_behaved
                    : number < s->script_count ? &s->scripts[number]
                                               : &s->scripts[s->script_count - 1];
        if (number >= CONNECTIONS_MAX || pthread_create(&c->thread, NULL, converse, c) != 0)
            abort();
    }
    return NULL;
}

struct scripted_server *scripted_server_start(const struct script *scripts, size_t count_of,
                                              SSL_CTX *tls)
{
    struct scripted_server *s = calloc(1, sizeof *s);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    assert_non_null(s);
    s->scripts = scripts;
    s->script_count = count_of;
    s->tls = tls;
    strbuf_init(&s->last, MESSAGE_MAX);
    assert_int_equal(pthread_mutex_init(&s->lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&s->changed, NULL), 0);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(s->listener >= 0);
    /* Little is taken in advance, so that a client notices a death within a long message. */
    assert_int_equal(setsockopt(s->listener, SOL_SOCKET, SO_RCVBUF, &(int){65536}, sizeof(int)), 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s->listener, 128), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&address, &len), 0);
    s->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&s->acceptor, NULL, accept_all, s), 0);
    return s;
}

void scripted_server_stop(struct scripted_server *server)
{
    (void)shutdown(server->listener, SHUT_RDWR);
    (void)pthread_join(server->acceptor, NULL);
    (void)close(server->listener);
    (void)pthread_mutex_lock(&server->lock);
    for (unsigned i = 0; i < server->counts.connections; i++) {
        if (server->connections[i]->fd >= 0)
            (void)shutdown(server->connections[i]->fd, SHUT_RDWR);
    }
    (void)pthread_mutex_unlock(&server->lock);
    for (unsigned i = 0; i < server->counts.connections; i++) {
        (void)pthread_join(server->connections[i]->thread, NULL);
        free(server->connections[i]);
    }
    strbuf_close(&server->last);
    (void)pthread_cond_destroy(&server->changed);
    (void)pthread_mutex_destroy(&server->lock);
    free(server);
}

unsigned scripted_server_port(const struct scripted_server *server)
{
    return server->port;
}

struct scripted_counts scripted_server_counts(struct scripted_server *server)
{
    struct scripted_counts counts;

    (void)pthread_mutex_lock(&server->lock);
    counts = server->counts;
    (void)pthread_mutex_unlock(&server->lock);
    return counts;
}

void scripted_server_wait_closed(struct scripted_server *server, unsigned closed)
{
    struct timespec until;
    int waited = 0;
    unsigned seen;

    assert_int_equal(clock_gettime(CLOCK_REALTIME, &until), 0);
    until.tv_sec += 10;
    (void)pthread_mutex_lock(&server->lock);
    while (server->counts.closed < closed && waited == 0)
        waited = pthread_cond_timedwait(&server->changed, &server->lock, &until);
    seen = server->counts.closed;
    (void)pthread_mutex_unlock(&server->lock);
    assert_true(seen >= closed);
}

void scripted_server_last_message(struct scripted_server *server, struct strbuf *out)
{
    (void)pthread_mutex_lock(&server->lock);
    strbuf_add_span(out, strbuf_span(&server->last));
    (void)pthread_mutex_unlock(&server->lock);
}
