#include "celery_proto/redis/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "celery_proto/redis/net.h"

struct tls_session {
    SSL_CTX *context;
    SSL *ssl;
    int fd; /* borrowed; what the BIO's data points to */
};

/*
 * OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE in programs that do not
 * ignore it; a library must not ask that of them.
 */
static int socket_write(BIO *bio, const char *buf, int len)
{
    BIO_clear_retry_flags(bio);
    ssize_t n = send(*(const int *)BIO_get_data(bio), buf, (size_t)len, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return (int)n;
}

static int socket_read(BIO *bio, char *buf, int len)
{
    BIO_clear_retry_flags(bio);
    ssize_t n = recv(*(const int *)BIO_get_data(bio), buf, (size_t)len, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    return (int)n;
}

static long socket_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *socket_method;

static void make_socket_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "celeriac socket");
    if (m == NULL)
        return;
    if (BIO_meth_set_write(m, socket_write) == 1 && BIO_meth_set_read(m, socket_read) == 1 &&
        BIO_meth_set_ctrl(m, socket_ctrl) == 1)
        socket_method = m;
    else
        BIO_meth_free(m);
}

static BIO *new_socket_bio(struct tls_session *session)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, make_socket_method);
    BIO *bio = socket_method != NULL ? BIO_new(socket_method) : NULL;
    if (bio != NULL) {
        BIO_set_data(bio, &session->fd);
        BIO_set_init(bio, 1);
    }
    return bio;
}

static enum celeriac_err refuse(struct celeriac_error *err, const char *what)
{
    char reason[128];
    ERR_error_string_n(ERR_peek_last_error(), reason, sizeof reason);
    return celeriac_error_set(err, CELERIAC_ERR_AUTH, "TLS: %s: %s", what, reason);
}

static enum celeriac_err load_files(SSL_CTX *context, const struct cel_endpoint *endpoint,
                                    struct celeriac_error *err)
{
    if (endpoint->verify != CEL_TLS_NONE) {
        bool named = endpoint->ca_certs != NULL || endpoint->ca_path != NULL;
        if (named &&
            SSL_CTX_load_verify_locations(context, endpoint->ca_certs, endpoint->ca_path) != 1)
            return refuse(err, "cannot read ssl_ca_certs or ssl_ca_path");
        if (!named && SSL_CTX_set_default_verify_paths(context) != 1)
            return refuse(err, "cannot read the system's certificates");
    }
    if (endpoint->certfile == NULL)
        return CELERIAC_OK;
    const char *key = endpoint->keyfile != NULL ? endpoint->keyfile : endpoint->certfile;
    if (SSL_CTX_use_certificate_chain_file(context, endpoint->certfile) != 1)
        return refuse(err, "cannot read ssl_certfile");
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        return refuse(err, "cannot read ssl_keyfile");
    return CELERIAC_OK;
}

static enum celeriac_err make_context(const struct cel_endpoint *endpoint, SSL_CTX **context,
                                      struct celeriac_error *err)
{
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    if (c == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "TLS: no memory");
    (void)SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
    (void)SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(c, endpoint->verify == CEL_TLS_NONE ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
                       NULL);
    enum celeriac_err code = load_files(c, endpoint, err);
    if (code != CELERIAC_OK) {
        SSL_CTX_free(c);
        return code;
    }
    *context = c;
    return CELERIAC_OK;
}

/* The name that the certificate must carry, and the one asked for by SNI. */
static bool set_names(SSL *ssl, const struct cel_endpoint *endpoint)
{
    if (endpoint->host == NULL)
        return true;
    unsigned char address[sizeof(struct in6_addr)];
    bool is_address = inet_pton(AF_INET, endpoint->host, address) == 1 ||
                      inet_pton(AF_INET6, endpoint->host, address) == 1;
    /* What SSL_set_tlsext_host_name() is short for; the name is only read. */
    if (!is_address && SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                                (void *)(uintptr_t)endpoint->host) != 1)
        return false;
    if (!endpoint->check_hostname)
        return true;
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    return (is_address ? X509_VERIFY_PARAM_set1_ip_asc(param, endpoint->host)
                       : X509_VERIFY_PARAM_set1_host(param, endpoint->host, 0)) == 1;
}

