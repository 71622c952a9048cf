/* worker/revoked.c: checklist lines 46 and 86, and the file of --statedb. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "tests/support/scratch.h"
#include "worker/revoked.h"

#define NOW (INT64_C(1795379699) * US_PER_SEC)

struct fixture {
    char path[SCRATCH_PATH_SIZE];
    struct cel_revoked *set;
};

static int set_up(void **state)
{
    struct fixture *f = mem_calloc(1, sizeof *f);

    assert_non_null(f);
    scratch_path(f->path, "state");
    assert_int_equal(cel_revoked_create(f->path, &f->set), CELERIAC_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    cel_revoked_destroy(f->set);
    unlink(f->path);
    mem_free(f);
    return 0;
}

struct walk {
    size_t count;
    char ids[8][32];
};

static bool note(void *context, struct span id, int64_t since_us)
{
    struct walk *walk = context;

    assert_true(since_us > 0);
    snprintf(walk->ids[walk->count], sizeof walk->ids[0], "%.*s", SPAN_PRINTF(id));
    return ++walk->count < 8;
}

static void keeps_ids_for_their_time(void **state)
{
    struct fixture *f = *state;
    struct walk walk = {0};

    assert_false(cel_revoked_has(f->set, SPAN("a"), NOW));
    assert_int_equal(cel_revoked_add(f->set, SPAN("a"), NOW), CELERIAC_OK);
    assert_int_equal(cel_revoked_add(f->set, SPAN("b"), NOW + 1), CELERIAC_OK);
    assert_int_equal(cel_revoked_add(f->set, SPAN("c"), NOW - 1), CELERIAC_OK);
    assert_int_equal(cel_revoked_add(f->set, SPAN("a"), NOW + 2), CELERIAC_OK);
    assert_int_equal(cel_revoked_count(f->set), 3);
    cel_revoked_each(f->set, note, &walk);
    assert_int_equal(walk.count, 3);
    assert_string_equal(walk.ids[0], "c");
    assert_string_equal(walk.ids[1], "b");
    assert_string_equal(walk.ids[2], "a");

    /* The last microsecond of its time, and the first after it. */
    assert_true(cel_revoked_has(f->set, SPAN("b"), NOW + 1 + CEL_REVOKED_EXPIRES_S * US_PER_SEC));
    assert_false(cel_revoked_has(f->set, SPAN("b"), NOW + 2 + CEL_REVOKED_EXPIRES_S * US_PER_SEC));
    assert_int_equal(
        cel_revoked_add(f->set, SPAN("d"), NOW + 2 + CEL_REVOKED_EXPIRES_S * US_PER_SEC),
        CELERIAC_OK);
    assert_int_equal(cel_revoked_count(f->set), 2);
}

static void refuses_what_is_no_id(void **state)
{
    static char longest[CEL_REVOKED_ID_MAX + 1];
    struct fixture *f = *state;

    memset(longest, 'x', sizeof longest);
    assert_int_equal(cel_revoked_add(f->set, SPAN(""), NOW), CELERIAC_ERR_VALUE);
    assert_int_equal(cel_revoked_add(f->set, SPAN("\xff"), NOW), CELERIAC_ERR_VALUE);
    assert_int_equal(cel_revoked_add(f->set, (struct span){longest, sizeof longest}, NOW),
                     CELERIAC_ERR_VALUE);
    assert_int_equal(cel_revoked_add(f->set, (struct span){longest, sizeof longest - 1}, NOW),
                     CELERIAC_OK);
    assert_int_equal(cel_revoked_count(f->set), 1);
}

static void the_oldest_go_when_there_are_too_many(void **state)
{
    struct fixture *f = *state;
    char id[32];

    for (int i = 0; i <= CEL_REVOKED_MAX; i++) {
        snprintf(id, sizeof id, "id-%d", i);
        assert_int_equal(cel_revoked_add(f->set, span_of(id), NOW + i), CELERIAC_OK);
    }
    assert_int_equal(cel_revoked_count(f->set), CEL_REVOKED_MAX);
    assert_false(cel_revoked_has(f->set, SPAN("id-0"), NOW));
    assert_true(cel_revoked_has(f->set, SPAN("id-1"), NOW));
}

