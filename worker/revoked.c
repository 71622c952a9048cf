#include "worker/revoked.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hashmap.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "worker/revoked_file.h"

/* One id, in the order of time. */
struct entry {
    struct entry *older, *newer;
    int64_t since_us;
    size_t id_len;
    char id[];
};

struct cel_revoked {
    char *path;
    atomic_size_t ids;    /* how many: read without the lock by who only wants to know if any */
    atomic_size_t stamps; /* likewise */

    pthread_mutex_t lock; /* of what follows */
    struct hashmap *by_id;
    struct entry *oldest, *newest;
    struct hashmap *by_stamp; /* "stamp\0value" to itself */
    bool changed;             /* since it was saved */
    pthread_mutex_t saving;   /* one save at a time; taken before the other lock */
};

enum celeriac_err cel_revoked_create(const char *path, struct cel_revoked **revoked)
{
    struct cel_revoked *r = mem_calloc(1, sizeof *r);

    if (!r)
        return CELERIAC_ERR_MEMORY;
    pthread_mutex_init(&r->lock, NULL);
    pthread_mutex_init(&r->saving, NULL);
    r->path = mem_dup(path);
    if ((path && !r->path) || hashmap_create(&r->by_id) || hashmap_create(&r->by_stamp)) {
        cel_revoked_destroy(r);
        return CELERIAC_ERR_MEMORY;
    }
    *revoked = r;
    return CELERIAC_OK;
}

void cel_revoked_destroy(struct cel_revoked *revoked)
{
    if (!revoked)
        return;
    hashmap_destroy(revoked->by_id, mem_free);
    hashmap_destroy(revoked->by_stamp, NULL);
    pthread_mutex_destroy(&revoked->saving);
    pthread_mutex_destroy(&revoked->lock);
    mem_free(revoked->path);
    mem_free(revoked);
}

/* ---- ids ----------------------------------------------------------------------------------- */

static void unlink_entry(struct cel_revoked *r, struct entry *e)
{
    *(e->older ? &e->older->newer : &r->oldest) = e->newer;
    *(e->newer ? &e->newer->older : &r->newest) = e->older;
}

/* Links an entry where its time belongs, which is nearly always at the end. */
static void link_entry(struct cel_revoked *r, struct entry *e)
{
    struct entry *before = r->newest;

    while (before && before->since_us > e->since_us)
        before = before->older;
    e->older = before;
    e->newer = before ? before->newer : r->oldest;
    *(e->older ? &e->older->newer : &r->oldest) = e;
    *(e->newer ? &e->newer->older : &r->newest) = e;
}

static void forget(struct cel_revoked *r, struct entry *e)
{
    unlink_entry(r, e);
    hashmap_remove(r->by_id, (struct span){e->id, e->id_len});
    mem_free(e);
}

static bool is_over(int64_t since_us, int64_t now_us)
{
    return now_us > since_us && now_us - since_us > CEL_REVOKED_EXPIRES_S * US_PER_SEC;
}

static void purge(struct cel_revoked *r, int64_t now_us)
{
    while (r->oldest &&
           (hashmap_count(r->by_id) > CEL_REVOKED_MAX || is_over(r->oldest->since_us, now_us)))
        forget(r, r->oldest);
    atomic_store(&r->ids, hashmap_count(r->by_id));
}

static enum celeriac_err add_locked(struct cel_revoked *r, struct span id, int64_t since_us)
{
    struct entry *e = hashmap_get(r->by_id, id);

    if (e) {
        unlink_entry(r, e);
    } else {
        e = mem_calloc(1, sizeof *e + id.len);
        if (!e)
            return CELERIAC_ERR_MEMORY;
        e->id_len = id.len;
        memcpy(e->id, id.ptr, id.len);
        if (hashmap_set(r->by_id, id, e, NULL)) {
            mem_free(e);
            return CELERIAC_ERR_MEMORY;
        }
    }
    e->since_us = since_us;
    link_entry(r, e);
    return CELERIAC_OK;
}

