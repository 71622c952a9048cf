#include "base/sd_notify.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/parse_num.h"

#define NS_PER_US 1000

struct sd_notify {
    int fd; /* -1: there is no manager */
    socklen_t address_len;
    struct sockaddr_un address;
    int64_t watchdog_ns;
};

static bool is_set(const char *text)
{
    return text && *text;
}

/* Fills in the address; false when the name is too long for one. */
static bool set_address(struct sd_notify *notify, struct span name)
{
    struct sockaddr_un *address = &notify->address;
    /* A path ends with a NUL; the length says where an abstract name ends. */
    size_t ending = name.ptr[0] == '@' ? 0 : 1;

    if (name.len > sizeof address->sun_path - ending)
        return false;
    address->sun_family = AF_UNIX;
    for (size_t i = 0; i < name.len; i++)
        address->sun_path[i] = name.ptr[i];
    if (ending == 0)
        address->sun_path[0] = '\0';
    notify->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name.len + ending);
    return true;
}

static enum celeriac_err open_socket(struct sd_notify *notify, const char *name,
                                     struct celeriac_error *err)
{
    char text[128];

    if (name[0] != '/' && (name[0] != '@' || name[1] == '\0'))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "NOTIFY_SOCKET: neither an absolute path nor an abstract name");
    if (!set_address(notify, span_of(name)))
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT,
                                  "NOTIFY_SOCKET: too long for a socket's address");
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (notify->fd < 0)
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "socket: %s",
                                  strerror_r(errno, text, sizeof text));
    return CELERIAC_OK;
}

/* A watchdog that watches another process leaves *watchdog_ns at 0. */
static enum celeriac_err read_watchdog(const struct sd_notify_options *options,
                                       int64_t *watchdog_ns, struct celeriac_error *err)
{
    int64_t pid = options->pid;
    int64_t usec = 0;

    if (!is_set(options->watchdog_usec))
        return CELERIAC_OK;
    if (parse_int64(span_of(options->watchdog_usec), 1, SD_NOTIFY_WATCHDOG_MAX_US, &usec))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "WATCHDOG_USEC: not a number of microseconds from 1 to a year's");
    if (is_set(options->watchdog_pid) &&
        parse_int64(span_of(options->watchdog_pid), 1, INT32_MAX, &pid))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "WATCHDOG_PID: not a process id");
    if (pid == options->pid)
        *watchdog_ns = usec * NS_PER_US / 2;
    return CELERIAC_OK;
}

enum celeriac_err sd_notify_create(const struct sd_notify_options *options,
                                   struct sd_notify **notify, struct celeriac_error *err)
{
    struct sd_notify *made = mem_calloc(1, sizeof *made);
    enum celeriac_err code = CELERIAC_OK;

    if (!made)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    made->fd = -1;
    if (is_set(options->socket)) {
        code = open_socket(made, options->socket, err);
        if (code == CELERIAC_OK)
            code = read_watchdog(options, &made->watchdog_ns, err);
    }
    if (code) {
        sd_notify_destroy(made);
        return code;
    }
    *notify = made;
    return CELERIAC_OK;
}

void sd_notify_destroy(struct sd_notify *notify)
{
    if (!notify)
        return;
    if (notify->fd >= 0)
        (void)close(notify->fd);
    mem_free(notify);
}

enum celeriac_err sd_notify_tell(const struct sd_notify *notify, const char *lines)
{
    struct span text = span_of(lines);
    ssize_t sent;

    if (notify->fd < 0)
        return CELERIAC_OK;
    /* Not connected: a manager that was restarted has a new socket under the same name. */
    do {
        sent = sendto(notify->fd, text.ptr, text.len, MSG_DONTWAIT | MSG_NOSIGNAL,
                      (const struct sockaddr *)&notify->address, notify->address_len);
    } while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)text.len ? CELERIAC_OK : CELERIAC_ERR_UNAVAILABLE;
}

int64_t sd_notify_watchdog_ns(const struct sd_notify *notify)
{
    return notify->watchdog_ns;
}
