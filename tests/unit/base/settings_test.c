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
#include "base/settings.h"
#include "tests/support/scratch.h"
#include "tests/support/word_list.h"

static const struct setting table[] = {
    {.name = "concurrency",
     .type = SETTING_INT,
     .default_value = "4",
     .env = "WORKERS",
     .option = "-c, --concurrency",
     .min = 1,
     .max = 100},
    {.name = "user", .type = SETTING_TEXT, .env = "DB_USER"},
    {.name = "password",
     .type = SETTING_TEXT,
     .default_value = "",
     .env = "DB_PASSWORD",
     .option = "--password",
     .secret = true},
    {.name = "wait", .type = SETTING_SECONDS, .default_value = "1.5"},
    {.name = "level", .type = SETTING_LEVEL, .default_value = "info", .env = "LEVEL"},
    {.name = NULL},
};
static const struct setting other_table[] = {
    {.name = "tls", .type = SETTING_BOOL, .default_value = "True", .env = "TLS"},
    {.name = "quiet", .type = SETTING_FLAG, .option = "-q, --quiet"},
    {.name = NULL},
};
static const struct setting *const tables[] = {table, other_table, NULL};

static struct settings *new_settings(void)
{
    struct settings *s = NULL;
    assert_int_equal(settings_create(tables, &s, NULL), CELERIAC_OK);
    return s;
}

static void starts_with_defaults(void **state)
{
    (void)state;
    struct settings *s = new_settings();
    assert_int_equal(settings_int(s, "concurrency"), 4);
    assert_string_equal(settings_text(s, "concurrency"), "4");
    assert_null(settings_text(s, "user"));
    assert_string_equal(settings_text(s, "password"), "");
    assert_true(settings_seconds_ns(s, "wait") == 1500000000);
    assert_int_equal(settings_int(s, "level"), 1);
    assert_true(settings_bool(s, "tls"));
    assert_false(settings_bool(s, "quiet"));
    assert_int_equal(settings_origin(s, "concurrency"), SETTING_DEFAULT);
    assert_null(settings_text(s, "unheard-of"));
    assert_int_equal(settings_int(s, "unheard-of"), 0);
    settings_destroy(s);
    settings_destroy(NULL);
}

static void refuse(const struct setting *rows, enum celeriac_err code, const char *text)
{
    const struct setting *const list[] = {table, rows, NULL};
    struct settings *s = NULL;
    struct celeriac_error err = {0};
    assert_int_equal(settings_create(list, &s, &err), code);
    assert_string_equal(err.text, text);
    assert_null(s);
}

static void refuses_tables_that_clash(void **state)
{
    (void)state;
    const struct setting same_name[] = {{.name = "user", .type = SETTING_TEXT}, {.name = NULL}};
    refuse(same_name, CELERIAC_ERR_EXISTS, "setting user is declared twice");
    const struct setting same_option[] = {
        {.name = "color", .type = SETTING_FLAG, .option = "--color, -c"}, {.name = NULL}};
    refuse(same_option, CELERIAC_ERR_EXISTS, "settings concurrency and color share the option -c");
    const struct setting bad_default[] = {
        {.name = "port", .type = SETTING_INT, .default_value = "x"}, {.name = NULL}};
    refuse(bad_default, CELERIAC_ERR_VALUE, "default of port: must be an integer");
}

static void limits_the_number_of_tables(void **state)
{
    (void)state;
    static const struct setting empty[] = {{.name = NULL}};
    const struct setting *list[SETTINGS_TABLES_MAX + 2];
    struct settings *s = NULL;
    for (size_t i = 0; i <= SETTINGS_TABLES_MAX; i++)
        list[i] = empty;
    list[SETTINGS_TABLES_MAX + 1] = NULL;
    assert_int_equal(settings_create(list, &s, NULL), CELERIAC_ERR_LIMIT);
    list[SETTINGS_TABLES_MAX] = NULL;
    assert_int_equal(settings_create(list, &s, NULL), CELERIAC_OK);
    settings_destroy(s);
}

