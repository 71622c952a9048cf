#include "notify/render.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hashmap.h"
#include "jinja/jinja.h"
#include "notify/rules/digest.h"

/* What an entry is counted with: a compiled template takes about ten times its source (jinja.h). */
#define BYTES_PER_SOURCE_BYTE 12
#define BYTES_PER_ENTRY 2048

/*
 * One compiled template. It lives as long as somebody holds it: the cache holds one reference
 * while it is listed, every rendering thread one more.
 */
struct entry {
    uint8_t key[NOTIFY_DIGEST_SIZE];
    struct jinja_template *compiled;
    size_t bytes;
    unsigned references;
    struct entry *newer, *older; /* neighbours in the list by last use */
};

struct notify_render {
    struct jinja_limits limits;
    size_t max_bytes;
    pthread_mutex_t lock; /* guards everything below, and the entries' references and neighbours */
    struct hashmap *entries;
    struct entry *newest, *oldest;
    struct notify_render_stats stats;
};

enum celeriac_err notify_render_create(const struct notify_render_options *options,
                                       struct notify_render **render, struct celeriac_error *err)
{
    struct notify_render *r = mem_calloc(1, sizeof *r);

    if (r == NULL || hashmap_create(&r->entries) != CELERIAC_OK) {
        mem_free(r);
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "%s",
                                  celeriac_err_name(CELERIAC_ERR_MEMORY));
    }
    if (pthread_mutex_init(&r->lock, NULL) != 0) {
        hashmap_destroy(r->entries, NULL);
        mem_free(r);
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "cannot make a lock");
    }
    r->limits = (struct jinja_limits){.fuel = options->fuel, .max_output = options->max_output};
    r->max_bytes = options->cache_bytes != 0 ? options->cache_bytes : NOTIFY_RENDER_CACHE_BYTES;
    *render = r;
    return CELERIAC_OK;
}

static void destroy_entry(void *value)
{
    struct entry *e = value;

    jinja_template_destroy(e->compiled);
    mem_free(e);
}

void notify_render_destroy(struct notify_render *render)
{
    if (render == NULL)
        return;
    hashmap_destroy(render->entries, destroy_entry);
    (void)pthread_mutex_destroy(&render->lock);
    mem_free(render);
}

static struct span key_of(const struct entry *e)
{
    return (struct span){(const char *)e->key, sizeof e->key};
}

/* ---- the list by last use; all under the lock ------------------------------------------------ */

static void unlink_entry(struct notify_render *r, struct entry *e)
{
    if (e->newer != NULL)
        e->newer->older = e->older;
    else
        r->newest = e->older;
    if (e->older != NULL)
        e->older->newer = e->newer;
    else
        r->oldest = e->newer;
    e->newer = e->older = NULL;
}

static void link_newest(struct notify_render *r, struct entry *e)
{
    e->older = r->newest;
    if (r->newest != NULL)
        r->newest->newer = e;
    else
        r->oldest = e;
    r->newest = e;
}

/* Gives up one reference; returns the entry when it was the last one, to be destroyed unlocked. */
static struct entry *drop_reference(struct entry *e)
{
    return --e->references == 0 ? e : NULL;
}

/*
 * Takes what was used least recently out of the cache until it is small enough. Entries that nobody
 * uses are chained by `older` and returned, to be destroyed outside of the lock.
 */
static struct entry *shrink(struct notify_render *r)
{
    struct entry *dead = NULL;

    while (r->stats.bytes > r->max_bytes && r->oldest != r->newest) {
        struct entry *e = r->oldest;

        (void)hashmap_remove(r->entries, key_of(e));
        unlink_entry(r, e);
        r->stats.bytes -= e->bytes;
        r->stats.entries--;
        r->stats.dropped++;
        if (drop_reference(e) != NULL) {
            e->older = dead;
            dead = e;
        }
    }
    return dead;
}

static void destroy_chain(struct entry *dead)
{
    while (dead != NULL) {
        struct entry *next = dead->older;

        destroy_entry(dead);
        dead = next;
    }
}

/* ---- look-up and compilation ----------------------------------------------------------------- */

/* The entry of that key with a reference for the caller, or NULL. */
static struct entry *find(struct notify_render *r, const uint8_t key[NOTIFY_DIGEST_SIZE])
{
    struct entry *e;

    (void)pthread_mutex_lock(&r->lock);
    e = hashmap_get(r->entries, (struct span){(const char *)key, NOTIFY_DIGEST_SIZE});
    if (e != NULL) {
        r->stats.hits++;
        e->references++;
        unlink_entry(r, e);
        link_newest(r, e);
    } else {
        r->stats.misses++;
    }
    (void)pthread_mutex_unlock(&r->lock);
    return e;
}

/*
 * Lists a fresh entry, of which the caller holds the only reference. Two threads may have compiled
 * the same source at once: then the first one's stays listed and the second one's lives for one
 * use.
 */
static void list(struct notify_render *r, struct entry *e)
{
    struct entry *dead = NULL;

    (void)pthread_mutex_lock(&r->lock);
    if (hashmap_get(r->entries, key_of(e)) == NULL &&
        hashmap_set(r->entries, key_of(e), e, NULL) == CELERIAC_OK) {
        e->references++;
        link_newest(r, e);
        r->stats.bytes += e->bytes;
        r->stats.entries++;
        dead = shrink(r);
    }
    (void)pthread_mutex_unlock(&r->lock);
    destroy_chain(dead);
}

