#include "tests/integration/redis/fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "celery_proto/redis/pubsub.h"
#include "celery_proto/redis/result_store.h"

/* No busy machine needs as long; nothing here is meant to take it. */
#define PATIENT_MS 30000

static struct cel_result_store *make_store(struct fixture *f)
{
    struct cel_result_store *store = NULL;
    const struct cel_result_store_options options = {
        .conn = {.url = f->url, .connect_timeout_ms = PATIENT_MS, .io_timeout_ms = PATIENT_MS},
        .keys = f->keys,
        .expires = 100};
    assert_ok(cel_result_store_create(&options, &store, NULL));
    return store;
}

static size_t put(struct cel_result_store *store, const char *id, const char *document)
{
    const struct cel_result_record record = {.task_id = span_of(id), .document = span_of(document)};
    size_t kept = 99;
    assert_ok(cel_result_put(store, &record, 1, &kept, NULL));
    return kept;
}

static bool is_final(struct span document)
{
    return span_starts(document, SPAN("{\"status\": \"SUCCESS\"")) ||
           span_starts(document, SPAN("{\"status\": \"FAILURE\""));
}

static void hear(void *context, struct span subscription, struct span channel, struct span payload)
{
    (void)subscription;
    (void)snprintf(context, 256, "%.*s: %.*s", SPAN_PRINTF(channel), SPAN_PRINTF(payload));
}

static void checklist_62_stores_and_announces(void **state)
{
    struct fixture *f = *state;
    struct cel_result_store *store = make_store(f);
    struct cel_pubsub *ps = NULL;
    char heard[256] = "";
    const struct cel_conn_options options = {.url = f->url};
    assert_ok(cel_pubsub_create(&options, &ps, NULL));
    assert_ok(cel_pubsub_add(ps, SPAN("celery-task-meta-id"), false, hear, heard));
    assert_ok(cel_pubsub_ensure(ps, NULL));
    assert_int_equal(put(store, "id", "{\"status\": \"STARTED\"}"), 0);
    for (int i = 0; i < 2000 && heard[0] == '\0'; i++) {
        assert_ok(cel_pubsub_read(ps, NULL, NULL));
        (void)usleep(1000);
    }
    assert_string_equal(heard, "celery-task-meta-id: {\"status\": \"STARTED\"}");
    assert_in_range(RUN_INT(f, "TTL", "celery-task-meta-id"), 1, 100);
    cel_pubsub_destroy(ps);
    cel_result_store_destroy(store);
}

