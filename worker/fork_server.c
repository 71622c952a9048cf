#include "worker/fork_server.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "worker/fork_server_process.h"

/* A thread that was joined may be seen for another moment; looked at so often, with this pause. */
#define LOOKS 50
#define LOOK_PAUSE_NS (2 * NS_PER_MS)

struct cel_fork_server {
    int control;
    pid_t pid;
    atomic_bool *stopping; /* shared with the children */
};

/* ---- one thread ---------------------------------------------------------------------------- */

static size_t count_threads(void)
{
    DIR *folder = opendir("/proc/self/task");
    const struct dirent *entry;
    size_t count = 0;

    if (!folder)
        return 0;
    while ((entry = readdir(folder)))
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static bool is_alone(void)
{
    for (int i = 0; i < LOOKS; i++) {
        if (count_threads() == 1)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = LOOK_PAUSE_NS}, NULL);
    }
    return false;
}

/* ---- life ---------------------------------------------------------------------------------- */

static enum celeriac_err start(struct cel_fork_server *server, const struct cel_child_plan *plan,
                               struct celeriac_error *err)
{
    struct cel_child_plan of_children = *plan;
    int sockets[2];
    sigset_t all;
    sigset_t old;
    pid_t parent = getpid();

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot make a socket pair");
    of_children.stopping = server->stopping;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    server->pid = fork();
    if (server->pid == 0) {
        close(sockets[0]);
        cel_fork_server_process(&of_children, sockets[1], parent);
    }
    sigprocmask(SIG_SETMASK, &old, NULL);
    close(sockets[1]);
    server->control = sockets[0];
    if (server->pid < 0)
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot fork");
    return CELERIAC_OK;
}

enum celeriac_err cel_fork_server_create(const struct cel_child_plan *plan,
                                         struct cel_fork_server **server,
                                         struct celeriac_error *err)
{
    struct cel_fork_server *s;
    enum celeriac_err code;
    void *shared;

    if (!is_alone())
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "pool prefork: call celeriac_worker_prefork() before the program "
                                  "starts its first thread");
    s = mem_calloc(1, sizeof *s);
    if (!s)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    s->control = -1;
    s->pid = -1;
    shared =
        mmap(NULL, sizeof *s->stopping, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        mem_free(s);
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    }
    s->stopping = shared;
    atomic_init(s->stopping, false);
    code = start(s, plan, err);
    if (code) {
        cel_fork_server_destroy(s);
        return code;
    }
    *server = s;
    return CELERIAC_OK;
}

void cel_fork_server_destroy(struct cel_fork_server *server)
{
    if (!server)
        return;
    /* Not only closed: what else was forked from this process may hold it as well. */
    if (server->control >= 0) {
        (void)shutdown(server->control, SHUT_RDWR);
        close(server->control);
    }
    while (server->pid > 0 && waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    munmap(server->stopping, sizeof *server->stopping);
    mem_free(server);
}

void cel_fork_server_stopping(struct cel_fork_server *server)
{
    atomic_store(server->stopping, true);
}

/* ---- children ------------------------------------------------------------------------------ */

/* Sends the child's ends of its two sockets. */
static enum celeriac_err send_ends(int control, const int ends[2], struct celeriac_error *err)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } rights;
    char byte = 0;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = rights.bytes,
                             .msg_controllen = sizeof rights.bytes};
    struct cmsghdr *head;
    char why[128];
    ssize_t n;

    memset(&rights, 0, sizeof rights);
    head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(head), ends, 2 * sizeof(int));
    do
        n = sendmsg(control, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n == 1)
        return CELERIAC_OK;
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
        return celeriac_error_set(err, CELERIAC_ERR_UNAVAILABLE, "the fork server is gone");
    return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "the fork server cannot be asked: %s",
                              strerror_r(errno, why, sizeof why));
}

static void close_pair(const int pair[2])
{
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0)
            close(pair[i]);
}

enum celeriac_err cel_fork_server_spawn(struct cel_fork_server *server, int *work, int *control,
                                        struct celeriac_error *err)
{
    int to_child[2] = {-1, -1};
    int to_server[2] = {-1, -1};
    enum celeriac_err code = CELERIAC_OK;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, to_child) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, to_server))
        code = celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot make a socket pair");
    else
        code = send_ends(server->control, (const int[]){to_child[1], to_server[1]}, err);
    if (code) {
        close_pair(to_child);
        close_pair(to_server);
        return code;
    }
    close(to_child[1]);
    close(to_server[1]);
    *work = to_child[0];
    *control = to_server[0];
    return CELERIAC_OK;
}
