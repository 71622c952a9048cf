#include "celery_proto/redis/lookup.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"

/* A resolver that waits until it is told to answer; guarded by the lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool may_answer;
static unsigned asking; /* look-ups that run */
static int code;        /* of the answer */

static int slow(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **list)
{
    (void)host;
    pthread_mutex_lock(&lock);
    asking++;
    pthread_cond_broadcast(&changed);
    while (!may_answer)
        pthread_cond_wait(&changed, &lock);
    int answer = code;
    pthread_mutex_unlock(&lock);
    if (answer == 0)
        answer = getaddrinfo("192.0.2.7", port, hints, list);
    pthread_mutex_lock(&lock);
    asking--;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return answer;
}

static int unexpected(const char *host, const char *port, const struct addrinfo *hints,
                      struct addrinfo **list)
{
    (void)host;
    (void)port;
    (void)hints;
    (void)list;
    return EAI_FAIL;
}

static void let_answer(bool may, int with)
{
    pthread_mutex_lock(&lock);
    may_answer = may;
    code = with;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* Lets all that was left behind end. */
static int tear_down(void **state)
{
    (void)state;
    let_answer(true, 0);
    pthread_mutex_lock(&lock);
    while (asking > 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    while (lookup_abandoned() > 0)
        (void)sched_yield();
    return 0;
}

static int64_t soon(void)
{
    return clock_monotonic_ns() + 20 * NS_PER_MS;
}

static int64_t late(void)
{
    return clock_monotonic_ns() + 600 * NS_PER_SEC;
}

static void numeric_addresses_are_not_asked_for(void **state)
{
    struct addrinfo *list = NULL;
    (void)state;
    assert_int_equal(lookup_name(unexpected, "127.0.0.1", 6379, 0, &list, NULL), CELERIAC_OK);
    const struct sockaddr_in *v4 = (const void *)list->ai_addr;
    assert_int_equal(list->ai_family, AF_INET);
    assert_int_equal(list->ai_socktype, SOCK_STREAM);
    assert_int_equal(ntohl(v4->sin_addr.s_addr), INADDR_LOOPBACK);
    assert_int_equal(ntohs(v4->sin_port), 6379);
    freeaddrinfo(list);
    assert_int_equal(lookup_name(unexpected, "::1", 65535, 0, &list, NULL), CELERIAC_OK);
    assert_int_equal(list->ai_family, AF_INET6);
    freeaddrinfo(list);
}

static void answer_is_handed_over(void **state)
{
    struct addrinfo *list = NULL;
    (void)state;
    let_answer(true, 0);
    assert_int_equal(lookup_name(slow, "name.example", 1, late(), &list, NULL), CELERIAC_OK);
    const struct sockaddr_in *v4 = (const void *)list->ai_addr;
    assert_int_equal(ntohl(v4->sin_addr.s_addr), 0xc0000207);
    freeaddrinfo(list);
}

static void refusal_has_the_resolvers_words(void **state)
{
    struct addrinfo *list = NULL;
    struct celeriac_error err = {0};
    (void)state;
    let_answer(true, EAI_NONAME);
    assert_int_equal(lookup_name(slow, "name.example", 1, late(), &list, &err),
                     CELERIAC_ERR_UNAVAILABLE);
    assert_string_equal(err.text, gai_strerror(EAI_NONAME));
    assert_null(list);
}

/* Returns while the resolver still thinks; what it answers later is released by its thread. */
static void deadline_is_kept(void **state)
{
    struct addrinfo *list = NULL;
    struct celeriac_error err = {0};
    (void)state;
    let_answer(false, 0);
    assert_int_equal(lookup_name(slow, "name.example", 1, soon(), &list, &err),
                     CELERIAC_ERR_TIMEOUT);
    assert_null(list);
    assert_string_equal(err.text, "the resolver does not answer");
    /* One that has passed already. */
    assert_int_equal(lookup_name(slow, "name.example", 1, 1, &list, NULL), CELERIAC_ERR_TIMEOUT);
}

/* Threads of a resolver that answers nothing do not pile up without end. */
static void no_more_are_left_behind_than_allowed(void **state)
{
    struct addrinfo *list = NULL;
    unsigned taken = 0;
    (void)state;
    let_answer(false, 0);
    while (taken <= LOOKUP_ABANDONED_MAX &&
           lookup_name(slow, "name.example", 1, 1, &list, NULL) == CELERIAC_ERR_TIMEOUT)
        taken++;
    assert_int_equal(taken, LOOKUP_ABANDONED_MAX);
    assert_int_equal(lookup_name(slow, "name.example", 1, 1, &list, NULL), CELERIAC_ERR_LIMIT);
    /* Numeric addresses need no resolver. */
    assert_int_equal(lookup_name(slow, "127.0.0.1", 1, 1, &list, NULL), CELERIAC_OK);
    freeaddrinfo(list);
    assert_int_equal(lookup_abandoned(), LOOKUP_ABANDONED_MAX);
    /* When it answers again, so do we. */
    (void)tear_down(NULL);
    assert_int_equal(lookup_name(slow, "name.example", 1, late(), &list, NULL), CELERIAC_OK);
    freeaddrinfo(list);
}

static void want_of_memory_is_told(void **state)
{
    struct addrinfo *list = NULL;
    (void)state;
    mem_fail_at(1);
    enum celeriac_err rc = lookup_name(slow, "name.example", 1, late(), &list, NULL);
    mem_fail_at(0);
    assert_int_equal(rc, CELERIAC_ERR_MEMORY);
    assert_null(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(numeric_addresses_are_not_asked_for, tear_down),
        cmocka_unit_test_teardown(answer_is_handed_over, tear_down),
        cmocka_unit_test_teardown(refusal_has_the_resolvers_words, tear_down),
        cmocka_unit_test_teardown(deadline_is_kept, tear_down),
        cmocka_unit_test_teardown(no_more_are_left_behind_than_allowed, tear_down),
        cmocka_unit_test_teardown(want_of_memory_is_told, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
