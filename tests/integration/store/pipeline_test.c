/* Transactions over one connection, and everything that can come of them. */
#include "notify/store/pipeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "notify/store/row.h"
#include "tests/integration/store/database.h"

/* 100 divided by the parameter: 0 makes the statement fail. */
static const struct store_kind quotient = {
    .id = STORE_KIND_BEAT, .name = "quotient", .sql = "SELECT 100 / $1::int4"};
static const struct store_kind after_prelude = {.id = STORE_KIND_MARK_SENT,
                                                .name = "after_prelude",
                                                .sql = "SELECT $1::int4",
                                                .prelude = "SELECT 100 / $1::int4",
                                                .prelude_params = 1};
static const struct store_kind nonsense = {
    .id = STORE_KIND_BEGIN_SEND, .name = "nonsense", .sql = "SELEC $1"};
static const struct store_kind nonsense_after_prelude = {.id = STORE_KIND_FIND_KEY,
                                                         .name = "nonsense_after_prelude",
                                                         .sql = "SELEC $1",
                                                         .prelude = "SELECT 1"};
static const struct store_kind sleep_ms = {
    .id = STORE_KIND_GET_TENANT, .name = "sleep_ms", .sql = "SELECT pg_sleep($1::int4 / 1000.0)"};

static PGconn *pg;
static struct store_pipeline line;

static int set_up(void **state)
{
    (void)state;
    pg = PQconnectdb(getenv("PG_CONNINFO"));
    assert_int_equal(PQstatus(pg), CONNECTION_OK);
    assert_true(store_pipeline_init(&line, pg, 2 * NS_PER_SEC));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    PQfinish(pg);
    return 0;
}

static void send_number(const struct store_kind *kind, int32_t n)
{
    struct store_params p;
    store_params_init(&p);
    store_params_int4(&p, n);
    assert_true(store_pipeline_send(&line, kind, &p));
    store_params_close(&p);
}

/* The next transaction succeeded with this number. */
static void assert_number(int32_t n)
{
    struct store_failure failure;
    PGresult *result = NULL;
    if (store_pipeline_receive(&line, &result, &failure) != STORE_OUTCOME_OK)
        fail_msg("%s", failure.text);
    assert_int_equal(PQntuples(result), 1);
    assert_int_equal(store_row_int4((struct store_row){result, 0}, 0), n);
    PQclear(result);
}

/* The next transaction failed with this code. */
static void assert_failed(const char *sqlstate)
{
    struct store_failure failure;
    PGresult *result = NULL;
    assert_int_equal(store_pipeline_receive(&line, &result, &failure), STORE_OUTCOME_FAILED);
    assert_null(result);
    assert_string_equal(failure.sqlstate, sqlstate);
}

static void results_come_in_order(void **state)
{
    (void)state;
    for (int i = 1; i <= 5; i++)
        send_number(&quotient, i);
    for (int i = 1; i <= 5; i++)
        assert_number(100 / i);
    send_number(&quotient, 100);
    assert_number(1);
}

static void failure_ends_one_transaction_only(void **state)
{
    (void)state;
    send_number(&quotient, 1);
    send_number(&quotient, 0);
    send_number(&quotient, 2);
    assert_number(100);
    assert_failed("22012");
    assert_number(50);
}

/* A transaction that fails leaves the statements that it has prepared, which are not made twice. */
static void first_use_may_fail(void **state)
{
    (void)state;
    send_number(&quotient, 0);
    assert_failed("22012");
    send_number(&quotient, 4);
    assert_number(25);
    send_number(&after_prelude, 0);
    assert_failed("22012");
    send_number(&after_prelude, 0);
    assert_failed("22012");
    send_number(&after_prelude, 7);
    assert_number(7);
}

/* What could not be prepared is prepared anew each time: it may be a table that is on its way. */
static void statement_that_cannot_be_prepared(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        send_number(&nonsense, 1);
        assert_failed("42601");
        send_number(&nonsense_after_prelude, 1);
        assert_failed("42601");
    }
    send_number(&quotient, 5);
    assert_number(20);
}

static void first_uses_queued_behind_a_failing_one(void **state)
{
    (void)state;
    send_number(&nonsense, 1);
    send_number(&nonsense, 1);
    assert_failed("42601");
    /* The second used what the first did not prepare. */
    assert_failed("26000");
    send_number(&nonsense, 1);
    assert_failed("42601");
}

/* Forgetting the plans goes in front of a statement and leaves its result alone. */
static void plans_are_forgotten_in_passing(void **state)
{
    (void)state;
    send_number(&quotient, 1);
    assert_number(100);
    database_sleep_ms(1100);
    send_number(&quotient, 0);
    assert_failed("22012");
    database_sleep_ms(1100);
    send_number(&after_prelude, 3);
    assert_number(3);
    database_sleep_ms(1100);
    send_number(&nonsense_after_prelude, 3);
    assert_failed("42601");
    send_number(&quotient, 2);
    assert_number(50);
}

static void ended_session_is_lost(void **state)
{
    struct store_failure failure;
    PGresult *result = NULL;
    (void)state;
    assert_false(store_pipeline_is_dead(&line));
    send_number(&quotient, 1);
    assert_number(100);
    assert_false(store_pipeline_is_dead(&line));
    database_run_as_admin("SELECT pg_terminate_backend(%d, 5000)", PQbackendPID(pg));
    assert_true(store_pipeline_is_dead(&line));
    struct store_params p;
    store_params_init(&p);
    assert_false(store_pipeline_send_once(&line, "SELECT 1", &p));
    assert_int_equal(store_pipeline_receive(&line, &result, &failure), STORE_OUTCOME_LOST);
    assert_true(failure.text[0]);
    assert_null(strchr(failure.text, '\n'));
    /* And it stays so. */
    assert_int_equal(store_pipeline_receive(&line, &result, &failure), STORE_OUTCOME_LOST);
    assert_null(result);
    assert_true(store_pipeline_is_dead(&line));
}

/* The last words of a server that ends sessions come before the end itself. */
static void session_that_is_ended_while_it_works(void **state)
{
    struct store_failure failure;
    PGresult *result = NULL;
    (void)state;
    send_number(&sleep_ms, 60000);
    assert_int_equal(PQflush(pg), 0);
    database_run_as_admin("SELECT pg_terminate_backend(%d, 5000)", PQbackendPID(pg));
    enum store_outcome outcome = store_pipeline_receive(&line, &result, &failure);
    assert_true(outcome == STORE_OUTCOME_LOST ||
                (outcome == STORE_OUTCOME_FAILED && failure.fate == STORE_FATE_RECONNECT));
    assert_null(result);
}

static void frozen_server_is_silent(void **state)
{
    struct store_failure failure;
    PGresult *result = NULL;
    (void)state;
    send_number(&quotient, 1);
    assert_number(100);
    database_tell("freeze");
    send_number(&quotient, 1);
    enum store_outcome outcome = store_pipeline_receive(&line, &result, &failure);
    database_tell("thaw");
    assert_int_equal(outcome, STORE_OUTCOME_SILENT);
    assert_null(result);
    assert_true(failure.text[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(results_come_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failure_ends_one_transaction_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(first_use_may_fail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(statement_that_cannot_be_prepared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(first_uses_queued_behind_a_failing_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(plans_are_forgotten_in_passing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ended_session_is_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(session_that_is_ended_while_it_works, set_up, tear_down),
        cmocka_unit_test_setup_teardown(frozen_server_is_silent, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
