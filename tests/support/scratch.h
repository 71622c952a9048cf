/*
 * Files of a test program, in a folder of its own below TMPDIR (or /tmp) that is removed with all
 * it holds when the program ends, also when tests fail. What ./check runs has a TMPDIR of its own,
 * in which nothing may be left; what a crash leaves there goes with it. One thread.
 */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

/* Room for any path that scratch_path() makes. */
#define SCRATCH_PATH_SIZE 192

/* The folder, made by the first call, shared with child processes; the running test fails when that
 * cannot be. */
const char *scratch_folder(void);

/* Writes the path of a file or folder of that name in it, and makes neither. */
void scratch_path(char path[SCRATCH_PATH_SIZE], const char *name);

/* Makes one more folder in it, which is empty, and writes its path. */
void scratch_make_folder(char path[SCRATCH_PATH_SIZE]);

/* Makes a file with that text in it, whose name nothing had before, and writes its path. */
void scratch_make_file(char path[SCRATCH_PATH_SIZE], const char *text);

#endif
