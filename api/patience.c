#include "api/patience.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"

/* How many times per limit the thread looks: a connection may live a tenth longer. */
#define LOOKS 10

/* Events taken from the kernel at a time. */
#define EVENTS 64

/* The name of the event that ends the thread; a connection's holds its number, from 1. */
#define STOP UINT64_C(0)

/* Places for descriptors to begin with. */
#define FDS_FIRST 1024

/*
 * Stages that have a limit each: entries of a stage end in the order in which they came to it, so
 * each list is sorted by due_ns. CUT has none, and is where cut off connections wait for their end.
 */
enum stage { HEAD, BODY, BUSY, ANSWER, CUT, STAGES };

struct list {
    struct patience_entry *first, *last;
};

struct patience_entry {
    struct patience_entry *next, *previous;
    int fd;
    uint32_t number; /* tells it from an earlier one with the same descriptor */
    enum stage stage;
    int64_t due_ns;  /* when it is cut off */
    int64_t left_ns; /* when the client was seen to leave; 0: it is there */
};

struct patience {
    int64_t limits_ns[STAGES]; /* INT64_MAX: none */
    int64_t tick_ns;
    size_t wanted; /* most connections that are not cut off */
    int epoll;     /* tells which clients have left */
    int stop;      /* eventfd */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    struct list stages[STAGES]; /* under lock, as all below and all entries */
    struct patience_entry **by_fd;
    size_t fds; /* places in by_fd */
    uint32_t last_number;
    size_t open;    /* entries that are not cut off */
    size_t leaving; /* of these, those whose client has left */
};

/* ---- lists, under the lock ----------------------------------------------------------------- */

static void unlink_entry(struct patience *p, struct patience_entry *e)
{
    struct list *list = &p->stages[e->stage];

    if (e->previous)
        e->previous->next = e->next;
    else
        list->first = e->next;
    if (e->next)
        e->next->previous = e->previous;
    else
        list->last = e->previous;
    if (e->stage != CUT) {
        p->open--;
        p->leaving -= e->left_ns != 0;
    }
}

static void append_entry(struct patience *p, struct patience_entry *e, enum stage stage,
                         int64_t now_ns)
{
    struct list *list = &p->stages[stage];
    int64_t limit_ns = p->limits_ns[stage];

    e->stage = stage;
    e->due_ns = limit_ns == INT64_MAX ? INT64_MAX : now_ns + limit_ns;
    e->next = NULL;
    e->previous = list->last;
    if (list->last)
        list->last->next = e;
    else
        list->first = e;
    list->last = e;
    if (stage != CUT) {
        p->open++;
        p->leaving += e->left_ns != 0;
    }
}

static void cut_off(struct patience *p, struct patience_entry *e)
{
    unlink_entry(p, e);
    append_entry(p, e, CUT, 0);
    (void)shutdown(e->fd, SHUT_RDWR);
}

static void cut_off_late(struct patience *p, int64_t now_ns)
{
    for (int stage = 0; stage < CUT; stage++) {
        while (p->stages[stage].first && p->stages[stage].first->due_ns <= now_ns)
            cut_off(p, p->stages[stage].first);
    }
}

/* Whether all that the client sent has been read, and it will send no more. */
static bool is_at_end(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/*
 * Those that left before their request was complete. What is still to be read may complete it, and
 * a client that only ends its half of the connection gets its answer.
 */
static void cut_off_left(struct patience *p, int64_t now_ns)
{
    for (int stage = HEAD; stage <= BODY && p->leaving > 0; stage++) {
        struct patience_entry *next;

        for (struct patience_entry *e = p->stages[stage].first; e; e = next) {
            next = e->next;
            if (e->left_ns != 0 && now_ns - e->left_ns >= PATIENCE_LEFT_NS && is_at_end(e->fd))
                cut_off(p, e);
        }
    }
}

/* One connection too many: who has waited longest for its request goes, else who sends slowest. */
static void make_room(struct patience *p)
{
    struct patience_entry *oldest =
        p->stages[HEAD].first ? p->stages[HEAD].first : p->stages[BODY].first;

    if (oldest)
        cut_off(p, oldest);
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* Marks who has left. The entry may be gone meanwhile, and another have its descriptor. */
static void mark_left(struct patience *p, uint64_t name, int64_t now_ns)
{
    size_t fd = (uint32_t)name;
    struct patience_entry *e = fd < p->fds ? p->by_fd[fd] : NULL;

    if (!e || e->number != (uint32_t)(name >> 32) || e->left_ns != 0)
        return;
    e->left_ns = now_ns;
    p->leaving += e->stage != CUT;
}

static void *watch(void *context)
{
    struct patience *p = context;
    struct epoll_event events[EVENTS];
    int64_t look_ns = clock_monotonic_ns() + p->tick_ns;
    bool stopping = false;

    while (!stopping) {
        int wait_ms = clock_poll_ms(clock_monotonic_ns(), look_ns);
        int count = epoll_wait(p->epoll, events, EVENTS, wait_ms);
        int64_t now_ns = clock_monotonic_ns();

        pthread_mutex_lock(&p->lock);
        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 == STOP)
                stopping = true;
            else
                mark_left(p, events[i].data.u64, now_ns);
        }
        if (now_ns >= look_ns) {
            cut_off_late(p, now_ns);
            cut_off_left(p, now_ns);
            look_ns = now_ns + p->tick_ns;
        }
        if (p->leaving > 0 && look_ns - now_ns > PATIENCE_LEFT_NS)
            look_ns = now_ns + PATIENCE_LEFT_NS;
        pthread_mutex_unlock(&p->lock);
    }
    return NULL;
}

