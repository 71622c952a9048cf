/*
 * Pages of a tenant's lists that are sorted by created_at and id, newest first (both descending). A
 * page begins after the row that its cursor names, so that rows which come or go meanwhile shift
 * nothing.
 */
#ifndef NOTIFY_STORE_PAGE_H
#define NOTIFY_STORE_PAGE_H

#include <stdint.h>

#include "base/uuid.h"
#include "celeriac/error.h"
#include "notify/store/call.h"

/* Most rows of one list call; a longer list is read with the cursor. */
#define STORE_LIST_MAX 1000

/*
 * A list call stops at this many bytes of large columns, counted as they lie on disk, but gives at
 * least one row. Unpacked they may be some times more.
 */
#define STORE_LIST_BYTES_MAX (4 * 1024 * 1024)

/* A row's place in such a list. */
struct store_cursor {
    int64_t created_at_us; /* STORE_NO_TIME: no row's */
    struct uuid id;
};

/* Which rows a list call gives. */
struct store_page {
    struct store_cursor after; /* the last row of the page before; no row's: from the newest */
    int64_t created_after_us;  /* inclusive; STORE_NO_TIME: any */
    int64_t created_before_us; /* exclusive; STORE_NO_TIME: any */
    uint32_t limit;            /* 0..STORE_LIST_MAX */
};

/* The newest rows, whenever they were made. */
void store_page_init(struct store_page *page, uint32_t limit);

/* CELERIAC_ERR_VALUE when the limit is too large. */
enum celeriac_err store_page_check(const struct store_page *page,
                                   struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
