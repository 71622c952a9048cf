/* base/settings.c, settings_dotenv.c, settings_options.c and settings_help.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/alloc.h"
#include "base/settings.h"

static const struct setting table[] = {
    {"host", SETTING_TEXT, NULL, "EMAIL_HOST", "--host", "NAME", 0, 0, false, "mail server"},
    {"port", SETTING_INT, "587", "EMAIL_PORT", "-p, --port", "N", 1, 65535, false, "its port"},
    {"tls", SETTING_BOOL, "True", "EMAIL_USE_TLS", NULL, NULL, 0, 0, false, "STARTTLS"},
    {"password", SETTING_TEXT, NULL, "EMAIL_HOST_PASSWORD", NULL, NULL, 0, 0, true, "login"},
    {"broker", SETTING_TEXT, NULL, "CELERY_BROKER_URL REDIS_URL", "-b, --broker", "URL", 0, 0, true,
     "broker"},
    {"wait", SETTING_SECONDS, "1.5", "WAIT", "--wait", "SECONDS", 0, 100, false, "pause"},
    {"level", SETTING_LEVEL, "WARNING", NULL, "-l, --loglevel", "LEVEL", 0, 0, false, "log level"},
    {"events", SETTING_FLAG, NULL, NULL, "-E, --task-events", NULL, 0, 0, false, "send events"},
    {"quiet", SETTING_FLAG, NULL, NULL, "-q", NULL, 0, 0, false, "say nothing"},
    {NULL, SETTING_TEXT, NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};
static const struct setting *const tables[] = {table, NULL};

static struct settings *made(void)
{
    struct settings *s = NULL;

    assert_int_equal(settings_create(tables, &s, NULL), CELERIAC_OK);
    return s;
}

/* A NULL-terminated array of copies, as main() and environ have them, out of reach of
 * mem_fail_at(); free_words() releases it. */
static char **copy_words(const char *const *words)
{
    size_t count = 0;
    char **copies;

    while (words[count])
        count++;
    copies = calloc(count + 1, sizeof *copies);
    assert_non_null(copies);
    for (size_t i = 0; i < count; i++)
        assert_non_null(copies[i] = strdup(words[i]));
    return copies;
}

static void free_words(char **words)
{
    for (size_t i = 0; words[i]; i++)
        free(words[i]);
    free(words);
}

static enum celeriac_err read_env(struct settings *s, const char *const *words,
                                  struct celeriac_error *err)
{
    char **environment = copy_words(words);
    enum celeriac_err code = settings_read_environment(s, environment, err);

    free_words(environment);
    return code;
}

static enum celeriac_err options(struct settings *s, struct celeriac_error *err, const char *first,
                                 const char *second)
{
    const char *const words[] = {"program", first, second, NULL};
    char **argv = copy_words(words);
    char **rest = NULL;
    enum celeriac_err code = settings_read_options(s, second ? 3 : 2, argv, &rest, err);

    mem_free(rest);
    free_words(argv);
    return code;
}

static void read_file(struct settings *s, const char *text, enum celeriac_err expected,
                      struct celeriac_error *err)
{
    char path[] = "/tmp/celeriac-settings-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    assert_int_equal(settings_read_dotenv(s, path, false, err), expected);
    unlink(path);
}

static void defaults_are_read(void **state)
{
    struct settings *s = made();

    (void)state;
    assert_null(settings_text(s, "host"));
    assert_int_equal(settings_int(s, "port"), 587);
    assert_true(settings_bool(s, "tls"));
    assert_false(settings_bool(s, "events"));
    assert_int_equal(settings_seconds_ns(s, "wait"), INT64_C(1500000000));
    assert_int_equal(settings_origin(s, "port"), SETTING_DEFAULT);
    settings_destroy(s);
    settings_destroy(NULL);
}

static void the_stronger_source_wins(void **state)
{
    const char *const environment[] = {"EMAIL_PORT=26", "REDIS_URL=redis://env", "NO_EQUALS", NULL};
    struct settings *s = made();

    (void)state;
    assert_int_equal(options(s, NULL, "--port", "25"), CELERIAC_OK);
    assert_int_equal(read_env(s, environment, NULL), CELERIAC_OK);
    read_file(s, "EMAIL_PORT=27\nEMAIL_HOST=file\nREDIS_URL=redis://file\n", CELERIAC_OK, NULL);
    assert_int_equal(settings_int(s, "port"), 25);
    assert_int_equal(settings_origin(s, "port"), SETTING_FROM_OPTION);
    assert_string_equal(settings_text(s, "host"), "file");
    assert_int_equal(settings_origin(s, "host"), SETTING_FROM_FILE);
    assert_string_equal(settings_text(s, "broker"), "redis://env");
    assert_int_equal(settings_origin(s, "broker"), SETTING_FROM_ENV);
    settings_destroy(s);
}

