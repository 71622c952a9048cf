#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/settings.h"
#include "tests/support/word_list.h"

static const struct setting table[] = {
    {.name = "concurrency", .type = SETTING_INT, .option = "-c, --concurrency", .min = 1, .max = 9},
    {.name = "queues", .type = SETTING_TEXT, .option = "-Q, --queues"},
    {.name = "events", .type = SETTING_FLAG, .option = "-E, --task-events, --events"},
    {.name = "quiet", .type = SETTING_FLAG, .option = "-q"},
    {.name = "tls", .type = SETTING_BOOL, .option = "--tls"},
    {.name = "password", .type = SETTING_TEXT, .option = "--password", .secret = true},
    {.name = "pin", .type = SETTING_INT, .option = "--pin", .secret = true},
    {.name = "hidden", .type = SETTING_TEXT},
    {.name = NULL},
};
static const struct setting *const tables[] = {table, NULL};

/* The result of reading one command line. */
struct outcome {
    struct settings *s;
    char **argv;
    char **rest;
    enum celeriac_err code;
    struct celeriac_error err;
};

static struct outcome read_words(const char *const *words)
{
    struct outcome o = {.argv = word_list(words)};
    int argc = 0;
    while (words[argc])
        argc++;
    assert_int_equal(settings_create(tables, &o.s, NULL), CELERIAC_OK);
    o.code = settings_read_options(o.s, argc, o.argv, &o.rest, &o.err);
    return o;
}

static void close_outcome(struct outcome *o)
{
    mem_free(o->rest);
    settings_destroy(o->s);
    word_list_free(o->argv);
}

#define READ(...) read_words((const char *const[]){"program", __VA_ARGS__, NULL})

static void reads_all_spellings_of_a_value(void **state)
{
    (void)state;
    struct outcome outcomes[] = {
        READ("-c", "4"), READ("-c4"),       READ("--concurrency", "4"), READ("--concurrency=4"),
        READ("-Ec4"),    READ("-qEc", "4"), READ("-c", "3", "-c4"),
    };
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        assert_int_equal(outcomes[i].code, CELERIAC_OK);
        assert_int_equal(settings_int(outcomes[i].s, "concurrency"), 4);
        assert_int_equal(settings_origin(outcomes[i].s, "concurrency"), SETTING_FROM_OPTION);
        assert_null(outcomes[i].rest[0]);
        close_outcome(&outcomes[i]);
    }
}

static void reads_flags(void **state)
{
    (void)state;
    struct outcome outcomes[] = {READ("-E"), READ("--task-events"), READ("--events"), READ("-qE")};
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        assert_int_equal(outcomes[i].code, CELERIAC_OK);
        assert_true(settings_bool(outcomes[i].s, "events"));
        assert_int_equal(settings_bool(outcomes[i].s, "quiet"), i == 3);
        close_outcome(&outcomes[i]);
    }
}

static void takes_any_word_for_a_value(void **state)
{
    (void)state;
    struct outcome o = READ("-Q", "-c", "--password=--x=y", "--tls", "off");
    assert_int_equal(o.code, CELERIAC_OK);
    assert_string_equal(settings_text(o.s, "queues"), "-c");
    assert_string_equal(settings_text(o.s, "password"), "--x=y");
    assert_false(settings_bool(o.s, "tls"));
    close_outcome(&o);
    o = READ("--queues=", "--tls=on");
    assert_string_equal(settings_text(o.s, "queues"), "");
    assert_true(settings_bool(o.s, "tls"));
    close_outcome(&o);
}

static void hands_back_other_words(void **state)
{
    (void)state;
    struct outcome o = READ("worker", "-c", "2", "-", "", "--", "-c", "--nope");
    static const char *const rest[] = {"worker", "-", "", "-c", "--nope"};
    assert_int_equal(o.code, CELERIAC_OK);
    assert_int_equal(settings_int(o.s, "concurrency"), 2);
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
        assert_string_equal(o.rest[i], rest[i]);
    assert_null(o.rest[5]);
    close_outcome(&o);
}

static void takes_an_empty_command_line(void **state)
{
    (void)state;
    struct settings *s = NULL;
    char **rest = NULL;
    assert_int_equal(settings_create(tables, &s, NULL), CELERIAC_OK);
    assert_int_equal(settings_read_options(s, 0, NULL, &rest, NULL), CELERIAC_OK);
    assert_null(rest[0]);
    mem_free(rest);
    settings_destroy(s);
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    struct {
        struct outcome outcome;
        const char *text;
    } cases[] = {
        {READ("--nope"), "unknown option: --nope"},
        {READ("--nope=hunter2"), "unknown option: --nope"},
        {READ("-x"), "unknown option: -x"},
        {READ("-Ex"), "unknown option: -x"},
        {READ("-5"), "unknown option: -5"},
        {READ("--\x1b[31m"), "unknown option: --?[31m"},
        {READ("--concurrenc", "4"), "unknown option: --concurrenc"},
        {READ("--hidden=1"), "unknown option: --hidden"},
        {READ("-c"), "option --concurrency: needs a value"},
        {READ("--concurrency"), "option --concurrency: needs a value"},
        {READ("-E", "--password"), "option --password: needs a value"},
        {READ("-cx"), "option --concurrency: must be an integer between 1 and 9"},
        {READ("--concurrency="), "option --concurrency: must be an integer between 1 and 9"},
        {READ("-c10"), "option --concurrency: must be an integer between 1 and 9"},
        {READ("--events=1"), "option --events: takes no value"},
        {READ("--pin", "hunter2"), "option --pin: must be an integer"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(cases[i].outcome.code, CELERIAC_ERR_VALUE);
        assert_string_equal(cases[i].outcome.err.text, cases[i].text);
        assert_null(cases[i].outcome.rest);
        close_outcome(&cases[i].outcome);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_spellings_of_a_value), cmocka_unit_test(reads_flags),
        cmocka_unit_test(takes_any_word_for_a_value),     cmocka_unit_test(hands_back_other_words),
        cmocka_unit_test(takes_an_empty_command_line),    cmocka_unit_test(says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
