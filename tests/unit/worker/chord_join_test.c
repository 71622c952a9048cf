/* worker/chord_join.c, its pure half: checklist lines 73 and 74. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "worker/chord_join.h"

struct texts {
    struct strbuf results, why;
};

static enum celeriac_err add(struct texts *t, const char *document, size_t len)
{
    strbuf_init(&t->results, 4096);
    strbuf_init(&t->why, 4096);
    return cel_chord_add_part((struct span){document, len}, true, &t->results, &t->why);
}

static void done(struct texts *t)
{
    strbuf_close(&t->results);
    strbuf_close(&t->why);
}

static void results_keep_their_bytes(void **state)
{
    struct texts t;

    (void)state;
    strbuf_init(&t.results, 4096);
    strbuf_init(&t.why, 4096);
    assert_int_equal(
        cel_chord_add_part(SPAN("[1, \"a\", \"SUCCESS\", {\"x\":NaN}]"), true, &t.results, &t.why),
        CELERIAC_OK);
    assert_int_equal(
        cel_chord_add_part(SPAN("[1, \"b\", \"SUCCESS\", null]"), false, &t.results, &t.why),
        CELERIAC_OK);
    assert_string_equal(strbuf_text(&t.results), "{\"x\":NaN}, null");
    assert_string_equal(strbuf_text(&t.why), "");
    done(&t);
}

static void checklist_74_says_who_failed_and_how(void **state)
{
    static const char *const parts[][2] = {
        {"[1, \"id\", \"FAILURE\", {\"exc_type\": \"ValueError\", \"exc_message\": [\"kaboom\", "
         "3], "
         "\"exc_module\": \"builtins\"}]",
         "Dependency id raised ValueError('kaboom', 3)"},
        {"[1, \"id\", \"REVOKED\", {\"exc_type\": \"TaskRevokedError\", \"exc_message\": "
         "[\"expired\"], \"exc_module\": \"celery.exceptions\"}]",
         "Dependency id raised TaskRevokedError('expired')"},
        {"[1, \"id\", \"FAILURE\", 7]", "Dependency id raised 7"},
        {"[1, 2]", "Join error: ValueError('a part cannot be read')"},
        {"nonsense", "Join error: ValueError('a part cannot be read')"}};

    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct texts t;

        assert_int_equal(add(&t, parts[i][0], strlen(parts[i][0])), CELERIAC_OK);
        assert_string_equal(strbuf_text(&t.why), parts[i][1]);
        assert_string_equal(strbuf_text(&t.results), "");
        done(&t);
    }
}

static void cut_at_every_byte_it_is_no_result(void **state)
{
    static const char part[] = "[1, \"id\", \"SUCCESS\", [1, 2]]";

    (void)state;
    for (size_t len = 0; len < sizeof part - 1; len++) {
        struct texts t;

        assert_int_equal(add(&t, part, len), CELERIAC_OK);
        assert_true(strbuf_span(&t.why).len > 0);
        done(&t);
    }
}

/* A group's record of so many tasks. */
static void write_group(struct strbuf *out, size_t count)
{
    strbuf_init(out, (size_t)64 << 20);
    strbuf_add_text(out, "{\"result\": [[\"g\", null], [");
    for (size_t i = 0; i < count; i++)
        strbuf_add_text(out, i == 0 ? "[[\"a\", null], null]" : ", [[\"a\", null], null]");
    strbuf_add_text(out, "]]}");
    assert_int_equal(strbuf_status(out), CELERIAC_OK);
}

static void too_many_tasks_are_a_limit(void **state)
{
    struct cel_group_join *join = NULL;
    struct celeriac_error err = {0};
    struct strbuf record;

    (void)state;
    write_group(&record, CEL_JOIN_TASKS_MAX);
    assert_int_equal(cel_group_join_create(strbuf_span(&record), &join, &err), CELERIAC_OK);
    cel_group_join_destroy(join);
    strbuf_close(&record);
    join = NULL;
    write_group(&record, CEL_JOIN_TASKS_MAX + 1);
    assert_int_equal(cel_group_join_create(strbuf_span(&record), &join, &err), CELERIAC_ERR_LIMIT);
    assert_non_null(strstr(err.text, "100000 tasks"));
    assert_null(join);
    strbuf_close(&record);
}

static void a_group_is_read_or_refused(void **state)
{
    static const char record[] = "{\"result\": [[\"g\", null], [[[\"a\", null], null], "
                                 "[[\"h\", null], [[[\"b\", null], null]]]]]}";
    bool failed = true;

    (void)state;
    for (size_t len = 0; len < sizeof record - 1; len++) {
        struct cel_group_join *join = NULL;

        assert_int_equal(cel_group_join_create((struct span){record, len}, &join, NULL),
                         CELERIAC_ERR_SYNTAX);
    }
    for (size_t n = 1; failed; n++) {
        struct cel_group_join *join = NULL;
        enum celeriac_err code;

        mem_fail_at(n);
        code = cel_group_join_create((struct span){record, sizeof record - 1}, &join, NULL);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        cel_group_join_destroy(join);
    }
}

/* celery.backends.base.compress_payload('[1, "a", "SUCCESS", 7]', "gzip") of Celery 5.7. */
static const char compressed[] = "\0celery-compressed\0application/x-gzip\0"
                                 "\x78\x9c\x8b\x36\xd4\x51\x50\x4a\x54\x02\x12\xc1\xa1\xce\xce"
                                 "\xae\xc1\xc1\x40\xa6\x79\x2c\x00\x38\x28\x05\x07";

static void compressed_parts_are_read(void **state)
{
    struct texts t;

    (void)state;
    assert_int_equal(add(&t, compressed, sizeof compressed - 1), CELERIAC_OK);
    assert_string_equal(strbuf_text(&t.results), "7");
    assert_string_equal(strbuf_text(&t.why), "");
    done(&t);
    assert_int_equal(add(&t, compressed, sizeof compressed - 2), CELERIAC_OK);
    assert_string_equal(strbuf_text(&t.results), "");
    assert_string_equal(strbuf_text(&t.why), "Join error: ValueError('a part cannot be read')");
    done(&t);
}

static void survive_failing_allocations(const char *part, size_t len)
{
    bool failed = true;

    for (size_t n = 1; failed; n++) {
        struct texts t;
        enum celeriac_err code;

        mem_fail_at(n);
        code = add(&t, part, len);
        failed = mem_has_failed();
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || (failed && code == CELERIAC_ERR_MEMORY));
        done(&t);
    }
}

static void survives_every_failing_allocation(void **state)
{
    static const char part[] = "[1, \"i\\u0064\", \"FAILURE\", {\"exc_type\": \"E\\u0045\"}]";

    (void)state;
    survive_failing_allocations(part, sizeof part - 1);
    survive_failing_allocations(compressed, sizeof compressed - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_keep_their_bytes),
        cmocka_unit_test(checklist_74_says_who_failed_and_how),
        cmocka_unit_test(cut_at_every_byte_it_is_no_result),
        cmocka_unit_test(too_many_tasks_are_a_limit),
        cmocka_unit_test(a_group_is_read_or_refused),
        cmocka_unit_test(compressed_parts_are_read),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
