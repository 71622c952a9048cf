#include "worker/child.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#define READ_CHUNK ((size_t)64 * 1024)

/* Above this a buffer is released after use. */
#define KEPT_MAX ((size_t)1024 * 1024)

/*
 * How long a killed child is waited for. It can take longer only in the kernel (a dead network file
 * system); the server then goes on waiting for it, and we do not.
 */
#define KILLED_NS (2 * NS_PER_SEC)

/* The status of a child whose server died before it: exitcode 1, billiard's EX_FAILURE. */
#define STATUS_UNKNOWN (1 << 8)

struct cel_child {
    int work;    /* stream to the child; -1: it has closed its end, or we ours */
    int control; /* the server's records; -1: the last one was read */
    int64_t pid;
    int status;
    bool started;
    bool gone;
    bool refused; /* something was sent that it has not read */
    struct strbuf out;
    size_t sent; /* bytes of out */
    struct strbuf in;
    size_t taken; /* bytes of in that were given out as frames */
};

/* ---- life ---------------------------------------------------------------------------------- */

enum celeriac_err cel_child_create(struct cel_fork_server *server, struct cel_child **child,
                                   struct celeriac_error *err)
{
    struct cel_child *c = mem_calloc(1, sizeof *c);
    enum celeriac_err code;

    if (!c)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    code = cel_fork_server_spawn(server, &c->work, &c->control, err);
    if (code) {
        mem_free(c);
        return code;
    }
    c->status = STATUS_UNKNOWN;
    strbuf_init(&c->out, CEL_FRAME_MAX);
    strbuf_init(&c->in, CEL_FRAME_HEADER + CEL_FRAME_OUTCOME_MAX + READ_CHUNK);
    *child = c;
    return CELERIAC_OK;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Waits for its end; what it still says does not count. */
static bool await_end(struct cel_child *child, int64_t deadline_ns)
{
    struct cel_frame frame;

    for (;;) {
        enum cel_child_news news = cel_child_wait(child, -1, deadline_ns, &frame);

        if (news == CEL_CHILD_GONE)
            return true;
        if (news == CEL_CHILD_LATE)
            return false;
    }
}

void cel_child_destroy(struct cel_child *child, int64_t deadline_ns)
{
    if (!child)
        return;
    close_fd(&child->work);
    if (!await_end(child, deadline_ns)) {
        cel_child_signal(child, SIGKILL, true);
        if (!await_end(child, clock_monotonic_ns() + KILLED_NS))
            log_error("worker", "a child process cannot be killed", LOG_INT("pid", child->pid));
    }
    close_fd(&child->control);
    strbuf_close(&child->out);
    strbuf_close(&child->in);
    mem_free(child);
}

/* Moves what was not given out yet to the start of the buffer. */
static void close_gap(struct cel_child *child)
{
    size_t left = child->in.len - child->taken;

    if (child->taken == 0)
        return;
    if (left == 0 && child->in.cap > KEPT_MAX) {
        strbuf_close(&child->in);
    } else {
        memmove(child->in.ptr, child->in.ptr + child->taken, left);
        strbuf_truncate(&child->in, left);
    }
    child->taken = 0;
}

int64_t cel_child_pid(const struct cel_child *child)
{
    return child->pid;
}

bool cel_child_has_taken(const struct cel_child *child)
{
    int waiting = 0;

    /* Its end of the stream lives on in a process that it has started. */
    if (child->work >= 0 && ioctl(child->work, SIOCOUTQ, &waiting) == 0 && waiting > 0)
        return false;
    return !child->refused && child->sent == child->out.len;
}

int cel_child_status(const struct cel_child *child)
{
    return child->status;
}

bool cel_child_was_started(const struct cel_child *child)
{
    return child->started;
}

int cel_child_record_fd(const struct cel_child *child)
{
    return child->control;
}

void cel_child_forget(struct cel_child *child)
{
    if (child->taken == child->in.len)
        close_gap(child);
}

struct strbuf *cel_child_out(struct cel_child *child)
{
    return &child->out;
}

void cel_child_signal(struct cel_child *child, int number, bool whole_group)
{
    const struct cel_fork_signal wanted = {.number = number, .whole_group = whole_group};

    if (child->control >= 0 && send(child->control, &wanted, sizeof wanted, MSG_NOSIGNAL) < 0)
        log_debug("worker", "a child process is gone already", LOG_INT("pid", child->pid));
}

/* ---- the server's records ------------------------------------------------------------------ */

static void read_record(struct cel_child *child)
{
    struct cel_fork_record record;
    ssize_t n = recv(child->control, &record, sizeof record, 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n == (ssize_t)sizeof record && record.news == CEL_FORK_STARTED) {
        child->pid = record.value;
        child->started = true;
        return;
    }
    /* Anything else is the end, also of the server, which takes its children with it. */
    if (n == (ssize_t)sizeof record && record.news == CEL_FORK_REFUSED)
        log_error("worker", "the system allows no more processes", LOG_INT("errno", record.value));
    if (n == (ssize_t)sizeof record && record.news == CEL_FORK_ENDED)
        child->status = record.value;
    child->gone = true;
    close_fd(&child->control);
}

bool cel_child_is_gone(struct cel_child *child)
{
    if (child->control >= 0)
        read_record(child);
    return child->gone;
}

/* ---- the stream ---------------------------------------------------------------------------- */

static bool has_unsent(const struct cel_child *child)
{
    return child->work >= 0 && child->sent < child->out.len;
}

static void write_some(struct cel_child *child)
{
    ssize_t n = send(child->work, child->out.ptr + child->sent, child->out.len - child->sent,
                     MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0 && errno != EAGAIN && errno != EINTR)
        close_fd(&child->work);
    if (n > 0)
        child->sent += (size_t)n;
    if (child->sent < child->out.len)
        return;
    child->sent = 0;
    if (child->out.cap > KEPT_MAX)
        strbuf_close(&child->out);
    strbuf_clear(&child->out);
}

/* Reads what is there. False when there was nothing. */
static bool read_some(struct cel_child *child)
{
    char *room;
    ssize_t n;

    if (child->work < 0)
        return false;
    close_gap(child);
    room = strbuf_reserve(&child->in, READ_CHUNK);
    if (!room) {
        log_error("worker", "no room for what a child process says", LOG_INT("pid", child->pid));
        cel_child_signal(child, SIGKILL, true);
        close_fd(&child->work);
        return false;
    }
    n = recv(child->work, room, READ_CHUNK, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        child->refused = n < 0 && errno == ECONNRESET;
        /* Its end tells the server's record; until then it may be running with its socket closed.
         */
        close_fd(&child->work);
        return false;
    }
    strbuf_grow(&child->in, (size_t)n);
    return true;
}

/* A whole frame at the start of what was read. */
static bool take_frame(struct cel_child *child, struct cel_frame *frame)
{
    struct span bytes;
    bool whole = false;

    bytes = (struct span){.ptr = child->in.ptr + child->taken, .len = child->in.len - child->taken};
    if (bytes.len == 0)
        return false;
    if (cel_frame_take(bytes, frame, &whole)) {
        log_error("worker", "a child process says what is no frame", LOG_INT("pid", child->pid));
        cel_child_signal(child, SIGKILL, true);
        close_fd(&child->work);
        strbuf_clear(&child->in);
        child->taken = 0;
        return false;
    }
    if (whole)
        child->taken += CEL_FRAME_HEADER + frame->payload.len;
    return whole;
}

/* ---- waiting ------------------------------------------------------------------------------- */

enum cel_child_news cel_child_wait(struct cel_child *child, int wake_fd, int64_t deadline_ns,
                                   struct cel_frame *frame)
{
    bool looked = false;

