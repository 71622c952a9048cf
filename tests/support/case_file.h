/*
 * Test cases kept in files below tests/data: one per line, columns separated by tabs, any byte as
 * \xHH. One thread.
 */
#ifndef TESTS_CASE_FILE_H
#define TESTS_CASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

struct case_file;

/* Reads the file at a path below tests/data; fails the running test when that is not possible. */
struct case_file *case_file_open(const char *path);

/*
 * Steps to the next line: false at the end of the file. Fails the running test when the line has
 * not exactly `count` columns. They are unescaped, borrowed from the file, and followed by a NUL.
 */
bool case_file_next(struct case_file *file, struct span *columns, size_t count);

/* Number of the current line, from 1. */
size_t case_file_line(const struct case_file *file);

/* Releases everything. */
void case_file_close(struct case_file *file);

#endif