static void checklist_86_stamps_revoke(void **state)
{
    struct fixture *f = *state;
    struct cel_task_message m = {.id = SPAN("i"),
                                 .stamped_headers = SPAN("[\"tenant\", \"n\"]"),
                                 .stamps = SPAN("{\"tenant\": \"a\\u0063me\", \"n\": [1, 2.5]}")};

    assert_false(cel_revoked_has_message(f->set, &m, NOW));
    assert_int_equal(cel_revoked_add_stamp(f->set, SPAN("tenant"), SPAN("\"other\"")), CELERIAC_OK);
    assert_int_equal(cel_revoked_add_stamp(f->set, SPAN("n"), SPAN("\"1\"")), CELERIAC_OK);
    assert_false(cel_revoked_has_message(f->set, &m, NOW));
    assert_int_equal(cel_revoked_add_stamp(f->set, SPAN("n"), SPAN("2.5")), CELERIAC_OK);
    assert_true(cel_revoked_has_message(f->set, &m, NOW));
    m.stamps = SPAN("{\"tenant\": \"a\\u0063me\"}");
    assert_false(cel_revoked_has_message(f->set, &m, NOW));
    assert_int_equal(cel_revoked_add_stamp(f->set, SPAN("tenant"), SPAN("\"acme\"")), CELERIAC_OK);
    assert_true(cel_revoked_has_message(f->set, &m, NOW));
    /* A stamp that is not among the stamped headers is none. */
    m.stamped_headers = SPAN("[]");
    assert_false(cel_revoked_has_message(f->set, &m, NOW));
    assert_int_equal(cel_revoked_add_stamp(f->set, SPAN("n"), SPAN("no json")), CELERIAC_ERR_VALUE);
    assert_int_equal(cel_revoked_add(f->set, SPAN("i"), NOW), CELERIAC_OK);
    assert_true(cel_revoked_has_message(f->set, &m, NOW));
}

static void survives_in_its_file(void **state)
{
    struct fixture *f = *state;
    struct cel_revoked *next = NULL;

    /* None yet: an empty set. Nothing changed: nothing written. */
    assert_int_equal(cel_revoked_load(f->set, NOW, NULL), CELERIAC_OK);
    assert_int_equal(cel_revoked_save(f->set, NULL), CELERIAC_OK);
    assert_int_not_equal(access(f->path, F_OK), 0);

    assert_int_equal(cel_revoked_add(f->set, SPAN("plain"), NOW), CELERIAC_OK);
    assert_int_equal(cel_revoked_add(f->set, SPAN("with \"quotes\"\n\xc3\xa9"), NOW + 7),
                     CELERIAC_OK);
    assert_int_equal(cel_revoked_save(f->set, NULL), CELERIAC_OK);
    assert_int_equal(cel_revoked_create(f->path, &next), CELERIAC_OK);
    assert_int_equal(cel_revoked_load(next, NOW + 10, NULL), CELERIAC_OK);
    assert_int_equal(cel_revoked_count(next), 2);
    assert_true(cel_revoked_has(next, SPAN("with \"quotes\"\n\xc3\xa9"), NOW));
    cel_revoked_destroy(next);

    assert_int_equal(cel_revoked_create(f->path, &next), CELERIAC_OK);
    assert_int_equal(cel_revoked_load(next, NOW + 8 + CEL_REVOKED_EXPIRES_S * US_PER_SEC, NULL),
                     CELERIAC_OK);
    assert_int_equal(cel_revoked_count(next), 0);
    cel_revoked_destroy(next);
}

static void survives_every_failing_allocation(void **state)
{
    struct fixture *f = *state;
    bool failed = true;

    assert_int_equal(cel_revoked_add(f->set, SPAN("kept"), NOW), CELERIAC_OK);
    assert_int_equal(cel_revoked_save(f->set, NULL), CELERIAC_OK);
    for (size_t n = 1; failed; n++) {
        struct cel_revoked *set = NULL;
        enum celeriac_err code;

        mem_fail_at(n);
        code = cel_revoked_create(f->path, &set);
        if (code == CELERIAC_OK)
            code = cel_revoked_load(set, NOW, NULL);
        if (code == CELERIAC_OK)
            code = cel_revoked_add(set, SPAN("one"), NOW);
        if (code == CELERIAC_OK)
            code = cel_revoked_add_stamp(set, SPAN("s"), SPAN("1"));
        if (code == CELERIAC_OK)
            code = cel_revoked_save(set, NULL);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        cel_revoked_destroy(set);
    }
    cel_revoked_destroy(NULL);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keeps_ids_for_their_time),
        TEST(refuses_what_is_no_id),
        TEST(the_oldest_go_when_there_are_too_many),
        TEST(checklist_86_stamps_revoke),
        TEST(survives_in_its_file),
        TEST(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
