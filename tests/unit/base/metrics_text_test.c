/* base/metrics_text.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/metrics_text.h"

static void families_and_samples(void **state)
{
    const struct metrics_label labels[] = {{"name", SPAN("t.add")}, {"queue_name", SPAN("q")}};
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 4096);
    metrics_text_family(&out, "a_total", METRICS_COUNTER, "Counts.");
    metrics_text_int(&out, "a_total", labels, 2, UINT64_MAX);
    metrics_text_family(&out, "b", METRICS_GAUGE, "Two\nlines \\ and \"quotes\".");
    metrics_text_double(&out, "b", labels, 1, 0.25);
    metrics_text_double(&out, "b", NULL, 0, HUGE_VAL);
    metrics_text_double(&out, "b", NULL, 0, -HUGE_VAL);
    metrics_text_double(&out, "b", NULL, 0, (double)NAN);
    metrics_text_seconds(&out, "b", NULL, 0, 1500000001);
    assert_string_equal(strbuf_text(&out),
                        "# HELP a_total Counts.\n"
                        "# TYPE a_total counter\n"
                        "a_total{name=\"t.add\",queue_name=\"q\"} 18446744073709551615\n"
                        "# HELP b Two\\nlines \\\\ and \"quotes\".\n"
                        "# TYPE b gauge\n"
                        "b{name=\"t.add\"} 0.25\n"
                        "b +Inf\n"
                        "b -Inf\n"
                        "b NaN\n"
                        "b 1.500000001\n");
    strbuf_close(&out);
}

static void values_cannot_leave_their_quotes(void **state)
{
    const struct metrics_label label = {"q", SPAN("a\"b\\c\nd\xff\xc3\xa4")};
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 4096);
    metrics_text_int(&out, "m", &label, 1, 0);
    assert_string_equal(strbuf_text(&out), "m{q=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\xc3\xa4\"} 0\n");
    strbuf_close(&out);
}

static void histograms_cumulate_up_to_infinity(void **state)
{
    const struct metrics_label label = {"n", SPAN("x")};
    struct histogram h = {0};
    struct strbuf out;

    (void)state;
    histogram_add(&h, 7 * NS_PER_MS);
    histogram_add(&h, 20 * NS_PER_SEC);
    strbuf_init(&out, 4096);
    metrics_text_family(&out, "h", METRICS_HISTOGRAM, "Times.");
    metrics_text_histogram(&out, "h", &label, 1, &h);
    metrics_text_histogram(&out, "h", NULL, 0, &(struct histogram){0});
    assert_non_null(strstr(strbuf_text(&out), "# TYPE h histogram\n"
                                              "h_bucket{n=\"x\",le=\"0.005\"} 0\n"
                                              "h_bucket{n=\"x\",le=\"0.01\"} 1\n"
                                              "h_bucket{n=\"x\",le=\"0.025\"} 1\n"));
    assert_non_null(strstr(strbuf_text(&out), "h_bucket{n=\"x\",le=\"10.0\"} 1\n"
                                              "h_bucket{n=\"x\",le=\"+Inf\"} 2\n"
                                              "h_sum{n=\"x\"} 20.007000000\n"
                                              "h_count{n=\"x\"} 2\n"
                                              "h_bucket{le=\"0.005\"} 0\n"));
    strbuf_close(&out);
}

static void too_much_is_said(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 20);
    metrics_text_family(&out, "a_total", METRICS_COUNTER, "Counts what there is to count.");
    assert_int_equal(strbuf_status(&out), CELERIAC_ERR_LIMIT);
    strbuf_close(&out);
    strbuf_init(&out, 4096);
    mem_fail_at(1);
    metrics_text_int(&out, "a_total", NULL, 0, 1);
    mem_fail_at(0);
    assert_int_equal(strbuf_status(&out), CELERIAC_ERR_MEMORY);
    strbuf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_and_samples),
        cmocka_unit_test(values_cannot_leave_their_quotes),
        cmocka_unit_test(histograms_cumulate_up_to_infinity),
        cmocka_unit_test(too_much_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
