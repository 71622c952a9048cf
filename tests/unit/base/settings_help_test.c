#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/settings.h"

static const struct setting table[] = {
    {.name = "concurrency",
     .type = SETTING_INT,
     .default_value = "0",
     .env = "CELERY_WORKER_CONCURRENCY WORKERS",
     .option = "-c, --concurrency",
     .value_name = "N",
     .help = "task threads; 0 means one for each processor"},
    {.name = "events", .type = SETTING_FLAG, .option = "-E", .help = "send task events"},
    {.name = "prefetch",
     .type = SETTING_INT,
     .option = "--prefetch-multiplier",
     .value_name = "N",
     .help = "messages held for each task thread, besides those that wait for their time to come"},
    {.name = "unlisted", .type = SETTING_TEXT, .env = "UNLISTED", .help = "no option at all"},
    {.name = "broker",
     .type = SETTING_TEXT,
     .default_value = "redis://:hunter2@host",
     .option = "-b, --broker",
     .value_name = "URL",
     .secret = true,
     .help = "where messages come from"},
    {.name = NULL},
};

static void prints_options_in_two_columns(void **state)
{
    (void)state;
    struct strbuf out;
    strbuf_init(&out, 10000);
    settings_help(table, &out);
    assert_string_equal(
        strbuf_text(&out),
        "  -c, --concurrency N       task threads; 0 means one for each processor\n"
        "                            [default: 0] [env: CELERY_WORKER_CONCURRENCY or\n"
        "                            WORKERS]\n"
        "  -E                        send task events\n"
        "      --prefetch-multiplier N\n"
        "                            messages held for each task thread, besides those\n"
        "                            that wait for their time to come\n"
        "  -b, --broker URL          where messages come from\n");
    strbuf_close(&out);
}

static void keeps_lines_within_80_columns(void **state)
{
    (void)state;
    struct strbuf out;
    strbuf_init(&out, 10000);
    settings_help(table, &out);
    struct span rest = strbuf_span(&out);
    struct span line;
    while (span_cut(rest, '\n', &line, &rest))
        assert_in_range(line.len, 1, 80);
    assert_int_equal(line.len, 0);
    strbuf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_options_in_two_columns),
        cmocka_unit_test(keeps_lines_within_80_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
