/*
 * What happens to the process before and after the work: the daemon, the log, the pidfile, the
 * banner, and starting again. Main thread only.
 */
#ifndef WORKER_MAIN_START_H
#define WORKER_MAIN_START_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "celeriac/error.h"
#include "worker/main/options.h"

/* Start with all zero. */
struct worker_start {
    char *pidfile;   /* its name when it is ours; NULL: none */
    char *logfile;   /* NULL: standard error */
    int report;      /* to the process that waits for a detached start */
    bool detached;   /* report counts */
    int old_status;  /* from 0: this process has done its part and exits with it at once */
    bool locked_out; /* the pidfile belongs to a process that lives */
};

/*
 * Changes the umask and the user, detaches, opens the log, writes the pidfile and shows the banner,
 * as the options have it; see old_status. Errors as of daemon.h, pidfile.h and log_set_file(). End
 * it also after a failure.
 */
enum celeriac_err worker_start_begin(struct worker_start *start,
                                     const struct worker_options *options,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* The start went well: a waiting process that detached us may end. */
void worker_start_done(struct worker_start *start);

/* Removes the pidfile and releases the rest; twice does no harm. */
void worker_start_end(struct worker_start *start);

/*
 * Replaces the process by a new one of the same program with the same words, which does not detach
 * again if the environment has CELERIAC_STARTED_AGAIN. Returns only when that fails.
 */
void worker_start_again(char *const *argv);

#endif
