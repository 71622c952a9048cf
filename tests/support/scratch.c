#include "tests/support/scratch.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

/* File descriptors that removing may hold open. */
#define DEPTH 16

/* What a path may add to the folder's. */
#define NAME_SIZE 64

static char folder[SCRATCH_PATH_SIZE - NAME_SIZE];
static pid_t owner;

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

/* A child that ends leaves its parent's folder alone. */
static void remove_folder(void)
{
    if (owner == getpid())
        (void)nftw(folder, remove_one, DEPTH, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_folder(void)
{
    const char *top = getenv("TMPDIR");

    if (owner != 0)
        return folder;
    int len = snprintf(folder, sizeof folder, "%s/celeriac-%.12s-XXXXXX",
                       top != NULL && *top != '\0' ? top : "/tmp", program_invocation_short_name);
    if (len < 0 || (size_t)len >= sizeof folder || mkdtemp(folder) == NULL)
        fail_msg("cannot make a folder in TMPDIR");
    if (atexit(remove_folder) != 0)
        fail_msg("cannot have %s removed", folder);
    owner = getpid();
    return folder;
}

void scratch_path(char path[SCRATCH_PATH_SIZE], const char *name)
{
    int len = snprintf(path, SCRATCH_PATH_SIZE, "%s/%s", scratch_folder(), name);

    assert_in_range(len, 1, SCRATCH_PATH_SIZE - 1);
}

void scratch_make_folder(char path[SCRATCH_PATH_SIZE])
{
    scratch_path(path, "XXXXXX");
    assert_non_null(mkdtemp(path));
}

void scratch_make_file(char path[SCRATCH_PATH_SIZE], const char *text)
{
    size_t len = strlen(text);

    scratch_path(path, "XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    assert_int_equal(close(fd), 0);
}
