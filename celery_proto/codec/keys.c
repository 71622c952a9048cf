#include "celery_proto/codec/keys.h"

#include <string.h>

#include "base/alloc.h"
#include "base/parse_num.h"

/* The names that are joined once, when the keys are made. */
enum fixed_key {
    FIXED_PREFIX,
    FIXED_SEP,
    FIXED_UNACKED,
    FIXED_UNACKED_INDEX,
    FIXED_UNACKED_MUTEX,
    FIXED_BINDING, /* before an exchange's name */
    FIXED_FANOUT,  /* before an exchange's name */
    FIXED_RESULT,  /* before a task's id */
    FIXED_GROUP,   /* before a group's id */
    FIXED_QUARANTINE,
    FIXED_COUNT
};

struct cel_keys {
    struct cel_priority_steps steps;
    bool fanout_patterns;
    struct strbuf text;        /* every fixed name, one after the other */
    size_t start[FIXED_COUNT]; /* where each begins in text */
    size_t length[FIXED_COUNT];
};

static struct span fixed(const struct cel_keys *keys, enum fixed_key which)
{
    return (struct span){keys->text.ptr + keys->start[which], keys->length[which]};
}

/* Begins a fixed name; end_fixed() closes it. */
static void begin_fixed(struct cel_keys *keys, enum fixed_key which)
{
    keys->start[which] = keys->text.len;
}

static void end_fixed(struct cel_keys *keys, enum fixed_key which)
{
    keys->length[which] = keys->text.len - keys->start[which];
}

static void add_fixed(struct cel_keys *keys, enum fixed_key which, const char *prefix,
                      const char *name)
{
    begin_fixed(keys, which);
    strbuf_add_text(&keys->text, prefix);
    strbuf_add_text(&keys->text, name);
    end_fixed(keys, which);
}

/* The channel prefix with the database's number in it (redis.py Channel._fanout_prefix). */
static void add_fanout(struct cel_keys *keys, const char *prefix, struct span pattern, unsigned db)
{
    static const char mark[] = "{db}";

    begin_fixed(keys, FIXED_FANOUT);
    strbuf_add_text(&keys->text, prefix);
    while (pattern.len > 0) {
        if (span_starts(pattern, SPAN("{db}"))) {
            strbuf_add_int(&keys->text, db);
            pattern = (struct span){pattern.ptr + sizeof(mark) - 1, pattern.len - sizeof(mark) + 1};
        } else {
            strbuf_add_char(&keys->text, pattern.ptr[0]);
            pattern = (struct span){pattern.ptr + 1, pattern.len - 1};
        }
    }
    end_fixed(keys, FIXED_FANOUT);
}

/* celery/backends/base.py KeyValueStoreBackend._add_global_keyprefix: "_" unless it ends so. */
static const char *result_separator(struct span prefix)
{
    if (prefix.len == 0 || strchr(":_-.", prefix.ptr[prefix.len - 1]) != NULL)
        return "";
    return "_";
}

static void add_result(struct cel_keys *keys, enum fixed_key which, struct span prefix,
                       const char *name)
{
    begin_fixed(keys, which);
    strbuf_add_span(&keys->text, prefix);
    strbuf_add_text(&keys->text, result_separator(prefix));
    strbuf_add_text(&keys->text, name);
    end_fixed(keys, which);
}

/* Checks one option's length; the name appears in the error. */
static enum celeriac_err check_option(const char *name, const char *value,
                                      struct celeriac_error *err)
{
    if (value != NULL && strnlen(value, CEL_KEY_OPTION_MAX + 1) > CEL_KEY_OPTION_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s is longer than %d bytes", name,
                                  CEL_KEY_OPTION_MAX);
    return CELERIAC_OK;
}

