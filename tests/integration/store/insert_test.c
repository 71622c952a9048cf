/* Batches and idempotency keys, against a real database; notifications_test.c has the single row.
 */
#include "tests/integration/store/stage.h"

#include <string.h>

#include "notify/store/insert.h"
#include "notify/store/outbox.h"

#define ROWS 5

static struct store_new_notification new_row(void)
{
    struct store_new_notification row;
    store_new_notification_init(&row);
    row.id = database_uuid();
    row.task_id = database_uuid();
    row.created_at_us = CREATED;
    row.channel = SPAN("sms");
    row.to = SPAN("+1234567890");
    row.data = SPAN("{}");
    return row;
}

/* A request with a key; its digest is that of the number. */
static struct store_insert_notification keyed(const char *key, uint8_t digest)
{
    struct store_insert_notification in;
    store_insert_notification_init(&in);
    in.tenant_id = tenant;
    in.row = new_row();
    in.idempotency.key = span_of(key);
    memset(in.idempotency.digest.bytes, digest, sizeof in.idempotency.digest.bytes);
    in.idempotency.document = SPAN("{\"id\":1}");
    return in;
}

static int64_t rows_of(const struct uuid *id)
{
    return database_number("SELECT (SELECT count(*) FROM notifications WHERE id = '%s')"
                           " + (SELECT count(*) FROM celeriac.outbox WHERE notification_id = '%s')",
                           database_show(id), database_show(id));
}

static void the_first_request_is_done_and_its_repeat_answered(void **state)
{
    (void)state;
    struct store_insert_notification first = keyed("again", 1);
    struct store_insert_notification same = keyed("again", 1);
    struct store_insert_notification other = keyed("again", 2);
    assert_int_equal(store_run(store, &first.call), CELERIAC_OK);
    assert_int_equal(first.idempotency.repeat, STORE_REPEAT_NONE);
    assert_int_equal(rows_of(&first.row.id), 2);
    same.idempotency.document = SPAN("another");
    assert_int_equal(store_run(store, &same.call), CELERIAC_OK);
    assert_int_equal(same.idempotency.repeat, STORE_REPEAT_SAME);
    assert_true(span_is(same.idempotency.answer, "{\"id\":1}"));
    assert_int_equal(rows_of(&same.row.id), 0);
    assert_int_equal(store_run(store, &other.call), CELERIAC_OK);
    assert_int_equal(other.idempotency.repeat, STORE_REPEAT_OTHER);
    assert_int_equal(rows_of(&other.row.id), 0);
    store_call_release(&same.call);
    store_call_release(&other.call);
    /* A commit whose answer was lost: the same call finds that it was itself. */
    assert_int_equal(store_run(store, &first.call), CELERIAC_OK);
    assert_int_equal(first.idempotency.repeat, STORE_REPEAT_NONE);
    assert_int_equal(rows_of(&first.row.id), 2);
}

static void headers_are_kept_and_bounded(void **state)
{
    char longest[STORE_HEADERS_MAX + 2];
    struct store_take_outbox take;
    struct store_insert_notification in;
    (void)state;
    database_run("DELETE FROM celeriac.outbox");
    memset(longest, ' ', sizeof longest);
    longest[0] = '{';
    for (size_t len = STORE_HEADERS_MAX; len <= STORE_HEADERS_MAX + 1; len++) {
        bool fits = len == STORE_HEADERS_MAX;
        store_insert_notification_init(&in);
        in.tenant_id = tenant;
        in.row = new_row();
        longest[len - 1] = '}';
        in.row.headers = (struct span){longest, len};
        assert_int_equal(store_run(store, &in.call), fits ? CELERIAC_OK : CELERIAC_ERR_VALUE);
        store_call_release(&in.call);
        longest[len - 1] = ' ';
    }
    database_run("UPDATE celeriac.outbox SET claimed_until = now()");
    store_take_outbox_init(&take, 10);
    assert_int_equal(store_run(store, &take.call), CELERIAC_OK);
    assert_int_equal(take.count, 1);
    assert_int_equal(take.rows[0].headers.len, STORE_HEADERS_MAX);
    assert_int_equal(take.rows[0].headers.ptr[STORE_HEADERS_MAX], '\0');
    store_call_release(&take.call);
}