static void checklist_62_writes_nothing_over_success(void **state)
{
    struct fixture *f = *state;
    struct cel_result_store *store = make_store(f);
    static const struct {
        const char *before;
        bool kept;
    } cases[] = {
        {"{\"status\": \"SUCCESS\", \"result\": 1}", true},
        {"{\"status\":\"SUCCESS\"}", true},
        {"{\"result\": 1, \"status\": \"SUCCESS\"}", true},
        {"{\"status\": \"FAILURE\"}", false},
        {"{\"status\": \"RETRY\", \"result\": {\"status\": \"SUCCESS\"}}", false},
        {"{\"status\": \"SUCCESSFUL\"}", false},
        {"{\"result\": \"SUCCESS\", \"status\": \"STARTED\"}", false},
        {"not json", false},
        {"", false},
        {"[\"SUCCESS\"]", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run(f, "SET", "celery-task-meta-x", cases[i].before, NULL);
        assert_int_equal(put(store, "x", "{\"status\": \"FAILURE\", \"n\": 2}"), cases[i].kept);
        assert_reply(run(f, "GET", "celery-task-meta-x", NULL),
                     cases[i].kept ? cases[i].before : "{\"status\": \"FAILURE\", \"n\": 2}");
    }
    cel_result_store_destroy(store);
}

static void reads(void **state)
{
    struct fixture *f = *state;
    struct cel_result_store *store = make_store(f);
    struct strbuf document;
    strbuf_init(&document, 1000);
    assert_int_equal(cel_result_get(store, SPAN("id"), &document, NULL), CELERIAC_ERR_NOT_FOUND);
    (void)put(store, "id", "{\"status\": \"SUCCESS\"}");
    assert_ok(cel_result_get(store, SPAN("id"), &document, NULL));
    assert_string_equal(strbuf_text(&document), "{\"status\": \"SUCCESS\"}");
    assert_int_equal(cel_result_get(store, SPAN(""), &document, NULL), CELERIAC_ERR_VALUE);
    strbuf_close(&document);
    cel_result_store_destroy(store);
}

/* A worker elsewhere: several states, one after the other. */
static void *work(void *context)
{
    struct fixture *shared = context;
    struct fixture f = {0};
    fixture_open(&f, shared->server, NULL);
    struct cel_result_store *store = make_store(&f);
    (void)usleep(50000);
    (void)put(store, "id", "{\"status\": \"STARTED\"}");
    (void)put(store, "id", "{\"status\": \"RETRY\"}");
    (void)usleep(50000);
    (void)put(store, "id", "{\"status\": \"SUCCESS\", \"result\": 7}");
    cel_result_store_destroy(store);
    fixture_close(&f);
    return NULL;
}

static void checklist_64_waits_for_the_end(void **state)
{
    struct fixture *f = *state;
    struct cel_result_store *store = make_store(f);
    struct strbuf document;
    pthread_t thread;
    strbuf_init(&document, 1000);
    assert_int_equal(pthread_create(&thread, NULL, work, f), 0);
    assert_ok(cel_result_wait(store, SPAN("id"), is_final, clock_monotonic_ns() + 20 * NS_PER_SEC,
                              -1, &document, NULL));
    assert_string_equal(strbuf_text(&document), "{\"status\": \"SUCCESS\", \"result\": 7}");
    assert_int_equal(pthread_join(thread, NULL), 0);
    /* It is stored by now. */
    strbuf_clear(&document);
    assert_ok(cel_result_wait(store, SPAN("id"), is_final, clock_monotonic_ns() + NS_PER_SEC, -1,
                              &document, NULL));
    assert_string_equal(strbuf_text(&document), "{\"status\": \"SUCCESS\", \"result\": 7}");
    strbuf_clear(&document);
    assert_int_equal(cel_result_wait(store, SPAN("never"), is_final,
                                     clock_monotonic_ns() + 50 * NS_PER_MS, -1, &document, NULL),
                     CELERIAC_ERR_TIMEOUT);
    int fd = eventfd(1, EFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(cel_result_wait(store, SPAN("never"), is_final, -1, fd, &document, NULL),
                     CELERIAC_ERR_SHUTDOWN);
    (void)close(fd);
    assert_int_equal(document.len, 0);
    strbuf_close(&document);
    cel_result_store_destroy(store);
}

/* What was published after one wait is no answer to the next, when the record has gone meanwhile.
 */
static void hears_nothing_from_before_it_waited(void **state)
{
    struct fixture *f = *state;
    struct cel_result_store *store = make_store(f);
    struct strbuf document;
    strbuf_init(&document, 1000);
    (void)put(store, "id", "{\"status\": \"FAILURE\"}");
    assert_ok(cel_result_wait(store, SPAN("id"), is_final, clock_monotonic_ns() + 20 * NS_PER_SEC,
                              -1, &document, NULL));
    /* The channel is still subscribed, and read again only by the next wait. */
    assert_int_equal(RUN_INT(f, "PUBLISH", "celery-task-meta-id", "{\"status\": \"FAILURE\"}"), 1);
    assert_int_equal(RUN_INT(f, "DEL", "celery-task-meta-id"), 1);
    strbuf_clear(&document);
    assert_int_equal(cel_result_wait(store, SPAN("id"), is_final,
                                     clock_monotonic_ns() + 50 * NS_PER_MS, -1, &document, NULL),
                     CELERIAC_ERR_TIMEOUT);
    strbuf_close(&document);
    cel_result_store_destroy(store);
}

/* The announcement is missed because the connection is cut; the stored record is found. */
static void *cut_and_work(void *context)
{
    struct fixture *shared = context;
    struct fixture f = {0};
    fixture_open(&f, shared->server, NULL);
    (void)usleep(50000);
    run(&f, "MULTI", NULL);
    run(&f, "CLIENT", "KILL", "TYPE", "pubsub", NULL);
    run(&f, "SET", "celery-task-meta-id", "{\"status\": \"FAILURE\"}", NULL);
    run(&f, "EXEC", NULL);
    fixture_close(&f);
    return NULL;
}

static void survives_a_lost_connection(void **state)
{
    struct fixture *f = *state;
    struct cel_result_store *store = make_store(f);
    struct strbuf document;
    pthread_t thread;
    strbuf_init(&document, 1000);
    assert_int_equal(pthread_create(&thread, NULL, cut_and_work, f), 0);
    assert_ok(cel_result_wait(store, SPAN("id"), is_final, clock_monotonic_ns() + 20 * NS_PER_SEC,
                              -1, &document, NULL));
    assert_string_equal(strbuf_text(&document), "{\"status\": \"FAILURE\"}");
    assert_int_equal(pthread_join(thread, NULL), 0);
    redis_server_kill(f->server);
    assert_int_equal(cel_result_wait(store, SPAN("id"), is_final,
                                     clock_monotonic_ns() + 300 * NS_PER_MS, -1, &document, NULL),
                     CELERIAC_ERR_TIMEOUT);
    redis_server_revive(f->server);
    strbuf_close(&document);
    cel_result_store_destroy(store);
}

static void refuses_by_name(void **state)
{
    struct fixture *f = *state;
    struct cel_result_store *store = NULL;
    struct cel_result_store_options options = {.keys = f->keys};
    assert_int_equal(cel_result_store_create(&options, &store, NULL), CELERIAC_ERR_VALUE);
    store = make_store(f);
    char *big = calloc(1, CEL_RESULT_MAX + 1);
    assert_non_null(big);
    memset(big, ' ', CEL_RESULT_MAX);
    struct cel_result_record records[2] = {
        {.task_id = SPAN("a"), .document = SPAN("{}")},
        {.task_id = SPAN("b"), .document = {big, CEL_RESULT_MAX}}};
    assert_ok(cel_result_put(store, records, 2, NULL, NULL));
    records[1].document.len++;
    records[0].document = SPAN("{\"n\": 2}");
    assert_int_equal(cel_result_put(store, records, 2, NULL, NULL), CELERIAC_ERR_LIMIT);
    assert_reply(run(f, "GET", "celery-task-meta-a", NULL), "{\"n\": 2}");
    run(f, "DEL", "celery-task-meta-a", NULL);
    run(f, "LPUSH", "celery-task-meta-a", "x", NULL);
    assert_int_equal(cel_result_put(store, records, 1, NULL, NULL), CELERIAC_ERR_PROTOCOL);
    run(f, "CONFIG", "SET", "maxmemory", "1", NULL);
    records[0].task_id = SPAN("c");
    assert_int_equal(cel_result_put(store, records, 1, NULL, NULL), CELERIAC_ERR_UNAVAILABLE);
    run(f, "CONFIG", "SET", "maxmemory", "0", NULL);
    free(big);
    cel_result_store_destroy(store);
    cel_result_store_destroy(NULL);
    enum celeriac_err code = CELERIAC_ERR_MEMORY;
    options.conn.url = f->url;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        store = NULL;
        mem_fail_at(n);
        code = cel_result_store_create(&options, &store, NULL);
        if (code == CELERIAC_OK)
            code = cel_result_put(store, records, 1, NULL, NULL);
        bool failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code == CELERIAC_ERR_MEMORY, failed);
        cel_result_store_destroy(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(checklist_62_stores_and_announces, fixture_clear),
        cmocka_unit_test_setup(checklist_62_writes_nothing_over_success, fixture_clear),
        cmocka_unit_test_setup(reads, fixture_clear),
        cmocka_unit_test_setup(checklist_64_waits_for_the_end, fixture_clear),
        cmocka_unit_test_setup(hears_nothing_from_before_it_waited, fixture_clear),
        cmocka_unit_test_setup(survives_a_lost_connection, fixture_clear),
        cmocka_unit_test_setup(refuses_by_name, fixture_clear),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
