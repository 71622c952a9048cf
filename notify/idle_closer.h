/*
 * A thread that closes connections which nobody uses, also while there is nothing to send: servers
 * limit how many they keep, and close those that are silent on their own terms.
 */
#ifndef NOTIFY_IDLE_CLOSER_H
#define NOTIFY_IDLE_CLOSER_H

#include <stdint.h>

#include "celeriac/error.h"

struct notify_providers;
struct notify_idle_closer;

/*
 * Starts it: it calls notify_providers_close_idle() every every_ns, which is above 0. After a fork
 * it is the parent's alone. providers are borrowed. CELERIAC_ERR_MEMORY, _SYSTEM.
 */
enum celeriac_err notify_idle_closer_create(struct notify_providers *providers, int64_t every_ns,
                                            struct notify_idle_closer **closer,
                                            struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Ends the thread, once the connection that it is just closing is closed. To be called before the
 * providers are destroyed. closer may be NULL.
 */
void notify_idle_closer_destroy(struct notify_idle_closer *closer);

#endif