static void keeps_what_has_the_stronger_origin(void **state)
{
    (void)state;
    static const enum setting_origin origins[] = {SETTING_FROM_OPTION, SETTING_FROM_FILE,
                                                  SETTING_FROM_ENV, SETTING_DEFAULT};
    struct settings *s = new_settings();
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(settings_set(s, "user", i == 0 ? "first" : "later", origins[i], NULL),
                         CELERIAC_OK);
    assert_string_equal(settings_text(s, "user"), "first");
    assert_int_equal(settings_origin(s, "user"), SETTING_FROM_OPTION);
    assert_int_equal(settings_set(s, "user", "again", SETTING_FROM_OPTION, NULL), CELERIAC_OK);
    assert_string_equal(settings_text(s, "user"), "again");
    settings_destroy(s);
}

static void checks_values_that_are_set(void **state)
{
    (void)state;
    struct settings *s = new_settings();
    struct celeriac_error err = {0};
    assert_int_equal(settings_set(s, "nothing", "1", SETTING_FROM_ENV, &err),
                     CELERIAC_ERR_NOT_FOUND);
    assert_string_equal(err.text, "no setting is named nothing");
    celeriac_error_clear(&err);
    assert_int_equal(settings_set(s, "concurrency", "101", SETTING_FROM_ENV, &err),
                     CELERIAC_ERR_VALUE);
    assert_string_equal(err.text, "setting concurrency: must be an integer between 1 and 100");
    assert_int_equal(settings_int(s, "concurrency"), 4);
    assert_int_equal(settings_origin(s, "concurrency"), SETTING_DEFAULT);
    settings_destroy(s);
}

static const char *const words[] = {"program", "-qc", "7", "--password=p1", "word", NULL};
static const char *const variables[] = {"WORKERS=5", "DB_USER=$NAME", "TLS=off", "LANG=C", NULL};

/* The whole way, as a daemon goes it. */
static enum celeriac_err read_all(char *const *argv, char *const *environment, const char *path,
                                  struct settings **s, char ***rest, struct celeriac_error *err)
{
    enum celeriac_err code = settings_create(tables, s, err);
    if (code == CELERIAC_OK)
        code = settings_read_options(*s, 5, argv, rest, err);
    if (code == CELERIAC_OK)
        code = settings_read_dotenv(*s, path, false, err);
    if (code == CELERIAC_OK)
        code = settings_read_environment(*s, environment, err);
    return code;
}

static void write_file(char path[SCRATCH_PATH_SIZE])
{
    static const char text[] = "WORKERS=6\nDB_USER=file\nDB_PASSWORD=\"p\\\"2\"\nNAME=referred\n"
                               "LEVEL=debug\nTLS=on\n";
    scratch_make_file(path, text);
}

static void follows_the_order_of_precedence(void **state)
{
    (void)state;
    char path[SCRATCH_PATH_SIZE];
    struct settings *s = NULL;
    char **rest = NULL;
    char **argv = word_list(words);
    char **environment = word_list(variables);
    write_file(path);
    assert_int_equal(read_all(argv, environment, path, &s, &rest, NULL), CELERIAC_OK);
    assert_int_equal(settings_int(s, "concurrency"), 7);
    assert_int_equal(settings_origin(s, "concurrency"), SETTING_FROM_OPTION);
    assert_string_equal(settings_text(s, "password"), "p1");
    assert_string_equal(settings_text(s, "user"), "referred");
    assert_int_equal(settings_origin(s, "user"), SETTING_FROM_ENV);
    assert_false(settings_bool(s, "tls"));
    assert_string_equal(settings_text(s, "level"), "debug");
    assert_int_equal(settings_origin(s, "level"), SETTING_FROM_FILE);
    assert_true(settings_bool(s, "quiet"));
    assert_true(rest && strcmp(rest[0], "word") == 0 && !rest[1]);
    mem_free(rest);
    settings_destroy(s);
    word_list_free(argv);
    word_list_free(environment);
}

