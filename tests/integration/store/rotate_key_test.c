/* Keys that are replaced, and the watch over keys, against a real database. */
#include "tests/integration/store/stage.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "notify/store/api_keys.h"
#include "notify/store/key_watch.h"

/* Longest time for what a watch does by itself, in steps of STEP_MS. */
#define STEPS 400
#define STEP_MS 50

static struct store_digest random_digest(void)
{
    struct store_digest digest = {{0}};
    struct uuid u = database_uuid();

    memcpy(digest.bytes, u.bytes, sizeof u.bytes);
    return digest;
}

static int64_t make_key(const char *hash, bool is_test, struct store_digest *digest)
{
    struct store_create_key create;

    store_create_key_init(&create);
    create.tenant_id = tenant;
    create.name = SPAN("server");
    create.key_hash = span_of(hash);
    create.digest = *digest = random_digest();
    create.is_test = is_test;
    create.created_at_us = CREATED;
    assert_int_equal(store_run(store, &create.call), CELERIAC_OK);
    return create.key_id;
}

static struct store_rotate_key rotation_of(int64_t key_id, const char *hash, int64_t grace_seconds)
{
    struct store_rotate_key rotate;

    store_rotate_key_init(&rotate);
    rotate.tenant_id = tenant;
    rotate.old_id = key_id;
    rotate.key_hash = span_of(hash);
    rotate.digest = random_digest();
    rotate.grace_seconds = grace_seconds;
    rotate.created_at_us = CREATED;
    return rotate;
}

/* Rotates and releases the result but the new key's id. */
static enum celeriac_err rotate(int64_t key_id, const char *hash, int64_t grace_seconds)
{
    struct store_rotate_key call = rotation_of(key_id, hash, grace_seconds);
    enum celeriac_err rc = store_run(store, &call.call);

    store_call_release(&call.call);
    return rc;
}

static bool is_active(const struct store_digest *digest, int64_t *expires_in_us)
{
    struct store_find_key find;
    bool active;

    store_find_key_init(&find, digest);
    assert_int_equal(store_run(store, &find.call), CELERIAC_OK);
    active = find.key_is_active;
    *expires_in_us = find.expires_in_us;
    store_call_release(&find.call);
    return active;
}

static const char *row_of(int64_t key_id)
{
    return database_text("SELECT is_active FROM api_keys WHERE id = %lld", (long long)key_id);
}

static struct store_get_key look_at(int64_t key_id)
{
    struct store_get_key get;

    store_get_key_init(&get, &tenant, key_id);
    assert_int_equal(store_run(store, &get.call), CELERIAC_OK);
    store_call_release(&get.call);
    return get;
}

static void the_old_key_works_until_its_time_is_over(void **state)
{
    struct store_digest digest;
    int64_t key_id = make_key("rotate 1", true, &digest), left_us;
    struct store_rotate_key call = rotation_of(key_id, "rotate 1 new", 3600);

    (void)state;
    assert_true(is_active(&digest, &left_us));
    assert_true(left_us == STORE_NO_TIME);
    call.is_test = true;
    assert_int_equal(store_run(store, &call.call), CELERIAC_OK);
    assert_true(span_is(call.name, "server"));
    int64_t new_id = call.key_id, ends_us = call.old_ends_us;
    struct store_digest new_digest = call.digest;
    store_call_release(&call.call);
    assert_true(is_active(&digest, &left_us));
    assert_true(left_us > 0 && left_us <= INT64_C(3600000000));
    assert_true(is_active(&new_digest, &left_us));
    assert_true(left_us == STORE_NO_TIME);
    assert_true(look_at(new_id).is_mode_known && look_at(new_id).is_test);
    assert_true(look_at(new_id).is_replaceable && !look_at(key_id).is_replaceable);
    /* Again, as after a commit of unknown outcome. */
    assert_int_equal(store_run(store, &call.call), CELERIAC_OK);
    assert_true(call.key_id == new_id && call.old_ends_us == ends_us);
    store_call_release(&call.call);
    /* Once is enough. */
    assert_int_equal(rotate(key_id, "rotate 1 newer", 3600), CELERIAC_ERR_NOT_FOUND);
    assert_int_equal(
        database_number("SELECT count(*) FROM api_keys WHERE key_hash = 'rotate 1 newer'"), 0);
    /* Time passes: the look-up refuses it before anybody has changed its row. */
    database_run("UPDATE celeriac.key_expiries SET expires_at = now() WHERE api_key_id = %lld",
                 (long long)key_id);
    assert_false(is_active(&digest, &left_us));
    assert_string_equal(row_of(key_id), "t");
}

