#include "worker/fork_server_process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "worker/fork_server.h"

/* Descriptors that are looked at besides those of the children. */
#define FIXED 2

/* A child that is not reaped yet. */
struct member {
    pid_t pid;
    int fd; /* to the worker's side of it; -1: the worker has closed it */
};

struct server {
    const struct cel_child_plan *plan;
    int control;
    int signals; /* signalfd, readable when a child has ended */
    struct member *members;
    struct pollfd *fds; /* FIXED, then one for each member */
    size_t count;
    size_t room;
};

/* ---- signals ------------------------------------------------------------------------------- */

/* Handlers are the worker's; what it ignores, children decide about themselves. All are blocked. */
static void forget_handlers(void)
{
    for (int number = 1; number < NSIG; number++)
        if (number != SIGKILL && number != SIGSTOP)
            (void)sigaction(number, &(const struct sigaction){.sa_handler = SIG_DFL}, NULL);
}

static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- children ------------------------------------------------------------------------------ */

static void tell(int fd, enum cel_fork_news news, int value)
{
    const struct cel_fork_record record = {.news = (int)news, .value = value};

    /* A worker that does not listen has closed its end, or is about to. */
    if (fd >= 0 && send(fd, &record, sizeof record, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_debug("worker", "nobody listens to the fork server");
}

static bool make_room(struct server *server)
{
    size_t room = server->count + 1;
    struct member *members;
    struct pollfd *fds;

    if (server->count < server->room)
        return true;
    members = mem_resize(server->members, room, sizeof *members);
    if (members)
        server->members = members;
    fds = mem_resize(server->fds, FIXED + room, sizeof *fds);
    if (fds)
        server->fds = fds;
    if (!members || !fds)
        return false;
    server->room = room;
    return true;
}

/* In the new process: nothing of the server's may stay open in task code. */
static _Noreturn void run_child(struct server *server, int work, int fd, pid_t parent)
{
    close(server->control);
    close(server->signals);
    close(fd);
    for (size_t i = 0; i < server->count; i++)
        if (server->members[i].fd >= 0)
            close(server->members[i].fd);
    mem_free(server->members);
    mem_free(server->fds);
    cel_child_main(server->plan, work, parent);
}

static void fork_child(struct server *server, int work, int fd)
{
    pid_t parent = getpid();
    pid_t pid = make_room(server) ? fork() : -1;

    if (pid == 0)
        run_child(server, work, fd, parent);
    close(work);
    if (pid < 0) {
        tell(fd, CEL_FORK_REFUSED, errno);
        close(fd);
        return;
    }
    /* Here and in the child: whoever comes first, signals to the group find it. */
    (void)setpgid(pid, pid);
    server->members[server->count++] = (struct member){.pid = pid, .fd = fd};
    tell(fd, CEL_FORK_STARTED, pid);
}

static void reap(struct server *server)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    while (read(server->signals, &info, sizeof info) > 0)
        continue;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (size_t i = 0; i < server->count; i++) {
            if (server->members[i].pid != pid)
                continue;
            tell(server->members[i].fd, CEL_FORK_ENDED, status);
            if (server->members[i].fd >= 0)
                close(server->members[i].fd);
            server->members[i] = server->members[--server->count];
            break;
        }
    }
}

static void signal_member(const struct member *member, int number, bool whole_group)
{
    if (!whole_group || kill(-member->pid, number))
        (void)kill(member->pid, number);
}

/* What the worker wants with a child; it wants none any more when it has closed its end. */
static void hear(struct member *member)
{
    struct cel_fork_signal wanted;
    ssize_t n = recv(member->fd, &wanted, sizeof wanted, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n == (ssize_t)sizeof wanted) {
        signal_member(member, wanted.number, wanted.whole_group != 0);
        return;
    }
    signal_member(member, SIGKILL, true);
    close(member->fd);
    member->fd = -1;
}

/* ---- the worker ---------------------------------------------------------------------------- */

/* What came of waiting for a request. */
enum wanted {
    WANTED_CHILD,
    WANTED_NOTHING, /* its descriptors found no room here; the worker sees that they are closed */
    WANTED_END      /* the worker is gone */
};

/* The two descriptors of a request for a child. */
static enum wanted take_ends(struct server *server, int ends[2])
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } rights;
    char byte;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = rights.bytes,
                             .msg_controllen = sizeof rights.bytes};
    const struct cmsghdr *head;
    ssize_t n;

    do
        n = recvmsg(server->control, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return WANTED_END;
    head = CMSG_FIRSTHDR(&message);
    if (head && head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(2 * sizeof(int))) {
        memcpy(ends, CMSG_DATA(head), 2 * sizeof(int));
        return WANTED_CHILD;
    }
    log_error("worker", "the fork server has no descriptors left");
    if (head && head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof(int))) {
        memcpy(ends, CMSG_DATA(head), sizeof(int));
        close(ends[0]);
    }
    return WANTED_NOTHING;
}

static void list_descriptors(struct server *server)
{
    server->fds[0] = (struct pollfd){.fd = server->control, .events = POLLIN};
    server->fds[1] = (struct pollfd){.fd = server->signals, .events = POLLIN};
    for (size_t i = 0; i < server->count; i++)
        server->fds[FIXED + i] = (struct pollfd){.fd = server->members[i].fd, .events = POLLIN};
}

/* False when the worker is gone. */
static bool turn(struct server *server)
{
    size_t count = server->count;
    enum wanted wanted;
    int ends[2];

    list_descriptors(server);
    if (poll(server->fds, FIXED + count, -1) < 0)
        return errno == EINTR;
    /* Signals first, while their members are where they were. */
    for (size_t i = 0; i < count; i++)
        if (server->fds[FIXED + i].revents)
            hear(&server->members[i]);
    if (server->fds[1].revents)
        reap(server);
    if (!server->fds[0].revents)
        return true;
    wanted = take_ends(server, ends);
    if (wanted == WANTED_CHILD)
        fork_child(server, ends[0], ends[1]);
    return wanted != WANTED_END;
}

_Noreturn void cel_fork_server_process(const struct cel_child_plan *plan, int control, pid_t parent)
{
    struct server server = {.plan = plan, .control = control};

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NAME, "celeriac-fork");
    /* What children leave behind is reaped here, since a container may have nobody else for it. */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (size_t i = 0; i < plan->private_count; i++)
        close(plan->private_fds[i]);
    /* A terminal's signals go to its foreground group: they are for the worker alone. */
    (void)setpgid(0, 0);
    forget_handlers();
    server.signals = open_signals();
    server.fds = mem_calloc(FIXED, sizeof *server.fds);
    if (getppid() == parent && server.signals >= 0 && server.fds)
        while (turn(&server))
            continue;
    for (size_t i = 0; i < server.count; i++)
        signal_member(&server.members[i], SIGKILL, true);
    _exit(0);
}
