#include "notify/render.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "jinja/jinja.h"

static struct notify_render *make(size_t cache_bytes)
{
    struct notify_render_options options = {.cache_bytes = cache_bytes};
    struct notify_render *render = NULL;

    assert_int_equal(notify_render_create(&options, &render, NULL), CELERIAC_OK);
    return render;
}

static void assert_text(struct notify_render *render, const char *source, const char *data,
                        const char *want)
{
    struct strbuf out;
    struct celeriac_error err = {0};

    strbuf_init(&out, 1000000);
    if (notify_render_text(render, span_of(source), span_of(data), &out, &err) != CELERIAC_OK)
        fail_msg("%s: %s", source, err.text);
    assert_string_equal(strbuf_text(&out), want);
    strbuf_close(&out);
}

static struct notify_render_stats stats_of(struct notify_render *render)
{
    struct notify_render_stats stats;

    notify_render_get_stats(render, &stats);
    return stats;
}

static void test_text(void **state)
{
    struct notify_render *render = make(0);

    (void)state;
    assert_text(render, "Hi {{ name }}!", "{\"name\": \"J\xc3\xbcrgen\"}", "Hi J\xc3\xbcrgen!");
    assert_text(render, "{{ missing }}", "{}", "");
    assert_text(render, "", "{}", "");
    assert_text(render, "<b>{{ x }}</b>", "{\"x\": \"<&>\"}", "<b><&></b>");
    notify_render_destroy(render);
    notify_render_destroy(NULL);
}

static void test_compiled_once(void **state)
{
    struct notify_render *render = make(0);
    struct notify_render_stats stats;

    (void)state;
    for (int i = 0; i < 10; i++)
        assert_text(render, "a {{ x }}", "{\"x\": 1}", "a 1");
    assert_text(render, "b {{ x }}", "{\"x\": 1}", "b 1");
    stats = stats_of(render);
    assert_int_equal(stats.misses, 2);
    assert_int_equal(stats.hits, 9);
    assert_int_equal(stats.entries, 2);
    assert_int_equal(stats.dropped, 0);
    notify_render_destroy(render);
}

/* Room for about three entries: the one used least recently goes, the one in use stays. */
static void test_least_recently_used_is_dropped(void **state)
{
    struct notify_render *render = make((size_t)3 * 2200);

    (void)state;
    assert_text(render, "1", "{}", "1");
    assert_text(render, "2", "{}", "2");
    assert_text(render, "3", "{}", "3");
    assert_text(render, "1", "{}", "1");
    assert_int_equal(stats_of(render).dropped, 0);
    assert_text(render, "4", "{}", "4");
    assert_int_equal(stats_of(render).dropped, 1);
    assert_int_equal(stats_of(render).misses, 4);
    assert_text(render, "1", "{}", "1");
    assert_text(render, "3", "{}", "3");
    assert_text(render, "4", "{}", "4");
    assert_int_equal(stats_of(render).misses, 4);
    assert_text(render, "2", "{}", "2");
    assert_int_equal(stats_of(render).misses, 5);
    assert_int_equal(stats_of(render).entries, 3);
    assert_true(stats_of(render).bytes <= (size_t)3 * 2200);
    notify_render_destroy(render);
}

/* A template larger than the whole cache is kept alone, so that it is not compiled at every use. */
static void test_larger_than_the_cache(void **state)
{
    struct notify_render *render = make(1);

    (void)state;
    assert_text(render, "a", "{}", "a");
    assert_text(render, "a", "{}", "a");
    assert_text(render, "b", "{}", "b");
    assert_int_equal(stats_of(render).hits, 1);
    assert_int_equal(stats_of(render).entries, 1);
    notify_render_destroy(render);
}

static void refuse(struct notify_render *render, struct span source, struct span data,
                   enum celeriac_err want, const char *words)
{
    struct strbuf out;
    struct celeriac_error err = {0};

    strbuf_init(&out, 1000);
    strbuf_add_text(&out, "before");
    assert_int_equal(notify_render_text(render, source, data, &out, &err), want);
    assert_int_equal(err.code, want);
    if (strstr(err.text, words) == NULL)
        fail_msg("expected \"%s\" in: %s", words, err.text);
    assert_string_equal(strbuf_text(&out), "before");
    strbuf_close(&out);
}

static void test_failures(void **state)
{
    struct notify_render_options options = {.fuel = 2000, .max_output = 100};
    struct notify_render *render = NULL;

    (void)state;
    assert_int_equal(notify_render_create(&options, &render, NULL), CELERIAC_OK);
    refuse(render, SPAN("one\n{{ two"), SPAN("{}"), CELERIAC_ERR_SYNTAX, "line 2");
    refuse(render, SPAN("{{ a.b.c }}"), SPAN("{}"), CELERIAC_ERR_VALUE, "");
    refuse(render, SPAN("x"), SPAN("[1]"), CELERIAC_ERR_VALUE, "");
    refuse(render, SPAN("x"), SPAN(""), CELERIAC_ERR_VALUE, "");
    refuse(render, SPAN("{{ 'x' * 200 }}"), SPAN("{}"), CELERIAC_ERR_LIMIT, "");
    refuse(render, SPAN("{% for i in range(100000) %}{% endfor %}"), SPAN("{}"), CELERIAC_ERR_LIMIT,
           "");
    /* What cannot be compiled is not kept. */
    assert_int_equal(stats_of(render).entries, 4);
    notify_render_destroy(render);
}