static void without_grace_it_ends_at_once(void **state)
{
    struct store_digest digest;
    int64_t key_id = make_key("rotate 2", false, &digest), left_us;

    (void)state;
    assert_int_equal(rotate(key_id, "rotate 2 new", 0), CELERIAC_OK);
    assert_false(is_active(&digest, &left_us));
    assert_string_equal(row_of(key_id), "f");
}

static void only_a_key_that_is_there_is_replaced(void **state)
{
    struct store_digest digest;
    int64_t key_id = make_key("rotate 3", false, &digest);
    struct store_rotate_key call = rotation_of(key_id, "rotate 3 new", 1);
    struct store_get_key get;

    (void)state;
    call.tenant_id = database_tenant();
    assert_int_equal(store_run(store, &call.call), CELERIAC_ERR_NOT_FOUND);
    store_get_key_init(&get, &call.tenant_id, key_id);
    assert_int_equal(store_run(store, &get.call), CELERIAC_ERR_NOT_FOUND);
    assert_int_equal(rotate(INT64_MAX, "rotate 3 new", 1), CELERIAC_ERR_NOT_FOUND);
    assert_int_equal(rotate(key_id, "rotate 3 new", -1), CELERIAC_ERR_VALUE);
    assert_int_equal(rotate(key_id, "rotate 3 new", STORE_KEY_GRACE_MAX + 1), CELERIAC_ERR_VALUE);
    assert_int_equal(rotate(key_id, "", 1), CELERIAC_ERR_VALUE);
    database_run("UPDATE api_keys SET is_active = false WHERE id = %lld", (long long)key_id);
    assert_false(look_at(key_id).is_replaceable);
    assert_int_equal(rotate(key_id, "rotate 3 new", 1), CELERIAC_ERR_NOT_FOUND);
    database_run("UPDATE api_keys SET is_active = true WHERE id = %lld", (long long)key_id);
    assert_int_equal(rotate(key_id, "rotate 3 new", STORE_KEY_GRACE_MAX), CELERIAC_OK);
}

static void two_at_once_make_one(void **state)
{
    (void)state;
    struct store *other = database_store(NULL);
    for (int i = 0; i < 20; i++) {
        char hashes[3][40];
        struct store_digest digest;
        enum celeriac_err rcs[2];

        for (int k = 0; k < 3; k++)
            (void)snprintf(hashes[k], sizeof hashes[k], "race %d %d", i, k);
        int64_t key_id = make_key(hashes[0], false, &digest);
        struct store_rotate_key a = rotation_of(key_id, hashes[1], 60);
        struct store_rotate_key b = rotation_of(key_id, hashes[2], 60);
        database_race(store, &a.call, other, &b.call, rcs);
        assert_int_equal((rcs[0] == CELERIAC_OK) + (rcs[1] == CELERIAC_OK), 1);
        assert_int_equal((rcs[0] == CELERIAC_ERR_NOT_FOUND) + (rcs[1] == CELERIAC_ERR_NOT_FOUND),
                         1);
        store_call_release(&a.call);
        store_call_release(&b.call);
    }
    store_destroy(other);
}

/* What a watch has told. */
struct told {
    pthread_mutex_t lock;
    unsigned changes;
    unsigned begins, ends;
};

static void on_changed(void *context)
{
    struct told *t = context;

    pthread_mutex_lock(&t->lock);
    t->changes++;
    pthread_mutex_unlock(&t->lock);
}

static void on_watching(void *context, bool is_watching)
{
    struct told *t = context;

    pthread_mutex_lock(&t->lock);
    t->begins += is_watching;
    t->ends += !is_watching;
    pthread_mutex_unlock(&t->lock);
}

static void await(struct told *t, const unsigned *number, unsigned wanted)
{
    for (int i = 0; i < STEPS; i++) {
        pthread_mutex_lock(&t->lock);
        bool is_there = *number >= wanted;
        pthread_mutex_unlock(&t->lock);
        if (is_there)
            return;
        database_sleep_ms(STEP_MS);
    }
    fail_msg("the watch did not tell");
}

static struct store_key_watch *watch(struct told *t)
{
    const struct store_key_watch_options options = {.server = database_server(),
                                                    .changed = on_changed,
                                                    .watching = on_watching,
                                                    .context = t,
                                                    .sweep_ms = 50};
    struct store_key_watch *made = NULL;

    assert_int_equal(store_key_watch_create(&options, &made, NULL), CELERIAC_OK);
    return made;
}

