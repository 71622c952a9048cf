#include "api/key_hunt.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api/key_trier.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "notify/store/api_keys.h"

/* Longest time for a call to the store. */
#define STORE_NS INT64_C(5000000000)

struct key_hunt {
    struct store *store;
    void (*done)(struct key_waiter *waiter, enum key_hunt_end end);
    struct key_trier *trier;
    int wake; /* eventfd: written by whoever has news, without a lock */
    pthread_t thread;
    bool started;
    atomic_bool stopping;
    pthread_mutex_t lock;
    struct key_search *search; /* under lock */
    bool closed;               /* under lock: no more keys */
    int64_t next_read_ns;      /* the coordinator's */
    bool incomplete;           /* the coordinator's: the last reading left hashes out */
    bool too_many;             /* the coordinator's: has been logged */
};

static void wake(void *context)
{
    const struct key_hunt *h = context;
    const uint64_t one = 1;

    /* A full counter is as good as one more. */
    (void)!write(h->wake, &one, sizeof one);
}

static void tell(const struct key_hunt *h, struct key_waiter *list, enum key_hunt_end end)
{
    while (list) {
        struct key_waiter *waiter = list;

        list = list->next;
        h->done(waiter, end);
    }
}

static enum celeriac_err append(struct key_hashes *hashes,
                                const struct store_list_unindexed_keys *page)
{
    struct key_hash *rows =
        mem_resize(hashes->rows, hashes->count + page->count, sizeof *hashes->rows);

    if (!rows)
        return CELERIAC_ERR_MEMORY;
    hashes->rows = rows;
    for (size_t i = 0; i < page->count; i++) {
        const struct store_key_hash *row = &page->rows[i];

        /* A row that Django would not take either. */
        if (row->key_hash.len >= NOTIFY_API_KEY_HASH_SIZE)
            continue;
        rows[hashes->count].key_id = row->key_id;
        rows[hashes->count].used_at_us = row->last_used_at_us;
        rows[hashes->count].text = mem_dup_span(row->key_hash);
        if (!rows[hashes->count].text)
            return CELERIAC_ERR_MEMORY;
        hashes->count++;
    }
    return CELERIAC_OK;
}

static void note_too_many(struct key_hunt *h)
{
    if (h->incomplete && !h->too_many)
        log_warning("keys", "too many keys without a digest; the newest are left out",
                    LOG_INT("limit", KEY_SEARCH_HASHES_MAX));
    h->too_many = h->too_many || h->incomplete;
}

/* All hashes without a digest, up to KEY_SEARCH_HASHES_MAX. */
static enum celeriac_err read_hashes(struct key_hunt *h, struct key_hashes *hashes)
{
    enum celeriac_err rc = CELERIAC_OK;
    int64_t after = 0;
    bool more = true;

    h->incomplete = false;
    while (more && rc == CELERIAC_OK) {
        struct store_list_unindexed_keys page;
        bool full = hashes->count >= KEY_SEARCH_HASHES_MAX;

        store_list_unindexed_keys_init(&page, after, full ? 1 : STORE_KEY_PAGE_MAX);
        page.call.deadline_ns = clock_monotonic_ns() + STORE_NS;
        rc = store_run(h->store, &page.call);
        more = rc == CELERIAC_OK && !full && page.count == STORE_KEY_PAGE_MAX;
        if (rc == CELERIAC_OK && full) {
            h->incomplete = page.count > 0;
        } else if (rc == CELERIAC_OK && page.count > 0) {
            after = page.rows[page.count - 1].key_id;
            rc = append(hashes, &page);
        }
        store_call_release(&page.call);
    }
    note_too_many(h);
    return rc;
}

/* No hash is left: it is nobody's key, unless some were left out. */
static void tell_unknown(const struct key_hunt *h, struct key_waiter *list)
{
    tell(h, list, h->incomplete ? KEY_HUNT_LATER : KEY_HUNT_UNKNOWN);
}

static void refresh(struct key_hunt *h)
{
    struct key_hashes hashes = {0};
    struct key_waiter *unknown = NULL;
    int64_t begun_ns = clock_monotonic_ns();
    enum celeriac_err rc = read_hashes(h, &hashes);

    if (rc == CELERIAC_OK) {
        pthread_mutex_lock(&h->lock);
        key_search_set_hashes(h->search, &hashes, begun_ns);
        unknown = key_search_settle(h->search, begun_ns);
        pthread_mutex_unlock(&h->lock);
    }
    key_hashes_close(&hashes);
    tell_unknown(h, unknown);
    h->next_read_ns = clock_monotonic_ns() + KEY_HUNT_READ_NS;
}

/* Stores the digest of a key whose hash matched. */
static enum celeriac_err index_key(struct key_hunt *h, const struct key_trial *trial)
{
    struct store_add_digest add;
    enum celeriac_err rc;

    store_add_digest_init(&add, &trial->digest, trial->key_id, span_of(trial->hash));
    add.call.deadline_ns = clock_monotonic_ns() + STORE_NS;
    rc = store_run(h->store, &add.call);
    if (rc == CELERIAC_OK)
        log_info("keys", "key found by its hash; its digest is stored",
                 LOG_INT("key_id", trial->key_id));
    store_call_release(&add.call);
    return rc;
}

