/* The history of a notification, against a real database. */
#include "tests/integration/store/stage.h"

#include <string.h>

#include "base/clock.h"
#include "notify/store/history.h"
#include "notify/store/sends.h"

static struct store_get_history get;

/* Reads the history into get; the events' kinds must be these, 0 ends the list. */
static void assert_kinds(const struct uuid *id, const enum store_event_kind *kinds)
{
    size_t count = 0;
    store_get_history_init(&get, &tenant, id);
    assert_int_equal(store_run(store, &get.call), CELERIAC_OK);
    for (; kinds[count] != 0; count++) {
        assert_true(count < get.count);
        assert_int_equal(get.rows[count].kind, kinds[count]);
        assert_true(count == 0 || get.rows[count].at_us >= get.rows[count - 1].at_us);
    }
    assert_int_equal(get.count, count);
}

static void begin(const struct uuid *id)
{
    struct store_begin_send call;
    assert_int_equal(store_begin_send(sender, id, &call), CELERIAC_OK);
    assert_int_equal(call.state, STORE_SEND_READY);
    store_call_release(&call.call);
}

static void attempts_are_kept_until_it_is_sent(void **state)
{
    (void)state;
    struct uuid id = database_notification(&tenant, "pending", 0);
    assert_kinds(&id, (enum store_event_kind[]){STORE_EVENT_ACCEPTED, 0});
    assert_null(get.rows[0].detail.ptr);
    store_call_release(&get.call);
    begin(&id);
    assert_kinds(&id, (enum store_event_kind[]){STORE_EVENT_ACCEPTED, STORE_EVENT_PROCESSING, 0});
    store_call_release(&get.call);
    assert_int_equal(store_record_failure(sender, &id, SPAN("451 later"), NULL), CELERIAC_OK);
    begin(&id);
    assert_int_equal(store_record_failure(sender, &id, SPAN("421 busy"), NULL), CELERIAC_OK);
    begin(&id);
    assert_int_equal(store_mark_sent(sender, &id, clock_wall_us() + 1000000,
                                     SPAN("{\"provider\": \"email\"}"), NULL),
                     CELERIAC_OK);
    assert_kinds(&id, (enum store_event_kind[]){STORE_EVENT_ACCEPTED, STORE_EVENT_FAILED,
                                                STORE_EVENT_FAILED, STORE_EVENT_SENT, 0});
    assert_true(span_is(get.rows[1].detail, "451 later"));
    assert_true(span_is(get.rows[2].detail, "421 busy"));
    assert_true(span_is(get.rows[3].detail, "{\"provider\": \"email\"}"));
    store_call_release(&get.call);
    /* What fails after it was sent is of no interest. */
    assert_int_equal(store_record_failure(sender, &id, SPAN("late"), NULL), CELERIAC_OK);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.send_failures"
                                     " WHERE notification_id = '%s'",
                                     database_show(&id)),
                     2);
}

static void given_up_has_its_reason(void **state)
{
    (void)state;
    struct uuid id = database_notification(&tenant, "pending", 0);
    begin(&id);
    assert_int_equal(store_dead_letter(sender, &id, SPAN("no such user"), 3, NULL), CELERIAC_OK);
    assert_kinds(&id, (enum store_event_kind[]){STORE_EVENT_ACCEPTED, STORE_EVENT_FAILED,
                                                STORE_EVENT_DEAD_LETTER, 0});
    assert_true(span_is(get.rows[1].detail, "no such user"));
    assert_true(span_is(get.rows[2].detail, "no such user"));
    store_call_release(&get.call);
}

/* As after a commit whose outcome was not heard: the call with its id is given once more. */
static void repeated_call_records_once(void **state)
{
    (void)state;
    struct uuid id = database_notification(&tenant, "pending", 0);
    struct store_end_send end;
    store_record_failure_init(&end, &id, SPAN("x"));
    assert_int_equal(store_run(sender, &end.call), CELERIAC_OK);
    struct uuid record = end.record_id;
    store_record_failure_init(&end, &id, SPAN("x"));
    end.record_id = record;
    assert_int_equal(store_run(sender, &end.call), CELERIAC_OK);
    assert_kinds(&id, (enum store_event_kind[]){STORE_EVENT_ACCEPTED, STORE_EVENT_FAILED, 0});
    store_call_release(&get.call);
}

static void others_see_nothing(void **state)
{
    (void)state;
    struct uuid other = database_tenant();
    struct uuid id = database_notification(&tenant, "sent", 0);
    store_get_history_init(&get, &other, &id);
    assert_int_equal(store_run(store, &get.call), CELERIAC_ERR_NOT_FOUND);
    store_call_release(&get.call);
    struct uuid unknown = database_uuid();
    store_get_history_init(&get, &tenant, &unknown);
    assert_int_equal(store_run(store, &get.call), CELERIAC_ERR_NOT_FOUND);
    store_call_release(&get.call);
}

static void cancelled_is_told(void **state)
{
    (void)state;
    struct uuid id = database_notification(&tenant, "cancelled", 0);
    assert_kinds(&id, (enum store_event_kind[]){STORE_EVENT_ACCEPTED, STORE_EVENT_CANCELLED, 0});
    store_call_release(&get.call);
}

/* Of a hundred attempts and more the newest are shown; what is older than ninety days goes. */
static void what_is_kept_is_bounded(void **state)
{
    (void)state;
    struct uuid id = database_notification(&tenant, "pending", 0);
    database_run("INSERT INTO celeriac.send_failures SELECT gen_random_uuid(), '%s',"
                 " now() + n * interval '1 s', n::text FROM generate_series(1, %d) n",
                 database_show(&id), STORE_HISTORY_MAX + 1);
    store_get_history_init(&get, &tenant, &id);
    assert_int_equal(store_run(store, &get.call), CELERIAC_OK);
    assert_int_equal(get.count, 1 + STORE_HISTORY_MAX);
    assert_true(span_is(get.rows[1].detail, "2"));
    store_call_release(&get.call);
    database_run("UPDATE celeriac.send_failures SET failed_at = failed_at - interval '91 days'"
                 " WHERE notification_id = '%s'",
                 database_show(&id));
    assert_int_equal(store_record_failure(sender, &id, SPAN("x"), NULL), CELERIAC_OK);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.send_failures"
                                     " WHERE notification_id = '%s'",
                                     database_show(&id)),
                     STORE_HISTORY_MAX + 1 - 2 + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempts_are_kept_until_it_is_sent),
        cmocka_unit_test(given_up_has_its_reason),
        cmocka_unit_test(repeated_call_records_once),
        cmocka_unit_test(others_see_nothing),
        cmocka_unit_test(cancelled_is_told),
        cmocka_unit_test(what_is_kept_is_bounded),
    };
    return cmocka_run_group_tests(tests, stage_set_up_sender, stage_tear_down_sender);
}
