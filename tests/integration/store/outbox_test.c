/* Taking and deleting outbox rows, against a real database. */
#include "tests/integration/store/stage.h"

#include "notify/store/outbox.h"
#include "notify/store/outbox_size.h"

static struct uuid add_row(const char *until)
{
    struct uuid id = database_uuid();
    database_run("INSERT INTO celeriac.outbox VALUES ('%s', gen_random_uuid(),"
                 " '2026-11-22 20:26:26.823977Z', now() + interval '%s')",
                 database_show(&id), until);
    return id;
}

static void take_gives_rows_without_owner_once(void **state)
{
    (void)state;
    database_run("DELETE FROM celeriac.outbox");
    (void)add_row("3 s");
    struct uuid second = add_row("-1 s");
    struct uuid first = add_row("-2 s");
    struct store_take_outbox take;
    store_take_outbox_init(&take, 1);
    assert_int_equal(store_run(store, &take.call), CELERIAC_OK);
    assert_int_equal(take.count, 1);
    assert_memory_equal(&take.rows[0].notification_id, &first, sizeof first);
    assert_true(take.rows[0].created_at_us == CREATED);
    assert_string_equal(database_text("SELECT '%s' = task_id FROM celeriac.outbox"
                                      " WHERE notification_id = '%s'",
                                      database_show(&take.rows[0].task_id), database_show(&first)),
                        "t");
    store_call_release(&take.call);
    store_take_outbox_init(&take, STORE_OUTBOX_TAKE_MAX);
    assert_int_equal(store_run(store, &take.call), CELERIAC_OK);
    assert_int_equal(take.count, 1);
    assert_memory_equal(&take.rows[0].notification_id, &second, sizeof second);
    store_call_release(&take.call);
    store_take_outbox_init(&take, STORE_OUTBOX_TAKE_MAX);
    assert_int_equal(store_run(store, &take.call), CELERIAC_OK);
    assert_int_equal(take.count, 0);
    store_call_release(&take.call);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.outbox WHERE claimed_until"
                                     " BETWEEN now() + '3.5 s' AND now() + '5 s'"),
                     2);
}

/* Rows that wait for a later time do not count; those that somebody publishes now do. */
static void the_size_is_that_of_what_is_due(void **state)
{
    (void)state;
    struct store_measure_outbox size;
    database_run("DELETE FROM celeriac.outbox");
    store_measure_outbox_init(&size);
    assert_int_equal(store_run(store, &size.call), CELERIAC_OK);
    assert_int_equal(size.rows, 0);
    assert_true(size.oldest_us == STORE_NO_TIME);
    store_call_release(&size.call);
    (void)add_row("-1 s");
    (void)add_row("3 s");
    (void)add_row("1 hour");
    store_measure_outbox_init(&size);
    assert_int_equal(store_run(store, &size.call), CELERIAC_OK);
    assert_int_equal(size.rows, 2);
    assert_true(size.oldest_us == CREATED);
    store_call_release(&size.call);
}

static void rows_are_divided_between_sweepers(void **state)
{
    (void)state;
    struct store *other = database_store(NULL);
    database_run("DELETE FROM celeriac.outbox");
    database_run("INSERT INTO celeriac.outbox SELECT gen_random_uuid(), gen_random_uuid(), now(),"
                 " now() - interval '1 s' FROM generate_series(1, 900)");
    /* Both at once: whoever locks a row has it, and the other passes it over. */
    size_t total = 0;
    for (int round = 0; round < 10; round++) {
        struct store_take_outbox takes[2];
        store_take_outbox_init(&takes[0], 50);
        store_take_outbox_init(&takes[1], 50);
        enum celeriac_err rcs[2];
        database_race(store, &takes[0].call, other, &takes[1].call, rcs);
        assert_int_equal(rcs[0], CELERIAC_OK);
        assert_int_equal(rcs[1], CELERIAC_OK);
        total += takes[0].count + takes[1].count;
        store_call_release(&takes[0].call);
        store_call_release(&takes[1].call);
    }
    assert_int_equal(total, 900);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.outbox"
                                     " WHERE claimed_until > now()"),
                     900);
    store_destroy(other);
}

static void limit_is_checked(void **state)
{
    (void)state;
    struct store_take_outbox take;
    store_take_outbox_init(&take, 0);
    assert_int_equal(store_run(store, &take.call), CELERIAC_ERR_VALUE);
    store_take_outbox_init(&take, STORE_OUTBOX_TAKE_MAX + 1);
    assert_int_equal(store_run(store, &take.call), CELERIAC_ERR_VALUE);
}

/* The publication of a row. */
static struct uuid publication_of(const struct uuid *id)
{
    struct uuid task;
    const char *text = database_text(
        "SELECT task_id FROM celeriac.outbox WHERE notification_id = '%s'", database_show(id));
    assert_int_equal(uuid_parse(span_of(text), &task), CELERIAC_OK);
    return task;
}

static void delete_is_repeatable(void **state)
{
    (void)state;
    database_run("DELETE FROM celeriac.outbox");
    struct uuid gone = add_row("5 s");
    struct uuid task = publication_of(&gone);
    (void)add_row("5 s");
    struct store_delete_outbox del;
    for (int i = 0; i < 2; i++) {
        store_delete_outbox_init(&del, &gone, &task);
        assert_int_equal(store_run(store, &del.call), CELERIAC_OK);
        store_call_release(&del.call);
    }
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.outbox"), 1);
}

static void delete_leaves_later_publications(void **state)
{
    (void)state;
    database_run("DELETE FROM celeriac.outbox");
    struct uuid id = add_row("5 s");
    struct uuid task = publication_of(&id);
    database_run("UPDATE celeriac.outbox SET task_id = gen_random_uuid()");
    struct store_delete_outbox del;
    store_delete_outbox_init(&del, &id, &task);
    assert_int_equal(store_run(store, &del.call), CELERIAC_OK);
    store_call_release(&del.call);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.outbox"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(take_gives_rows_without_owner_once),
        cmocka_unit_test(the_size_is_that_of_what_is_due),
        cmocka_unit_test(rows_are_divided_between_sweepers),
        cmocka_unit_test(limit_is_checked),
        cmocka_unit_test(delete_is_repeatable),
        cmocka_unit_test(delete_leaves_later_publications),
    };
    return cmocka_run_group_tests(tests, stage_set_up, stage_tear_down);
}