    /* A child that waits has room for what it is to get. */
    if (has_unsent(child))
        write_some(child);
    for (;;) {
        struct pollfd fds[3];

        /* A child can be faster than its server's word about it. */
        if ((child->started || child->gone) && take_frame(child, frame))
            return CEL_CHILD_FRAME;
        if (child->gone && !read_some(child))
            return CEL_CHILD_GONE;
        if (child->gone)
            continue;
        /* Also while bytes come that make no frame. */
        if (looked && deadline_ns >= 0 && clock_monotonic_ns() >= deadline_ns)
            return CEL_CHILD_LATE;
        fds[0] = (struct pollfd){.fd = child->work,
                                 .events = (short)(has_unsent(child) ? POLLIN | POLLOUT : POLLIN)};
        fds[1] = (struct pollfd){.fd = child->control, .events = POLLIN};
        fds[2] = (struct pollfd){.fd = wake_fd, .events = POLLIN};
        looked = true;
        if (poll(fds, 3, deadline_ns < 0 ? -1 : clock_poll_ms(clock_monotonic_ns(), deadline_ns)) <
            0)
            continue;
        if (fds[1].revents)
            read_record(child);
        if (fds[0].revents & POLLOUT)
            write_some(child);
        if (fds[0].revents & ~POLLOUT)
            (void)read_some(child);
        if (fds[2].revents)
            return CEL_CHILD_WOKEN;
    }
}