static enum celeriac_err check_options(const struct cel_keys_options *options,
                                       struct celeriac_error *err)
{
    const struct {
        const char *name;
        const char *value;
        bool may_be_empty;
    } texts[] = {
        {"global_keyprefix", options->global_keyprefix, true},
        {"sep", options->sep, false},
        {"unacked_key", options->unacked_key, false},
        {"unacked_index_key", options->unacked_index_key, false},
        {"unacked_mutex_key", options->unacked_mutex_key, false},
        {"fanout_prefix", options->fanout_prefix, true},
        {"result global_keyprefix", options->result_keyprefix, true},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        enum celeriac_err code = check_option(texts[i].name, texts[i].value, err);

        if (code != CELERIAC_OK)
            return code;
        if (!texts[i].may_be_empty && texts[i].value != NULL && texts[i].value[0] == '\0')
            return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s is empty", texts[i].name);
    }
    return CELERIAC_OK;
}

static const char *or_default(const char *value, const char *fallback)
{
    return value != NULL ? value : fallback;
}

enum celeriac_err cel_keys_create(const struct cel_keys_options *options, struct cel_keys **keys,
                                  struct celeriac_error *err)
{
    /* Ten names, each at most two options and a few words. */
    const size_t text_max = (size_t)FIXED_COUNT * (2 * CEL_KEY_OPTION_MAX + 64);
    static const struct cel_keys_options defaults;
    const struct cel_keys_options *o = options != NULL ? options : &defaults;
    const char *prefix = or_default(o->global_keyprefix, "");
    struct cel_keys *k;
    enum celeriac_err code = check_options(o, err);

    if (code != CELERIAC_OK)
        return code;
    k = mem_calloc(1, sizeof(*k));
    if (k == NULL)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    if (o->priority_steps != NULL)
        k->steps = *o->priority_steps;
    else
        cel_priority_steps_default(&k->steps);
    k->fanout_patterns = !o->no_fanout_patterns;
    strbuf_init(&k->text, text_max);
    add_fixed(k, FIXED_PREFIX, prefix, "");
    add_fixed(k, FIXED_SEP, "", or_default(o->sep, CEL_SEP_DEFAULT));
    add_fixed(k, FIXED_UNACKED, prefix, or_default(o->unacked_key, "unacked"));
    add_fixed(k, FIXED_UNACKED_INDEX, prefix, or_default(o->unacked_index_key, "unacked_index"));
    add_fixed(k, FIXED_UNACKED_MUTEX, prefix, or_default(o->unacked_mutex_key, "unacked_mutex"));
    add_fixed(k, FIXED_BINDING, prefix, "_kombu.binding.");
    add_fanout(k, prefix, span_of(or_default(o->fanout_prefix, "/{db}.")), o->db);
    add_result(k, FIXED_RESULT, span_of(o->result_keyprefix), "celery-task-meta-");
    add_result(k, FIXED_GROUP, span_of(o->result_keyprefix), "celery-taskset-meta-");
    add_fixed(k, FIXED_QUARANTINE, prefix, "celeriac.quarantine");
    code = strbuf_status(&k->text);
    if (code != CELERIAC_OK) {
        cel_keys_destroy(k);
        return celeriac_error_set(err, code, "%s", celeriac_err_name(code));
    }
    *keys = k;
    return CELERIAC_OK;
}

void cel_keys_destroy(struct cel_keys *keys)
{
    if (keys == NULL)
        return;
    strbuf_close(&keys->text);
    mem_free(keys);
}

const struct cel_priority_steps *cel_keys_steps(const struct cel_keys *keys)
{
    return &keys->steps;
}

struct span cel_keys_prefix(const struct cel_keys *keys)
{
    return fixed(keys, FIXED_PREFIX);
}

struct span cel_key_unacked(const struct cel_keys *keys)
{
    return fixed(keys, FIXED_UNACKED);
}

struct span cel_key_unacked_index(const struct cel_keys *keys)
{
    return fixed(keys, FIXED_UNACKED_INDEX);
}

struct span cel_key_unacked_mutex(const struct cel_keys *keys)
{
    return fixed(keys, FIXED_UNACKED_MUTEX);
}

struct span cel_key_quarantine(const struct cel_keys *keys)
{
    return fixed(keys, FIXED_QUARANTINE);
}

