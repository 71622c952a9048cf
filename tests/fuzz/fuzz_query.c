/*
 * The query string of a list. What is let through is within its limits, and the cursor of the next
 * page is read as what was written.
 */
#include "tests/fuzz/fuzz_target.h"

#include <string.h>

#include "api/list_query.h"
#include "base/iso8601.h"
#include "base/json.h"
#include "base/log.h"

/* Longer queries take long and teach nothing. */
#define INPUT_MAX ((size_t)16 * 1024)

static const struct route things = {
    "/things/", ROUTE_PUBLIC, ROUTE_DRF, {{HTTP_GET, NULL, "Things", NULL}}};

/* Nothing of a query waits for another thread. */
static void on_post(struct http_exchange *x, void *context)
{
    (void)x;
    (void)context;
    FUZZ_PROMISE(false);
}

static const struct http_host host = {on_post};
static struct api api;

static bool is_time(int64_t us)
{
    return us == STORE_NO_TIME || (us >= ISO8601_MIN_US && us <= ISO8601_MAX_US);
}

/* Makes a call and reads its query; ends with its exchange. */
static struct http_exchange *read_query(struct span text, struct list_query *query,
                                        struct api_call **call, bool *good)
{
    struct http_exchange *x = NULL;

    FUZZ_PROMISE(http_exchange_create(&host, NULL, &x) == CELERIAC_OK);
    http_request(x)->method = HTTP_GET;
    http_request(x)->query = text;
    FUZZ_PROMISE(call_create(&api, x, call) == CELERIAC_OK);
    (*call)->route = &things;
    list_query_init(query);
    *good = list_query_read(*call, query);
    FUZZ_PROMISE(*good == !http_is_finished(x));
    return x;
}

static struct span document(struct http_exchange *x, struct json_doc *doc)
{
    struct span text = strbuf_span(&http_response(x)->body);

    json_init(doc);
    FUZZ_PROMISE(json_parse(doc, text, NULL, NULL) == CELERIAC_OK);
    return text;
}

/* The page after this one begins after the row that this one ended with. */
static void check_next(struct api_call *call, struct http_exchange *x,
                       const struct list_query *query)
{
    struct store_cursor last = query->page.after;
    struct http_exchange *next;
    struct list_query again;
    struct api_call *second;
    struct json_writer w;
    struct json_doc doc;
    struct strbuf text;
    struct span cursor;
    bool good;

    if (last.created_at_us == STORE_NO_TIME)
        last.created_at_us = 0;
    list_begin(call, &w, query);
    list_end(call, &w, query, &last);
    (void)document(x, &doc);
    if (query->is_paged) {
        FUZZ_PROMISE(json_peek_string(json_get(json_root(&doc), "next_cursor"), &cursor));
        strbuf_init(&text, 128);
        strbuf_add_text(&text, "cursor=");
        strbuf_add_span(&text, cursor);
        next = read_query(strbuf_span(&text), &again, &second, &good);
        FUZZ_PROMISE(good && again.is_paged &&
                     again.page.after.created_at_us == last.created_at_us);
        FUZZ_PROMISE(memcmp(&again.page.after.id, &last.id, sizeof last.id) == 0);
        list_query_close(&again);
        http_exchange_destroy(next);
        strbuf_close(&text);
    } else {
        FUZZ_PROMISE(json_root(&doc)->type == JSON_ARRAY);
    }
    json_close(&doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_exchange *x;
    struct list_query query;
    struct api_call *call;
    struct json_doc doc;
    bool good;

    if (size > INPUT_MAX)
        return 0;
    log_set_level(LOG_ERROR);
    x = read_query((struct span){(const char *)data, size}, &query, &call, &good);
    if (good) {
        FUZZ_PROMISE(query.page.limit <= LIST_LIMIT_MAX && is_time(query.page.after.created_at_us));
        FUZZ_PROMISE(is_time(query.page.created_after_us) && is_time(query.page.created_before_us));
        FUZZ_PROMISE(span_is_utf8(list_query_filter(&query, "status")));
        check_next(call, x, &query);
    } else {
        FUZZ_PROMISE(http_response(x)->status == 400 || http_response(x)->status == 404);
        (void)document(x, &doc);
        json_close(&doc);
    }
    list_query_close(&query);
    http_exchange_destroy(x);
    return 0;
}
