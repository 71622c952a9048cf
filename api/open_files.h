/*
 * The number of files that this process may have open: each connection is one.
 */
#ifndef API_OPEN_FILES_H
#define API_OPEN_FILES_H

/*
 * Raises the limit (RLIMIT_NOFILE) to `wanted` when it is lower, as far as the hard limit lets it.
 * Returns the limit that is in force then. For the program's start.
 */
unsigned long open_files_raise(unsigned long wanted);

#endif
