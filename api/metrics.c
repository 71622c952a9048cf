#include "api/metrics.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "base/histogram.h"
#include "base/metrics_text.h"

/* What a client may send that is none of the methods below. */
static const char *const method_names[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "other"};

#define METHOD_COUNT (sizeof method_names / sizeof method_names[0])

/* 499 is a class of its own: it is no answer. */
static const char *const class_names[] = {"1xx", "2xx", "3xx", "4xx", "5xx", "abandoned"};

#define CLASS_COUNT (sizeof class_names / sizeof class_names[0])

#define STATUS_ABANDONED 499
#define STATUS_RATE_LIMITED 429

struct cell {
    atomic_uint_fast64_t answers[CLASS_COUNT];
    struct histogram took;
};

struct api_metrics {
    const struct route *routes;
    size_t count;
    atomic_uint_fast64_t rate_limited;
    struct cell cells[API_METRICS_ROUTES_MAX + 1][METHOD_COUNT]; /* the last: no route */
};

enum celeriac_err api_metrics_create(const struct route *routes, struct api_metrics **metrics)
{
    struct api_metrics *made = mem_calloc(1, sizeof *made);

    if (!made)
        return CELERIAC_ERR_MEMORY;
    made->routes = routes;
    while (routes[made->count].path && made->count < API_METRICS_ROUTES_MAX)
        made->count++;
    *metrics = made;
    return CELERIAC_OK;
}

void api_metrics_destroy(struct api_metrics *metrics)
{
    mem_free(metrics);
}

/* HEAD is answered by GET's handler and counted with it. */
static size_t method_index(enum http_method method)
{
    switch (method) {
    case HTTP_GET:
    case HTTP_HEAD:
        return 0;
    case HTTP_POST:
        return 1;
    case HTTP_PUT:
        return 2;
    case HTTP_PATCH:
        return 3;
    case HTTP_DELETE:
        return 4;
    case HTTP_OPTIONS:
    case HTTP_OTHER_METHOD:
        break;
    }
    return METHOD_COUNT - 1;
}

static size_t class_index(unsigned status)
{
    if (status == STATUS_ABANDONED || status < 100 || status > 599)
        return CLASS_COUNT - 1;
    return status / 100 - 1;
}

void api_metrics_count(struct api_metrics *metrics, const struct route *route,
                       enum http_method method, unsigned status, int64_t took_ns)
{
    struct cell *cell;
    size_t row;

    if (!metrics)
        return;
    row = route ? (size_t)(route - metrics->routes) : API_METRICS_ROUTES_MAX;
    if (row >= metrics->count)
        row = API_METRICS_ROUTES_MAX;
    cell = &metrics->cells[row][method_index(method)];
    atomic_fetch_add_explicit(&cell->answers[class_index(status)], 1, memory_order_relaxed);
    histogram_add(&cell->took, took_ns);
    if (status == STATUS_RATE_LIMITED)
        atomic_fetch_add_explicit(&metrics->rate_limited, 1, memory_order_relaxed);
}

static uint64_t all_answers(const struct cell *cell)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < CLASS_COUNT; i++)
        sum += atomic_load_explicit(&cell->answers[i], memory_order_relaxed);
    return sum;
}

/* Calls `write` for each pair of route and method that was asked for, with the labels of both. */
static void for_each_cell(const struct api_metrics *metrics, struct strbuf *out,
                          void (*write)(const struct cell *cell, struct metrics_label labels[3],
                                        struct strbuf *out))
{
    for (size_t row = 0; row <= API_METRICS_ROUTES_MAX; row++) {
        if (row >= metrics->count && row < API_METRICS_ROUTES_MAX)
            continue;
        for (size_t m = 0; m < METHOD_COUNT; m++) {
            const char *path = row < metrics->count ? metrics->routes[row].path : "-";
            struct metrics_label labels[3] = {{"route", span_of(path)},
                                              {"method", span_of(method_names[m])}};

            if (all_answers(&metrics->cells[row][m]) > 0)
                write(&metrics->cells[row][m], labels, out);
        }
    }
}

static void write_answers(const struct cell *cell, struct metrics_label labels[3],
                          struct strbuf *out)
{
    for (size_t i = 0; i < CLASS_COUNT; i++) {
        uint64_t count = atomic_load_explicit(&cell->answers[i], memory_order_relaxed);

        labels[2] = (struct metrics_label){"status", span_of(class_names[i])};
        if (count > 0)
            metrics_text_int(out, "celeriac_api_requests_total", labels, 3, count);
    }
}

static void write_times(const struct cell *cell, struct metrics_label labels[3], struct strbuf *out)
{
    metrics_text_histogram(out, "celeriac_api_request_seconds", labels, 2, &cell->took);
}

static void write_one(struct strbuf *out, const char *name, enum metrics_type type,
                      const char *help, uint64_t value)
{
    metrics_text_family(out, name, type, help);
    metrics_text_int(out, name, NULL, 0, value);
}

void api_metrics_write_requests(const struct api_metrics *metrics, struct strbuf *out)
{
    metrics_text_family(out, "celeriac_api_requests_total", METRICS_COUNTER,
                        "Requests that were answered, or whose client left before.");
    for_each_cell(metrics, out, write_answers);
    metrics_text_family(out, "celeriac_api_request_seconds", METRICS_HISTOGRAM,
                        "Seconds from the whole request to its answer.");
    for_each_cell(metrics, out, write_times);
    write_one(out, "celeriac_api_rate_limited_total", METRICS_COUNTER,
              "Requests that were answered 429.",
              atomic_load_explicit(&metrics->rate_limited, memory_order_relaxed));
}

void api_metrics_write_server(const struct server_stats *stats, struct strbuf *out)
{
    write_one(out, "celeriac_api_requests_in_flight", METRICS_GAUGE,
              "Requests that were read and are not answered yet.", stats->handling);
    write_one(out, "celeriac_api_answers_in_flight", METRICS_GAUGE,
              "Requests whose answer was not sent to its end yet, those above included.",
              stats->sending);
    write_one(out, "celeriac_api_connections", METRICS_GAUGE, "Connections that are open.",
              stats->connections);
    write_one(out, "celeriac_api_connections_total", METRICS_COUNTER,
              "Connections that were accepted.", stats->accepted);
}

void api_metrics_write_keys(const struct auth_stats *stats, struct strbuf *out)
{
    write_one(out, "celeriac_api_key_cache_hits_total", METRICS_COUNTER,
              "Keys whose verdict was remembered.", stats->hits);
    write_one(out, "celeriac_api_key_cache_misses_total", METRICS_COUNTER,
              "Keys that were looked up in the database.", stats->misses);
    write_one(out, "celeriac_api_key_searches_total", METRICS_COUNTER,
              "Keys without a digest that were searched for by their hash.", stats->searches);
}

void api_metrics_write_rates(const struct rate_limit_stats *stats, struct strbuf *out)
{
    write_one(out, "celeriac_api_rate_unchecked_total", METRICS_COUNTER,
              "Requests that no limit of rate was asked for, Redis being away.", stats->open);
}
