/*
 * Borrowed bytes: how text and JSON cross the interface of libceleriac.
 *
 * Threads: a value; it may be read by any thread as long as the bytes live.
 */
#ifndef CELERIAC_BYTES_H
#define CELERIAC_BYTES_H

#include <stddef.h>

/*
 * len bytes at ptr, not NUL-terminated unless a function says so. Whoever hands them out keeps
 * them; each function says for how long. ptr may be NULL only when len is 0.
 */
struct celeriac_bytes {
    const char *ptr;
    size_t len;
};

#endif
