#include "celery_proto/codec/node_match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static bool matches(const char *node, const char *pattern, const char *matcher)
{
    struct celeriac_error err = {0};
    bool found = false;

    if (cel_node_match(span_of(node), span_of(pattern), span_of(matcher), &found, &err))
        fail_msg("%s", err.text);
    return found;
}

/* Expectations are Python's fnmatch.fnmatch(). */
static void test_checklist_83_glob(void **state)
{
    (void)state;
    assert_true(matches("celery@web1", "celery@web*", "glob"));
    assert_true(matches("celery@web1", "*@web?", "glob"));
    assert_true(matches("celery@web1", "celery@web[0-9]", "glob"));
    assert_false(matches("celery@web1", "celery@web[!0-9]", "glob"));
    assert_false(matches("celery@web1", "web1", "glob"));
    assert_false(matches("celery@web1", "celery@web", "glob"));
    assert_true(matches("a\\b", "a\\*", "glob"));
    assert_true(matches("a[b", "a[b", "glob"));
}

/* Expectations are Python's re.match(): from the start, not to the end. */
static void test_checklist_83_pcre(void **state)
{
    (void)state;
    assert_true(matches("celery@web1", "celery@", "pcre"));
    assert_true(matches("celery@web12", "^celery@web\\d+$", "pcre"));
    assert_false(matches("celery@web1", "web", "pcre"));
    assert_true(matches("celery@web1", "(?:celery|other)@(?!db)", "pcre"));
}

static void test_refuses_what_cannot_be_matched(void **state)
{
    char pattern[CEL_NODE_PATTERN_MAX + 2];
    bool found = true;

    (void)state;
    assert_int_equal(cel_node_match(SPAN("n"), SPAN("("), SPAN("pcre"), &found, NULL),
                     CELERIAC_ERR_VALUE);
    assert_int_equal(cel_node_match(SPAN("n"), SPAN("n"), SPAN("regex"), &found, NULL),
                     CELERIAC_ERR_VALUE);
    memset(pattern, 'a', sizeof pattern);
    assert_int_equal(cel_node_match(SPAN("n"), (struct span){pattern, CEL_NODE_PATTERN_MAX},
                                    SPAN("glob"), &found, NULL),
                     CELERIAC_OK);
    assert_false(found);
    assert_int_equal(cel_node_match(SPAN("n"), (struct span){pattern, CEL_NODE_PATTERN_MAX + 1},
                                    SPAN("glob"), &found, NULL),
                     CELERIAC_ERR_LIMIT);
    memset(pattern, '(', sizeof pattern);
    assert_int_equal(cel_node_match(SPAN("n"), (struct span){pattern, CEL_NODE_PATTERN_MAX},
                                    SPAN("pcre"), &found, NULL),
                     CELERIAC_ERR_VALUE);
}

/* Expressions that would keep a backtracking matcher busy for ever. */
static void test_hostile_expressions_end(void **state)
{
    bool found = true;

    (void)state;
    assert_int_equal(
        cel_node_match(SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"),
                       SPAN("(a+)+(b+)+$"), SPAN("pcre"), &found, NULL),
        CELERIAC_OK);
    assert_false(found);
    found = true;
    assert_int_equal(
        cel_node_match(SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"),
                       SPAN("(a|a)*(a|a)*(a|a)*[^!]$"), SPAN("pcre"), &found, NULL),
        CELERIAC_ERR_LIMIT);
    assert_true(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checklist_83_glob),
        cmocka_unit_test(test_checklist_83_pcre),
        cmocka_unit_test(test_refuses_what_cannot_be_matched),
        cmocka_unit_test(test_hostile_expressions_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