static void keys_are_a_tenants_own(void **state)
{
    (void)state;
    struct store_insert_notification ours = keyed("mine", 1);
    struct store_insert_notification theirs = keyed("mine", 2);
    theirs.tenant_id = database_tenant();
    assert_int_equal(store_run(store, &ours.call), CELERIAC_OK);
    assert_int_equal(store_run(store, &theirs.call), CELERIAC_OK);
    assert_int_equal(theirs.idempotency.repeat, STORE_REPEAT_NONE);
    assert_int_equal(rows_of(&theirs.row.id), 2);
}

/* Two processes at once, many times: always one of them wins, and the other knows. */
static void a_race_has_one_winner(void **state)
{
    (void)state;
    struct store *second_store = database_store(NULL);
    char key[] = "race 00";
    for (int round = 0; round < 50; round++) {
        enum celeriac_err rcs[2];
        key[5] = (char)('0' + round / 10);
        key[6] = (char)('0' + round % 10);
        struct store_insert_notification a = keyed(key, 1);
        struct store_insert_notification b = keyed(key, 1);
        database_race(store, &a.call, second_store, &b.call, rcs);
        assert_int_equal(rcs[0], CELERIAC_OK);
        assert_int_equal(rcs[1], CELERIAC_OK);
        bool a_won = a.idempotency.repeat == STORE_REPEAT_NONE;
        assert_int_equal(a_won ? b.idempotency.repeat : a.idempotency.repeat, STORE_REPEAT_SAME);
        assert_int_equal(rows_of(a_won ? &a.row.id : &b.row.id), 2);
        assert_int_equal(rows_of(a_won ? &b.row.id : &a.row.id), 0);
        store_call_release(&a.call);
        store_call_release(&b.call);
    }
    store_destroy(second_store);
}

static void failed_requests_leave_their_key_free(void **state)
{
    (void)state;
    struct store_insert_notification bad = keyed("failed", 1);
    struct store_insert_notification good = keyed("failed", 2);
    bad.row.template_id = INT64_C(987654321);
    assert_int_equal(store_run(store, &bad.call), CELERIAC_ERR_VALUE);
    assert_int_equal(store_run(store, &good.call), CELERIAC_OK);
    assert_int_equal(good.idempotency.repeat, STORE_REPEAT_NONE);
    assert_int_equal(rows_of(&good.row.id), 2);
}

static void find_answers_without_doing_anything(void **state)
{
    (void)state;
    struct store_insert_notification first = keyed("find", 1);
    assert_int_equal(store_run(store, &first.call), CELERIAC_OK);
    static const enum store_repeat expected[] = {STORE_REPEAT_NONE, STORE_REPEAT_SAME,
                                                 STORE_REPEAT_OTHER};
    for (size_t i = 0; i < 3; i++) {
        struct store_find_answer find;
        store_find_answer_init(&find, &tenant);
        find.idempotency = keyed(i == 0 ? "unknown" : "find", (uint8_t)i).idempotency;
        assert_int_equal(store_run(store, &find.call), CELERIAC_OK);
        assert_int_equal(find.idempotency.repeat, expected[i]);
        if (i == 1)
            assert_true(span_is(find.idempotency.answer, "{\"id\":1}"));
        store_call_release(&find.call);
    }
}

static void old_keys_are_swept(void **state)
{
    (void)state;
    database_run("DELETE FROM celeriac.idempotency_keys");
    database_run("INSERT INTO celeriac.idempotency_keys SELECT '%s', 'old ' || n,"
                 " gen_random_uuid(), '', '', now() - n * interval '1 hour'"
                 " FROM generate_series(20, 30) n",
                 database_show(&tenant));
    struct store_sweep_answers sweep;
    store_sweep_answers_init(&sweep, 4);
    assert_int_equal(store_run(store, &sweep.call), CELERIAC_OK);
    assert_string_equal(database_text("SELECT min(key) || ' ' || max(key)"
                                      " FROM celeriac.idempotency_keys"),
                        "old 20 old 26");
    assert_int_equal(sweep.removed, 4);
    assert_int_equal(store_run(store, &sweep.call), CELERIAC_OK);
    assert_int_equal(sweep.removed, 3);
    assert_int_equal(store_run(store, &sweep.call), CELERIAC_OK);
    assert_int_equal(sweep.removed, 0);
    /* 24 was a few milliseconds older than a day. */
    assert_string_equal(database_text("SELECT max(key) FROM celeriac.idempotency_keys"), "old 23");
    for (uint32_t limit = 0; limit <= STORE_SWEEP_ANSWERS_MAX + 1;
         limit += STORE_SWEEP_ANSWERS_MAX + 1) {
        store_sweep_answers_init(&sweep, limit);
        assert_int_equal(store_run(store, &sweep.call), CELERIAC_ERR_VALUE);
    }
}

