/*
 * The thread that tries one key against one slow hash at a time, with whatever processor time
 * nobody else wants. It shares no lock with anybody: a request never waits for it.
 */
#ifndef API_KEY_TRIER_H
#define API_KEY_TRIER_H

#include <stdbool.h>

#include "api/key_search.h"
#include "celeriac/error.h"

struct key_trier;

/*
 * Starts the thread. After each trial `done` is called on it; it must do no more than wake
 * somebody, without taking a lock. CELERIAC_ERR_MEMORY or CELERIAC_ERR_SYSTEM.
 */
enum celeriac_err key_trier_create(void (*done)(void *context), void *context,
                                   struct key_trier **trier,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Waits for a running trial, ends the thread, wipes the key; trier may be NULL. */
void key_trier_destroy(struct key_trier *trier);

/* Whether a trial is running or its outcome was not taken yet. One caller. */
bool key_trier_is_busy(const struct key_trier *trier);

/* Begins a trial, which is copied; the trier must not be busy. One caller. */
void key_trier_start(struct key_trier *trier, const struct key_trial *trial);

/*
 * Takes the outcome of a trial that has ended: false when none has. *trial is what was tried (to be
 * wiped), *matches whether the key is the hash's. One caller.
 */
bool key_trier_take(struct key_trier *trier, struct key_trial *trial, bool *matches);

#endif
