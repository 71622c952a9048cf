/*
 * The query of a list: ?limit= and filters.
 */
#ifndef API_LIST_QUERY_H
#define API_LIST_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "api/call.h"
#include "api/form.h"

/* Rows when ?limit= is not given, and most rows of one answer: a larger limit gives that many. */
#define LIST_LIMIT_DEFAULT 100
#define LIST_LIMIT_MAX 1000

/* ?limit= for the API's description. */
#define LIST_LIMIT_PARAMETER                                      \
    {                                                             \
        .name = "limit", .shape = SHAPE_INTEGER, .preset = "100", \
        .help = "Most rows, from 0; beyond 1,000 as 1,000"        \
    }

struct list_query {
    struct form form;
    uint32_t limit; /* 0..LIST_LIMIT_MAX */
};

/* Starts an empty query. */
void list_query_init(struct list_query *query);

/* Releases it. */
void list_query_close(struct list_query *query);

/* Reads the call's query string. False: a reply with the problem has been made, just return. */
bool list_query_read(struct api_call *call, struct list_query *query);

/* The last value of a filter, empty when it is not given; borrowed from the query. */
struct span list_query_filter(const struct list_query *query, const char *name);

#endif
