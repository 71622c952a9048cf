#include "notify/store/bind.h"

#include <stdlib.h>
#include <string.h>

static const void *field(const struct store_call *call, size_t offset)
{
    return (const char *)call + offset;
}

struct store_set store_all(struct store_call **calls, size_t count)
{
    return (struct store_set){.calls = calls, .count = count};
}

static int compare(const void *a, const void *b, void *offset)
{
    const struct store_call *left = *(struct store_call *const *)a;
    const struct store_call *right = *(struct store_call *const *)b;
    size_t at = *(const size_t *)offset;
    int order = memcmp(field(left, at), field(right, at), sizeof(struct uuid));
    if (order != 0)
        return order;
    return left->own.order < right->own.order ? -1 : left->own.order > right->own.order;
}

struct store_set store_each_once(struct store_call **calls, size_t count, size_t offset)
{
    qsort_r(calls, count, sizeof(struct store_call *), compare, &offset);
    return (struct store_set){.calls = calls, .count = count, .unique = true, .unique_at = offset};
}

/* The next call that gets an element, from *i on; NULL at the end. */
static const struct store_call *next(const struct store_set *set, size_t *i)
{
    while (*i < set->count) {
        size_t at = (*i)++;
        const struct store_call *call = set->calls[at];
        if (!set->unique || at == 0 ||
            memcmp(field(call, set->unique_at), field(set->calls[at - 1], set->unique_at),
                   sizeof(struct uuid)) != 0)
            return call;
    }
    return NULL;
}

void store_bind_uuids(struct store_params *p, const struct store_set *set, size_t offset)
{
    const struct store_call *call;
    store_params_begin_array(p, STORE_TYPE_UUID);
    for (size_t i = 0; (call = next(set, &i));)
        store_params_uuid(p, field(call, offset));
    store_params_end_array(p);
}

void store_bind_times(struct store_params *p, const struct store_set *set, size_t offset)
{
    const struct store_call *call;
    store_params_begin_array(p, STORE_TYPE_TIMESTAMPTZ);
    for (size_t i = 0; (call = next(set, &i));)
        store_params_time(p, *(const int64_t *)field(call, offset));
    store_params_end_array(p);
}

void store_bind_int4s(struct store_params *p, const struct store_set *set, size_t offset)
{
    const struct store_call *call;
    store_params_begin_array(p, STORE_TYPE_INT4);
    for (size_t i = 0; (call = next(set, &i));)
        store_params_int4(p, *(const int32_t *)field(call, offset));
    store_params_end_array(p);
}

void store_bind_ids(struct store_params *p, const struct store_set *set, size_t offset)
{
    const struct store_call *call;
    store_params_begin_array(p, STORE_TYPE_INT8);
    for (size_t i = 0; (call = next(set, &i));) {
        int64_t id = *(const int64_t *)field(call, offset);
        if (id == 0)
            store_params_null(p);
        else
            store_params_int8(p, id);
    }
    store_params_end_array(p);
}

void store_bind_int8s(struct store_params *p, const struct store_set *set, size_t offset)
{
    const struct store_call *call;
    store_params_begin_array(p, STORE_TYPE_INT8);
    for (size_t i = 0; (call = next(set, &i));)
        store_params_int8(p, *(const int64_t *)field(call, offset));
    store_params_end_array(p);
}

void store_bind_texts(struct store_params *p, const struct store_set *set, size_t offset)
{
    const struct store_call *call;
    store_params_begin_array(p, STORE_TYPE_TEXT);
    for (size_t i = 0; (call = next(set, &i));)
        store_params_text(p, *(const struct span *)field(call, offset));
    store_params_end_array(p);
}

void store_bind_clean_texts(struct store_params *p, const struct store_set *set, size_t offset,
                            size_t max_bytes)
{
    const struct store_call *call;
    store_params_begin_array(p, STORE_TYPE_TEXT);
    for (size_t i = 0; (call = next(set, &i));)
        store_params_clean_text(p, *(const struct span *)field(call, offset), max_bytes);
    store_params_end_array(p);
}

void store_bind_blobs(struct store_params *p, const struct store_set *set, size_t offset)
{
    const struct store_call *call;
    store_params_begin_array(p, STORE_TYPE_BYTEA);
    for (size_t i = 0; (call = next(set, &i));)
        store_params_bytes(p, *(const struct span *)field(call, offset));
    store_params_end_array(p);
}

void store_bind_digests(struct store_params *p, const struct store_set *set, size_t offset)
{
    const struct store_call *call;
    store_params_begin_array(p, STORE_TYPE_BYTEA);
    for (size_t i = 0; (call = next(set, &i));)
        store_params_digest(p, field(call, offset));
    store_params_end_array(p);
}

void store_bind_filter(struct store_params *p, struct span text)
{
    if (text.len == 0)
        store_params_null(p);
    else
        store_params_bytes(p, text);
}

void store_bind_page(struct store_params *p, const struct store_page *page)
{
    store_params_time(p, page->after.created_at_us);
    store_params_uuid(p, &page->after.id);
    store_params_int8(p, page->limit);
    store_params_time(p, page->created_after_us);
    store_params_time(p, page->created_before_us);
}
