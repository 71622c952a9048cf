/*
 * Arrays of strings as main() and environ have them: writable, ended by a NULL. One thread.
 */
#ifndef TESTS_WORD_LIST_H
#define TESTS_WORD_LIST_H

/*
 * Copies a NULL-terminated array; word_list_free() releases it. mem_fail_at() does not reach it;
 * without memory the running test fails.
 */
char **word_list(const char *const *words);

/* Releases a list. */
void word_list_free(char **list);

#endif
