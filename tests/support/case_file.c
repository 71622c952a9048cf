#include "tests/support/case_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct case_file {
    char *text;
    char *at;
    char *end;
    size_t line;
};

struct case_file *case_file_open(const char *path)
{
    char full[512];
    int len = snprintf(full, sizeof full, "%s/%s", CELERIAC_TEST_DATA, path);
    assert_in_range(len, 1, sizeof full - 1);
    FILE *stream = fopen(full, "rb");
    if (!stream)
        fail_msg("cannot open %s", full);
    struct case_file *file = calloc(1, sizeof *file);
    assert_non_null(file);
    assert_int_equal(fseek(stream, 0, SEEK_END), 0);
    long size = ftell(stream);
    assert_true(size >= 0);
    rewind(stream);
    file->text = calloc((size_t)size + 1, 1);
    assert_non_null(file->text);
    assert_int_equal(fread(file->text, 1, (size_t)size, stream), size);
    (void)fclose(stream);
    file->at = file->text;
    file->end = file->text + size;
    return file;
}

static unsigned hex_digit(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
}

/* Unescapes in place and puts a NUL behind; the result is never longer than the source. */
static struct span unescape(char *from, const char *until)
{
    char *to = from;
    struct span column = {from, 0};
    while (from < until) {
        if (*from == '\\') {
            assert_true(until - from >= 4 && from[1] == 'x');
            *to++ = (char)(hex_digit(from[2]) << 4 | hex_digit(from[3]));
            from += 4;
        } else {
            *to++ = *from++;
        }
    }
    column.len = (size_t)(to - column.ptr);
    *to = '\0';
    return column;
}

bool case_file_next(struct case_file *file, struct span *columns, size_t count)
{
    if (file->at == file->end)
        return false;
    file->line++;
    char *line_end = memchr(file->at, '\n', (size_t)(file->end - file->at));
    if (!line_end)
        line_end = file->end;
    for (size_t i = 0; i < count; i++) {
        bool last = i + 1 == count;
        char *tab = memchr(file->at, '\t', (size_t)(line_end - file->at));
        if ((tab == NULL) != last)
            fail_msg("line %zu has not %zu columns", file->line, count);
        char *column_end = tab ? tab : line_end;
        columns[i] = unescape(file->at, column_end);
        file->at = column_end < file->end ? column_end + 1 : column_end;
    }
    return true;
}

size_t case_file_line(const struct case_file *file)
{
    return file->line;
}

void case_file_close(struct case_file *file)
{
    free(file->text);
    free(file);
}
