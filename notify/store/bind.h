/*
 * Array parameters with one element for each call: the element is a field of the call's struct,
 * given by its offset. Pure.
 */
#ifndef NOTIFY_STORE_BIND_H
#define NOTIFY_STORE_BIND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/uuid.h"
#include "notify/store/call.h"
#include "notify/store/page.h"
#include "notify/store/params.h"

/* The calls of a statement. */
struct store_set {
    struct store_call **calls;
    size_t count;
    bool unique;      /* leave out a call whose UUID at unique_at is its predecessor's */
    size_t unique_at; /* offset */
};

/* All calls, one element each. */
struct store_set store_all(struct store_call **calls, size_t count);

/*
 * Sorts the calls by the UUID at the given offset, so that all processes lock rows in one order,
 * and of equal ones the oldest call first; only that one gets an element.
 */
struct store_set store_each_once(struct store_call **calls, size_t count, size_t offset);

/* One array parameter. */
void store_bind_uuids(struct store_params *p, const struct store_set *set, size_t offset);
void store_bind_times(struct store_params *p, const struct store_set *set, size_t offset);
void store_bind_int4s(struct store_params *p, const struct store_set *set, size_t offset);
/* 0 is NULL: ids start at 1. */
void store_bind_ids(struct store_params *p, const struct store_set *set, size_t offset);
void store_bind_int8s(struct store_params *p, const struct store_set *set, size_t offset);
/* Spans of checked text. */
void store_bind_texts(struct store_params *p, const struct store_set *set, size_t offset);
/* Spans of text of unknown origin, cleaned to at most max_bytes. */
void store_bind_clean_texts(struct store_params *p, const struct store_set *set, size_t offset,
                            size_t max_bytes);
/* Spans of any bytes, as bytea; one whose ptr is NULL is NULL. */
void store_bind_blobs(struct store_params *p, const struct store_set *set, size_t offset);
/* struct store_digest (digest.h). */
void store_bind_digests(struct store_params *p, const struct store_set *set, size_t offset);

/* Scalar parameter: text, with the empty one as NULL. */
void store_bind_filter(struct store_params *p, struct span text);

/* Five scalar parameters: the cursor's time and id, the limit, the earliest and first later time.
 */
void store_bind_page(struct store_params *p, const struct store_page *page);

#endif
