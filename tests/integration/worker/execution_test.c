/*
 * What a worker executes, with a real Redis (REDIS_URL, see tests/services): at once, again after a
 * retry, later after a postponement, as parts of a canvas; and when it acknowledges.
 */
#include "tests/integration/worker/fixture.h"

#include "celeriac/signature.h"

static void executes_and_answers(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];

    worker_start(r, 2, 4);
    send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[2, 3]"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "5");
    send_task(r, (struct celeriac_send){.task = "t.add", .kwargs_json = "{\"x\": 2, \"y\": 40}"},
              id);
    expect_result(r, id, CELERIAC_SUCCESS, "42");
    send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[2]"}, id);
    expect_result(r, id, CELERIAC_FAILURE,
                  "{\"exc_type\": \"TypeError\", \"exc_message\": [\"add() missing 1 required "
                  "positional argument: 'y'\"], \"exc_module\": \"builtins\"}");
    await_size(r, "HLEN", "unacked", 0);
    await_size(r, "ZCARD", "unacked_index", 0);
    worker_stop(r);
    assert_int_equal(redis_int(r, "LLEN", "celery"), 0);
}

static uint64_t received(const struct celeriac_worker_stats *stats)
{
    return stats->received;
}

static void a_thousand_of_all_priorities(void **state)
{
    enum { COUNT = 1000 };
    static struct celeriac_send sends[COUNT];
    static char ids[COUNT][CELERIAC_TASK_ID_SIZE];
    struct running *r = *state;

    for (int i = 0; i < COUNT; i++)
        sends[i] = (struct celeriac_send){
            .task = "t.add", .args_json = "[1, 1]", .priority = i % 10, .ignore_result = i % 2};
    assert_int_equal(celeriac_client_send(r->client, sends, COUNT, ids, NULL), CELERIAC_OK);
    worker_start(r, 4, 4);
    for (int i = 0; i < COUNT; i += 2)
        expect_result(r, ids[i], CELERIAC_SUCCESS, "2");
    /* Only when all were claimed does an empty `unacked` say that all have run. */
    await_stat(r, received, COUNT);
    await_size(r, "HLEN", "unacked", 0);
    for (int i = 1; i < COUNT; i += 100) {
        struct celeriac_result result = {0};

        assert_int_equal(celeriac_client_get(r->client, ids[i], &result, NULL), CELERIAC_OK);
        assert_int_equal(result.state, CELERIAC_PENDING);
        celeriac_result_close(&result);
    }
}

