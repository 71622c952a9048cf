/*
 * Which call is complete, open or to be repeated after everything that a server can do to a batch.
 * The pipeline below is a script: no server answers in these orders when asked.
 */
#include "notify/store/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

#define COUNT 3

/* ---- the scripted pipeline ------------------------------------------------------------------- */

struct answer {
    enum store_outcome outcome;
    const char *sqlstate;
};

static const struct answer *answers; /* the next */
static int sends;                    /* transactions queued */
static int sends_left;               /* until the connection refuses */

bool store_pipeline_send(struct store_pipeline *line, const struct store_kind *kind,
                         const struct store_params *p)
{
    (void)line;
    (void)kind;
    assert_int_equal(store_params_status(p), CELERIAC_OK);
    if (sends_left == 0)
        return false;
    sends_left--;
    sends++;
    return true;
}

enum store_outcome store_pipeline_receive(struct store_pipeline *line, PGresult **result,
                                          struct store_failure *failure)
{
    struct answer answer = *answers++;
    struct store_complaint complaint = {answer.sqlstate, "message", "", ""};
    (void)line;
    memset(failure, 0, sizeof *failure);
    if (answer.outcome == STORE_OUTCOME_OK) {
        *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
        return STORE_OUTCOME_OK;
    }
    assert_true(answer.outcome != 0);
    if (answer.outcome == STORE_OUTCOME_FAILED)
        store_failure_judge(&complaint, failure);
    return answer.outcome;
}

static const struct answer good = {STORE_OUTCOME_OK, ""};
static const struct answer lost = {STORE_OUTCOME_LOST, ""};
static const struct answer silent = {STORE_OUTCOME_SILENT, ""};
static const struct answer refused = {STORE_OUTCOME_FAILED, "22001"};
static const struct answer deadlock = {STORE_OUTCOME_FAILED, "40P01"};
static const struct answer locked = {STORE_OUTCOME_FAILED, "55P03"};
static const struct answer canceled = {STORE_OUTCOME_FAILED, "57014"};
static const struct answer standby = {STORE_OUTCOME_FAILED, "25006"};

/* ---- a kind that notes what it was given ------------------------------------------------------
 */

static struct store_call calls[COUNT];
static struct store_call *list[COUNT];
static enum store_call_state states[COUNT];
static char taken[64]; /* numbers of the calls, a dot after each result */
static unsigned bad;   /* a mask of calls whose parameters are too long */

static void bind_numbers(struct store_params *p, struct store_call **of, size_t count,
                         const struct store_context *context)
{
    (void)context;
    store_params_begin_array(p, STORE_TYPE_INT4);
    for (size_t i = 0; i < count; i++) {
        if (bad >> (of[i] - calls) & 1)
            store_params_bytes(p, (struct span){"", STORE_PARAMS_BYTES_MAX + 1});
        store_params_int4(p, (int32_t)(of[i] - calls));
    }
    store_params_end_array(p);
}

static void take_numbers(struct store_call **of, size_t count, const PGresult *result)
{
    assert_non_null(result);
    for (size_t i = 0; i < count; i++)
        taken[strlen(taken)] = (char)('0' + (of[i] - calls));
    taken[strlen(taken)] = '.';
}

static const struct store_kind combined = {
    .name = "combined", .combined = true, .bind = bind_numbers, .take = take_numbers};
static const struct store_kind single = {.name = "single", .bind = bind_numbers};

static struct store_run run_batch(const struct store_kind *kind, size_t count,
                                  const struct answer *script)
{
    struct store_context context = {0};
    struct store_batch batch = {kind, list, states, count};
    struct store_params params;
    struct store_run run;
    memset(calls, 0, sizeof calls);
    memset(taken, 0, sizeof taken);
    for (unsigned i = 0; i < COUNT; i++) {
        list[i] = &calls[i];
        calls[i].own.kind = kind;
        states[i] = (enum store_call_state)99;
    }
    answers = script;
    sends = 0;
    store_params_init(&params);
    store_batch_run(NULL, &params, &context, &batch, &run);
    store_params_close(&params);
    return run;
}

