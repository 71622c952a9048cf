#include "worker/window.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "base/alloc.h"

struct cel_window {
    atomic_size_t limit;
    int wake_fd;
    atomic_size_t taken;
    atomic_bool starved; /* the consumer was refused and waits for room */
};

enum celeriac_err cel_window_create(size_t limit, int wake_fd, struct cel_window **window)
{
    struct cel_window *w = mem_calloc(1, sizeof *w);

    if (!w)
        return CELERIAC_ERR_MEMORY;
    atomic_init(&w->limit, limit);
    w->wake_fd = wake_fd;
    atomic_init(&w->taken, 0);
    atomic_init(&w->starved, false);
    *window = w;
    return CELERIAC_OK;
}

void cel_window_destroy(struct cel_window *window)
{
    mem_free(window);
}

size_t cel_window_limit(const struct cel_window *window)
{
    return atomic_load(&window->limit);
}

void cel_window_set_limit(struct cel_window *window, size_t limit)
{
    const uint64_t one = 1;

    atomic_store(&window->limit, limit);
    if (!atomic_exchange(&window->starved, false))
        return;
    if (write(window->wake_fd, &one, sizeof one) < 0)
        return;
}

static size_t room_now(const struct cel_window *window, size_t ready, size_t threads)
{
    size_t taken = atomic_load(&window->taken);
    size_t limit = atomic_load(&window->limit);
    size_t room = taken < limit ? limit - taken : 0;

    return room * 4 >= limit || ready <= threads / 2 ? room : 0;
}

size_t cel_window_room(struct cel_window *window, size_t ready, size_t threads)
{
    size_t room;

    atomic_store(&window->starved, false);
    room = room_now(window, ready, threads);
    if (room > 0)
        return room;
    /* Announce first, look again afterwards: room given in between must not be missed. */
    atomic_store(&window->starved, true);
    return room_now(window, ready, threads);
}

void cel_window_take(struct cel_window *window, size_t n)
{
    atomic_fetch_add(&window->taken, n);
}

void cel_window_give(struct cel_window *window, size_t n)
{
    const uint64_t one = 1;

    atomic_fetch_sub(&window->taken, n);
    if (!atomic_exchange(&window->starved, false))
        return;
    /* An eventfd is only full at 2**64 - 2 wakes; it then wakes the reader anyway. */
    if (write(window->wake_fd, &one, sizeof one) < 0)
        return;
}
