#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/settings.h"
#include "tests/support/scratch.h"
#include "tests/support/word_list.h"

static const struct setting table[] = {
    {.name = "broker", .type = SETTING_TEXT, .default_value = "none", .env = "BROKER REDIS"},
    {.name = "port", .type = SETTING_INT, .default_value = "1", .env = "PORT", .min = 1, .max = 99},
    {.name = "pin", .type = SETTING_INT, .env = "PIN", .secret = true},
    {.name = "plain", .type = SETTING_TEXT},
    {.name = NULL},
};
static const struct setting *const tables[] = {table, NULL};

/* What the last read() said. */
static struct celeriac_error last;

static void put_file(struct settings *s, const char *text, enum celeriac_err wanted)
{
    char path[SCRATCH_PATH_SIZE];
    scratch_make_file(path, text);
    celeriac_error_clear(&last);
    enum celeriac_err code = settings_read_dotenv(s, path, false, &last);
    assert_int_equal(code, wanted);
    /* The file's name is random: cut to what follows it. */
    if (strncmp(last.text, path, strlen(path)) == 0)
        memmove(last.text, last.text + strlen(path), strlen(last.text) - strlen(path) + 1);
}

/* Reads an environment, after a file unless that is NULL or, with file_last, before it. */
static struct settings *read_both(const char *const *variables, const char *file, bool file_last,
                                  enum celeriac_err wanted)
{
    struct settings *s = NULL;
    char **environment = word_list(variables);
    assert_int_equal(settings_create(tables, &s, NULL), CELERIAC_OK);
    if (file && !file_last)
        put_file(s, file, CELERIAC_OK);
    celeriac_error_clear(&last);
    assert_int_equal(settings_read_environment(s, environment, &last),
                     file_last ? CELERIAC_OK : wanted);
    word_list_free(environment);
    if (file && file_last)
        put_file(s, file, wanted);
    return s;
}

/* What both orders of reading must come to. */
static void check(const char *const *variables, const char *file, const char *broker,
                  enum setting_origin origin)
{
    for (int file_last = 0; file_last < 2; file_last++) {
        struct settings *s = read_both(variables, file, file_last != 0, CELERIAC_OK);
        assert_string_equal(settings_text(s, "broker"), broker);
        assert_int_equal(settings_origin(s, "broker"), origin);
        settings_destroy(s);
    }
}

#define ENVIRONMENT(...) ((const char *const[]){__VA_ARGS__, NULL})

static void takes_the_first_name_of_the_stronger_origin(void **state)
{
    (void)state;
    check(ENVIRONMENT("OTHER=x"), NULL, "none", SETTING_DEFAULT);
    check(ENVIRONMENT("REDIS=a"), NULL, "a", SETTING_FROM_ENV);
    check(ENVIRONMENT("REDIS=a", "BROKER=b"), NULL, "b", SETTING_FROM_ENV);
    check(ENVIRONMENT("REDIS=a"), "REDIS=f\n", "a", SETTING_FROM_ENV);
    check(ENVIRONMENT("REDIS=a"), "BROKER=f\n", "a", SETTING_FROM_ENV);
    check(ENVIRONMENT("X=a"), "REDIS=f\nBROKER=g\n", "g", SETTING_FROM_FILE);
    check(ENVIRONMENT("REDIS="), "REDIS=f\n", "", SETTING_FROM_ENV);
    check(ENVIRONMENT("BROKER=first", "BROKER=second"), NULL, "first", SETTING_FROM_ENV);
    check(ENVIRONMENT("BROKER", "=b", "BROKER2=c", "broker=d"), NULL, "none", SETTING_DEFAULT);
    check(ENVIRONMENT("BROKER=a=b"), NULL, "a=b", SETTING_FROM_ENV);
}

