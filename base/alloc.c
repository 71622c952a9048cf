#include "base/alloc.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* 0: the hook is off; n: the n-th request from now fails; it stays at 1 once it was reached, unless
 * only that one is to fail. */
static atomic_size_t fail_countdown;
static atomic_bool fail_once;
static atomic_bool fail_happened;

static bool must_fail(void)
{
    size_t left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
    if (left == 0)
        return false;
    if (left > 1) {
        atomic_store_explicit(&fail_countdown, left - 1, memory_order_relaxed);
        return false;
    }
    atomic_store_explicit(&fail_happened, true, memory_order_relaxed);
    if (atomic_load_explicit(&fail_once, memory_order_relaxed))
        atomic_store_explicit(&fail_countdown, 0, memory_order_relaxed);
    return true;
}

static void set_hook(size_t n, bool once)
{
    atomic_store(&fail_once, once);
    atomic_store(&fail_countdown, n);
    atomic_store(&fail_happened, false);
}

void mem_fail_at(size_t n)
{
    set_hook(n, false);
}

void mem_fail_once(size_t n)
{
    set_hook(n, true);
}

bool mem_has_failed(void)
{
    return atomic_load(&fail_happened);
}

bool size_add(size_t a, size_t b, size_t *sum)
{
    size_t result;
    if (__builtin_add_overflow(a, b, &result))
        return false;
    *sum = result;
    return true;
}

bool size_mul(size_t a, size_t b, size_t *product)
{
    size_t result;
    if (__builtin_mul_overflow(a, b, &result))
        return false;
    *product = result;
    return true;
}

void *mem_alloc(size_t size)
{
    if (must_fail())
        return NULL;
    return malloc(size ? size : 1);
}

void *mem_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (must_fail() || !size_mul(count, size, &bytes))
        return NULL;
    return calloc(bytes ? bytes : 1, 1);
}

void *mem_resize(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (must_fail() || !size_mul(count, size, &bytes))
        return NULL;
    return realloc(old, bytes ? bytes : 1);
}

char *mem_dup_span(struct span s)
{
    size_t size;
    if (!size_add(s.len, 1, &size))
        return NULL;
    char *copy = mem_alloc(size);
    if (!copy)
        return NULL;
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}

char *mem_dup(const char *text)
{
    return text ? mem_dup_span(span_of(text)) : NULL;
}

void mem_free(void *block)
{
    free(block);
}
