/* worker/main/banner.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "worker/main/banner.h"

static void expect_mask(const char *url, const char *wanted)
{
    struct strbuf out;

    strbuf_init(&out, 4096);
    banner_mask(span_of(url), &out);
    assert_string_equal(strbuf_text(&out), wanted);
    strbuf_close(&out);
}

static void passwords_are_masked(void **state)
{
    (void)state;
    expect_mask("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0");
    expect_mask("redis://:secret@h:1/0", "redis://:**@h:1/0");
    expect_mask("redis://me:secret@h/0", "redis://me:**@h/0");
    expect_mask("redis://me@h/0", "redis://me@h/0");
    expect_mask("redis://me:se@cr:et/x@h/0", "redis://me:**@h/0");
    expect_mask("sentinel://:a@h1:1;sentinel://:b@h2:2", "sentinel://:**@h1:1;sentinel://:**@h2:2");
    expect_mask("disabled://", "disabled://");
    expect_mask("me:secret@h", "me:**@h");
    expect_mask("", "");
}

static void shows_all(void **state)
{
    static const char *const tasks[] = {"t.one", "t.two"};
    struct banner banner = {.nodename = "celery@box",
                            .version = "1.0",
                            .broker = "redis://:pw@h/0",
                            .results = "disabled://",
                            .concurrency = "8 (threads)",
                            .events = "ON",
                            .queues = "a, b",
                            .tasks = tasks,
                            .task_count = 2};
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 4096);
    banner_write(&banner, false, &out);
    assert_string_equal(strbuf_text(&out), "\ncelery@box celeriac-worker 1.0\n"
                                           "\n[config]\n"
                                           ".> transport:   redis://:**@h/0\n"
                                           ".> results:     disabled://\n"
                                           ".> concurrency: 8 (threads)\n"
                                           ".> task events: ON\n"
                                           "\n[queues]\n.> a\n.> b\n"
                                           "\n[tasks]\n  . t.one\n  . t.two\n\n");
    strbuf_clear(&out);
    banner.http = "127.0.0.1:1";
    banner_write(&banner, true, &out);
    assert_non_null(strstr(strbuf_text(&out), "\033[1m[config]\033[0m\n"));
    assert_non_null(strstr(strbuf_text(&out), ".> http:        127.0.0.1:1\n"));
    assert_null(strstr(strbuf_text(&out), "pw"));
    strbuf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(passwords_are_masked),
                                       cmocka_unit_test(shows_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
