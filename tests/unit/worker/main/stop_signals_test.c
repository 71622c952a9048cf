/* worker/main/stop_signals.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>

#include "worker/main/stop_signals.h"

static void checklist_91_term_is_warm_however_often(void **state)
{
    struct stop_signals s = {0};

    (void)state;
    assert_int_equal(stop_signals_take(&s, SIGTERM, 1, 1), STOP_WARM);
    assert_int_equal(stop_signals_take(&s, SIGTERM, 1, 2), STOP_NOTHING);
    assert_int_equal(s.exit_code, 0);
    assert_false(s.restart);
    assert_int_equal(stop_signals_take(&s, SIGINT, 1, 3), STOP_NOTHING);
    assert_int_equal(stop_signals_take(&s, SIGQUIT, 1, 4), STOP_COLD);
    assert_int_equal(s.exit_code, 0);
}

static void checklist_91_interrupt_is_warm_then_cold(void **state)
{
    struct stop_signals s = {0};

    (void)state;
    assert_int_equal(stop_signals_take(&s, SIGINT, 1, 1), STOP_WARM);
    assert_int_equal(s.exit_code, 1);
    assert_int_equal(stop_signals_take(&s, SIGTERM, 1, 2), STOP_NOTHING);
    assert_int_equal(stop_signals_take(&s, SIGINT, 1, 3), STOP_COLD);
    assert_int_equal(s.exit_code, 1);
}

static void checklist_91_remapped_term_is_quit(void **state)
{
    struct stop_signals s = {.term_is_quit = true};

    (void)state;
    assert_int_equal(stop_signals_take(&s, SIGTERM, 1, 1), STOP_COLD);
    assert_int_equal(s.exit_code, 0);
}

static void checklist_91_soft_shutdown_waits_for_tasks(void **state)
{
    struct stop_signals s = {.soft_ns = 10};
    struct stop_signals idle = {.soft_ns = 10};
    struct stop_signals patient = {.soft_ns = 10, .soft_when_idle = true};

    (void)state;
    assert_false(stop_signals_is_over(&s, INT64_MAX));
    assert_int_equal(stop_signals_take(&s, SIGQUIT, 1, 100), STOP_WARM);
    assert_false(stop_signals_is_over(&s, 109));
    assert_true(stop_signals_is_over(&s, 110));
    assert_false(stop_signals_is_over(&s, 111));
    assert_int_equal(stop_signals_take(&idle, SIGQUIT, 0, 100), STOP_COLD);
    assert_int_equal(stop_signals_take(&patient, SIGQUIT, 0, 100), STOP_WARM);
    /* Impatient after all. */
    assert_int_equal(stop_signals_take(&patient, SIGQUIT, 0, 101), STOP_COLD);
    assert_false(stop_signals_is_over(&patient, 200));
}

static void checklist_91_hangup_restarts(void **state)
{
    struct stop_signals s = {0};
    struct stop_signals stopping = {0};
    struct stop_signals terminal = {.hup_is_term = true};

    (void)state;
    assert_int_equal(stop_signals_take(&s, SIGHUP, 1, 1), STOP_WARM);
    assert_true(s.restart);
    assert_int_equal(stop_signals_take(&s, SIGTERM, 1, 2), STOP_NOTHING);
    assert_false(s.restart);
    assert_int_equal(stop_signals_take(&stopping, SIGTERM, 1, 1), STOP_WARM);
    assert_int_equal(stop_signals_take(&stopping, SIGHUP, 1, 2), STOP_NOTHING);
    assert_false(stopping.restart);
    assert_int_equal(stop_signals_take(&terminal, SIGHUP, 1, 1), STOP_WARM);
    assert_false(terminal.restart);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checklist_91_term_is_warm_however_often),
        cmocka_unit_test(checklist_91_interrupt_is_warm_then_cold),
        cmocka_unit_test(checklist_91_remapped_term_is_quit),
        cmocka_unit_test(checklist_91_soft_shutdown_waits_for_tasks),
        cmocka_unit_test(checklist_91_hangup_restarts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
