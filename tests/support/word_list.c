#include "tests/support/word_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

char **word_list(const char *const *words)
{
    size_t count = 0;
    while (words[count])
        count++;
    char **list = calloc(count + 1, sizeof *list);
    assert_non_null(list);
    for (size_t i = 0; i < count; i++) {
        list[i] = strdup(words[i]);
        assert_non_null(list[i]);
    }
    return list;
}

void word_list_free(char **list)
{
    for (size_t i = 0; list[i]; i++)
        free(list[i]);
    free(list);
}
