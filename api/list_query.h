/*
 * The query of a list: ?limit=, filters, and ?cursor= for reading a long list page by page. A list
 * is sorted by created_at and id, newest first; a page begins after the row that its cursor names,
 * so that rows which come or go meanwhile shift nothing.
 */
#ifndef API_LIST_QUERY_H
#define API_LIST_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "api/call.h"
#include "api/form.h"
#include "base/json_writer.h"
#include "base/uuid.h"

/* Rows when ?limit= is not given, and most rows of one answer: a larger limit gives that many. */
#define LIST_LIMIT_DEFAULT 100
#define LIST_LIMIT_MAX 1000

/* ?limit= for the API's description. */
#define LIST_LIMIT_PARAMETER                                      \
    {                                                             \
        .name = "limit", .shape = SHAPE_INTEGER, .preset = "100", \
        .help = "Most rows, from 0; beyond 1,000 as 1,000"        \
    }

/* ?cursor= and the filters by time, likewise. */
#define LIST_CURSOR_PARAMETER                                                                  \
    {                                                                                          \
        .name = "cursor", .help = "Empty: the first page; else next_cursor of the page before" \
    }
#define LIST_AFTER_PARAMETER                                                     \
    {                                                                            \
        .name = "created_after", .shape = SHAPE_TIME, .help = "Not made earlier" \
    }
#define LIST_BEFORE_PARAMETER                                                \
    {                                                                        \
        .name = "created_before", .shape = SHAPE_TIME, .help = "Made before" \
    }

struct list_query {
    struct form form;
    uint32_t limit;            /* 0..LIST_LIMIT_MAX */
    bool is_paged;             /* ?cursor= was given: the answer is a page */
    int64_t cursor_us;         /* of the row before the page; STORE_NO_TIME: from the newest */
    struct uuid cursor_id;     /* likewise */
    int64_t created_after_us;  /* inclusive; STORE_NO_TIME: any */
    int64_t created_before_us; /* exclusive; STORE_NO_TIME: any */
};

/* Starts an empty query. */
void list_query_init(struct list_query *query);

/* Releases it. */
void list_query_close(struct list_query *query);

/* Reads the call's query string. False: a reply with the problem has been made, just return. */
bool list_query_read(struct api_call *call, struct list_query *query);

/* The last value of a filter, empty when it is not given; borrowed from the query. */
struct span list_query_filter(const struct list_query *query, const char *name);

/* Begins the answer: a list, or {"results": [...], "next_cursor": ...} when a page was asked for.
 */
void list_begin(struct api_call *call, struct json_writer *w, const struct list_query *query);

/* The last row of a page, for the cursor of the next. */
struct list_position {
    int64_t created_at_us;
    const struct uuid *id;
};

/* Ends the answer and sends it; next is NULL after the last page, and of no interest to a list. */
void list_end(struct api_call *call, struct json_writer *w, const struct list_query *query,
              const struct list_position *next);

#endif