static bool is_id(struct span id)
{
    return id.len > 0 && id.len <= CEL_REVOKED_ID_MAX && span_is_utf8(id);
}

enum celeriac_err cel_revoked_add(struct cel_revoked *revoked, struct span id, int64_t now_us)
{
    enum celeriac_err code;

    if (!is_id(id))
        return CELERIAC_ERR_VALUE;
    pthread_mutex_lock(&revoked->lock);
    code = add_locked(revoked, id, now_us);
    if (code == CELERIAC_OK) {
        revoked->changed = true;
        purge(revoked, now_us);
    }
    pthread_mutex_unlock(&revoked->lock);
    return code;
}

bool cel_revoked_has(struct cel_revoked *revoked, struct span id, int64_t now_us)
{
    const struct entry *e;
    bool has;

    if (atomic_load(&revoked->ids) == 0)
        return false;
    pthread_mutex_lock(&revoked->lock);
    e = hashmap_get(revoked->by_id, id);
    has = e && !is_over(e->since_us, now_us);
    pthread_mutex_unlock(&revoked->lock);
    return has;
}

size_t cel_revoked_count(struct cel_revoked *revoked)
{
    return atomic_load(&revoked->ids);
}

void cel_revoked_each(struct cel_revoked *revoked, cel_revoked_fn *see, void *context)
{
    bool go_on = true;

    pthread_mutex_lock(&revoked->lock);
    for (const struct entry *e = revoked->oldest; e && go_on; e = e->newer)
        go_on = see(context, (struct span){e->id, e->id_len}, e->since_us);
    pthread_mutex_unlock(&revoked->lock);
}

/* ---- stamps -------------------------------------------------------------------------------- */

/* The key of a pair: strings are compared by what they say, other values by their text. */
static enum celeriac_err write_pair(struct span stamp, const struct json_node *value,
                                    struct strbuf *key)
{
    enum celeriac_err code = CELERIAC_OK;

    strbuf_clear(key);
    strbuf_add_span(key, stamp);
    strbuf_add_char(key, '\0');
    if (value->type == JSON_STRING) {
        strbuf_add_char(key, '"');
        code = json_decode_string(value, key);
    } else {
        strbuf_add_span(key, json_raw(value));
    }
    return code ? code : strbuf_status(key);
}

enum celeriac_err cel_revoked_add_stamp(struct cel_revoked *revoked, struct span stamp,
                                        struct span value_json)
{
    struct json_doc doc;
    struct strbuf key;
    enum celeriac_err code = CELERIAC_ERR_VALUE;

    json_init(&doc);
    strbuf_init(&key, 2 * (size_t)CEL_REVOKED_ID_MAX + 2);
    if (is_id(stamp) && value_json.len <= CEL_REVOKED_ID_MAX)
        code = json_parse(&doc, value_json, NULL, NULL);
    if (code == CELERIAC_OK)
        code = write_pair(stamp, json_root(&doc), &key);
    if (code == CELERIAC_ERR_SYNTAX)
        code = CELERIAC_ERR_VALUE;
    if (code == CELERIAC_OK) {
        pthread_mutex_lock(&revoked->lock);
        if (hashmap_count(revoked->by_stamp) >= CEL_REVOKED_STAMPS_MAX)
            code = CELERIAC_ERR_LIMIT;
        else
            code = hashmap_set(revoked->by_stamp, strbuf_span(&key), revoked, NULL);
        atomic_store(&revoked->stamps, hashmap_count(revoked->by_stamp));
        pthread_mutex_unlock(&revoked->lock);
    }
    strbuf_close(&key);
    json_close(&doc);
    return code;
}

static bool has_pair(struct cel_revoked *r, struct span stamp, const struct json_node *value,
                     struct strbuf *key)
{
    bool has;

    if (write_pair(stamp, value, key))
        return false;
    pthread_mutex_lock(&r->lock);
    has = hashmap_get(r->by_stamp, strbuf_span(key)) != NULL;
    pthread_mutex_unlock(&r->lock);
    return has;
}

