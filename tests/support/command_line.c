#include "tests/support/command_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/scratch.h"

const char *const no_words[] = {NULL};

static int copy(const char *const *texts, char **to, int room)
{
    int count = 0;

    for (; texts[count]; count++) {
        assert_true(count < room);
        to[count] = strdup(texts[count]);
        assert_non_null(to[count]);
    }
    return count;
}

struct command_line command_line_make(const char *program, const char *const *words,
                                      const char *const *variables)
{
    struct command_line line = {.argc = 0};

    line.argc = copy(WORDS(program), line.argv, COMMAND_LINE_MAX);
    line.argc += copy(words, line.argv + 1, COMMAND_LINE_MAX - 1);
    (void)copy(variables, line.environment, COMMAND_LINE_MAX);
    return line;
}

void command_line_free(struct command_line *line)
{
    for (int i = 0; line->argv[i]; i++)
        free(line->argv[i]);
    for (int i = 0; line->environment[i]; i++)
        free(line->environment[i]);
    *line = (struct command_line){.argc = 0};
}

int command_line_enter_folder(void **state)
{
    (void)state;
    return chdir(scratch_folder());
}

int command_line_leave_folder(void **state)
{
    (void)state;
    return chdir("/");
}

void command_line_write_dotenv(const char *text)
{
    FILE *file = fopen(".env", "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

void command_line_remove_dotenv(void)
{
    (void)unlink(".env");
}

void command_line_assert_names(const char *help, const char *const *names)
{
    for (; *names; names++)
        if (!strstr(help, *names))
            fail_msg("no %s in: %s", *names, help);
}