static void checklist_55_retries_count_in_the_message(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];

    worker_start(r, 2, 4);
    send_task(r, (struct celeriac_send){.task = "t.flaky"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "2");
    assert_int_equal(atomic_load(&executions), 3);
    send_task(r, (struct celeriac_send){.task = "t.flaky_late"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "2");
    assert_int_equal(atomic_load(&executions), 6);
    await_size(r, "HLEN", "unacked", 0);
}

static void checklist_51_retries_end(void **state)
{
    struct running *r = *state;
    struct celeriac_result result = {0};
    char id[CELERIAC_TASK_ID_SIZE];

    worker_start(r, 1, 4);
    send_task(r, (struct celeriac_send){.task = "t.never_right"}, id);
    assert_int_equal(celeriac_client_wait(r->client, id, WAIT_MS, &result, NULL), CELERIAC_OK);
    assert_int_equal(result.state, CELERIAC_FAILURE);
    assert_string_equal(result.exception_type, "MaxRetriesExceededError");
    assert_int_equal(atomic_load(&executions), 2);
    celeriac_result_close(&result);
}

static void checklist_48_when_it_is_acknowledged(void **state)
{
    struct running *r = *state;
    char early[CELERIAC_TASK_ID_SIZE];
    char late[CELERIAC_TASK_ID_SIZE];
    struct celeriac_result result = {0};

    worker_start(r, 1, 4);
    send_task(r, (struct celeriac_send){.task = "t.block"}, early);
    send_task(r, (struct celeriac_send){.task = "t.block_late"}, late);
    sem_wait(&entered);
    /* The first runs and is acknowledged; the second is held. */
    await_size(r, "LLEN", "celery", 0);
    await_size(r, "HLEN", "unacked", 1);
    sem_post(&gate);
    expect_result(r, early, CELERIAC_SUCCESS, "\"done\"");
    sem_wait(&entered);
    /* The second runs and is still held. */
    assert_int_equal(redis_int(r, "HLEN", "unacked"), 1);
    assert_int_equal(redis_int(r, "ZCARD", "unacked_index"), 1);
    do {
        celeriac_result_close(&result);
        assert_int_equal(celeriac_client_get(r->client, late, &result, NULL), CELERIAC_OK);
    } while (result.state == CELERIAC_PENDING);
    assert_int_equal(result.state, CELERIAC_STARTED);
    celeriac_result_close(&result);
    sem_post(&gate);
    expect_result(r, late, CELERIAC_SUCCESS, "\"done\"");
    await_size(r, "HLEN", "unacked", 0);
}

static void postponing_spends_no_retry(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];

    worker_start(r, 1, 1);
    send_task(r, (struct celeriac_send){.task = "t.hesitant"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "2");
    assert_int_equal(atomic_load(&highest_retries), 0);
    await_size(r, "HLEN", "unacked", 0);
    atomic_store(&executions, 0);
    send_task(r, (struct celeriac_send){.task = "t.hesitant_early"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "2");
    assert_int_equal(atomic_load(&highest_retries), 0);
    await_size(r, "HLEN", "unacked", 0);
}

static struct celeriac_signature *signature_of(const char *task, const char *args)
{
    struct celeriac_signature *signature = NULL;

    assert_int_equal(
        celeriac_signature_create(&(struct celeriac_send){.task = task, .args_json = args}, false,
                                  &signature, NULL),
        CELERIAC_OK);
    return signature;
}

static void checklist_14_canvases_are_built_and_sent_in_c(void **state)
{
    struct running *r = *state;
    struct celeriac_signature *steps[2] = {signature_of("t.add", "[1, 2]"),
                                           signature_of("t.add", "[10]")};
    struct celeriac_signature *header[2] = {NULL, signature_of("t.add", "[20, 30]")};
    struct celeriac_signature *body = signature_of("t.first", NULL);
    struct celeriac_signature *chord = NULL;
    char id[CELERIAC_TASK_ID_SIZE];

    worker_start(r, 2, 4);
    assert_int_equal(celeriac_signature_chain(steps, 2, &header[0], NULL), CELERIAC_OK);
    assert_int_equal(celeriac_client_apply(r->client, header[0], id, NULL), CELERIAC_OK);
    expect_result(r, id, CELERIAC_SUCCESS, "13");
    assert_int_equal(celeriac_signature_chord(header, 2, body, &chord, NULL), CELERIAC_OK);
    assert_int_equal(celeriac_client_apply(r->client, chord, id, NULL), CELERIAC_OK);
    expect_result(r, id, CELERIAC_SUCCESS, "[13, 50]");
    await_size(r, "HLEN", "unacked", 0);
    celeriac_signature_destroy(chord);
    celeriac_signature_destroy(body);
    for (int i = 0; i < 2; i++) {
        celeriac_signature_destroy(steps[i]);
        celeriac_signature_destroy(header[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_TEST(executes_and_answers),
        WORKER_TEST(a_thousand_of_all_priorities),
        WORKER_TEST(checklist_55_retries_count_in_the_message),
        WORKER_TEST(checklist_51_retries_end),
        WORKER_TEST(checklist_48_when_it_is_acknowledged),
        WORKER_TEST(postponing_spends_no_retry),
        WORKER_TEST(checklist_14_canvases_are_built_and_sent_in_c),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