/* Whether one of the values of one stamp is revoked: Celery takes a value or a list of them. */
static bool has_any(struct cel_revoked *r, struct span stamp, const struct json_node *values,
                    struct strbuf *key)
{
    if (values->type != JSON_ARRAY)
        return has_pair(r, stamp, values, key);
    for (const struct json_node *v = json_first(values); v; v = json_next(values, v))
        if (has_pair(r, stamp, v, key))
            return true;
    return false;
}

static bool has_stamps(struct cel_revoked *r, struct span stamps)
{
    struct json_doc doc;
    struct strbuf name;
    struct strbuf key;
    bool has = false;

    json_init(&doc);
    strbuf_init(&name, stamps.len);
    strbuf_init(&key, 2 * stamps.len + 2);
    if (json_parse(&doc, stamps, NULL, NULL) == CELERIAC_OK &&
        json_root(&doc)->type == JSON_OBJECT) {
        const struct json_node *object = json_root(&doc);
        const struct json_node *member = json_first(object);

        while (member && !has) {
            const struct json_node *value = json_next(object, member);

            strbuf_clear(&name);
            if (json_decode_string(member, &name) == CELERIAC_OK)
                has = has_any(r, strbuf_span(&name), value, &key);
            member = json_next(object, value);
        }
    }
    strbuf_close(&key);
    strbuf_close(&name);
    json_close(&doc);
    return has;
}

bool cel_revoked_has_message(struct cel_revoked *revoked, const struct cel_task_message *message,
                             int64_t now_us)
{
    if (cel_revoked_has(revoked, message->id, now_us))
        return true;
    return atomic_load(&revoked->stamps) > 0 && message->stamps.len > 2 &&
           message->stamped_headers.len > 2 && has_stamps(revoked, message->stamps);
}

/* ---- the file ------------------------------------------------------------------------------ */

/* Takes one line of the file. */
static enum celeriac_err take_line(void *context, struct span id, int64_t since_us)
{
    struct cel_revoked *r = context;
    enum celeriac_err code;

    if (!is_id(id))
        return CELERIAC_ERR_SYNTAX;
    pthread_mutex_lock(&r->lock);
    code = hashmap_get(r->by_id, id) ? CELERIAC_OK : add_locked(r, id, since_us);
    pthread_mutex_unlock(&r->lock);
    return code;
}

enum celeriac_err cel_revoked_load(struct cel_revoked *revoked, int64_t now_us,
                                   struct celeriac_error *err)
{
    enum celeriac_err code;

    if (!revoked->path)
        return CELERIAC_OK;
    code = cel_revoked_file_read(revoked->path, take_line, revoked, err);
    pthread_mutex_lock(&revoked->lock);
    purge(revoked, now_us);
    pthread_mutex_unlock(&revoked->lock);
    return code;
}

static bool add_line(void *context, struct span id, int64_t since_us)
{
    cel_revoked_file_line(context, id, since_us);
    return true;
}

enum celeriac_err cel_revoked_save(struct cel_revoked *revoked, struct celeriac_error *err)
{
    struct strbuf text;
    enum celeriac_err code = CELERIAC_OK;
    bool changed;

    if (!revoked->path)
        return CELERIAC_OK;
    pthread_mutex_lock(&revoked->saving);
    pthread_mutex_lock(&revoked->lock);
    changed = revoked->changed;
    revoked->changed = false;
    pthread_mutex_unlock(&revoked->lock);
    if (changed) {
        strbuf_init(&text, CEL_REVOKED_FILE_MAX);
        cel_revoked_file_begin(&text);
        cel_revoked_each(revoked, add_line, &text);
        code = cel_revoked_file_write(revoked->path, &text, err);
        strbuf_close(&text);
    }
    if (code) {
        pthread_mutex_lock(&revoked->lock);
        revoked->changed = true;
        pthread_mutex_unlock(&revoked->lock);
    }
    pthread_mutex_unlock(&revoked->saving);
    return code;
}