static void changes_are_told(void **state)
{
    struct told a = {.lock = PTHREAD_MUTEX_INITIALIZER}, b = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct store_key_watch *first, *second;
    struct store_deactivate_key off;
    struct store_digest digest;

    (void)state;
    /* What other tests have left would be told, too. */
    database_run("DELETE FROM celeriac.key_expiries");
    first = watch(&a);
    second = watch(&b);
    await(&a, &a.begins, 1);
    await(&b, &b.begins, 1);
    int64_t key_id = make_key("told 1", false, &digest);
    store_deactivate_key_init(&off, &tenant, key_id);
    assert_int_equal(store_run(store, &off.call), CELERIAC_OK);
    await(&a, &a.changes, 1);
    await(&b, &b.changes, 1);
    key_id = make_key("told 2", false, &digest);
    assert_int_equal(rotate(key_id, "told 2 new", 60), CELERIAC_OK);
    await(&a, &a.changes, 2);
    await(&b, &b.changes, 2);
    /* And so is the end of its time, which one of the two brings about in the row. */
    database_run("UPDATE celeriac.key_expiries SET expires_at = now() WHERE api_key_id = %lld",
                 (long long)key_id);
    await(&a, &a.changes, 3);
    await(&b, &b.changes, 3);
    assert_string_equal(row_of(key_id), "f");
    assert_int_equal(
        database_number("SELECT count(*) FROM celeriac.key_expiries WHERE api_key_id = %lld",
                        (long long)key_id),
        0);
    store_key_watch_destroy(first);
    store_key_watch_destroy(second);
    assert_int_equal(a.ends, 1);
    store_key_watch_destroy(NULL);
}

/* Only the key that was replaced: a row that has its id by now is another's. */
static void a_row_that_took_its_place_stays(void **state)
{
    struct told t = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct store_digest digest;
    int64_t key_id = make_key("place 1", false, &digest);

    (void)state;
    assert_int_equal(rotate(key_id, "place 1 new", 60), CELERIAC_OK);
    database_run("UPDATE api_keys SET key_hash = 'somebody else' WHERE id = %lld",
                 (long long)key_id);
    database_run("UPDATE celeriac.key_expiries SET expires_at = now()");
    struct store_key_watch *w = watch(&t);
    for (int i = 0; i < STEPS && database_number("SELECT count(*) FROM celeriac.key_expiries"); i++)
        database_sleep_ms(STEP_MS);
    assert_int_equal(database_number("SELECT count(*) FROM celeriac.key_expiries"), 0);
    assert_string_equal(row_of(key_id), "t");
    store_key_watch_destroy(w);
}

static void a_lost_connection_is_told(void **state)
{
    struct told t = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct store_key_watch *w = watch(&t);
    struct store_deactivate_key off;
    struct store_digest digest;

    (void)state;
    await(&t, &t.begins, 1);
    database_run_as_admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                          " WHERE application_name = 'celeriac-keys'");
    await(&t, &t.ends, 1);
    await(&t, &t.begins, 2);
    int64_t key_id = make_key("lost 1", false, &digest);
    store_deactivate_key_init(&off, &tenant, key_id);
    assert_int_equal(store_run(store, &off.call), CELERIAC_OK);
    await(&t, &t.changes, 1);
    /* A server that is silent is as good as lost. */
    database_tell("freeze");
    await(&t, &t.ends, 2);
    database_tell("thaw");
    await(&t, &t.begins, 3);
    store_key_watch_destroy(w);
}

static void a_bad_server_is_refused(void **state)
{
    static const char *const keywords[] = {"dbname", NULL}, *const values[] = {"nonsense=", NULL};
    const struct store_key_watch_options options = {.server = {keywords, values}};
    struct store_key_watch *w = NULL;

    (void)state;
    assert_int_not_equal(store_key_watch_create(&options, &w, NULL), CELERIAC_OK);
    assert_null(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_old_key_works_until_its_time_is_over),
        cmocka_unit_test(without_grace_it_ends_at_once),
        cmocka_unit_test(only_a_key_that_is_there_is_replaced),
        cmocka_unit_test(two_at_once_make_one),
        cmocka_unit_test(changes_are_told),
        cmocka_unit_test(a_row_that_took_its_place_stays),
        cmocka_unit_test(a_lost_connection_is_told),
        cmocka_unit_test(a_bad_server_is_refused),
    };
    return cmocka_run_group_tests(tests, stage_set_up, stage_tear_down);
}
