/*
 * What the API counts for /metrics: requests by route, method and class of status, and how long
 * they took. Counting is a few relaxed atomic additions. Any thread.
 */
#ifndef API_METRICS_H
#define API_METRICS_H

#include <stdint.h>

#include "api/auth.h"
#include "api/rate_limit.h"
#include "api/router.h"
#include "api/server.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/* Most rows of a route table that are told apart; a unit test sees to it that ours fits. */
#define API_METRICS_ROUTES_MAX 128

struct api_metrics;

/* Makes them for a table, which must outlive them. CELERIAC_ERR_MEMORY. */
enum celeriac_err api_metrics_create(const struct route *routes,
                                     struct api_metrics **metrics) CELERIAC_MUST_CHECK;

/* Releases them; metrics may be NULL. */
void api_metrics_destroy(struct api_metrics *metrics);

/*
 * Counts an answered request. route is a row of the table, or NULL when there was none; status is
 * 499 when the client left before its answer. metrics may be NULL: nothing is counted.
 */
void api_metrics_count(struct api_metrics *metrics, const struct route *route,
                       enum http_method method, unsigned status, int64_t took_ns);

/* Appends the families celeriac_api_requests_total, _request_seconds and _rate_limited_total. */
void api_metrics_write_requests(const struct api_metrics *metrics, struct strbuf *out);

/* Appends those of the connections. */
void api_metrics_write_server(const struct server_stats *stats, struct strbuf *out);

/* Appends celeriac_api_rate_unchecked_total. */
void api_metrics_write_rates(const struct rate_limit_stats *stats, struct strbuf *out);

/* Appends those of the memory for keys. */
void api_metrics_write_keys(const struct auth_stats *stats, struct strbuf *out);

#endif
