#include "tests/unit/api/hand_call.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned posted;
static struct http_exchange *exchange;

static const struct route things = {
    "/things/", ROUTE_PUBLIC, ROUTE_DRF, {{HTTP_GET, NULL, "Things", NULL}}};

static void on_post(struct http_exchange *x, void *context)
{
    (void)x;
    (void)context;
    pthread_mutex_lock(&lock);
    posted++;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static const struct http_host host = {on_post};

struct api_call *hand_call_create(struct api *api, const char *query)
{
    struct api_call *call = NULL;

    hand_call_destroy();
    posted = 0;
    assert_int_equal(http_exchange_create(&host, NULL, &exchange), CELERIAC_OK);
    http_request(exchange)->method = HTTP_GET;
    http_request(exchange)->query = span_of(query);
    assert_int_equal(call_create(api, exchange, &call), CELERIAC_OK);
    call->route = &things;
    return call;
}

void hand_call_destroy(void)
{
    http_exchange_destroy(exchange);
    exchange = NULL;
}

void hand_call_run(void)
{
    pthread_mutex_lock(&lock);
    while (posted == 0)
        pthread_cond_wait(&changed, &lock);
    posted--;
    pthread_mutex_unlock(&lock);
    http_run(exchange);
}

unsigned hand_call_status(void)
{
    assert_true(http_is_finished(exchange));
    return http_response(exchange)->status;
}

const char *hand_call_body(void)
{
    return strbuf_text(&http_response(exchange)->body);
}

const char *hand_call_header(const char *name)
{
    const struct http_response *r = http_response(exchange);

    for (size_t i = 0; i < r->header_count; i++) {
        if (strcmp(r->headers[i].name, name) == 0)
            return r->headers[i].value;
    }
    return NULL;
}
