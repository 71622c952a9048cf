#include "tests/support/redis_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"
#include "tests/support/scratch.h"

#define TEXT_MAX 256
#define ARGS_MAX 64

/* Attempts to reach a starting server, 10 ms apart. */
#define START_TRIES 1000

/* The range of tests/services/ports.py. */
#define PORT_FIRST 15000
#define PORT_LAST 31999
#define PORT_TRIES 500

struct redis_server {
    struct redis_server_options options;
    pid_t pid; /* 0: not running */
    uint16_t port;
    int port_mark; /* the socket that claims the port */
    char folder[SCRATCH_PATH_SIZE];
    char url[TEXT_MAX];
    char unix_url[TEXT_MAX];
    char socket_path[TEXT_MAX];
    char port_text[8];
};

static bool is_free(uint16_t port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(port),
                                        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    const int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    bool ok = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    (void)close(fd);
    return ok;
}

/* A socket that says the port is taken, as tests/services/ports.py does; -1: somebody else's. */
static int mark_port(uint16_t port)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int len =
        snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "celeriac-test-port-%u", port);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (bind(fd, (const struct sockaddr *)&address, size) == 0 && is_free(port))
        return fd;
    (void)close(fd);
    return -1;
}

/* Takes a port that stays ours while the server is down: it lies below the ports that the kernel
 * gives to outgoing connections, and the mark keeps other tests away. */
static void claim_port(struct redis_server *s)
{
    for (int i = 0; i < PORT_TRIES; i++) {
        uint16_t offset;
        random_bytes(&offset, sizeof offset);
        s->port = (uint16_t)(PORT_FIRST + offset % (PORT_LAST - PORT_FIRST + 1));
        s->port_mark = mark_port(s->port);
        if (s->port_mark >= 0)
            return;
    }
    fail_msg("no free port");
}

/* The child's command line; text buffers must outlive exec. */
static void become_server(const struct redis_server *s)
{
    char cert[TEXT_MAX * 2], key[TEXT_MAX * 2], ca[TEXT_MAX * 2];
    const char *args[ARGS_MAX];
    size_t n = 0;
    const char *fixed[] = {"redis-server",
                           "--bind",
                           "127.0.0.1",
                           "--dir",
                           s->folder,
                           "--save",
                           "",
                           "--unixsocket",
                           s->socket_path,
                           "--logfile",
                           "redis.log",
                           "--daemonize",
                           "no",
                           "--enable-debug-command",
                           "local"};
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        args[n++] = fixed[i];
    args[n++] = s->options.tls_folder != NULL ? "--tls-port" : "--port";
    args[n++] = s->port_text;
    if (s->options.tls_folder != NULL) {
        (void)snprintf(cert, sizeof cert, "%s/redis.crt", s->options.tls_folder);
        (void)snprintf(key, sizeof key, "%s/redis.key", s->options.tls_folder);
        (void)snprintf(ca, sizeof ca, "%s/ca.crt", s->options.tls_folder);
        const char *tls[] = {"--port",
                             "0",
                             "--tls-cert-file",
                             cert,
                             "--tls-key-file",
                             key,
                             "--tls-ca-cert-file",
                             ca,
                             "--tls-auth-clients",
                             "no"};
        for (size_t i = 0; i < sizeof tls / sizeof tls[0]; i++)
            args[n++] = tls[i];
    }
    if (s->options.appendonly) {
        const char *aof[] = {"--appendonly", "yes", "--appendfsync", "always"};
        for (size_t i = 0; i < sizeof aof / sizeof aof[0]; i++)
            args[n++] = aof[i];
    }
    if (s->options.password != NULL) {
        args[n++] = "--requirepass";
        args[n++] = s->options.password;
    }
    for (size_t i = 0; i < 8 && s->options.extra[i] != NULL; i++)
        args[n++] = s->options.extra[i];
    args[n] = NULL;
    int null = open("/dev/null", O_RDWR);
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(null, STDOUT_FILENO);
        (void)dup2(null, STDERR_FILENO);
    }
    execvp(args[0], (char *const *)(uintptr_t)args);
}

/* Asks over the Unix socket, which is there with and without TLS. */
static bool answers(const struct redis_server *s)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char reply[64];
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%.100s", s->socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool ok = false;
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6) {
        ssize_t n = recv(fd, reply, sizeof reply, 0);
        /* A server that loads its data says so; one that wants a password is up. */
        ok = n > 0 && (reply[0] == '+' || memcmp(reply, "-NOAUTH", 7) == 0);
    }
    (void)close(fd);
    return ok;
}

static void launch(struct redis_server *s)
{
    pid_t parent = getpid();
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            become_server(s);
        _exit(127);
    }
    for (int i = 0; i < START_TRIES; i++) {
        if (answers(s))
            return;
        assert_int_equal(waitpid(s->pid, NULL, WNOHANG), 0);
        (void)usleep(10000);
    }
    fail_msg("redis-server does not answer");
}

struct redis_server *redis_server_start(const struct redis_server_options *options)
{
    struct redis_server *s = calloc(1, sizeof *s);
    assert_non_null(s);
    if (options != NULL)
        s->options = *options;
    scratch_make_folder(s->folder);
    claim_port(s);
    (void)snprintf(s->port_text, sizeof s->port_text, "%u", s->port);
    (void)snprintf(s->socket_path, sizeof s->socket_path, "%.100s/redis.sock", s->folder);
    (void)snprintf(s->url, sizeof s->url, "redis%s://127.0.0.1:%u/0",
                   s->options.tls_folder != NULL ? "s" : "", s->port);
    (void)snprintf(s->unix_url, sizeof s->unix_url, "redis+socket://%.200s", s->socket_path);
    launch(s);
    return s;
}

static void remove_folder(const char *folder)
{
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", "--", folder, (char *)NULL);
        _exit(127);
    }
    if (pid > 0)
        (void)waitpid(pid, NULL, 0);
}

void redis_server_stop(struct redis_server *server)
{
    if (server == NULL)
        return;
    redis_server_kill(server);
    (void)close(server->port_mark);
    remove_folder(server->folder);
    free(server);
}

const char *redis_server_url(const struct redis_server *server)
{
    return server->url;
}

const char *redis_server_unix_url(const struct redis_server *server)
{
    return server->unix_url;
}

uint16_t redis_server_port(const struct redis_server *server)
{
    return server->port;
}

const char *redis_server_folder(const struct redis_server *server)
{
    return server->folder;
}

void redis_server_kill(struct redis_server *server)
{
    if (server->pid == 0)
        return;
    (void)kill(server->pid, SIGKILL);
    while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    server->pid = 0;
}

void redis_server_revive(struct redis_server *server)
{
    if (server->pid == 0)
        launch(server);
}

void redis_server_freeze(struct redis_server *server)
{
    assert_int_equal(kill(server->pid, SIGSTOP), 0);
}

void redis_server_thaw(struct redis_server *server)
{
    assert_int_equal(kill(server->pid, SIGCONT), 0);
}
