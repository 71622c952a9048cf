#include "base/random.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

/* Bytes fetched per system call: getrandom(2) hands out up to 256 without being interrupted. */
#define POOL_SIZE 256

/* Bytes fetched but not yet given out; what was given out is zero. */
struct pool {
    unsigned char bytes[POOL_SIZE];
    size_t left; /* unused bytes, at the end of `bytes` */
    unsigned forks;
};

static _Thread_local struct pool pool;

/* Forks between the first process and this one: a pool filled before the last fork is not used. */
static atomic_uint fork_count;
static pthread_once_t fork_watch = PTHREAD_ONCE_INIT;

static void count_fork(void)
{
    atomic_fetch_add_explicit(&fork_count, 1, memory_order_relaxed);
}

static void watch_forks(void)
{
    /* Fails only for want of memory at the very start; glibc keeps the first entries statically. */
    (void)pthread_atfork(NULL, NULL, count_fork);
}

static void fetch(unsigned char *buf, size_t len)
{
    while (len > 0) {
        ssize_t n = getrandom(buf, len, 0);
        if (n > 0) {
            buf += n;
            len -= (size_t)n;
        }
        /* Otherwise a signal came while the kernel was waiting for entropy: ask again. */
    }
}

void random_bytes(void *buf, size_t len)
{
    if (len > POOL_SIZE / 4) {
        fetch(buf, len);
        return;
    }
    (void)pthread_once(&fork_watch, watch_forks);
    unsigned forks = atomic_load_explicit(&fork_count, memory_order_relaxed);
    if (pool.left < len || pool.forks != forks) {
        fetch(pool.bytes, POOL_SIZE);
        pool.left = POOL_SIZE;
        pool.forks = forks;
    }
    unsigned char *from = pool.bytes + (POOL_SIZE - pool.left);
    memcpy(buf, from, len);
    memset(from, 0, len);
    pool.left -= len;
}

uint64_t random_os(void *context)
{
    (void)context;
    uint64_t bits;
    random_bytes(&bits, sizeof bits);
    return bits;
}

uint64_t random_up_to(random_source_fn *source, void *context, uint64_t max)
{
    if (max == UINT64_MAX)
        return source(context);
    uint64_t range = max + 1;
    /* Refusing the lowest 2^64 mod range draws leaves every remainder equally often. */
    uint64_t refused = (0 - range) % range;
    uint64_t bits;
    do {
        bits = source(context);
    } while (bits < refused);
    return bits % range;
}