static void says_where_a_value_came_from(void **state)
{
    (void)state;
    char *environment[] = {(char[]){"DB_USER=u"}, NULL};
    char *argv[] = {(char[]){"program"}, (char[]){"-c5"}, NULL};
    char **rest = NULL;
    struct settings *s = new_settings();
    assert_string_equal(settings_place(s, "concurrency"), "default of concurrency");
    assert_string_equal(settings_place(s, "user"), "user");
    assert_string_equal(settings_place(s, "unheard-of"), "unheard-of");
    assert_int_equal(settings_read_options(s, 2, argv, &rest, NULL), CELERIAC_OK);
    assert_int_equal(settings_read_environment(s, environment, NULL), CELERIAC_OK);
    assert_string_equal(settings_place(s, "concurrency"), "option --concurrency");
    assert_string_equal(settings_place(s, "user"), "environment variable DB_USER");
    mem_free(rest);
    settings_destroy(s);
}

/* What settings_blame() makes of an error; *ours is its answer. */
static const char *blame(const struct settings *s, const char *text, bool *ours)
{
    static const struct setting_field fields[] = {{"server", "user password"},
                                                  {"login", "password user"},
                                                  {"threads", "concurrency"},
                                                  {NULL, NULL}};
    static struct celeriac_error err;
    celeriac_error_clear(&err);
    (void)celeriac_error_set(&err, CELERIAC_ERR_LIMIT, "%s", text);
    *ours = settings_blame(s, fields, &err);
    assert_int_equal(err.code, CELERIAC_ERR_LIMIT);
    return err.text;
}

static void blames_the_setting_that_a_value_came_from(void **state)
{
    (void)state;
    char *environment[] = {(char[]){"DB_USER=u"}, (char[]){"TLS=1"}, NULL};
    struct settings *s = new_settings();
    bool ours = false;
    assert_int_equal(settings_read_environment(s, environment, NULL), CELERIAC_OK);
    assert_string_equal(blame(s, "server: is bad: so", &ours),
                        "environment variable DB_USER: is bad: so");
    assert_true(ours);
    /* The password is empty, and counts for nothing. */
    assert_string_equal(blame(s, "login: is bad", &ours), "environment variable DB_USER: is bad");
    assert_true(ours);
    assert_string_equal(blame(s, "TLS: is bad", &ours), "environment variable TLS: is bad");
    assert_true(ours);
    /* Of a default the program's word says more. */
    assert_string_equal(blame(s, "threads: too many", &ours), "threads: too many");
    assert_true(ours);
    assert_string_equal(blame(s, "disk: is full", &ours), "disk: is full");
    assert_false(ours);
    assert_string_equal(blame(s, "server is bad", &ours), "server is bad");
    assert_false(ours);
    assert_string_equal(blame(s, "", &ours), "");
    assert_false(ours);
    settings_destroy(s);
}

static void reports_lack_of_memory(void **state)
{
    (void)state;
    char path[SCRATCH_PATH_SIZE];
    char **argv = word_list(words);
    char **environment = word_list(variables);
    write_file(path);
    for (size_t n = 1;; n++) {
        struct settings *s = NULL;
        char **rest = NULL;
        struct celeriac_error err = {0};
        mem_fail_at(n);
        enum celeriac_err code = read_all(argv, environment, path, &s, &rest, &err);
        bool failed = mem_has_failed();
        mem_fail_at(0);
        mem_free(rest);
        settings_destroy(s);
        assert_int_equal(code, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        assert_int_equal(err.code, code);
        assert_string_equal(err.text, failed ? "out of memory" : "");
        if (!failed) {
            assert_true(n > 20);
            break;
        }
    }
    word_list_free(argv);
    word_list_free(environment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_with_defaults),
        cmocka_unit_test(refuses_tables_that_clash),
        cmocka_unit_test(limits_the_number_of_tables),
        cmocka_unit_test(keeps_what_has_the_stronger_origin),
        cmocka_unit_test(checks_values_that_are_set),
        cmocka_unit_test(follows_the_order_of_precedence),
        cmocka_unit_test(says_where_a_value_came_from),
        cmocka_unit_test(blames_the_setting_that_a_value_came_from),
        cmocka_unit_test(reports_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