/* ---- life ---------------------------------------------------------------------------------- */

static int64_t shortest(const struct patience_limits *limits)
{
    int64_t ns = limits->head_ns;

    if (limits->body_ns < ns)
        ns = limits->body_ns;
    return limits->answer_ns < ns ? limits->answer_ns : ns;
}

static enum celeriac_err start(struct patience *p)
{
    struct epoll_event stop = {.events = EPOLLIN, .data.u64 = STOP};

    if (p->epoll < 0 || p->stop < 0 || epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->stop, &stop) != 0)
        return CELERIAC_ERR_SYSTEM;
    p->started = pthread_create(&p->thread, NULL, watch, p) == 0;
    return p->started ? CELERIAC_OK : CELERIAC_ERR_SYSTEM;
}

enum celeriac_err patience_create(const struct patience_limits *limits, struct patience **patience,
                                  struct celeriac_error *err)
{
    struct patience *p = mem_calloc(1, sizeof *p);

    if (!p)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory to watch connections");
    p->limits_ns[HEAD] = limits->head_ns;
    p->limits_ns[BODY] = limits->body_ns;
    p->limits_ns[BUSY] = INT64_MAX;
    p->limits_ns[ANSWER] = limits->answer_ns;
    p->limits_ns[CUT] = INT64_MAX;
    p->tick_ns = shortest(limits) / LOOKS;
    p->wanted = limits->connections ? limits->connections : SIZE_MAX;
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    p->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&p->lock, NULL);
    if (start(p) != CELERIAC_OK) {
        patience_destroy(p);
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot watch connections");
    }
    *patience = p;
    return CELERIAC_OK;
}

void patience_destroy(struct patience *p)
{
    const uint64_t one = 1;

    if (!p)
        return;
    if (p->started) {
        (void)!write(p->stop, &one, sizeof one);
        pthread_join(p->thread, NULL);
    }
    if (p->epoll >= 0)
        close(p->epoll);
    if (p->stop >= 0)
        close(p->stop);
    pthread_mutex_destroy(&p->lock);
    mem_free(p->by_fd);
    mem_free(p);
}

/* ---- entries ------------------------------------------------------------------------------- */

/* A place for the descriptor in by_fd; false without memory. */
static bool has_place(struct patience *p, size_t fd)
{
    size_t fds = p->fds ? p->fds : FDS_FIRST;
    struct patience_entry **grown;

    if (fd < p->fds)
        return true;
    while (fds <= fd)
        fds *= 2;
    grown = mem_resize(p->by_fd, fds, sizeof *grown);
    if (!grown)
        return false;
    memset(grown + p->fds, 0, (fds - p->fds) * sizeof *grown);
    p->by_fd = grown;
    p->fds = fds;
    return true;
}

/* Has the kernel tell when the client leaves. Without it the limits remain. */
static void await_leaving(struct patience *p, struct patience_entry *e)
{
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET};

    if (e->fd < 0 || !has_place(p, (size_t)e->fd))
        return;
    p->by_fd[e->fd] = e;
    event.data.u64 = (uint64_t)e->number << 32 | (uint32_t)e->fd;
    (void)epoll_ctl(p->epoll, EPOLL_CTL_ADD, e->fd, &event);
}

struct patience_entry *patience_enter(struct patience *p, int fd)
{
    struct patience_entry *e = mem_calloc(1, sizeof *e);

    if (!e)
        return NULL;
    e->fd = fd;
    pthread_mutex_lock(&p->lock);
    e->number = ++p->last_number;
    if (p->open >= p->wanted)
        make_room(p);
    append_entry(p, e, HEAD, clock_monotonic_ns());
    await_leaving(p, e);
    pthread_mutex_unlock(&p->lock);
    return e;
}

static void turn_to(struct patience *p, struct patience_entry *e, enum stage stage)
{
    if (!e)
        return;
    pthread_mutex_lock(&p->lock);
    /* What was cut off stays so: its end is on its way. */
    if (e->stage != CUT) {
        unlink_entry(p, e);
        append_entry(p, e, stage, clock_monotonic_ns());
    }
    pthread_mutex_unlock(&p->lock);
}

void patience_reading(struct patience *p, struct patience_entry *e)
{
    turn_to(p, e, BODY);
}

void patience_busy(struct patience *p, struct patience_entry *e)
{
    turn_to(p, e, BUSY);
}

void patience_answering(struct patience *p, struct patience_entry *e)
{
    turn_to(p, e, ANSWER);
}

void patience_waiting(struct patience *p, struct patience_entry *e)
{
    turn_to(p, e, HEAD);
}

void patience_leave(struct patience *p, struct patience_entry *e)
{
    if (!e)
        return;
    pthread_mutex_lock(&p->lock);
    unlink_entry(p, e);
    if (e->fd >= 0 && (size_t)e->fd < p->fds && p->by_fd[e->fd] == e) {
        p->by_fd[e->fd] = NULL;
        (void)epoll_ctl(p->epoll, EPOLL_CTL_DEL, e->fd, NULL);
    }
    pthread_mutex_unlock(&p->lock);
    mem_free(e);
}
