#include "celery_proto/redis/lease_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "celery_proto/redis/maintain.h"

#define MS(n) ((int64_t)(n)*NS_PER_MS)

/* Some time after the machine started. */
#define START MS(1000000)

static struct lease_watch *make(void)
{
    struct lease_watch *watch = NULL;
    assert_int_equal(lease_watch_create(&watch), CELERIAC_OK);
    return watch;
}

/* One observation of peers given as id, value pairs. */
static void observe(struct lease_watch *watch, int64_t now, const char *const *pairs)
{
    lease_watch_begin(watch, now);
    for (; *pairs != NULL; pairs += 2)
        assert_int_equal(lease_watch_see(watch, span_of(pairs[0]), span_of(pairs[1])), CELERIAC_OK);
    lease_watch_end(watch);
}

#define SEE(watch, now, ...) observe((watch), (now), (const char *const[]){__VA_ARGS__, NULL})

static bool is_dead(struct lease_watch *watch, const char *id, const char *value)
{
    struct span dead;
    struct span said;
    if (!lease_watch_dead(watch, &dead, &said))
        return false;
    assert_true(span_is(dead, id));
    assert_true(span_is(said, value));
    return true;
}

static void declares_dead_after_the_time(void **state)
{
    (void)state;
    struct lease_watch *watch = make();
    for (int ms = 0; ms < CEL_LEASE_DEAD_MS; ms += 500) {
        SEE(watch, START + MS(ms), "a", "7 x");
        assert_false(is_dead(watch, "a", "7 x"));
    }
    SEE(watch, START + MS(CEL_LEASE_DEAD_MS) - 1, "a", "7 x");
    assert_false(is_dead(watch, "a", "7 x"));
    SEE(watch, START + MS(CEL_LEASE_DEAD_MS), "a", "7 x");
    assert_true(is_dead(watch, "a", "7 x"));
    lease_watch_forget(watch, SPAN("a"));
    assert_false(is_dead(watch, "a", "7 x"));
    lease_watch_destroy(watch);
}

static void a_beat_starts_the_time_anew(void **state)
{
    (void)state;
    struct lease_watch *watch = make();
    for (int ms = 0; ms <= 60000; ms += 500) {
        char value[16];
        /* A beat every 2.5 s is slow, but life. */
        int n = ms / 2500;
        value[0] = (char)('a' + n);
        value[1] = '\0';
        SEE(watch, START + MS(ms), "a", value);
        assert_false(is_dead(watch, "a", value));
    }
    lease_watch_destroy(watch);
}

static void a_gap_in_watching_forgives_everybody(void **state)
{
    (void)state;
    struct lease_watch *watch = make();
    /* The server is frozen for ten seconds after 2.5 s of stillness. */
    for (int ms = 0; ms <= 2500; ms += 500)
        SEE(watch, START + MS(ms), "a", "1", "b", "1");
    for (int ms = 12500; ms < 12500 + CEL_LEASE_DEAD_MS; ms += 500) {
        SEE(watch, START + MS(ms), "a", "1", "b", "1");
        assert_false(is_dead(watch, "a", "1"));
    }
    /* a comes back in time, b does not. */
    SEE(watch, START + MS(12500 + CEL_LEASE_DEAD_MS), "a", "2", "b", "1");
    assert_true(is_dead(watch, "b", "1"));
    lease_watch_destroy(watch);
}

static void a_gap_at_its_limit_is_no_gap(void **state)
{
    (void)state;
    struct lease_watch *watch = make();
    SEE(watch, START, "a", "1");
    SEE(watch, START + MS(CEL_LEASE_GAP_MS), "a", "1");
    SEE(watch, START + MS(2 * CEL_LEASE_GAP_MS), "a", "1");
    assert_true(is_dead(watch, "a", "1"));
    lease_watch_destroy(watch);
    watch = make();
    SEE(watch, START, "a", "1");
    SEE(watch, START + MS(CEL_LEASE_GAP_MS) + 1, "a", "1");
    SEE(watch, START + MS(2 * CEL_LEASE_GAP_MS) + 1, "a", "1");
    assert_false(is_dead(watch, "a", "1"));
    lease_watch_destroy(watch);
}

static void who_leaves_is_forgotten(void **state)
{
    (void)state;
    struct lease_watch *watch = make();
    SEE(watch, START, "a", "1", "b", "1");
    SEE(watch, START + MS(1500), "b", "2");
    SEE(watch, START + MS(3000), "b", "3", "a", "1");
    /* Back with the value it had: watched from now on. */
    assert_false(is_dead(watch, "a", "1"));
    lease_watch_destroy(watch);
}

static void watches_a_limited_number(void **state)
{
    (void)state;
    struct lease_watch *watch = make();
    char id[8] = {0};
    for (int round = 0; round < 7; round++) {
        lease_watch_begin(watch, START + MS(500 * round));
        for (int i = 0; i < LEASE_PEERS_MAX; i++) {
            memcpy(id, &i, sizeof i);
            assert_int_equal(lease_watch_see(watch, (struct span){id, 4}, SPAN("1")), CELERIAC_OK);
        }
        assert_int_equal(lease_watch_see(watch, SPAN("beyond"), SPAN("1")), CELERIAC_OK);
        lease_watch_end(watch);
    }
    struct span dead;
    struct span value;
    int count = 0;
    for (; lease_watch_dead(watch, &dead, &value); count++) {
        assert_false(span_is(dead, "beyond"));
        memcpy(id, dead.ptr, 4);
        lease_watch_forget(watch, (struct span){id, 4});
    }
    assert_int_equal(count, LEASE_PEERS_MAX);
    lease_watch_destroy(watch);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    enum celeriac_err code = CELERIAC_ERR_MEMORY;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct lease_watch *watch = NULL;
        mem_fail_at(n);
        code = lease_watch_create(&watch);
        if (code == CELERIAC_OK) {
            lease_watch_begin(watch, START);
            code = lease_watch_see(watch, SPAN("a"), SPAN("1"));
            lease_watch_end(watch);
        }
        bool failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code == CELERIAC_ERR_MEMORY, failed);
        if (watch != NULL) {
            struct span dead;
            struct span value;
            lease_watch_begin(watch, START + MS(100000));
            assert_int_equal(lease_watch_see(watch, SPAN("a"), SPAN("1")), CELERIAC_OK);
            lease_watch_end(watch);
            assert_false(lease_watch_dead(watch, &dead, &value));
        }
        lease_watch_destroy(watch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(declares_dead_after_the_time),
        cmocka_unit_test(a_beat_starts_the_time_anew),
        cmocka_unit_test(a_gap_in_watching_forgives_everybody),
        cmocka_unit_test(a_gap_at_its_limit_is_no_gap),
        cmocka_unit_test(who_leaves_is_forgotten),
        cmocka_unit_test(watches_a_limited_number),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
