#include "base/shutdown.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/alloc.h"

struct shutdown_signals {
    int fd;
};

static const int watched[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP};

static enum celeriac_err system_error(struct celeriac_error *err, const char *call, int reason)
{
    char text[128];
    return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "%s: %s", call,
                              strerror_r(reason, text, sizeof text));
}

enum celeriac_err shutdown_create(struct shutdown_signals **s, struct celeriac_error *err)
{
    sigset_t mask;
    (void)sigemptyset(&mask);
    for (size_t i = 0; i < sizeof watched / sizeof watched[0]; i++)
        (void)sigaddset(&mask, watched[i]);
    struct shutdown_signals *made = mem_alloc(sizeof *made);
    if (!made)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    made->fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (made->fd < 0) {
        int reason = errno;
        mem_free(made);
        return system_error(err, "signalfd", reason);
    }
    /* Neither call can fail with arguments that are constant and right. */
    (void)pthread_sigmask(SIG_BLOCK, &mask, NULL);
    /* A peer that hangs up is reported by write(2) itself, as EPIPE. */
    (void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    *s = made;
    return CELERIAC_OK;
}

void shutdown_destroy(struct shutdown_signals *s)
{
    if (!s)
        return;
    (void)close(s->fd);
    mem_free(s);
}

int shutdown_fd(const struct shutdown_signals *s)
{
    return s->fd;
}

int shutdown_next(struct shutdown_signals *s)
{
    struct signalfd_siginfo info;
    ssize_t n;
    do {
        n = read(s->fd, &info, sizeof info);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}
