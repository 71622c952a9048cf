#include "api/key_search.h"

#include <stdlib.h>
#include <string.h>

#include "api/digest_map.h"
#include "api/http.h"
#include "base/alloc.h"

/* The places that a key was tried against: all hashes from lo to hi, none when hi is 0. */
struct tried {
    uint64_t lo, hi;
};

/* One key that is searched. */
struct job {
    struct store_digest digest;
    char key[NOTIFY_API_KEY_MAX + 1];
    char peer[HTTP_PEER_SIZE];
    int64_t added_ns; /* hashes read before this moment do not prove that the key is unknown */
    int64_t asked_ns; /* when a request last came with it */
    uint64_t order;   /* of addition */
    uint64_t served;  /* when its address last had a trial; 0: never */
    uint64_t trials;
    struct tried tried;
    struct key_waiter *waiters;
    size_t waiting;
    bool used;
};

struct key_search {
    struct digest_map *memory; /* digest -> struct tried */
    struct key_hashes hashes;  /* by their places; each keeps the one that it got first */
    int64_t read_ns;           /* when they were read; 0: never */
    uint64_t last_place;
    uint64_t order;
    uint64_t served;
    size_t waited; /* jobs with waiters */
    struct job jobs[KEY_SEARCH_JOBS_MAX];
};

void key_hashes_close(struct key_hashes *hashes)
{
    for (size_t i = 0; i < hashes->count; i++)
        mem_free(hashes->rows[i].text);
    mem_free(hashes->rows);
    hashes->rows = NULL;
    hashes->count = 0;
}

enum celeriac_err key_search_create(struct key_search **s)
{
    struct key_search *made = mem_calloc(1, sizeof *made);
    enum celeriac_err rc;

    if (!made)
        return CELERIAC_ERR_MEMORY;
    rc = digest_map_create(KEY_SEARCH_MEMORY, sizeof(struct tried), &made->memory);
    if (rc != CELERIAC_OK) {
        mem_free(made);
        return rc;
    }
    *s = made;
    return CELERIAC_OK;
}

void key_search_destroy(struct key_search *s)
{
    if (!s)
        return;
    notify_api_key_wipe(s->jobs, sizeof s->jobs);
    key_hashes_close(&s->hashes);
    digest_map_destroy(s->memory);
    mem_free(s);
}

static struct job *find_job(struct key_search *s, const struct store_digest *digest)
{
    for (size_t i = 0; i < KEY_SEARCH_JOBS_MAX; i++) {
        if (s->jobs[i].used && store_digest_equal(&s->jobs[i].digest, digest))
            return &s->jobs[i];
    }
    return NULL;
}

/* Frees a job's place and returns those who waited for it. */
static struct key_waiter *end_job(struct key_search *s, struct job *job)
{
    struct key_waiter *waiters = job->waiters;

    s->waited -= job->waiting > 0;
    notify_api_key_wipe(job, sizeof *job);
    return waiters;
}

static void remember(struct key_search *s, const struct job *job, int64_t now_ns)
{
    if (job->tried.hi > 0)
        digest_map_put(s->memory, &job->digest, &job->tried, now_ns + KEY_SEARCH_MEMORY_NS);
}

