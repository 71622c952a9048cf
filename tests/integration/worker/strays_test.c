/*
 * Messages that are not for this worker, or for nobody, with a real Redis (REDIS_URL, see
 * tests/services).
 */
#include "tests/integration/worker/fixture.h"

static void strays_stay_and_nobody_waits_for_them(void **state)
{
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];

    for (int i = 0; i < 300; i++)
        send_task(r, (struct celeriac_send){.task = "python.only"}, id);
    send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[1, 2]"}, id);
    worker_start(r, 2, 4);
    expect_result(r, id, CELERIAC_SUCCESS, "3");
    await_size(r, "LLEN", "celery", 300);
    await_size(r, "HLEN", "unacked", 0);
    worker_stop(r);
    assert_int_equal(redis_int(r, "LLEN", "celery"), 300);
    assert_int_equal(redis_int(r, "HLEN", "unacked"), 0);
}

static void push_to_queue(struct running *r, const char *text)
{
    struct cel_pipeline p;

    cel_pipeline_init(&p);
    CEL_COMMAND(&p, SPAN("LPUSH"), SPAN("celery"), span_of(text));
    assert_int_equal(cel_pipeline_run(&p, r->conn, NULL), CELERIAC_OK);
    cel_pipeline_close(&p);
}

static void checklist_43_what_nobody_can_read_is_kept_aside(void **state)
{
    static const char *const bad[] = {
        "not json at all",
        "{}",
        "{\"body\": \"e30=\", \"properties\": {}}",
        "{\"body\": \"W10=\", \"content-type\": \"application/json\", \"headers\": {\"task\": "
        "\"t.add\", \"id\": \"i\"}, \"properties\": {\"delivery_tag\": \"d1\", \"body_encoding\": "
        "\"base64\", \"delivery_info\": {\"exchange\": \"\", \"routing_key\": \"celery\"}}}",
        "{\"body\": \"W1tdLCB7fSwge31d\", \"content-type\": \"application/json\", \"headers\": "
        "{\"task\": \"t.add\"}, \"properties\": {\"delivery_tag\": \"d2\", \"body_encoding\": "
        "\"base64\", \"delivery_info\": {\"exchange\": \"\", \"routing_key\": \"celery\"}}}",
    };
    int64_t count = sizeof bad / sizeof bad[0];
    struct running *r = *state;
    char id[CELERIAC_TASK_ID_SIZE];

    worker_start(r, 1, 4);
    for (int64_t i = 0; i < count; i++)
        push_to_queue(r, bad[i]);
    send_task(r, (struct celeriac_send){.task = "t.add", .args_json = "[1, 2]"}, id);
    expect_result(r, id, CELERIAC_SUCCESS, "3");
    await_size(r, "LLEN", "celeriac.quarantine", count);
    await_size(r, "HLEN", "unacked", 0);
    assert_int_equal(redis_int(r, "LLEN", "celery"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_TEST(strays_stay_and_nobody_waits_for_them),
        WORKER_TEST(checklist_43_what_nobody_can_read_is_kept_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
