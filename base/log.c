#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_line.h"

/*
 * The only state: any thread may log at any time, and a logger handed from hand to hand would add
 * nothing but parameters.
 */
static atomic_int lowest_level = LOG_WARNING;
static atomic_int line_format = LOG_FORMAT_TEXT;
static atomic_bool colored;
static atomic_int current_fd = STDERR_FILENO;

/* Our own descriptor, once a file was opened. It stays open for good, so that a thread
 * that is about to write never finds it closed: a new file takes its place by dup3(). */
static int file_fd = -1;
static pthread_mutex_t file_lock = PTHREAD_MUTEX_INITIALIZER;

static const char *const level_names[] = {
    [LOG_DEBUG] = "DEBUG", [LOG_INFO] = "INFO",         [LOG_WARNING] = "WARNING",
    [LOG_ERROR] = "ERROR", [LOG_CRITICAL] = "CRITICAL",
};

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&lowest_level, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&lowest_level, memory_order_relaxed);
}

void log_set_format(enum log_format format)
{
    atomic_store_explicit(&line_format, (int)format, memory_order_relaxed);
}

/* Lets file_fd mean what fd means, which is closed; false with errno set. */
static bool adopt(int fd)
{
    if (file_fd < 0) {
        file_fd = fd;
        return true;
    }
    int result = dup3(fd, file_fd, O_CLOEXEC);
    int reason = errno;
    (void)close(fd);
    errno = reason;
    return result >= 0;
}

static bool switch_to(const char *path)
{
    if (!path) {
        atomic_store(&current_fd, STDERR_FILENO);
        /* The old file is let go by letting its descriptor mean standard error too. */
        return file_fd < 0 || dup3(STDERR_FILENO, file_fd, O_CLOEXEC) >= 0;
    }
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0 || !adopt(fd))
        return false;
    atomic_store(&current_fd, file_fd);
    return true;
}

enum celeriac_err log_set_file(const char *path, struct celeriac_error *err)
{
    (void)pthread_mutex_lock(&file_lock);
    bool switched = switch_to(path);
    int reason = errno;
    (void)pthread_mutex_unlock(&file_lock);
    if (switched)
        return CELERIAC_OK;
    char text[128];
    return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "log file %s: %s",
                              path ? path : "(standard error)",
                              strerror_r(reason, text, sizeof text));
}

enum celeriac_err log_level_parse(struct span name, enum log_level *level)
{
    if (span_is_nocase(name, "FATAL")) {
        *level = LOG_CRITICAL;
        return CELERIAC_OK;
    }
    for (int i = LOG_DEBUG; i <= LOG_CRITICAL; i++) {
        if (span_is_nocase(name, level_names[i])) {
            *level = (enum log_level)i;
            return CELERIAC_OK;
        }
    }
    return CELERIAC_ERR_VALUE;
}

void log_set_colors(bool colors)
{
    atomic_store_explicit(&colored, colors, memory_order_relaxed);
}

/* ANSI's escape sequence for lines of a level; NULL for those that stay plain. */
static const char *color_of(enum log_level level)
{
    static const char *const colors[] = {
        [LOG_WARNING] = "\033[33m", [LOG_ERROR] = "\033[31m", [LOG_CRITICAL] = "\033[35m"};

    return level < LOG_WARNING ? NULL : colors[level];
}

/* The line, its newline kept outside of the colour, in one write. */
static ssize_t write_colored(int fd, struct span line, const char *color)
{
    static char plain[] = "\033[0m\n";
    struct iovec parts[3] = {
        {(void *)(uintptr_t)color, strlen(color)},
        {(void *)(uintptr_t)line.ptr, line.len - 1},
        {plain, sizeof plain - 1},
    };

    return writev(fd, parts, 3);
}

/* A line that cannot be written is lost: there is no better place to say so. */
static void write_line(struct span line, const char *color)
{
    int fd = atomic_load_explicit(&current_fd, memory_order_relaxed);
    ssize_t n;
    do {
        n = color ? write_colored(fd, line, color) : write(fd, line.ptr, line.len);
    } while (n < 0 && errno == EINTR);
}

void log_write(enum log_level level, const char *component, const char *event,
               const struct log_field *fields, size_t count)
{
    struct log_line line;
    enum log_format format =
        (enum log_format)atomic_load_explicit(&line_format, memory_order_relaxed);
    log_line_begin(&line, format, clock_wall_us(), level_names[level], component, event);
    for (size_t i = 0; i < count; i++)
        log_line_field(&line, &fields[i]);
    bool in_color =
        format == LOG_FORMAT_TEXT && atomic_load_explicit(&colored, memory_order_relaxed);
    write_line(log_line_end(&line), in_color ? color_of(level) : NULL);
}
