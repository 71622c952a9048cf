/*
 * What signals mean to a running worker, as celery/apps/worker.py has it. Pure; one thread.
 *
 * TERM: warm. INT: warm, and cold the second time. QUIT: cold, or with a soft shutdown timeout
 * first warm for that long. HUP: warm, then start again. The exit code is that of the first of
 * them: 1 for INT, else 0.
 */
#ifndef WORKER_MAIN_STOP_SIGNALS_H
#define WORKER_MAIN_STOP_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

/* What to do about a signal. */
enum stop_action { STOP_NOTHING, STOP_WARM, STOP_COLD };

/* Configure the first four and leave the rest zero. */
struct stop_signals {
    int64_t soft_ns;     /* worker_soft_shutdown_timeout; 0: none */
    bool soft_when_idle; /* worker_enable_soft_shutdown_on_idle */
    bool term_is_quit;   /* REMAP_SIGTERM=SIGQUIT */
    bool hup_is_term;    /* on a terminal, whose end is what HUP means there */
    bool warm;           /* asked to stop */
    bool interrupted;    /* INT was seen */
    bool quit;           /* QUIT was seen */
    int64_t cold_at_ns;  /* monotonic time when warm turns into cold; 0: never */
    bool restart;        /* start again once stopped */
    int exit_code;       /* of the process once it has stopped */
};

/* A signal arrived at now_ns (monotonic) while `active` tasks ran. */
enum stop_action stop_signals_take(struct stop_signals *s, int number, unsigned active,
                                   int64_t now_ns);

/* Whether the time of a soft shutdown is over: then stop cold, once. */
bool stop_signals_is_over(struct stop_signals *s, int64_t now_ns);

#endif