static void finish_trial(struct key_hunt *h)
{
    struct key_waiter *found = NULL, *unknown;
    enum celeriac_err rc = CELERIAC_OK;
    struct key_trial trial;
    bool matches;

    if (!key_trier_take(h->trier, &trial, &matches))
        return;
    if (matches)
        rc = index_key(h, &trial);
    pthread_mutex_lock(&h->lock);
    if (matches)
        found = key_search_found(h->search, &trial);
    else
        key_search_failed(h->search, &trial);
    unknown = key_search_settle(h->search, clock_monotonic_ns());
    pthread_mutex_unlock(&h->lock);
    notify_api_key_wipe(&trial, sizeof trial);
    tell(h, found,
         rc == CELERIAC_OK || rc == CELERIAC_ERR_NOT_FOUND ? KEY_HUNT_FOUND : KEY_HUNT_LATER);
    tell_unknown(h, unknown);
}

static void start_trial(struct key_hunt *h)
{
    struct key_trial trial;
    bool chosen;

    if (key_trier_is_busy(h->trier))
        return;
    pthread_mutex_lock(&h->lock);
    chosen = key_search_next(h->search, &trial);
    pthread_mutex_unlock(&h->lock);
    if (!chosen)
        return;
    key_trier_start(h->trier, &trial);
    notify_api_key_wipe(&trial, sizeof trial);
}

/* One round; returns when the next is due at the latest, or -1 for when there is news. */
static int64_t step(struct key_hunt *h)
{
    struct key_waiter *expired;
    int64_t due_ns;
    bool needs_hashes;

    finish_trial(h);
    pthread_mutex_lock(&h->lock);
    expired = key_search_expire(h->search, clock_monotonic_ns());
    needs_hashes = key_search_needs_hashes(h->search);
    pthread_mutex_unlock(&h->lock);
    tell(h, expired, KEY_HUNT_LATER);
    if (needs_hashes && clock_monotonic_ns() >= h->next_read_ns) {
        refresh(h);
        needs_hashes = false;
    }
    start_trial(h);
    pthread_mutex_lock(&h->lock);
    due_ns = key_search_deadline(h->search);
    needs_hashes = needs_hashes || key_search_needs_hashes(h->search);
    pthread_mutex_unlock(&h->lock);
    if (needs_hashes && (due_ns == 0 || h->next_read_ns < due_ns))
        due_ns = h->next_read_ns;
    return due_ns ? due_ns : -1;
}

static void *coordinate(void *context)
{
    struct key_hunt *h = context;

    while (!atomic_load(&h->stopping)) {
        int64_t due_ns = step(h);
        struct pollfd news = {.fd = h->wake, .events = POLLIN};
        uint64_t count;

        if (poll(&news, 1, clock_poll_ms(clock_monotonic_ns(), due_ns)) > 0)
            (void)!read(h->wake, &count, sizeof count);
    }
    return NULL;
}

enum celeriac_err key_hunt_create(struct store *store,
                                  void (*done)(struct key_waiter *waiter, enum key_hunt_end end),
                                  struct key_hunt **hunt, struct celeriac_error *err)
{
    struct key_hunt *h = mem_calloc(1, sizeof *h);
    enum celeriac_err rc;

    if (!h)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "no memory for the key search");
    h->store = store;
    h->done = done;
    atomic_init(&h->stopping, false);
    pthread_mutex_init(&h->lock, NULL);
    h->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    rc = h->wake < 0 ? CELERIAC_ERR_SYSTEM : key_search_create(&h->search);
    if (rc == CELERIAC_OK)
        rc = key_trier_create(wake, h, &h->trier, err);
    if (rc == CELERIAC_OK) {
        h->started = pthread_create(&h->thread, NULL, coordinate, h) == 0;
        rc = h->started ? CELERIAC_OK : CELERIAC_ERR_SYSTEM;
    }
    if (rc != CELERIAC_OK) {
        key_hunt_destroy(h);
        return celeriac_error_set(err, rc, "the key search does not start");
    }
    *hunt = h;
    return CELERIAC_OK;
}

void key_hunt_stop(struct key_hunt *h)
{
    struct key_waiter *waiting;

    pthread_mutex_lock(&h->lock);
    h->closed = true;
    waiting = key_search_release(h->search);
    pthread_mutex_unlock(&h->lock);
    tell(h, waiting, KEY_HUNT_LATER);
    atomic_store(&h->stopping, true);
    if (h->started) {
        wake(h);
        pthread_join(h->thread, NULL);
        h->started = false;
    }
}

void key_hunt_destroy(struct key_hunt *h)
{
    if (!h)
        return;
    if (h->search)
        key_hunt_stop(h);
    key_trier_destroy(h->trier);
    key_search_destroy(h->search);
    if (h->wake >= 0)
        close(h->wake);
    pthread_mutex_destroy(&h->lock);
    mem_free(h);
}

enum celeriac_err key_hunt_add(struct key_hunt *h, const struct store_digest *digest,
                               struct span key, const char *peer, struct key_waiter *waiter)
{
    struct key_waiter *displaced = NULL;
    enum celeriac_err rc = CELERIAC_ERR_LIMIT;

    pthread_mutex_lock(&h->lock);
    if (!h->closed)
        rc = key_search_add(h->search, digest, key, peer, clock_monotonic_ns(), waiter, &displaced);
    pthread_mutex_unlock(&h->lock);
    if (rc == CELERIAC_OK)
        wake(h);
    tell(h, displaced, KEY_HUNT_LATER);
    return rc;
}