static void long_keys_and_documents_are_refused(void **state)
{
    (void)state;
    char text[STORE_IDEMPOTENCY_KEY_MAX + 2];
    memset(text, 'k', sizeof text);
    text[STORE_IDEMPOTENCY_KEY_MAX + 1] = '\0';
    struct store_insert_notification in = keyed(text, 1);
    assert_int_equal(store_run(store, &in.call), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(in.call.error.text, "idempotency key: more than 255"));
    text[STORE_IDEMPOTENCY_KEY_MAX] = '\0';
    in = keyed(text, 1);
    assert_int_equal(store_run(store, &in.call), CELERIAC_OK);
    in = keyed("no document", 1);
    in.idempotency.document = SPAN("");
    assert_int_equal(store_run(store, &in.call), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(in.call.error.text, "document: "));
}

static void fill(struct store_new_notification rows[ROWS])
{
    for (size_t i = 0; i < ROWS; i++)
        rows[i] = new_row();
}

static int64_t present(const struct store_new_notification rows[ROWS])
{
    int64_t count = 0;
    for (size_t i = 0; i < ROWS; i++)
        count += rows_of(&rows[i].id);
    return count;
}

static void a_batch_is_inserted_as_a_whole(void **state)
{
    (void)state;
    struct store_new_notification rows[ROWS];
    struct store_insert_batch batch;
    fill(rows);
    rows[2].data = SPAN("{\"a\": 1}");
    rows[3].template_id = database_template(&tenant, "batch", "body");
    store_insert_batch_init(&batch, &tenant);
    batch.rows = rows;
    batch.count = ROWS;
    assert_int_equal(store_run(store, &batch.call), CELERIAC_OK);
    assert_int_equal(present(rows), 2 * ROWS);
    assert_string_equal(
        database_text("SELECT data FROM notifications WHERE id = '%s'", database_show(&rows[2].id)),
        "{\"a\": 1}");
    assert_int_equal(database_number("SELECT template_id FROM notifications WHERE id = '%s'",
                                     database_show(&rows[3].id)),
                     rows[3].template_id);
    /* Again, after a commit that was not heard of. */
    assert_int_equal(store_run(store, &batch.call), CELERIAC_OK);
    assert_int_equal(present(rows), 2 * ROWS);
    /* One row that the database refuses: none is inserted. */
    fill(rows);
    rows[4].template_id = INT64_C(987654321);
    assert_int_equal(store_run(store, &batch.call), CELERIAC_ERR_VALUE);
    assert_int_equal(present(rows), 0);
}

static void batches_have_limits(void **state)
{
    (void)state;
    struct store_new_notification rows[ROWS];
    struct store_insert_batch batch;
    fill(rows);
    store_insert_batch_init(&batch, &tenant);
    batch.rows = rows;
    assert_int_equal(store_run(store, &batch.call), CELERIAC_ERR_VALUE);
    batch.count = STORE_BATCH_INSERT_MAX + 1;
    assert_int_equal(store_run(store, &batch.call), CELERIAC_ERR_VALUE);
    batch.count = ROWS;
    rows[4].to = SPAN("");
    assert_int_equal(store_run(store, &batch.call), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(batch.call.error.text, "to: "));
}

static void a_batch_with_a_key_is_done_once(void **state)
{
    (void)state;
    struct store_new_notification rows[2][ROWS];
    for (size_t i = 0; i < 2; i++) {
        struct store_insert_batch batch;
        fill(rows[i]);
        store_insert_batch_init(&batch, &tenant);
        batch.rows = rows[i];
        batch.count = ROWS;
        batch.idempotency = keyed("batch", 1).idempotency;
        /* The second is repeated itself as well: that makes no difference. */
        for (size_t repeat = 0; repeat <= i; repeat++) {
            assert_int_equal(store_run(store, &batch.call), CELERIAC_OK);
            assert_int_equal(batch.idempotency.repeat,
                             i == 0 ? STORE_REPEAT_NONE : STORE_REPEAT_SAME);
            store_call_release(&batch.call);
        }
        assert_int_equal(present(rows[i]), i == 0 ? 2 * ROWS : 0);
    }
}

