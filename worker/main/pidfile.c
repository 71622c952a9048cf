#include "worker/main/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parse_num.h"
#include "base/span.h"

/* Bytes of the longest process id with a newline. */
#define PID_SIZE 24

/* Two programs that start at the same time may remove the same stale file once each. */
#define ATTEMPTS 3

static enum celeriac_err system_error(struct celeriac_error *err, const char *path)
{
    char why[128];

    return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "pidfile %s: %s", path,
                              strerror_r(errno, why, sizeof why));
}

/* The process id in the file; 0 when it is missing or holds something else. */
static pid_t read_pid(const char *path)
{
    char text[PID_SIZE];
    int64_t pid = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t n;

    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof text);
    close(fd);
    /* Without its newline the number may be half of one. */
    if (n < 2 || text[n - 1] != '\n' ||
        parse_int64((struct span){text, (size_t)n - 1}, 1, INT32_MAX, &pid))
        return 0;
    return (pid_t)pid;
}

static enum celeriac_err write_pid(const char *path, int fd, struct celeriac_error *err)
{
    char text[PID_SIZE];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    bool written = write(fd, text, (size_t)len) == len && fsync(fd) == 0;
    enum celeriac_err code = written ? CELERIAC_OK : system_error(err, path);

    close(fd);
    if (code)
        (void)unlink(path);
    return code;
}

enum celeriac_err pidfile_create(const char *path, struct celeriac_error *err)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0644);
        pid_t pid;

        if (fd >= 0)
            return write_pid(path, fd, err);
        if (errno != EEXIST)
            return system_error(err, path);
        pid = read_pid(path);
        /* One that belongs to somebody else is no worker of ours: Celery takes it for stale too. */
        if (pid != 0 && pid != getpid() && kill(pid, 0) == 0)
            return celeriac_error_set(err, CELERIAC_ERR_EXISTS,
                                      "pidfile %s: already running? (pid %ld)", path, (long)pid);
        log_warning("worker", pid ? "stale pidfile is removed" : "broken pidfile is removed",
                    LOG_STR("path", path));
        if (unlink(path) && errno != ENOENT)
            return system_error(err, path);
    }
    return celeriac_error_set(err, CELERIAC_ERR_EXISTS, "pidfile %s: somebody else is starting",
                              path);
}

void pidfile_remove(const char *path)
{
    if (path && read_pid(path) == getpid())
        (void)unlink(path);
}
