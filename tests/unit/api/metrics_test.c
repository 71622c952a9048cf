#include "api/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/handlers.h"
#include "base/alloc.h"

#define MS INT64_C(1000000)

static const struct route table[] = {
    {"/things/", ROUTE_KEY, ROUTE_DRF, {{HTTP_GET, handle_health, "Things", NULL}}},
    {"/other/", ROUTE_KEY, ROUTE_DRF, {{HTTP_GET, handle_health, "Other", NULL}}},
    {NULL, ROUTE_PUBLIC, ROUTE_PLAIN, {{HTTP_GET, NULL, NULL, NULL}}},
};

/* The text of a table's counts; the caller closes it. */
static void show(const struct api_metrics *metrics, struct strbuf *text)
{
    strbuf_init(text, 64 * 1024);
    api_metrics_write_requests(metrics, text);
    assert_int_equal(strbuf_status(text), CELERIAC_OK);
}

static void requests_are_counted_by_route_method_and_class(void **state)
{
    struct api_metrics *metrics = NULL;
    struct strbuf text;

    (void)state;
    assert_int_equal(api_metrics_create(table, &metrics), CELERIAC_OK);
    api_metrics_count(metrics, &table[0], HTTP_GET, 200, 3 * MS);
    api_metrics_count(metrics, &table[0], HTTP_HEAD, 204, 30 * MS);
    api_metrics_count(metrics, &table[0], HTTP_POST, 429, MS);
    api_metrics_count(metrics, &table[1], HTTP_OPTIONS, 301, MS);
    api_metrics_count(metrics, NULL, HTTP_OTHER_METHOD, 404, MS);
    api_metrics_count(metrics, &table[1], HTTP_GET, 499, MS);
    api_metrics_count(metrics, &table[1], HTTP_GET, 503, MS);
    api_metrics_count(NULL, &table[1], HTTP_GET, 503, MS);
    show(metrics, &text);
    static const char *const lines[] = {
        "celeriac_api_requests_total{route=\"/things/\",method=\"GET\",status=\"2xx\"} 2\n",
        "celeriac_api_requests_total{route=\"/things/\",method=\"POST\",status=\"4xx\"} 1\n",
        "celeriac_api_requests_total{route=\"/other/\",method=\"other\",status=\"3xx\"} 1\n",
        "celeriac_api_requests_total{route=\"-\",method=\"other\",status=\"4xx\"} 1\n",
        "celeriac_api_requests_total{route=\"/other/\",method=\"GET\",status=\"abandoned\"} 1\n",
        "celeriac_api_requests_total{route=\"/other/\",method=\"GET\",status=\"5xx\"} 1\n",
        "celeriac_api_request_seconds_bucket{route=\"/things/\",method=\"GET\",le=\"0.005\"} 1\n",
        "celeriac_api_request_seconds_sum{route=\"/things/\",method=\"GET\"} 0.033000000\n",
        "celeriac_api_rate_limited_total 1\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (!strstr(strbuf_text(&text), lines[i]))
            fail_msg("%s is missing in\n%s", lines[i], strbuf_text(&text));
    }
    assert_null(strstr(strbuf_text(&text), "DELETE"));
    strbuf_close(&text);
    api_metrics_destroy(metrics);
}

static void statuses_out_of_range_are_no_class(void **state)
{
    struct api_metrics *metrics = NULL;
    struct strbuf text;

    (void)state;
    assert_int_equal(api_metrics_create(table, &metrics), CELERIAC_OK);
    api_metrics_count(metrics, &table[0], HTTP_GET, 99, MS);
    api_metrics_count(metrics, &table[0], HTTP_GET, 600, MS);
    show(metrics, &text);
    assert_non_null(strstr(strbuf_text(&text), "status=\"abandoned\"} 2\n"));
    strbuf_close(&text);
    api_metrics_destroy(metrics);
}

static void our_table_fits(void **state)
{
    size_t count = 0;

    (void)state;
    while (api_routes[count].path)
        count++;
    assert_true(count <= API_METRICS_ROUTES_MAX);
}

/* A row that is not told apart is counted with what has no route. */
static void rows_beyond_the_limit_are_counted_together(void **state)
{
    static struct route many[API_METRICS_ROUTES_MAX + 2];
    struct api_metrics *metrics = NULL;
    struct strbuf text;

    (void)state;
    for (size_t i = 0; i <= API_METRICS_ROUTES_MAX; i++)
        many[i].path = "/many/";
    assert_int_equal(api_metrics_create(many, &metrics), CELERIAC_OK);
    api_metrics_count(metrics, &many[API_METRICS_ROUTES_MAX - 1], HTTP_PUT, 200, MS);
    api_metrics_count(metrics, &many[API_METRICS_ROUTES_MAX], HTTP_PATCH, 200, MS);
    show(metrics, &text);
    assert_non_null(strstr(strbuf_text(&text), "{route=\"/many/\",method=\"PUT\",status"));
    assert_non_null(strstr(strbuf_text(&text), "{route=\"-\",method=\"PATCH\",status"));
    strbuf_close(&text);
    api_metrics_destroy(metrics);
}

static void the_others_are_written(void **state)
{
    const struct server_stats server = {
        .handling = 1, .sending = 2, .connections = 3, .accepted = 4};
    const struct auth_stats keys = {.hits = 5, .misses = 6, .searches = 7};
    const struct rate_limit_stats rates = {.refused = 8, .open = 9};
    struct strbuf text;

    (void)state;
    strbuf_init(&text, 64 * 1024);
    api_metrics_write_server(&server, &text);
    api_metrics_write_keys(&keys, &text);
    api_metrics_write_rates(&rates, &text);
    assert_non_null(strstr(strbuf_text(&text), "\nceleriac_api_requests_in_flight 1\n"));
    assert_non_null(strstr(strbuf_text(&text), "\nceleriac_api_answers_in_flight 2\n"));
    assert_non_null(strstr(strbuf_text(&text), "\nceleriac_api_connections 3\n"));
    assert_non_null(strstr(strbuf_text(&text), "\nceleriac_api_connections_total 4\n"));
    assert_non_null(strstr(strbuf_text(&text), "\nceleriac_api_key_cache_hits_total 5\n"));
    assert_non_null(strstr(strbuf_text(&text), "\nceleriac_api_key_cache_misses_total 6\n"));
    assert_non_null(strstr(strbuf_text(&text), "\nceleriac_api_key_searches_total 7\n"));
    assert_non_null(strstr(strbuf_text(&text), "\nceleriac_api_rate_unchecked_total 9\n"));
    strbuf_close(&text);
}

static void want_of_memory_is_told(void **state)
{
    struct api_metrics *metrics = NULL;

    (void)state;
    mem_fail_at(1);
    assert_int_equal(api_metrics_create(table, &metrics), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    assert_null(metrics);
    api_metrics_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_counted_by_route_method_and_class),
        cmocka_unit_test(statuses_out_of_range_are_no_class),
        cmocka_unit_test(our_table_fits),
        cmocka_unit_test(rows_beyond_the_limit_are_counted_together),
        cmocka_unit_test(the_others_are_written),
        cmocka_unit_test(want_of_memory_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
