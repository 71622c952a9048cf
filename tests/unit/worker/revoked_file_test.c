/* worker/revoked_file.c: what it reads, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/scratch.h"
#include "worker/revoked_file.h"

static char path[SCRATCH_PATH_SIZE];

static int set_up(void **state)
{
    (void)state;
    scratch_path(path, "state");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static enum celeriac_err count_line(void *context, struct span id, int64_t since_us)
{
    (void)id;
    (void)since_us;
    ++*(int *)context;
    return CELERIAC_OK;
}

static enum celeriac_err read_text(const char *text, size_t len, int *lines,
                                   struct celeriac_error *err)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    *lines = 0;
    return cel_revoked_file_read(path, count_line, lines, err);
}

static void reads_what_it_wrote_and_refuses_the_rest(void **state)
{
    static const char *const bad[] = {"a shelf of Python\n",           "celeriac-revoked 2\n",
                                      "celeriac-revoked 1\nx \"a\"\n", "celeriac-revoked 1\n12\n",
                                      "celeriac-revoked 1\n12 a\n",    "celeriac-revoked 1\n12 3\n",
                                      "celeriac-revoked 1\n-1 \"a\"\n"};
    struct strbuf text;
    int lines = 0;

    (void)state;
    assert_int_equal(cel_revoked_file_read(path, count_line, &lines, NULL), CELERIAC_OK);
    strbuf_init(&text, 4096);
    cel_revoked_file_begin(&text);
    cel_revoked_file_line(&text, SPAN("a\n\""), 12);
    cel_revoked_file_line(&text, SPAN("b"), 13);
    assert_string_equal(strbuf_text(&text), "celeriac-revoked 1\n12 \"a\\n\\\"\"\n13 \"b\"\n");
    assert_int_equal(cel_revoked_file_write(path, &text, NULL), CELERIAC_OK);
    assert_int_equal(cel_revoked_file_read(path, count_line, &lines, NULL), CELERIAC_OK);
    assert_int_equal(lines, 2);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct celeriac_error err = {0};

        assert_int_equal(read_text(bad[i], strlen(bad[i]), &lines, &err), CELERIAC_ERR_SYNTAX);
        assert_non_null(strstr(err.text, "line"));
    }
    strbuf_close(&text);
}

static void truncated_anywhere_it_never_invents_an_id(void **state)
{
    static const char text[] = "celeriac-revoked 1\n12 \"first\"\n13 \"second\"\n";
    int lines;

    (void)state;
    for (size_t len = 0; len < sizeof text; len++) {
        enum celeriac_err code = read_text(text, len, &lines, NULL);

        assert_true(code == CELERIAC_OK || code == CELERIAC_ERR_SYNTAX);
        assert_true(lines <= 2);
    }
    assert_int_equal(read_text(text, sizeof text - 1, &lines, NULL), CELERIAC_OK);
    assert_int_equal(lines, 2);
}

static void says_what_it_could_not_write(void **state)
{
    struct celeriac_error err = {0};
    struct strbuf text;

    (void)state;
    strbuf_init(&text, 64);
    cel_revoked_file_begin(&text);
    assert_int_equal(cel_revoked_file_write("/nowhere/at/all", &text, &err), CELERIAC_ERR_SYSTEM);
    assert_non_null(strstr(err.text, "/nowhere/at/all"));
    strbuf_close(&text);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_what_it_wrote_and_refuses_the_rest),
        TEST(truncated_anywhere_it_never_invents_an_id),
        TEST(says_what_it_could_not_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
