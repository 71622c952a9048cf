/* Becoming a daemon: detaching from the terminal, another user, the umask (-D, --uid, --gid). */
#ifndef WORKER_MAIN_DAEMON_H
#define WORKER_MAIN_DAEMON_H

#include "celeriac/error.h"

/*
 * Goes on in a new process without a terminal, with standard input and output at /dev/null;
 * standard error follows with daemon_close(). The old process waits for that, or for the new one's
 * end, and gets in *old_status the code to exit with at once: 0, or the new one's. The new process
 * gets -1 there and in *report what daemon_close() takes. Call it before any thread exists.
 * CELERIAC_ERR_SYSTEM.
 */
enum celeriac_err daemon_detach(int *report, int *old_status,
                                struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* The start went well: lets the old process end and closes standard error. -1 does nothing. */
void daemon_close(int report);

/*
 * Changes to that user and group, names or numbers, either may be NULL; without a group the user's
 * own. Supplementary groups become the user's. CELERIAC_ERR_VALUE names what is unknown,
 * CELERIAC_ERR_SYSTEM when we may not.
 */
enum celeriac_err daemon_become(const char *user, const char *group,
                                struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Sets the umask from octal digits, "022" or "0o22". CELERIAC_ERR_VALUE. */
enum celeriac_err daemon_set_umask(const char *text,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
