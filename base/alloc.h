/*
 * Memory: checked sizes and a hook that lets tests fail the n-th request.
 *
 * All of Celeriac's own allocations come through here; memory is released with mem_free(). Any
 * thread. The hook is for single-threaded tests.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

/* At least `size` bytes (1 when size is 0), uninitialised; NULL when memory is short. */
void *mem_alloc(size_t size) __attribute__((malloc, warn_unused_result));

/* count * size zeroed bytes; NULL when memory is short or the product overflows. */
void *mem_calloc(size_t count, size_t size) __attribute__((malloc, warn_unused_result));

/*
 * Resizes to count * size bytes. NULL when memory is short or the product overflows; the old block
 * is then still valid and owned by the caller.
 */
void *mem_resize(void *old, size_t count, size_t size) __attribute__((warn_unused_result));

/* A NUL-terminated copy of the span; NULL when memory is short. */
char *mem_dup_span(struct span s) __attribute__((malloc, warn_unused_result));

/* A copy of a NUL-terminated string (NULL gives NULL); NULL when memory is short. */
char *mem_dup(const char *text) __attribute__((malloc, warn_unused_result));

/* Releases a block; NULL is allowed. */
void mem_free(void *block);

/* a + b into *sum; false (and *sum untouched) when it overflows. */
bool size_add(size_t a, size_t b, size_t *sum) __attribute__((warn_unused_result));

/* a * b into *product; false (and *product untouched) when it overflows. */
bool size_mul(size_t a, size_t b, size_t *product) __attribute__((warn_unused_result));

/*
 * Test hook: the n-th request from now on fails (1 = the next), and every one after it too until
 * the hook is called again. 0 switches the hook off.
 */
void mem_fail_at(size_t n);

/* The same, but those after the n-th succeed again: a large block is refused where small ones are
 * not. */
void mem_fail_once(size_t n);

/* Whether a request has failed because of the hook since it was last called. */
bool mem_has_failed(void);

#endif