/* What is to be sent later is nobody's until its time; then it carries its eta. */
static void later_ones_wait_in_the_outbox(void **state)
{
    (void)state;
    struct store_insert_notification in = keyed("later", 1);
    struct store_take_outbox take;
    database_run("DELETE FROM celeriac.outbox");
    in.row.eta_us = CREATED + INT64_C(31536000) * 1000000;
    in.row.publish_at_us = in.row.eta_us - 60 * 1000000;
    assert_int_equal(store_run(store, &in.call), CELERIAC_OK);
    store_take_outbox_init(&take, STORE_OUTBOX_TAKE_MAX);
    assert_int_equal(store_run(store, &take.call), CELERIAC_OK);
    assert_int_equal(take.count, 0);
    store_call_release(&take.call);
    assert_string_equal(database_text("SELECT eta - claimed_until FROM celeriac.outbox"),
                        "00:01:00");
    database_run("UPDATE celeriac.outbox SET claimed_until = now()");
    assert_int_equal(store_run(store, &take.call), CELERIAC_OK);
    assert_int_equal(take.count, 1);
    assert_true(take.rows[0].eta_us == in.row.eta_us);
    store_call_release(&take.call);
}

/* What nobody is to send is there as sent, beside others of the same statement. */
static void simulated_ones_are_sent_already(void **state)
{
    (void)state;
    struct store_insert_notification in = keyed("simulated", 1);
    in.row.simulated_at_us = CREATED;
    assert_int_equal(store_run(store, &in.call), CELERIAC_OK);
    assert_string_equal(
        database_text("SELECT concat_ws('|', status, sent_at = created_at, provider_response ->>"
                      " 'provider', (SELECT count(*) FROM celeriac.outbox WHERE notification_id ="
                      " x.id)) FROM notifications x WHERE id = '%s'",
                      database_show(&in.row.id)),
        "sent|t|simulated|0");
}

/* Both statements make the same of a row, whatever is in it. */
static void a_key_changes_nothing_in_the_rows(void **state)
{
    (void)state;
    struct store_insert_notification full = keyed("the same", 1);
    struct store_insert_notification bare = keyed("the same, bare", 1);
    full.row.eta_us = CREATED + 1000000;
    full.row.publish_at_us = CREATED + 2000000;
    full.row.headers = SPAN("{\"traceparent\":\"00-1\"}");
    struct store_insert_notification *each[] = {&full, &bare};
    for (size_t i = 0; i < 2; i++) {
        struct store_insert_notification without = *each[i];
        without.idempotency.key = SPAN("");
        without.row.id = database_uuid();
        without.row.task_id = database_uuid();
        assert_int_equal(store_run(store, &each[i]->call), CELERIAC_OK);
        assert_int_equal(store_run(store, &without.call), CELERIAC_OK);
        assert_int_equal(rows_of(&without.row.id), 2);
        assert_int_equal(
            database_number("SELECT count(DISTINCT to_jsonb(n) - 'id') FROM notifications n"
                            " WHERE id IN ('%s', '%s')",
                            database_show(&each[i]->row.id), database_show(&without.row.id)),
            1);
        assert_int_equal(
            database_number(
                "SELECT count(DISTINCT to_jsonb(o) - 'notification_id' - 'task_id' - '%s')"
                " FROM celeriac.outbox o WHERE notification_id IN ('%s', '%s')",
                i == 0 ? "" : "claimed_until", /* now() when nothing is said */
                database_show(&each[i]->row.id), database_show(&without.row.id)),
            1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_request_is_done_and_its_repeat_answered),
        cmocka_unit_test(headers_are_kept_and_bounded),
        cmocka_unit_test(keys_are_a_tenants_own),
        cmocka_unit_test(a_race_has_one_winner),
        cmocka_unit_test(failed_requests_leave_their_key_free),
        cmocka_unit_test(find_answers_without_doing_anything),
        cmocka_unit_test(old_keys_are_swept),
        cmocka_unit_test(long_keys_and_documents_are_refused),
        cmocka_unit_test(a_batch_is_inserted_as_a_whole),
        cmocka_unit_test(batches_have_limits),
        cmocka_unit_test(a_batch_with_a_key_is_done_once),
        cmocka_unit_test(later_ones_wait_in_the_outbox),
        cmocka_unit_test(simulated_ones_are_sent_already),
        cmocka_unit_test(a_key_changes_nothing_in_the_rows),
    };
    return cmocka_run_group_tests(tests, stage_set_up, stage_tear_down);
}
