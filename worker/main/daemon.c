#include "worker/main/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/parse_num.h"
#include "base/span.h"

#define UMASK_MAX 0777

static enum celeriac_err system_error(struct celeriac_error *err, const char *what)
{
    char why[128];

    return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "%s: %s", what,
                              strerror_r(errno, why, sizeof why));
}

/* The old process: waits for the first word of the new one, or for its end, and says with which
 * code to exit. */
static int await_child(pid_t child, int fd)
{
    char word;
    int status = 0;

    if (read(fd, &word, 1) == 1)
        return 0;
    if (waitpid(child, &status, 0) == child && WIFEXITED(status))
        return WEXITSTATUS(status);
    return 1;
}

static enum celeriac_err leave_terminal(struct celeriac_error *err)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    enum celeriac_err code = CELERIAC_OK;

    if (null < 0 || setsid() < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
        code = system_error(err, "cannot detach");
    if (null >= 0)
        close(null);
    return code;
}

enum celeriac_err daemon_detach(int *report, int *old_status, struct celeriac_error *err)
{
    int fds[2];
    pid_t child;

    if (pipe2(fds, O_CLOEXEC))
        return system_error(err, "cannot detach");
    child = fork();
    if (child < 0) {
        close(fds[0]);
        close(fds[1]);
        return system_error(err, "cannot detach");
    }
    if (child > 0) {
        close(fds[1]);
        *old_status = await_child(child, fds[0]);
        close(fds[0]);
        return CELERIAC_OK;
    }
    close(fds[0]);
    *old_status = -1;
    *report = fds[1];
    return leave_terminal(err);
}

void daemon_close(int report)
{
    int null;

    if (report < 0)
        return;
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDERR_FILENO);
        close(null);
    }
    /* Nobody reads it when the old process was killed; we go on. */
    if (write(report, "+", 1) < 0)
        errno = 0;
    close(report);
}

static enum celeriac_err find_group(const char *text, gid_t *gid, struct celeriac_error *err)
{
    const struct group *group;
    int64_t number;

    if (parse_int64(span_of(text), 0, UINT32_MAX - 1, &number) == CELERIAC_OK) {
        *gid = (gid_t)number;
        return CELERIAC_OK;
    }
    group = getgrnam(text);
    if (!group)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "gid: there is no group %s", text);
    *gid = group->gr_gid;
    return CELERIAC_OK;
}

static enum celeriac_err find_user(const char *text, const struct passwd **user,
                                   struct celeriac_error *err)
{
    int64_t number;

    if (parse_int64(span_of(text), 0, UINT32_MAX - 1, &number) == CELERIAC_OK)
        *user = getpwuid((uid_t)number);
    else
        *user = getpwnam(text);
    if (!*user)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "uid: there is no user %s", text);
    return CELERIAC_OK;
}

enum celeriac_err daemon_become(const char *user, const char *group, struct celeriac_error *err)
{
    const struct passwd *found = NULL;
    gid_t gid = getgid();
    enum celeriac_err code = CELERIAC_OK;

    if (user)
        code = find_user(user, &found, err);
    if (code == CELERIAC_OK && found)
        gid = found->pw_gid;
    if (code == CELERIAC_OK && group)
        code = find_group(group, &gid, err);
    if (code || (!user && !group))
        return code;
    /* Who is that user already needs no permission for it. */
    if (found && getuid() == found->pw_uid && getgid() == gid)
        return CELERIAC_OK;
    if ((found && initgroups(found->pw_name, gid)) || setgid(gid) ||
        (found && setuid(found->pw_uid)))
        return system_error(err, "--uid, --gid");
    return CELERIAC_OK;
}

enum celeriac_err daemon_set_umask(const char *text, struct celeriac_error *err)
{
    struct span digits = span_of(text);
    mode_t mask = 0;

    if (span_starts(digits, SPAN("0o")))
        digits = (struct span){digits.ptr + 2, digits.len - 2};
    for (size_t i = 0; i < digits.len && mask <= UMASK_MAX; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '7')
            mask = UMASK_MAX + 1;
        else
            mask = mask * 8 + (mode_t)(digits.ptr[i] - '0');
    }
    if (digits.len == 0 || mask > UMASK_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "umask: must be octal digits, at most 0777");
    (void)umask(mask);
    return CELERIAC_OK;
}
