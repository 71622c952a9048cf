#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/settings_variables.h"
#include "tests/support/case_file.h"
#include "tests/support/scratch.h"

static char path[SCRATCH_PATH_SIZE];
static char log_path[SCRATCH_PATH_SIZE];

static int set_up(void **state)
{
    (void)state;
    scratch_path(path, ".env");
    scratch_path(log_path, "log");
    return log_set_file(log_path, NULL) == CELERIAC_OK ? 0 : -1;
}

static void reads_as_django_environ_does(void **state)
{
    (void)state;
    struct case_file *file = case_file_open("settings/dotenv.tsv");
    struct span columns[3];
    while (case_file_next(file, columns, 3)) {
        struct hashmap *map = NULL;
        struct celeriac_error err = {0};
        assert_int_equal(hashmap_create(&map), CELERIAC_OK);
        assert_int_equal(dotenv_parse(map, columns[0], ".env", &err), CELERIAC_OK);
        const struct variable *v = hashmap_get(map, SPAN("V"));
        struct span value = v ? (struct span){v->value, v->len} : SPAN("");
        if (!span_is(columns[1], v ? "set" : "unset") || !span_equal(value, columns[2]))
            fail_msg("dotenv.tsv:%zu: we have %s '%.*s'", case_file_line(file), v ? "set" : "unset",
                     SPAN_PRINTF(value));
        variables_destroy(map);
    }
    assert_true(case_file_line(file) > 400);
    case_file_close(file);
}

static void names_lines_that_are_no_text(void **state)
{
    (void)state;
    static const struct span cases[] = {{"A=1\nB=\xff\n", 8}, {"A=1\nB=\0x\n", 9}, {"\n#\xe9", 3}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hashmap *map = NULL;
        struct celeriac_error err = {0};
        assert_int_equal(hashmap_create(&map), CELERIAC_OK);
        assert_int_equal(dotenv_parse(map, cases[i], ".env", &err), CELERIAC_ERR_SYNTAX);
        assert_string_equal(err.text, ".env line 2: not UTF-8 text");
        variables_destroy(map);
    }
}

static void warns_of_lines_without_showing_them(void **state)
{
    (void)state;
    static const char text[] = "A=1\n\n# c\nPASSWORD hunter2\n   \nB=2\n";
    struct hashmap *map = NULL;
    char content[1000] = "";
    assert_int_equal(truncate(log_path, 0), 0);
    assert_int_equal(hashmap_create(&map), CELERIAC_OK);
    assert_int_equal(dotenv_parse(map, span_of(text), ".env", NULL), CELERIAC_OK);
    assert_int_equal(hashmap_count(map), 2);
    variables_destroy(map);
    FILE *stream = fopen(log_path, "rb");
    assert_non_null(stream);
    size_t len = fread(content, 1, sizeof content - 1, stream);
    (void)fclose(stream);
    content[len] = '\0';
    assert_non_null(strstr(content, "WARNING settings: line is not NAME=value and is left out "
                                    "file=.env line=4\n"));
    assert_ptr_equal(strchr(content, '\n'), content + len - 1);
    assert_null(strstr(content, "hunter2"));
}

/* One cut at every byte and one with every byte changed: nothing is read beyond the end. */
static void survives_broken_files(void **state)
{
    (void)state;
    static const char text[] = "export A='x'\r\nB=\"y\\\"z\\\\\"\n# \xc3\xa9\nC=\xe2\x80\xa8\n";
    size_t len = sizeof text - 1;
    for (size_t i = 0; i < 2 * len; i++) {
        size_t copied = i < len ? i : len;
        char *copy = malloc(copied ? copied : 1);
        struct hashmap *map = NULL;
        assert_non_null(copy);
        memcpy(copy, text, copied);
        if (i >= len)
            copy[i - len] = '"';
        assert_int_equal(hashmap_create(&map), CELERIAC_OK);
        enum celeriac_err code = dotenv_parse(map, (struct span){copy, copied}, ".env", NULL);
        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_SYNTAX);
        variables_destroy(map);
        free(copy);
    }
}

static const struct setting table[] = {
    {.name = "a", .type = SETTING_TEXT, .env = "A"},
    {.name = NULL},
};
static const struct setting *const tables[] = {table, NULL};

/* Reads the file at path and gives back a's value, or NULL and the error. */
static char *read_file(const char *from, bool optional, struct celeriac_error *err)
{
    struct settings *s = NULL;
    assert_int_equal(settings_create(tables, &s, NULL), CELERIAC_OK);
    enum celeriac_err code = settings_read_dotenv(s, from, optional, err);
    assert_int_equal(code, err->code);
    char *value = mem_dup(settings_text(s, "a"));
    settings_destroy(s);
    return value;
}

static void write_zeros(size_t len)
{
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite("A=found\n#", 1, 9, stream), 9);
    for (size_t i = 9; i < len; i++)
        assert_int_equal(fputc('0', stream), '0');
    assert_int_equal(fclose(stream), 0);
}

static void limits_the_size(void **state)
{
    (void)state;
    struct celeriac_error err = {0};
    write_zeros(SETTINGS_DOTENV_MAX);
    char *value = read_file(path, false, &err);
    assert_string_equal(value, "found");
    mem_free(value);
    write_zeros(SETTINGS_DOTENV_MAX + 1);
    assert_null(read_file(path, false, &err));
    assert_int_equal(err.code, CELERIAC_ERR_LIMIT);
    assert_non_null(strstr(err.text, "/.env: longer than 1048576 bytes"));
}

static void may_do_without_a_file(void **state)
{
    (void)state;
    struct celeriac_error err = {0};
    assert_null(read_file("/nonexistent/.env", true, &err));
    assert_int_equal(err.code, CELERIAC_OK);
    assert_null(read_file("/nonexistent/.env", false, &err));
    assert_int_equal(err.code, CELERIAC_ERR_NOT_FOUND);
    assert_string_equal(err.text, "/nonexistent/.env: No such file or directory");
    celeriac_error_clear(&err);
    assert_null(read_file(scratch_folder(), true, &err));
    assert_int_equal(err.code, CELERIAC_ERR_SYSTEM);
    assert_non_null(strstr(err.text, ": Is a directory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_as_django_environ_does),
        cmocka_unit_test(names_lines_that_are_no_text),
        cmocka_unit_test(warns_of_lines_without_showing_them),
        cmocka_unit_test(survives_broken_files),
        cmocka_unit_test(limits_the_size),
        cmocka_unit_test(may_do_without_a_file),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