void cel_key_queue(const struct cel_keys *keys, struct span queue, int step, struct strbuf *out)
{
    strbuf_add_span(out, fixed(keys, FIXED_PREFIX));
    strbuf_add_span(out, queue);
    if (step != 0) {
        strbuf_add_span(out, fixed(keys, FIXED_SEP));
        strbuf_add_int(out, step);
    }
}

/* Where the last separator of text begins; text.len when it has none. */
static size_t last_separator(struct span text, struct span sep)
{
    for (size_t i = text.len; i >= sep.len; i--) {
        if (memcmp(text.ptr + i - sep.len, sep.ptr, sep.len) == 0)
            return i - sep.len;
    }
    return text.len;
}

struct span cel_queue_of_key(const struct cel_keys *keys, struct span key)
{
    struct span prefix = fixed(keys, FIXED_PREFIX);

    if (span_starts(key, prefix))
        key = (struct span){key.ptr + prefix.len, key.len - prefix.len};
    key.len = last_separator(key, fixed(keys, FIXED_SEP));
    return key;
}

void cel_key_binding(const struct cel_keys *keys, struct span exchange, struct strbuf *out)
{
    strbuf_add_span(out, fixed(keys, FIXED_BINDING));
    strbuf_add_span(out, exchange);
}

void cel_binding_member(const struct cel_keys *keys, struct span routing_key, struct span pattern,
                        struct span queue, struct strbuf *out)
{
    strbuf_add_span(out, routing_key);
    strbuf_add_span(out, fixed(keys, FIXED_SEP));
    strbuf_add_span(out, pattern);
    strbuf_add_span(out, fixed(keys, FIXED_SEP));
    strbuf_add_span(out, queue);
}

/* Cuts text at its first separator; false when it has none. */
static bool cut_at_separator(struct span text, struct span sep, struct span *head,
                             struct span *rest)
{
    const char *at = text.len > 0 ? memmem(text.ptr, text.len, sep.ptr, sep.len) : NULL;
    size_t before;

    if (at == NULL)
        return false;
    before = (size_t)(at - text.ptr);
    *head = (struct span){text.ptr, before};
    *rest = (struct span){at + sep.len, text.len - before - sep.len};
    return true;
}

bool cel_binding_split(const struct cel_keys *keys, struct span member, struct span *routing_key,
                       struct span *pattern, struct span *queue)
{
    struct span sep = fixed(keys, FIXED_SEP);
    struct span first, second, third, beyond;

    if (!cut_at_separator(member, sep, &first, &third) ||
        !cut_at_separator(third, sep, &second, &third) ||
        cut_at_separator(third, sep, &beyond, &beyond))
        return false;
    *routing_key = first;
    *pattern = second;
    *queue = third;
    return true;
}

void cel_channel_fanout(const struct cel_keys *keys, struct span exchange, struct span routing_key,
                        struct strbuf *out)
{
    strbuf_add_span(out, fixed(keys, FIXED_FANOUT));
    strbuf_add_span(out, exchange);
    if (routing_key.len > 0 && keys->fanout_patterns) {
        strbuf_add_char(out, '/');
        strbuf_add_span(out, routing_key);
    }
}

void cel_channel_pattern(const struct cel_keys *keys, struct span exchange, struct span routing_key,
                         struct strbuf *out)
{
    strbuf_add_span(out, fixed(keys, FIXED_FANOUT));
    strbuf_add_span(out, exchange);
    if (routing_key.len == 0 || !keys->fanout_patterns)
        return;
    strbuf_add_char(out, '/');
    for (size_t i = 0; i < routing_key.len; i++)
        strbuf_add_char(out, (char)(routing_key.ptr[i] == '#' ? '*' : routing_key.ptr[i]));
}

void cel_key_result(const struct cel_keys *keys, struct span task_id, struct strbuf *out)
{
    strbuf_add_span(out, fixed(keys, FIXED_RESULT));
    strbuf_add_span(out, task_id);
}

void cel_key_group(const struct cel_keys *keys, struct span group_id, const char *suffix,
                   struct strbuf *out)
{
    strbuf_add_span(out, fixed(keys, FIXED_GROUP));
    strbuf_add_span(out, group_id);
    if (suffix != NULL)
        strbuf_add_text(out, suffix);
}
