/*
 * Threads that step back for the others: the slow computing behind API keys must not delay requests
 * that need none of it. Linux gives each thread a priority of its own.
 */
#ifndef API_MODEST_THREAD_H
#define API_MODEST_THREAD_H

/*
 * The calling thread gets the processor only when nothing else wants it (SCHED_IDLE). There is no
 * way back for an ordinary user, so such a thread must not hold a lock that others wait for.
 */
void modest_thread_idle(void);

/* The calling thread gets a smaller share (nice 5: about a third of a normal thread's). */
void modest_thread_nice(void);

#endif