static enum tls_want want_after(const struct tls_session *session, int result)
{
    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_NONE:
        return TLS_DONE;
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    case SSL_ERROR_SYSCALL:
        return result == 0 ? TLS_CLOSED : TLS_FAILED;
    default:
        return TLS_FAILED;
    }
}

static enum celeriac_err shake_hands(struct tls_session *session, int fd, int64_t deadline_ns,
                                     struct celeriac_error *err)
{
    for (;;) {
        ERR_clear_error();
        enum tls_want want = want_after(session, SSL_connect(session->ssl));
        if (want == TLS_DONE)
            return CELERIAC_OK;
        if (want == TLS_WANT_READ || want == TLS_WANT_WRITE) {
            short events = want == TLS_WANT_READ ? POLLIN : POLLOUT;
            if (net_wait(fd, events, deadline_ns) == CELERIAC_OK)
                continue;
            return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE,
                                      "TLS: no answer to the handshake in time");
        }
        long verdict = SSL_get_verify_result(session->ssl);
        if (verdict != X509_V_OK)
            return celeriac_error_set(err, CELERIAC_ERR_AUTH,
                                      "TLS: the server's certificate is not trusted: %s",
                                      X509_verify_cert_error_string(verdict));
        if (want == TLS_CLOSED || ERR_peek_last_error() == 0)
            return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE,
                                      "TLS: the connection was closed during the handshake");
        return refuse(err, "handshake failed");
    }
}

enum celeriac_err tls_open(const struct cel_endpoint *endpoint, int fd, int64_t deadline_ns,
                           struct tls_session **session, struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_ERR_MEMORY;
    BIO *bio = NULL;
    struct tls_session *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "TLS: no memory");

    code = make_context(endpoint, &s->context, err);
    if (code != CELERIAC_OK)
        goto out;
    code = CELERIAC_ERR_MEMORY;
    s->fd = fd;
    s->ssl = SSL_new(s->context);
    bio = new_socket_bio(s);
    if (s->ssl == NULL || bio == NULL || !set_names(s->ssl, endpoint)) {
        (void)celeriac_error_set(err, code, "TLS: no memory");
        goto out;
    }
    SSL_set_bio(s->ssl, bio, bio);
    bio = NULL;
    code = shake_hands(s, fd, deadline_ns, err);
    if (code != CELERIAC_OK)
        goto out;
    *session = s;
    s = NULL;
out:
    (void)BIO_free(bio);
    tls_close(s);
    return code;
}

void tls_close(struct tls_session *session)
{
    if (session == NULL)
        return;
    if (session->ssl != NULL && SSL_is_init_finished(session->ssl))
        (void)SSL_shutdown(session->ssl);
    SSL_free(session->ssl);
    SSL_CTX_free(session->context);
    ERR_clear_error();
    mem_free(session);
}

enum tls_want tls_read(struct tls_session *session, char *buf, size_t cap, size_t *done)
{
    ERR_clear_error();
    int n = SSL_read(session->ssl, buf, cap > INT_MAX ? INT_MAX : (int)cap);
    if (n > 0)
        *done = (size_t)n;
    return n > 0 ? TLS_DONE : want_after(session, n);
}

enum tls_want tls_write(struct tls_session *session, const char *buf, size_t len, size_t *done)
{
    ERR_clear_error();
    int n = SSL_write(session->ssl, buf, len > INT_MAX ? INT_MAX : (int)len);
    if (n > 0)
        *done = (size_t)n;
    return n > 0 ? TLS_DONE : want_after(session, n);
}

bool tls_has_pending(const struct tls_session *session)
{
    return SSL_has_pending(session->ssl) == 1;
}