static void release(struct notify_render *r, struct entry *e)
{
    struct entry *last;

    (void)pthread_mutex_lock(&r->lock);
    last = drop_reference(e);
    (void)pthread_mutex_unlock(&r->lock);
    if (last != NULL)
        destroy_entry(last);
}

static enum celeriac_err fail(enum jinja_result result, const struct jinja_error *problem,
                              struct celeriac_error *err)
{
    static const enum celeriac_err codes[] = {
        [JINJA_ERR_ARGUMENT] = CELERIAC_ERR_SYSTEM, [JINJA_ERR_SYNTAX] = CELERIAC_ERR_SYNTAX,
        [JINJA_ERR_RENDER] = CELERIAC_ERR_VALUE,    [JINJA_ERR_LIMIT] = CELERIAC_ERR_LIMIT,
        [JINJA_ERR_DATA] = CELERIAC_ERR_VALUE,      [JINJA_ERR_MEMORY] = CELERIAC_ERR_MEMORY,
        [JINJA_ERR_INTERNAL] = CELERIAC_ERR_SYSTEM,
    };
    size_t index = (size_t)result;
    enum celeriac_err code =
        index < sizeof codes / sizeof codes[0] ? codes[index] : CELERIAC_ERR_SYSTEM;

    if (problem->line > 0)
        return celeriac_error_set(err, code, "%s (line %u)", problem->text, problem->line);
    return celeriac_error_set(err, code, "%s", problem->text);
}

/* A new entry with one reference, the caller's; NULL after an error. */
static struct entry *compile(struct span source, const uint8_t key[NOTIFY_DIGEST_SIZE],
                             enum celeriac_err *code, struct celeriac_error *err)
{
    struct jinja_error problem = {.text = ""};
    struct entry *e = mem_calloc(1, sizeof *e);
    enum jinja_result result;

    if (e == NULL) {
        *code = celeriac_error_set(err, CELERIAC_ERR_MEMORY, "%s",
                                   celeriac_err_name(CELERIAC_ERR_MEMORY));
        return NULL;
    }
    result = jinja_compile(source.len > 0 ? source.ptr : "", source.len, &e->compiled, &problem);
    if (result != JINJA_OK) {
        mem_free(e);
        *code = fail(result, &problem, err);
        return NULL;
    }
    memcpy(e->key, key, sizeof e->key);
    e->bytes = BYTES_PER_ENTRY + source.len * BYTES_PER_SOURCE_BYTE;
    e->references = 1;
    return e;
}

/* The compiled source with a reference for the caller, who gives it to release(); NULL: *code. */
static struct entry *get(struct notify_render *r, struct span source, enum celeriac_err *code,
                         struct celeriac_error *err)
{
    uint8_t key[NOTIFY_DIGEST_SIZE];
    struct entry *e;

    *code = notify_digest(source, key);
    if (*code != CELERIAC_OK) {
        (void)celeriac_error_set(err, *code, "SHA-256 failed in OpenSSL");
        return NULL;
    }
    e = find(r, key);
    if (e == NULL) {
        e = compile(source, key, code, err);
        if (e != NULL)
            list(r, e);
    }
    return e;
}

/* Renders an entry that the caller holds, and lets go of it. */
static enum celeriac_err render_entry(struct notify_render *render, struct entry *e,
                                      struct span data, struct strbuf *out,
                                      struct celeriac_error *err)
{
    struct jinja_error problem = {.text = ""};
    size_t before = strbuf_span(out).len, len = 0;
    char *text = NULL;
    enum celeriac_err code;
    enum jinja_result result = jinja_render(e->compiled, data.len > 0 ? data.ptr : "", data.len,
                                            &render->limits, &text, &len, &problem);

    release(render, e);
    if (result != JINJA_OK)
        return fail(result, &problem, err);
    strbuf_add(out, text, len);
    jinja_text_free(text, len);
    code = strbuf_status(out);
    if (code != CELERIAC_OK) {
        strbuf_truncate(out, before);
        return celeriac_error_set(err, code, "rendered text: %s", celeriac_err_name(code));
    }
    return CELERIAC_OK;
}

enum celeriac_err notify_render_text(struct notify_render *render, struct span source,
                                     struct span data, struct strbuf *out,
                                     struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;
    struct entry *e = get(render, source, &code, err);

    return e == NULL ? code : render_entry(render, e, data, out, err);
}

enum celeriac_err notify_render_once(struct notify_render *render, struct span source,
                                     struct span data, struct strbuf *out,
                                     struct celeriac_error *err)
{
    static const uint8_t no_key[NOTIFY_DIGEST_SIZE];
    enum celeriac_err code = CELERIAC_OK;
    struct entry *e = compile(source, no_key, &code, err);

    return e == NULL ? code : render_entry(render, e, data, out, err);
}

void notify_render_get_stats(struct notify_render *render, struct notify_render_stats *stats)
{
    (void)pthread_mutex_lock(&render->lock);
    *stats = render->stats;
    (void)pthread_mutex_unlock(&render->lock);
}