static int set_up(void **state)
{
    (void)state;
    bad = 0;
    sends_left = 1000;
    return 0;
}

static void assert_states(const char *expected)
{
    static const char letters[] = {
        [STORE_CALL_OPEN] = 'O', [STORE_CALL_DONE] = 'D', [STORE_CALL_RETRY] = 'R'};
    for (size_t i = 0; expected[i]; i++)
        assert_int_equal(letters[states[i]], expected[i]);
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static void combined_calls_are_one_statement(void **state)
{
    struct store_run run = run_batch(&combined, 3, (const struct answer[]){good});
    (void)state;
    assert_int_equal(run.outcome, STORE_OUTCOME_OK);
    assert_int_equal(run.statements, 1);
    assert_false(run.split);
    assert_int_equal(sends, 1);
    assert_states("DDD");
    assert_string_equal(taken, "012.");
    assert_int_equal(calls[2].own.attempts, 1);
}

static void bad_row_fails_alone(void **state)
{
    struct store_run run =
        run_batch(&combined, 3, (const struct answer[]){refused, good, refused, good});
    (void)state;
    assert_int_equal(run.outcome, STORE_OUTCOME_OK);
    assert_true(run.split);
    assert_int_equal(run.statements, 4);
    assert_states("DDD");
    assert_string_equal(taken, "0.2.");
    assert_int_equal(calls[0].error.code, CELERIAC_OK);
    assert_int_equal(calls[1].error.code, CELERIAC_ERR_VALUE);
    assert_int_equal(calls[2].error.code, CELERIAC_OK);
    assert_int_equal(calls[1].own.attempts, 2);
}

/* A lock or the statement's time may be one row's fault; the others must not wait for it. */
static void locked_row_is_repeated_alone(void **state)
{
    const struct answer scripts[2][4] = {{locked, good, locked, good},
                                         {canceled, good, canceled, good}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct store_run run = run_batch(&combined, 3, scripts[i]);
        assert_int_equal(run.outcome, STORE_OUTCOME_OK);
        assert_states("DRD");
        assert_string_equal(taken, "0.2.");
    }
}

/* Everybody's fault: no use in asking for each row. */
static void servers_own_trouble_concerns_all(void **state)
{
    struct store_run run = run_batch(&combined, 3, (const struct answer[]){deadlock});
    (void)state;
    assert_int_equal(run.outcome, STORE_OUTCOME_OK);
    assert_int_equal(run.failure.fate, STORE_FATE_RETRY);
    assert_false(run.split);
    assert_states("RRR");
    run = run_batch(&combined, 3, (const struct answer[]){standby});
    assert_int_equal(run.outcome, STORE_OUTCOME_FAILED);
    assert_states("OOO");
    assert_string_equal(taken, "");
}

static void lost_connection_leaves_all_open(void **state)
{
    struct store_run run = run_batch(&combined, 3, (const struct answer[]){lost});
    (void)state;
    assert_int_equal(run.outcome, STORE_OUTCOME_LOST);
    assert_states("OOO");
    run = run_batch(&combined, 3, (const struct answer[]){silent});
    assert_int_equal(run.outcome, STORE_OUTCOME_SILENT);
    assert_states("OOO");
    sends_left = 0;
    run = run_batch(&combined, 3, NULL);
    assert_int_equal(run.outcome, STORE_OUTCOME_LOST);
    assert_states("OOO");
    assert_int_equal(calls[0].own.attempts, 1);
}

/* What was answered before the connection ended is complete. */
static void connection_lost_among_rows(void **state)
{
    struct store_run run = run_batch(&single, 3, (const struct answer[]){good, silent});
    (void)state;
    assert_int_equal(run.outcome, STORE_OUTCOME_SILENT);
    assert_int_equal(run.statements, 1);
    assert_states("DOO");
    run = run_batch(&combined, 3, (const struct answer[]){refused, refused, lost});
    assert_int_equal(run.outcome, STORE_OUTCOME_LOST);
    assert_states("DOO");
    assert_int_equal(calls[0].error.code, CELERIAC_ERR_VALUE);
}

/* Refused in the middle of sending: what was queued before may still be answered. */
static void connection_that_takes_only_some(void **state)
{
    sends_left = 2;
    (void)state;
    struct store_run run = run_batch(&single, 3, (const struct answer[]){good, good});
    assert_int_equal(run.outcome, STORE_OUTCOME_LOST);
    assert_states("DDO");
    sends_left = 0;
    run = run_batch(&single, 3, NULL);
    assert_int_equal(run.outcome, STORE_OUTCOME_LOST);
    assert_states("OOO");
}

/* A standby answers each row with the same error: all are read, all stay open. */
static void standby_found_among_rows(void **state)
{
    struct store_run run = run_batch(&single, 3, (const struct answer[]){good, standby, standby});
    (void)state;
    assert_int_equal(run.outcome, STORE_OUTCOME_FAILED);
    assert_int_equal(run.statements, 3);
    assert_states("DOO");
}

/* A request that cannot be sent fails by itself and is never sent. */
static void unsendable_row_fails_alone(void **state)
{
    (void)state;
    bad = 2;
    struct store_run run = run_batch(&combined, 3, (const struct answer[]){good, good});
    assert_int_equal(run.outcome, STORE_OUTCOME_OK);
    assert_true(run.split);
    assert_int_equal(sends, 2);
    assert_states("DDD");
    assert_string_equal(taken, "0.2.");
    assert_int_equal(calls[1].error.code, CELERIAC_ERR_LIMIT);
    bad = 7;
    run = run_batch(&single, 3, NULL);
    assert_int_equal(run.outcome, STORE_OUTCOME_OK);
    assert_int_equal(sends, 0);
    assert_states("DDD");
}

/* A connection that was refused stays complete for what had failed before it was sent. */
static void unsendable_row_of_a_lost_connection(void **state)
{
    (void)state;
    bad = 1;
    sends_left = 0;
    struct store_run run = run_batch(&single, 3, NULL);
    assert_int_equal(run.outcome, STORE_OUTCOME_LOST);
    assert_states("DOO");
    assert_int_equal(calls[0].error.code, CELERIAC_ERR_LIMIT);
}

static void one_call_is_not_split(void **state)
{
    (void)state;
    struct store_run run = run_batch(&combined, 1, (const struct answer[]){refused});
    assert_false(run.split);
    assert_int_equal(run.statements, 1);
    assert_states("D");
    assert_int_equal(calls[0].error.code, CELERIAC_ERR_VALUE);
    assert_int_equal(calls[0].own.attempts, 1);
}

static void want_of_memory_fails_calls_not_the_batch(void **state)
{
    (void)state;
    mem_fail_at(1);
    struct store_run run = run_batch(&combined, 3, NULL);
    mem_fail_at(0);
    assert_int_equal(run.outcome, STORE_OUTCOME_OK);
    assert_int_equal(sends, 0);
    assert_states("DDD");
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(calls[i].error.code, CELERIAC_ERR_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(combined_calls_are_one_statement, set_up),
        cmocka_unit_test_setup(bad_row_fails_alone, set_up),
        cmocka_unit_test_setup(locked_row_is_repeated_alone, set_up),
        cmocka_unit_test_setup(servers_own_trouble_concerns_all, set_up),
        cmocka_unit_test_setup(lost_connection_leaves_all_open, set_up),
        cmocka_unit_test_setup(connection_lost_among_rows, set_up),
        cmocka_unit_test_setup(connection_that_takes_only_some, set_up),
        cmocka_unit_test_setup(standby_found_among_rows, set_up),
        cmocka_unit_test_setup(unsendable_row_fails_alone, set_up),
        cmocka_unit_test_setup(unsendable_row_of_a_lost_connection, set_up),
        cmocka_unit_test_setup(one_call_is_not_split, set_up),
        cmocka_unit_test_setup(want_of_memory_fails_calls_not_the_batch, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