static void the_first_variable_wins(void **state)
{
    const char *const environment[] = {"REDIS_URL=redis://second",
                                       "CELERY_BROKER_URL=redis://first", NULL};
    struct settings *s = made();

    (void)state;
    assert_int_equal(read_env(s, environment, NULL), CELERIAC_OK);
    assert_string_equal(settings_text(s, "broker"), "redis://first");
    settings_destroy(s);
    s = made();
    read_file(s, "CELERY_BROKER_URL=a\nREDIS_URL=b\nCELERY_BROKER_URL=c\n", CELERIAC_OK, NULL);
    assert_string_equal(settings_text(s, "broker"), "c");
    settings_destroy(s);
}

static void dotenv_is_read_as_django_environ_does(void **state)
{
    static const struct {
        const char *line;
        const char *value;
    } cases[] = {
        {"EMAIL_HOST=plain", "plain"},
        {"export EMAIL_HOST=exported", "exported"},
        {"EMAIL_HOST=abc#def", "abc#def"},
        {"EMAIL_HOST=a=b", "a=b"},
        {"EMAIL_HOST='single \\n'", "single \\n"},
        {"EMAIL_HOST=\"double \\n \\\" \\\\\"", "double \\n \" \\"},
        {"EMAIL_HOST=\"open", "\"open"},
        {"EMAIL_HOST='", "'"},
        {"EMAIL_HOST=", ""},
        {"EMAIL_HOST= spaced ", " spaced "},
        {"EMAIL_HOST=crlf\r", "crlf"},
        {"# EMAIL_HOST=comment\nEMAIL_HOST=real", "real"},
        {" EMAIL_HOST=indented\nEMAIL_HOST=x", "x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct settings *s = made();

        read_file(s, cases[i].line, CELERIAC_OK, NULL);
        assert_string_equal(settings_text(s, "host"), cases[i].value);
        settings_destroy(s);
    }
}

static void booleans_are_django_environs(void **state)
{
    static const char *const yes[] = {"true", "True", "ON", "ok", "y", "YES", "1", "2", " yes "};
    static const char *const no[] = {"false", "0", "", "off", "n", "enabled", "t"};
    struct settings *s = made();

    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        assert_int_equal(settings_set(s, "tls", yes[i], SETTING_FROM_ENV, NULL), CELERIAC_OK);
        assert_true(settings_bool(s, "tls"));
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        assert_int_equal(settings_set(s, "tls", no[i], SETTING_FROM_ENV, NULL), CELERIAC_OK);
        assert_false(settings_bool(s, "tls"));
    }
    settings_destroy(s);
}

static void options_in_all_spellings(void **state)
{
    struct settings *s = made();
    static const char *const words[] = {"program", "-p25",   "--host=a b", "-Eq", "-l", "info",
                                        "word",    "--wait", "2",          "--",  "-p", NULL};
    char **argv = copy_words(words);
    char **rest = NULL;

    (void)state;
    assert_int_equal(settings_read_options(s, 11, argv, &rest, NULL), CELERIAC_OK);
    assert_int_equal(settings_int(s, "port"), 25);
    assert_string_equal(settings_text(s, "host"), "a b");
    assert_true(settings_bool(s, "events"));
    assert_true(settings_bool(s, "quiet"));
    assert_string_equal(settings_text(s, "level"), "info");
    assert_string_equal(rest[0], "word");
    assert_string_equal(rest[1], "-p");
    assert_null(rest[2]);
    mem_free(rest);
    free_words(argv);
    assert_int_equal(options(s, NULL, "-E", NULL), CELERIAC_OK);
    assert_int_equal(options(s, NULL, "-Ep", "26"), CELERIAC_OK);
    assert_int_equal(settings_int(s, "port"), 26);
    settings_destroy(s);
}

