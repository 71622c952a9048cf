/*
 * The words and variables a program is started with, as its options' reader takes them, and the
 * file .env of a working folder that nothing else uses. One thread.
 */
#ifndef TESTS_COMMAND_LINE_H
#define TESTS_COMMAND_LINE_H

/* Most words, and most variables. */
#define COMMAND_LINE_MAX 31

/* Text that a reader may change, as main() gets it; both lists end with NULL. */
struct command_line {
    int argc;
    char *argv[COMMAND_LINE_MAX + 1];
    char *environment[COMMAND_LINE_MAX + 1];
};

/* A list of words or variables; `no_words` is an empty one. */
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
extern const char *const no_words[];

/* The program's name, words and variables; command_line_free() releases it. */
struct command_line command_line_make(const char *program, const char *const *words,
                                      const char *const *variables);
void command_line_free(struct command_line *line);

/* cmocka set-up and tear-down of a group that works in the scratch folder. */
int command_line_enter_folder(void **state);
int command_line_leave_folder(void **state);

/* Writes .env there, or removes it. */
void command_line_write_dotenv(const char *text);
void command_line_remove_dotenv(void);

/* Fails unless the lines of a help hold each name; names ends with NULL. */
void command_line_assert_names(const char *help, const char *const *names);

#endif
