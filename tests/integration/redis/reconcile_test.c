/* celery_proto/redis/claim_reconcile.c: deliveries that a server remembers and the worker does not.
 */
#include "tests/integration/redis/fixture.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hashmap.h"
#include "celery_proto/redis/claim_reconcile.h"

/* The tags that the worker knows of, "tag-<first>" to "tag-<last>". */
static struct hashmap *tags_of(const char *const *tags, size_t count)
{
    static int any;
    struct hashmap *set = NULL;
    assert_ok(hashmap_create(&set));
    for (size_t i = 0; i < count; i++)
        assert_ok(hashmap_set(set, span_of(tags[i]), &any, NULL));
    return set;
}

/* Cuts all connections but the test's own; the claimer's next calls find that out. */
static void cut_connections(struct fixture *f, struct cel_claimer *claimer)
{
    struct cel_claim_batch batch;
    enum celeriac_err code = CELERIAC_ERR_UNAVAILABLE;
    run(f, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes", NULL);
    for (int i = 0; i < 10 && code != CELERIAC_OK; i++)
        code = cel_claim(claimer, 10, &batch, NULL);
    assert_ok(code);
    assert_int_equal(batch.count, 0);
}

static void puts_back_what_was_forgotten(void **state)
{
    struct fixture *f = *state;
    static const char *const known[] = {"tag-1", "tag-3", "tag-9"};
    struct cel_maintainer *maintainer = make_maintainer(f, "w1");
    struct cel_claimer *claimer = make_claimer(f, "w1", NULL, 0, NULL, 0);
    struct hashmap *tags = tags_of(known, 3);
    int64_t now = clock_monotonic_ns();
    size_t restored = 99;

    enroll(maintainer);
    push_messages(f, "t.add", 1, 3);
    assert_int_equal(claim(claimer, 10).count, 3);
    assert_true(cel_claim_reconcile_due(claimer, now) == INT64_MAX);

    cut_connections(f, claimer);
    assert_true(cel_claim_reconcile_due(claimer, now) == now);
    assert_ok(cel_claim_reconcile(claimer, tags, now, &restored, NULL));
    assert_int_equal(restored, 1);
    assert_int_equal(RUN_INT(f, "HLEN", "unacked"), 2);
    assert_int_equal(held_by(f, "w1"), 2);
    const struct redisReply *back = run(f, "LINDEX", "celery", "-1", NULL);
    assert_non_null(memmem(cel_reply_span(back).ptr, cel_reply_span(back).len, "tag-2", 5));
    assert_non_null(memmem(cel_reply_span(back).ptr, cel_reply_span(back).len, "redelivered", 11));

    /* Once more when other connections have had time to notice, and not again. */
    assert_true(cel_claim_reconcile_due(claimer, now) == now + CEL_RECONCILE_AGAIN_NS);
    now += CEL_RECONCILE_AGAIN_NS;
    assert_ok(cel_claim_reconcile(claimer, tags, now, &restored, NULL));
    assert_int_equal(restored, 0);
    assert_true(cel_claim_reconcile_due(claimer, now) == INT64_MAX);
    hashmap_destroy(tags, NULL);
    cel_claimer_destroy(claimer);
    cel_maintainer_destroy(maintainer);
}

static void stays_due_after_a_failure(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *maintainer = make_maintainer(f, "w1");
    struct cel_claimer *claimer = make_claimer(f, "w1", NULL, 0, NULL, 0);
    struct hashmap *tags = tags_of(NULL, 0);
    int64_t now = clock_monotonic_ns();
    size_t restored = 99;

    enroll(maintainer);
    push_messages(f, "t.add", 1, 1);
    assert_int_equal(claim(claimer, 10).count, 1);
    assert_true(cel_claim_reconcile_due(claimer, now) == INT64_MAX);
    cut_connections(f, claimer);
    run(f, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes", NULL);
    assert_int_equal(cel_claim_reconcile(claimer, tags, now, &restored, NULL),
                     CELERIAC_ERR_UNAVAILABLE);
    assert_int_equal(restored, 99);
    assert_true(cel_claim_reconcile_due(claimer, now) == now);
    assert_ok(cel_claim_reconcile(claimer, tags, now, &restored, NULL));
    assert_int_equal(restored, 1);
    mem_fail_at(1);
    assert_int_equal(cel_claim_reconcile(claimer, tags, now, &restored, NULL), CELERIAC_ERR_MEMORY);
    mem_fail_at(0);
    hashmap_destroy(tags, NULL);
    cel_claimer_destroy(claimer);
    cel_maintainer_destroy(maintainer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(puts_back_what_was_forgotten, fixture_clear),
        cmocka_unit_test_setup(stays_due_after_a_failure, fixture_clear),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