/* How many rows have a place up to that one; they are the first ones. */
static size_t rows_up_to(const struct key_hashes *hashes, uint64_t place)
{
    size_t begin = 0, end = hashes->count;

    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;

        if (hashes->rows[middle].place <= place)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

/* The row to try next: above what was tried, upwards; then below it, downwards. False: none left.
 */
static bool next_row(const struct key_search *s, const struct tried *tried, size_t *row)
{
    size_t count = s->hashes.count;
    size_t above = tried->hi == 0 ? count : rows_up_to(&s->hashes, tried->hi);
    size_t below = tried->hi == 0 ? count : rows_up_to(&s->hashes, tried->lo - 1);

    if (above == count && below == 0)
        return false;
    *row = above < count ? above : below - 1;
    return true;
}

/* Whether a is to give way before b: most trials first, then without waiters, then youngest. */
static bool gives_way(const struct job *a, const struct job *b)
{
    if (a->trials != b->trials)
        return a->trials > b->trials;
    if (!a->waiters != !b->waiters)
        return !a->waiters;
    return a->order > b->order;
}

/*
 * A place for a new job: a free one, or that of a job which gives way; NULL when none does, because
 * not one of them had a trial yet.
 */
static struct job *make_room(struct key_search *s, const char *peer, int64_t now_ns,
                             struct key_waiter **displaced)
{
    struct job *place = NULL, *victim = NULL, *own_victim = NULL;
    size_t own = 0;

    for (size_t i = 0; i < KEY_SEARCH_JOBS_MAX; i++) {
        struct job *job = &s->jobs[i];
        bool is_own = job->used && strcmp(job->peer, peer) == 0;

        if (!job->used) {
            place = job;
            continue;
        }
        if (!victim || gives_way(job, victim))
            victim = job;
        own += is_own;
        if (is_own && (!own_victim || gives_way(job, own_victim)))
            own_victim = job;
    }
    if (own >= KEY_SEARCH_JOBS_PER_PEER) {
        place = NULL;
        victim = own_victim;
    }
    if (place)
        return place;
    if (!victim || victim->trials == 0)
        return NULL;
    remember(s, victim, now_ns);
    *displaced = end_job(s, victim);
    return victim;
}

/* When this address last had a trial, as its other keys know. */
static uint64_t last_served(const struct key_search *s, const char *peer)
{
    uint64_t served = 0;

    for (size_t i = 0; i < KEY_SEARCH_JOBS_MAX; i++) {
        const struct job *job = &s->jobs[i];

        if (job->used && job->served > served && strcmp(job->peer, peer) == 0)
            served = job->served;
    }
    return served;
}

static void start_job(struct key_search *s, struct job *job, const struct store_digest *digest,
                      struct span key, const char *peer, int64_t now_ns)
{
    uint64_t served = last_served(s, peer);

    memset(job, 0, sizeof *job);
    job->digest = *digest;
    memcpy(job->key, key.ptr, key.len);
    memcpy(job->peer, peer, strlen(peer) + 1);
    job->added_ns = now_ns;
    job->order = s->order++;
    job->served = served;
    job->used = true;
    (void)digest_map_get(s->memory, digest, now_ns, &job->tried);
}

enum celeriac_err key_search_add(struct key_search *s, const struct store_digest *digest,
                                 struct span key, const char *peer, int64_t now_ns,
                                 struct key_waiter *waiter, struct key_waiter **displaced)
{
    struct job *job = find_job(s, digest);

    *displaced = NULL;
    if (key.len > NOTIFY_API_KEY_MAX || strlen(peer) >= HTTP_PEER_SIZE)
        return CELERIAC_ERR_LIMIT;
    if (!job) {
        job = make_room(s, peer, now_ns, displaced);
        if (!job)
            return CELERIAC_ERR_LIMIT;
        start_job(s, job, digest, key, peer, now_ns);
    }
    job->asked_ns = now_ns;
    if (job->waiting == KEY_SEARCH_WAITING_PER_KEY ||
        (job->waiting == 0 && s->waited == KEY_SEARCH_WAITED_MAX))
        return CELERIAC_ERR_LIMIT;
    s->waited += job->waiting == 0;
    job->waiting++;
    waiter->next = job->waiters;
    job->waiters = waiter;
    return CELERIAC_OK;
}

bool key_search_needs_hashes(const struct key_search *s)
{
    for (size_t i = 0; i < KEY_SEARCH_JOBS_MAX; i++) {
        if (s->jobs[i].used && s->jobs[i].added_ns > s->read_ns)
            return true;
    }
    return false;
}

/* Puts list b before list a. */
static struct key_waiter *join(struct key_waiter *a, struct key_waiter *b)
{
    struct key_waiter *last = b;

    if (!b)
        return a;
    while (last->next)
        last = last->next;
    last->next = a;
    return b;
}

/* Rows that were there before, with the same hash, stay where they are in the order of trials.
 * Both lists are by their ids. */
static void keep_places(const struct key_hashes *before, struct key_hashes *now)
{
    size_t b = 0;

    for (size_t n = 0; n < now->count; n++) {
        struct key_hash *row = &now->rows[n];

        while (b < before->count && before->rows[b].key_id < row->key_id)
            b++;
        row->place = 0;
        if (b < before->count && before->rows[b].key_id == row->key_id &&
            strcmp(before->rows[b].text, row->text) == 0)
            row->place = before->rows[b].place;
    }
}

static int compare_ids(const void *a, const void *b)
{
    int64_t left = ((const struct key_hash *)a)->key_id;
    int64_t right = ((const struct key_hash *)b)->key_id;

    return left < right ? -1 : left > right;
}

/* Rows without a place first, by their use: never, long ago, lately. */
static int compare_uses(const void *a, const void *b)
{
    const struct key_hash *left = a, *right = b;

    if (!left->place != !right->place)
        return left->place ? 1 : -1;
    if (left->used_at_us != right->used_at_us)
        return left->used_at_us < right->used_at_us ? -1 : 1;
    return compare_ids(a, b);
}

static int compare_places(const void *a, const void *b)
{
    uint64_t left = ((const struct key_hash *)a)->place;
    uint64_t right = ((const struct key_hash *)b)->place;

    return left < right ? -1 : left > right;
}

/* Rows that are new get places above all that were ever given; the list is by places then. */
static void give_places(struct key_search *s, struct key_hashes *now)
{
    if (now->count == 0)
        return;
    qsort(now->rows, now->count, sizeof now->rows[0], compare_uses);
    for (size_t i = 0; i < now->count && now->rows[i].place == 0; i++)
        now->rows[i].place = ++s->last_place;
    qsort(now->rows, now->count, sizeof now->rows[0], compare_places);
}

void key_search_set_hashes(struct key_search *s, struct key_hashes *hashes, int64_t read_ns)
{
    if (s->hashes.count > 0)
        qsort(s->hashes.rows, s->hashes.count, sizeof s->hashes.rows[0], compare_ids);
    keep_places(&s->hashes, hashes);
    give_places(s, hashes);
    key_hashes_close(&s->hashes);
    s->hashes = *hashes;
    hashes->rows = NULL;
    hashes->count = 0;
    s->read_ns = read_ns;
}

struct key_waiter *key_search_settle(struct key_search *s, int64_t now_ns)
{
    struct key_waiter *unknown = NULL;
    size_t row;

    for (size_t i = 0; i < KEY_SEARCH_JOBS_MAX; i++) {
        struct job *job = &s->jobs[i];

        if (!job->used || s->read_ns < job->added_ns || next_row(s, &job->tried, &row))
            continue;
        remember(s, job, now_ns);
        unknown = join(unknown, end_job(s, job));
    }
    return unknown;
}

/* Whether a is to be tried before b: addresses take turns, each with its oldest key. */
static bool comes_first(const struct job *a, const struct job *b)
{
    if (a->served != b->served)
        return a->served < b->served;
    return a->order < b->order;
}

/* Notes that an address has had a trial. */
static void note_served(struct key_search *s, const char *peer)
{
    s->served++;
    for (size_t i = 0; i < KEY_SEARCH_JOBS_MAX; i++) {
        if (s->jobs[i].used && strcmp(s->jobs[i].peer, peer) == 0)
            s->jobs[i].served = s->served;
    }
}

bool key_search_next(struct key_search *s, struct key_trial *trial)
{
    const struct key_hash *hash;
    const struct job *best = NULL;
    size_t row = 0;

    for (size_t i = 0; i < KEY_SEARCH_JOBS_MAX; i++) {
        const struct job *job = &s->jobs[i];

        if (job->used && next_row(s, &job->tried, &row) && (!best || comes_first(job, best)))
            best = job;
    }
    if (!best || !next_row(s, &best->tried, &row))
        return false;
    hash = &s->hashes.rows[row];
    trial->digest = best->digest;
    trial->key_id = hash->key_id;
    trial->place = hash->place;
    memcpy(trial->key, best->key, sizeof trial->key);
    memcpy(trial->hash, hash->text, strlen(hash->text) + 1);
    return true;
}

void key_search_failed(struct key_search *s, const struct key_trial *trial)
{
    struct job *job = find_job(s, &trial->digest);

    if (!job)
        return;
    job->trials++;
    note_served(s, job->peer);
    if (job->tried.hi == 0)
        job->tried = (struct tried){trial->place, trial->place};
    else if (trial->place > job->tried.hi)
        job->tried.hi = trial->place;
    else if (trial->place < job->tried.lo)
        job->tried.lo = trial->place;
}

/* Nobody else can have the key of this row. */
static void drop_hash(struct key_hashes *hashes, int64_t key_id)
{
    for (size_t i = 0; i < hashes->count; i++) {
        if (hashes->rows[i].key_id != key_id)
            continue;
        mem_free(hashes->rows[i].text);
        hashes->count--;
        memmove(&hashes->rows[i], &hashes->rows[i + 1],
                (hashes->count - i) * sizeof hashes->rows[0]);
        return;
    }
}

struct key_waiter *key_search_found(struct key_search *s, const struct key_trial *trial)
{
    struct job *job = find_job(s, &trial->digest);

    drop_hash(&s->hashes, trial->key_id);
    return job ? end_job(s, job) : NULL;
}

/* Takes the waiters of one job whose deadline has passed, and puts them before `list`. */
static struct key_waiter *expire_job(struct key_search *s, struct job *job, int64_t now_ns,
                                     struct key_waiter *list)
{
    struct key_waiter **link = &job->waiters;
    bool was_waited = job->waiting > 0;

    while (*link) {
        struct key_waiter *w = *link;

        if (w->deadline_ns > now_ns) {
            link = &w->next;
            continue;
        }
        *link = w->next;
        w->next = list;
        list = w;
        job->waiting--;
    }
    s->waited -= was_waited && job->waiting == 0;
    return list;
}

struct key_waiter *key_search_expire(struct key_search *s, int64_t now_ns)
{
    struct key_waiter *expired = NULL;

    for (size_t i = 0; i < KEY_SEARCH_JOBS_MAX; i++) {
        struct job *job = &s->jobs[i];

        if (!job->used)
            continue;
        expired = expire_job(s, job, now_ns, expired);
        if (!job->waiters && now_ns - job->asked_ns >= KEY_SEARCH_IDLE_NS) {
            remember(s, job, now_ns);
            (void)end_job(s, job);
        }
    }
    return expired;
}

struct key_waiter *key_search_release(struct key_search *s)
{
    struct key_waiter *all = NULL;

    for (size_t i = 0; i < KEY_SEARCH_JOBS_MAX; i++)
        all = expire_job(s, &s->jobs[i], INT64_MAX, all);
    return all;
}

int64_t key_search_deadline(const struct key_search *s)
{
    int64_t deadline = 0;

    for (size_t i = 0; i < KEY_SEARCH_JOBS_MAX; i++) {
        for (const struct key_waiter *w = s->jobs[i].waiters; w; w = w->next) {
            if (deadline == 0 || w->deadline_ns < deadline)
                deadline = w->deadline_ns;
        }
    }
    return deadline;
}

size_t key_search_count(const struct key_search *s)
{
    size_t n = 0;

    for (size_t i = 0; i < KEY_SEARCH_JOBS_MAX; i++)
        n += s->jobs[i].used;
    return n;
}
