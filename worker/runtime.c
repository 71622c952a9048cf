#include "worker/runtime.h"

#include <unistd.h>

void cel_runtime_wake(const struct cel_runtime *runtime)
{
    const uint64_t one = 1;

    /* Fails only when the counter is full, and then the reader is awake already. */
    if (write(runtime->wake_fd, &one, sizeof one) < 0)
        return;
}