static void test_output_buffer_too_small(void **state)
{
    struct notify_render *render = make(0);
    struct strbuf out;
    struct celeriac_error err = {0};

    (void)state;
    strbuf_init(&out, 3);
    assert_int_equal(notify_render_text(render, SPAN("1234"), SPAN("{}"), &out, &err),
                     CELERIAC_ERR_LIMIT);
    assert_int_equal(out.len, 0);
    strbuf_close(&out);
    notify_render_destroy(render);
}

static void test_source_limit(void **state)
{
    struct notify_render *render = make(0);
    char *source = mem_alloc(JINJA_MAX_SOURCE + 1);
    struct strbuf out;

    (void)state;
    assert_non_null(source);
    memset(source, 'x', JINJA_MAX_SOURCE + 1);
    strbuf_init(&out, JINJA_MAX_SOURCE);
    assert_int_equal(
        notify_render_text(render, (struct span){source, JINJA_MAX_SOURCE}, SPAN("{}"), &out, NULL),
        CELERIAC_OK);
    strbuf_close(&out);
    refuse(render, (struct span){source, JINJA_MAX_SOURCE + 1}, SPAN("{}"), CELERIAC_ERR_LIMIT, "");
    mem_free(source);
    notify_render_destroy(render);
}

#define THREADS 8
#define ROUNDS 400

/* Renders a few templates in a cache with room for two of them, so that they come and go. */
static void *render_many(void *context)
{
    struct notify_render *render = context;

    for (int i = 0; i < ROUNDS; i++) {
        struct strbuf out;
        char source[64], want[64];

        (void)snprintf(source, sizeof source, "%d {{ x }}", i % 5);
        (void)snprintf(want, sizeof want, "%d y", i % 5);
        strbuf_init(&out, 100);
        if (notify_render_text(render, span_of(source), SPAN("{\"x\": \"y\"}"), &out, NULL) !=
                CELERIAC_OK ||
            strcmp(strbuf_text(&out), want) != 0) {
            strbuf_close(&out);
            return NULL;
        }
        strbuf_close(&out);
    }
    return context;
}

static void test_threads(void **state)
{
    struct notify_render *render = make((size_t)2 * 2300);
    pthread_t threads[THREADS];
    struct notify_render_stats stats;

    (void)state;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, render_many, render), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *result = NULL;

        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, render);
    }
    stats = stats_of(render);
    assert_int_equal(stats.hits + stats.misses, THREADS * ROUNDS);
    assert_true(stats.dropped > 0);
    assert_in_range(stats.entries, 1, 2);
    notify_render_destroy(render);
}

static void test_once_leaves_nothing_behind(void **state)
{
    struct notify_render *render = NULL;
    struct strbuf out;
    struct celeriac_error err = {0};

    (void)state;
    assert_int_equal(notify_render_create(&(struct notify_render_options){0}, &render, NULL),
                     CELERIAC_OK);
    strbuf_init(&out, 100);
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            notify_render_once(render, SPAN("{{ x }};"), SPAN("{\"x\": 7}"), &out, NULL),
            CELERIAC_OK);
    assert_string_equal(strbuf_text(&out), "7;7;7;");
    assert_int_equal(notify_render_once(render, SPAN("{{"), SPAN("{}"), &out, &err),
                     CELERIAC_ERR_SYNTAX);
    assert_int_equal(stats_of(render).entries, 0);
    assert_int_equal(stats_of(render).bytes, 0);
    strbuf_close(&out);
    notify_render_destroy(render);
}

static void test_memory(void **state)
{
    enum celeriac_err code = CELERIAC_ERR_MEMORY;

    (void)state;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct notify_render_options options = {.cache_bytes = 0};
        struct notify_render *render = NULL;
        struct strbuf out;

        strbuf_init(&out, 100);
        mem_fail_at(n);
        code = notify_render_create(&options, &render, NULL);
        if (code == CELERIAC_OK)
            code = notify_render_text(render, SPAN("{{ 1 }}"), SPAN("{}"), &out, NULL);
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
        strbuf_close(&out);
        notify_render_destroy(render);
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_compiled_once),
        cmocka_unit_test(test_least_recently_used_is_dropped),
        cmocka_unit_test(test_larger_than_the_cache),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_output_buffer_too_small),
        cmocka_unit_test(test_source_limit),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_once_leaves_nothing_behind),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
