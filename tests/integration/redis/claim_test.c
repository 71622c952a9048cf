#include "tests/integration/redis/fixture.h"

#include <stdio.h>
#include <string.h>

static void takes_a_message_as_kombu_records_it(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *m = make_maintainer(f, "w1");
    struct cel_claimer *c = make_claimer(f, "w1", NULL, 0, NULL, 0);
    char buf[MESSAGE_MAX];
    char entry[MESSAGE_MAX + 64];
    enroll(m);
    struct span message = make_message(buf, "t.add", "tag-1", 0, 10);
    push_messages(f, "t.add", 1, 1);
    (void)snprintf(entry, sizeof entry, "[%.*s, \"\", \"celery\"]", SPAN_PRINTF(message));
    char same[MESSAGE_MAX];
    message = make_message(same, "t.add", "tag-1", 0, 100);
    (void)snprintf(entry, sizeof entry, "[%.*s, \"\", \"celery\"]", SPAN_PRINTF(message));

    struct cel_claim_batch batch = claim(c, 10);
    assert_int_equal(batch.count, 1);
    assert_true(span_is(batch.messages[0].tag, "tag-1"));
    assert_true(span_equal(batch.messages[0].envelope, message));
    assert_true(span_is(batch.messages[0].queue, "celery"));
    assert_int_equal(RUN_INT(f, "EXISTS", "celery"), 0);
    assert_reply(run(f, "HGET", "unacked", "tag-1", NULL), entry);
    assert_int_equal(RUN_INT(f, "ZCARD", "unacked_index"), 1);
    assert_int_equal(RUN_INT(f, "HLEN", "celeriac.own.w1"), 1);
    cel_claimer_destroy(c);
    cel_maintainer_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(takes_a_message_as_kombu_records_it, fixture_clear),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
