/*
 * A watch over API keys, on a connection and a thread of its own: it hears when any process
 * switches a key off or replaces one (NOTIFY on the channel celeriac_keys), so that nobody goes by
 * what it remembers; and it switches off, in the table, the keys whose time is over.
 *
 * What it can hear counts only while it is sure to hear everything: after each connect it sends
 * itself a message and waits for that (a pooler that shares sessions would swallow it), and a
 * server that does not answer in time is not heard any more.
 */
#ifndef NOTIFY_STORE_KEY_WATCH_H
#define NOTIFY_STORE_KEY_WATCH_H

#include <stdbool.h>

#include "celeriac/error.h"
#include "notify/store/server.h"

/* Milliseconds between two looks for keys whose time is over, unless the options say otherwise. */
#define STORE_KEY_SWEEP_MS 2000

/* All but the server may be zero. Functions are called on the watch's thread; they must not block.
 */
struct store_key_watch_options {
    struct store_server server;                        /* copied */
    void (*changed)(void *context);                    /* some key was switched off or replaced */
    void (*watching)(void *context, bool is_watching); /* first true, then in turns; false at the
                                                          end if it was true */
    void *context;
    unsigned sweep_ms; /* 0: STORE_KEY_SWEEP_MS */
};

struct store_key_watch;

/*
 * Starts the thread; a database that is away is no error, it is tried again. CELERIAC_ERR_VALUE for
 * a bad connection string, _MEMORY, _SYSTEM.
 */
enum celeriac_err store_key_watch_create(const struct store_key_watch_options *options,
                                         struct store_key_watch **watch,
                                         struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Ends the thread, which may take as long as connecting does; watch may be NULL. */
void store_key_watch_destroy(struct store_key_watch *watch);

#endif
