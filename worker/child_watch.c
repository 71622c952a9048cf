#include "worker/child_watch.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"

/* The thread sets flags and calls no task code. */
#define WATCH_STACK ((size_t)256 * 1024)

/* Descriptors told of in one turn; the rest comes in the next. */
#define TURN 64

/* What the end of the watch is listed under: no token is that long. */
#define END UINT64_MAX

struct cel_child_watch {
    cel_child_watch_fn *tell;
    void *context;
    int epoll_fd;
    int end_fd; /* eventfd; readable: the thread ends */
    bool started;
    pthread_t thread;
};

static void *run(void *argument)
{
    struct cel_child_watch *watch = argument;
    struct epoll_event events[TURN];

    for (;;) {
        int count = epoll_wait(watch->epoll_fd, events, TURN, -1);

        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 == END)
                return NULL;
            watch->tell(watch->context, (uint32_t)events[i].data.u64);
        }
    }
}

static enum celeriac_err start(struct cel_child_watch *watch)
{
    struct epoll_event end = {.events = EPOLLIN, .data.u64 = END};
    pthread_attr_t attributes;

    watch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    watch->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (watch->epoll_fd < 0 || watch->end_fd < 0 ||
        epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, watch->end_fd, &end))
        return CELERIAC_ERR_SYSTEM;
    pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, WATCH_STACK);
    watch->started = pthread_create(&watch->thread, &attributes, run, watch) == 0;
    pthread_attr_destroy(&attributes);
    if (!watch->started)
        return CELERIAC_ERR_SYSTEM;
    pthread_setname_np(watch->thread, "children");
    return CELERIAC_OK;
}

enum celeriac_err cel_child_watch_create(cel_child_watch_fn *tell, void *context,
                                         struct cel_child_watch **watch)
{
    struct cel_child_watch *w = mem_calloc(1, sizeof *w);
    enum celeriac_err code;

    if (!w)
        return CELERIAC_ERR_MEMORY;
    *w = (struct cel_child_watch){.tell = tell, .context = context, .epoll_fd = -1, .end_fd = -1};
    code = start(w);
    if (code) {
        cel_child_watch_destroy(w);
        return code;
    }
    *watch = w;
    return CELERIAC_OK;
}

void cel_child_watch_destroy(struct cel_child_watch *watch)
{
    const uint64_t one = 1;

    if (!watch)
        return;
    if (watch->started && write(watch->end_fd, &one, sizeof one) < 0)
        log_debug("worker", "the watch ends already");
    if (watch->started)
        pthread_join(watch->thread, NULL);
    if (watch->end_fd >= 0)
        close(watch->end_fd);
    if (watch->epoll_fd >= 0)
        close(watch->epoll_fd);
    mem_free(watch);
}

enum celeriac_err cel_child_watch_add(struct cel_child_watch *watch, int fd, uint32_t token)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = token};

    return epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? CELERIAC_ERR_SYSTEM
                                                                 : CELERIAC_OK;
}

void cel_child_watch_remove(struct cel_child_watch *watch, int fd)
{
    if (fd >= 0)
        (void)epoll_ctl(watch->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}
