/*
 * The command line of celeriac-worker: the options of `celery worker`, with their short forms and
 * defaults (celery/bin/celery.py, celery/bin/worker.py).
 */
#ifndef WORKER_MAIN_OPTIONS_H
#define WORKER_MAIN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/settings.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "celeriac/worker.h"
#include "notify/settings.h"

/* Everything the program was told. Strings borrow from `settings`. */
struct worker_options {
    struct settings *settings;
    struct notify_settings notify;
    struct celeriac_worker_options worker;
    const char *app; /* shared object with tasks; NULL: those of the notification service */
    enum log_level level;
    struct strbuf queues; /* the list that `worker` borrows */
    bool names_queues;    /* they were chosen: -Q or its variable */
    enum log_format format;
    bool auto_format; /* text on a terminal, JSON elsewhere */
    bool quiet;       /* no banner */
    bool no_color;
    const char *logfile; /* NULL: standard error; may have %n and the like, as pidfile */
    bool detach;
    bool started_again;               /* after SIGHUP: detached already, if at all */
    const char *pidfile;              /* NULL: none */
    const char *user, *group, *umask; /* NULL: as they are */
    int64_t soft_shutdown_ns;         /* 0: none */
    bool soft_shutdown_on_idle;
    bool term_is_quit;
    const char *http; /* address for probes and metrics; NULL: none */
    bool healthcheck; /* the command: ask a running worker */
    bool help;
    bool version;
};

/* By which settings the fields come about that errors of the library and of daemon.h name. */
extern const struct setting_field worker_options_fields[];

/*
 * Reads .env, the environment and the command line. CELERIAC_ERR_VALUE names the option, variable
 * or line. The caller closes *options, also after a failure.
 */
enum celeriac_err worker_options_read(struct worker_options *options, int argc, char *const *argv,
                                      char *const *environment,
                                      struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Releases what worker_options_read() has made; an all-zero struct is allowed. */
void worker_options_close(struct worker_options *options);

/* Appends the text of --help. */
void worker_options_help(struct strbuf *out);

/* Logs a line for each option that was given and that this worker accepts without effect. */
void worker_options_notice(const struct worker_options *options);

#endif