static void follows_references(void **state)
{
    (void)state;
    check(ENVIRONMENT("BROKER=$URL", "URL=u"), NULL, "u", SETTING_FROM_ENV);
    check(ENVIRONMENT("BROKER=$$URL", "URL=$MORE", "MORE=m"), NULL, "m", SETTING_FROM_ENV);
    check(ENVIRONMENT("BROKER=$URL"), "URL=f\n", "f", SETTING_FROM_ENV);
    check(ENVIRONMENT("URL=e"), "BROKER=$URL\nURL=f\n", "e", SETTING_FROM_FILE);
    check(ENVIRONMENT("X=e"), "BROKER=$URL\nURL=f\n", "f", SETTING_FROM_FILE);
    /* One that leads nowhere is as if the variable were not there. */
    check(ENVIRONMENT("BROKER=$URL"), NULL, "none", SETTING_DEFAULT);
    check(ENVIRONMENT("BROKER=$URL", "REDIS=r"), NULL, "r", SETTING_FROM_ENV);
    check(ENVIRONMENT("BROKER=$"), NULL, "none", SETTING_DEFAULT);
    check(ENVIRONMENT("BROKER=a$URL", "URL=u"), NULL, "a$URL", SETTING_FROM_ENV);
    check(ENVIRONMENT("BROKER=\\$URL", "URL=u"), NULL, "\\$URL", SETTING_FROM_ENV);
}

static void reports_circles(void **state)
{
    (void)state;
    struct settings *s =
        read_both(ENVIRONMENT("BROKER=$A", "A=$B", "B=$A"), NULL, false, CELERIAC_ERR_VALUE);
    assert_string_equal(last.text, "environment variable BROKER: refers to itself");
    settings_destroy(s);
}

static void names_the_place_of_a_mistake(void **state)
{
    (void)state;
    struct settings *s = read_both(ENVIRONMENT("PORT=x"), NULL, false, CELERIAC_ERR_VALUE);
    assert_string_equal(last.text,
                        "environment variable PORT: must be an integer between 1 and 99");
    settings_destroy(s);
    s = read_both(ENVIRONMENT("X=x"), "# ports\n\nPORT=100\n", true, CELERIAC_ERR_VALUE);
    assert_string_equal(last.text, " line 3: PORT: must be an integer between 1 and 99");
    settings_destroy(s);
}

static void never_shows_a_secret(void **state)
{
    (void)state;
    struct settings *s = read_both(ENVIRONMENT("PIN=hunter2"), NULL, false, CELERIAC_ERR_VALUE);
    assert_string_equal(last.text, "environment variable PIN: must be an integer");
    settings_destroy(s);
    s = read_both(ENVIRONMENT("X=hunter2"), "PIN=$X", true, CELERIAC_ERR_VALUE);
    assert_string_equal(last.text, " line 1: PIN: must be an integer");
    settings_destroy(s);
}

static void checks_no_line_that_the_environment_overrides(void **state)
{
    (void)state;
    struct settings *s = read_both(ENVIRONMENT("PORT=5"), "PORT=x\n", true, CELERIAC_OK);
    assert_int_equal(settings_int(s, "port"), 5);
    settings_destroy(s);
}

static void goes_on_after_a_mistake(void **state)
{
    (void)state;
    struct settings *s = read_both(ENVIRONMENT("PORT=x"), NULL, false, CELERIAC_ERR_VALUE);
    put_file(s, "PORT=y\n", CELERIAC_ERR_VALUE);
    assert_string_equal(last.text, " line 1: PORT: must be an integer between 1 and 99");
    put_file(s, "PORT=7\n", CELERIAC_OK);
    assert_int_equal(settings_int(s, "port"), 7);
    settings_destroy(s);
}

static void may_read_the_environment_again(void **state)
{
    (void)state;
    struct settings *s = read_both(ENVIRONMENT("BROKER=a", "PORT=5"), NULL, false, CELERIAC_OK);
    char **environment = word_list(ENVIRONMENT("BROKER=b"));
    assert_int_equal(settings_read_environment(s, environment, NULL), CELERIAC_OK);
    word_list_free(environment);
    assert_string_equal(settings_text(s, "broker"), "b");
    assert_int_equal(settings_int(s, "port"), 5);
    settings_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_first_name_of_the_stronger_origin),
        cmocka_unit_test(follows_references),
        cmocka_unit_test(reports_circles),
        cmocka_unit_test(names_the_place_of_a_mistake),
        cmocka_unit_test(never_shows_a_secret),
        cmocka_unit_test(checks_no_line_that_the_environment_overrides),
        cmocka_unit_test(goes_on_after_a_mistake),
        cmocka_unit_test(may_read_the_environment_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
