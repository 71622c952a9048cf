/*
 * The query of a list: ?limit=, filters, and ?cursor= for reading a long list page by page; and the
 * list or page that answers it.
 */
#ifndef API_LIST_QUERY_H
#define API_LIST_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "api/call.h"
#include "api/form.h"
#include "base/json_writer.h"
#include "notify/store/page.h"

/* Rows when ?limit= is not given, and most rows of one answer: a larger limit gives that many. */
#define LIST_LIMIT_DEFAULT 100
#define LIST_LIMIT_MAX STORE_LIST_MAX

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

/* The members of a page whose rows have that schema, likewise. */
#define LIST_PAGE_MEMBERS(row_schema, results_help)         \
    {.name = "results",                                     \
     .shape = SHAPE_OBJECT,                                 \
     .schema = &(row_schema),                               \
     .is_list = true,                                       \
     .help = (results_help)},                               \
        {.name = "next_cursor",                             \
         .nullable = true,                                  \
         .help = "For the next page; null after the last"}, \
    {                                                       \
        .name = NULL                                        \
    }

struct list_query {
    struct form form;
    struct store_page page; /* what is asked of the store */
    bool is_paged;          /* ?cursor= was given: the answer is a page */
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

/*
 * Ends the answer and sends it. `next` is what the next page begins after; NULL or no row's after
 * the last page, and of no interest to a list.
 */
void list_end(struct api_call *call, struct json_writer *w, const struct list_query *query,
              const struct store_cursor *next);

#endif
