#include "celery_proto/redis/topic_match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Patterns as TopicExchange.key_to_pattern writes them, and what re.match() says. */
static const struct {
    const char *pattern;
    const char *key;
    bool matches;
} cases[] = {
    /* media.video.# */
    {"^media\\.video\\..*?$", "media.video.a", true},
    {"^media\\.video\\..*?$", "media.video.a.b.c", true},
    {"^media\\.video\\..*?$", "media.video.", true},
    {"^media\\.video\\..*?$", "media.video", false},
    {"^media\\.video\\..*?$", "mediaxvideo.a", false},
    {"^media\\.video\\..*?$", "xmedia.video.a", false},
    /* media.* up to kombu 5.6: the star spans dots */
    {"^media\\..*?[^\\.]$", "media.a", true},
    {"^media\\..*?[^\\.]$", "media.a.b", true},
    {"^media\\..*?[^\\.]$", "media.", false},
    {"^media\\..*?[^\\.]$", "media.a.", false},
    /* media.* since */
    {"^media\\.[^\\.]+$", "media.a", true},
    {"^media\\.[^\\.]+$", "media.abc", true},
    {"^media\\.[^\\.]+$", "media.a.b", false},
    {"^media\\.[^\\.]+$", "media.", false},
    /* *.x.# */
    {"^[^\\.]+\\.x\\..*?$", "a.x.y", true},
    {"^[^\\.]+\\.x\\..*?$", "a.b.x.y", false},
    {"^.*?[^\\.]\\.x\\..*?$", "a.b.x.y", true},
    /* # alone, a literal, nothing */
    {"^.*?$", "", true},
    {"^.*?$", "anything.at all", true},
    {"^celery$", "celery", true},
    {"^celery$", "celery2", false},
    {"^celery$", "celer", false},
    {"", "everything", true},
    {"", "", true},
    /* escaped characters */
    {"^a\\-b\\ c$", "a-b c", true},
    {"^a\\+$", "a+", true},
    {"^caf\xc3\xa9\\.[^\\.]+$", "caf\xc3\xa9.\xc3\xbc", true},
    /* without an end, a prefix is enough */
    {"^abc", "abcdef", true},
    {"^abc", "ab", false},
};

static void checklist_12_agrees_with_python(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool understood = false;
        bool matches =
            cel_topic_match(span_of(cases[i].pattern), span_of(cases[i].key), &understood);
        assert_true(understood);
        if (matches != cases[i].matches)
            fail_msg("%s against %s", cases[i].pattern, cases[i].key);
    }
}

static void refuses_other_patterns(void **state)
{
    (void)state;
    static const char *const others[] = {"^(a|b)$", "^a{2}$", "^[abc]$", "^\\d+$", "^a\\",   "^a$b",
                                         "^a|b$",   "^*$",    "^a**$",   "^a?$",   "^[^.]$", "a^b"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        bool understood = true;
        assert_false(cel_topic_match(span_of(others[i]), SPAN("a"), &understood));
        if (understood)
            fail_msg("%s", others[i]);
    }
}

static void is_quick_with_many_wildcards(void **state)
{
    (void)state;
    char pattern[6 * 100];
    char key[256];
    size_t len = 0;
    /* A backtracking matcher would need more steps than there are atoms. */
    for (int i = 0; i < 100; i++) {
        memcpy(pattern + len, ".*?a", 4);
        len += 4;
    }
    memset(key, 'a', sizeof key);
    key[sizeof key - 1] = 'b';
    pattern[len++] = '$';
    bool understood;
    assert_false(
        cel_topic_match((struct span){pattern, len}, (struct span){key, sizeof key}, &understood));
    assert_true(understood);
}

static void keeps_its_limit(void **state)
{
    (void)state;
    static char pattern[TOPIC_ELEMENTS_MAX + 1];
    bool understood;
    memset(pattern, 'a', sizeof pattern);
    assert_true(cel_topic_match((struct span){pattern, TOPIC_ELEMENTS_MAX},
                                (struct span){pattern, TOPIC_ELEMENTS_MAX}, &understood));
    assert_false(cel_topic_match((struct span){pattern, TOPIC_ELEMENTS_MAX + 1},
                                 (struct span){pattern, TOPIC_ELEMENTS_MAX + 1}, &understood));
    assert_false(understood);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checklist_12_agrees_with_python),
        cmocka_unit_test(refuses_other_patterns),
        cmocka_unit_test(is_quick_with_many_wildcards),
        cmocka_unit_test(keeps_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
