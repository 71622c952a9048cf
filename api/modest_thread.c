#include "api/modest_thread.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#define MODEST_NICE 5

/* A kernel that refuses leaves the thread as it is: slower for others, but right. */
void modest_thread_idle(void)
{
    const struct sched_param none = {0};

    (void)sched_setscheduler(0, SCHED_IDLE, &none);
}

void modest_thread_nice(void)
{
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), MODEST_NICE);
}
