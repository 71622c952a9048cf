#include "tests/integration/redis/rounds.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

void let_time_pass(struct fixture *f, int64_t ms)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", (long long)ms);
    /* The last beat of anybody becomes one of 1970: a silence that does not count. */
    (void)run(f, "EVAL",
              "local awake = (redis.call('HGET', KEYS[1], '') or '0'):match('^%d+') "
              "return redis.call('HSET', KEYS[1], '', string.format('%d 0', awake + ARGV[1]))",
              "1", "celeriac.workers", text, NULL);
}

int64_t round_at(struct cel_maintainer *m, int64_t now_ns, struct sum *sum)
{
    struct cel_maintain_report report;
    struct celeriac_error err = {0};
    int64_t next = 0;
    if (cel_maintain(m, now_ns, &report, &next, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    assert_true(next >= now_ns);
    sum->restored += report.restored;
    sum->dead_workers += report.dead_workers;
    sum->quarantined += report.quarantined;
    sum->orphans += report.orphans;
    sum->lost += report.lost_count;
    sum->evicted = sum->evicted || report.evicted;
    for (size_t i = 0; i < report.lost_count; i++) {
        size_t len = strlen(sum->lost_tags);
        (void)snprintf(sum->lost_tags + len, sizeof sum->lost_tags - len, "%.*s ",
                       SPAN_PRINTF(report.lost[i]));
    }
    return next;
}

int64_t rounds(struct fixture *f, struct cel_maintainer *m, int64_t now_ns, int64_t ms,
               struct sum *sum)
{
    int64_t end = now_ns + ms * NS_PER_MS;
    int64_t passed = 0;
    while (now_ns < end) {
        let_time_pass(f, passed / NS_PER_MS);
        int64_t next = round_at(m, now_ns, sum);
        passed = next - now_ns;
        now_ns = next;
    }
    return now_ns;
}