static void mistakes_name_their_place(void **state)
{
    static const char *const bad[][2] = {
        {"--port", "0"},   {"--port", "65536"}, {"--port", "x"},   {"--port", ""},
        {"--prot", "1"},   {"-x", "1"},         {"--wait", "101"}, {"--wait", "-1"},
        {"--wait", "nan"}, {"-l", "LOUD"},      {"-Ex", "1"},
    };
    const char *const environment[] = {"EMAIL_PORT=many", NULL};
    struct settings *s = made();
    struct celeriac_error err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        celeriac_error_clear(&err);
        assert_int_equal(options(s, &err, bad[i][0], bad[i][1]), CELERIAC_ERR_VALUE);
        assert_non_null(strstr(err.text, "option"));
    }
    celeriac_error_clear(&err);
    assert_int_equal(options(s, &err, "--port", NULL), CELERIAC_ERR_VALUE);
    assert_string_equal(err.text, "option --port: needs a value");
    celeriac_error_clear(&err);
    assert_int_equal(options(s, &err, "--task-events=1", NULL), CELERIAC_ERR_VALUE);
    assert_string_equal(err.text, "option --task-events: takes no value");
    celeriac_error_clear(&err);
    assert_int_equal(read_env(s, environment, &err), CELERIAC_ERR_VALUE);
    assert_string_equal(err.text, "environment variable EMAIL_PORT: must be an integer between 1 "
                                  "and 65535");
    celeriac_error_clear(&err);
    read_file(s, "# a comment\nEMAIL_PORT=none\n", CELERIAC_ERR_VALUE, &err);
    assert_non_null(strstr(err.text, "line 2: EMAIL_PORT: must be an integer"));
    celeriac_error_clear(&err);
    assert_int_equal(settings_read_dotenv(s, "/nonexistent/.env", false, &err),
                     CELERIAC_ERR_SYSTEM);
    assert_int_equal(settings_read_dotenv(s, "/nonexistent/.env", true, NULL), CELERIAC_OK);
    assert_int_equal(settings_int(s, "port"), 587);
    settings_destroy(s);
}

static void values_never_appear_in_errors(void **state)
{
    static const struct setting secret_number[] = {
        {"pin", SETTING_INT, NULL, "PIN", "--pin", "N", 1, 9, true, "a secret number"},
        {NULL, SETTING_TEXT, NULL, NULL, NULL, NULL, 0, 0, false, NULL},
    };
    static const struct setting *const secret_tables[] = {secret_number, NULL};
    const char *const environment[] = {"PIN=hunter2", NULL};
    struct celeriac_error err = {0};
    struct settings *s = NULL;

    (void)state;
    assert_int_equal(settings_create(secret_tables, &s, NULL), CELERIAC_OK);
    assert_int_equal(read_env(s, environment, &err), CELERIAC_ERR_VALUE);
    assert_null(strstr(err.text, "hunter2"));
    celeriac_error_clear(&err);
    read_file(s, "PIN=hunter2\n", CELERIAC_ERR_VALUE, &err);
    assert_null(strstr(err.text, "hunter2"));
    settings_destroy(s);
}

static void a_name_is_there_once(void **state)
{
    static const struct setting *const twice[] = {table, table, NULL};
    struct settings *s = NULL;

    (void)state;
    assert_int_equal(settings_create(twice, &s, NULL), CELERIAC_ERR_EXISTS);
    assert_null(s);
}

static void help_shows_every_option(void **state)
{
    struct strbuf out;
    const char *line;

    (void)state;
    strbuf_init(&out, 10000);
    settings_help(table, &out);
    assert_non_null(strstr(strbuf_text(&out), "  -p, --port N "));
    assert_non_null(strstr(strbuf_text(&out), "      --host NAME "));
    assert_null(strstr(strbuf_text(&out), "STARTTLS"));
    for (line = strbuf_text(&out); *line; line = strchr(line, '\n') + 1)
        assert_true(strchr(line, '\n') - line <= 80);
    strbuf_close(&out);
}

static void survives_every_failing_allocation(void **state)
{
    const char *const environment[] = {"EMAIL_PORT=26", "REDIS_URL=redis://env", NULL};
    enum celeriac_err code = CELERIAC_ERR_MEMORY;

    (void)state;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct settings *s = NULL;

        assert_true(n < 100);
        mem_fail_at(n);
        code = settings_create(tables, &s, NULL);
        if (code == CELERIAC_OK)
            code = read_env(s, environment, NULL);
        if (code == CELERIAC_OK)
            code = options(s, NULL, "--host", "x");
        mem_fail_at(0);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY);
        settings_destroy(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_read),
        cmocka_unit_test(the_stronger_source_wins),
        cmocka_unit_test(the_first_variable_wins),
        cmocka_unit_test(dotenv_is_read_as_django_environ_does),
        cmocka_unit_test(booleans_are_django_environs),
        cmocka_unit_test(options_in_all_spellings),
        cmocka_unit_test(mistakes_name_their_place),
        cmocka_unit_test(values_never_appear_in_errors),
        cmocka_unit_test(a_name_is_there_once),
        cmocka_unit_test(help_shows_every_option),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
