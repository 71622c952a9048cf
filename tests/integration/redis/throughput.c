/*
 * Measures the transport on a private server: messages of 1 KB published, claimed and finished, 64
 * at a time. Prints messages per second and processor time per message, of the server and of this
 * program; the latter two hardly depend on what else the machine does. Asserts nothing about speed.
 */
#include "tests/integration/redis/fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/parse_num.h"
#include "base/uuid.h"

#define MESSAGES 100000
#define BATCH 64

/* What was used up to some moment, or between two. */
struct usage {
    double wall, server, client; /* seconds */
};

static double info_field(struct span info, const char *name)
{
    double value = 0;
    while (info.len > 0) {
        struct span line, rest, key, number;
        (void)span_cut(info, '\n', &line, &rest);
        info = rest;
        if (span_cut(line, ':', &key, &number) && span_is(key, name))
            assert_ok(parse_double(span_trim(number), &value));
    }
    return value;
}

static struct usage now(struct fixture *f)
{
    struct rusage r;
    struct span info = cel_reply_span(run(f, "INFO", "cpu", NULL));
    assert_int_equal(getrusage(RUSAGE_SELF, &r), 0);
    return (struct usage){.wall = (double)clock_monotonic_ns() / NS_PER_SEC,
                          .server =
                              info_field(info, "used_cpu_user") + info_field(info, "used_cpu_sys"),
                          .client = (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
                                    (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / US_PER_SEC};
}

static void report(struct fixture *f, const char *what, struct usage start)
{
    struct usage end = now(f);
    print_message("%-26s %8.0f /s   server %6.2f us   client %6.2f us\n", what,
                  MESSAGES / (end.wall - start.wall), (end.server - start.server) * 1e6 / MESSAGES,
                  (end.client - start.client) * 1e6 / MESSAGES);
}

static void publish_all(struct fixture *f, bool once)
{
    static char buf[BATCH][MESSAGE_MAX];
    static char keys[BATCH][32];
    struct cel_outgoing out[BATCH];
    struct cel_publisher *publisher = make_publisher(f);
    struct usage start = now(f);
    for (unsigned done = 0; done < MESSAGES; done += BATCH) {
        unsigned count = MESSAGES - done < BATCH ? MESSAGES - done : BATCH;
        for (unsigned i = 0; i < count; i++) {
            char tag[UUID_SIZE];
            /* Random, as in life: Lua hashes long strings by a sample of their bytes. */
            uuid_new(tag);
            (void)snprintf(keys[i], sizeof keys[i], "%u", done + i);
            out[i] = (struct cel_outgoing){.message = make_message(buf[i], "t.add", tag, 0, 230),
                                           .queue = SPAN("celery"),
                                           .once_key = once ? span_of(keys[i]) : (struct span){0}};
        }
        assert_ok(cel_publish(publisher, out, count, NULL, NULL));
    }
    report(f, once ? "publish once" : "publish", start);
    cel_publisher_destroy(publisher);
}

/* As a busy worker does: a batch is claimed, then finished. */
static void work_off(struct fixture *f, struct cel_claimer *c, struct cel_finisher *fin,
                     bool with_results)
{
    static struct cel_finish_item items[BATCH];
    static char tags[BATCH][UUID_SIZE];
    struct usage start = now(f);
    double claiming = 0;
    for (size_t done = 0; done < MESSAGES;) {
        double began = (double)clock_monotonic_ns() / NS_PER_SEC;
        struct cel_claim_batch batch = claim(c, BATCH);
        claiming += (double)clock_monotonic_ns() / NS_PER_SEC - began;
        assert_true(batch.count > 0);
        for (size_t i = 0; i < batch.count; i++) {
            memcpy(tags[i], batch.messages[i].tag.ptr, UUID_LEN);
            items[i] = (struct cel_finish_item){.tag = {tags[i], UUID_LEN}};
            if (with_results)
                items[i].result = (struct cel_result_record){
                    .task_id = items[i].tag,
                    .document = SPAN(
                        "{\"status\": \"SUCCESS\", \"result\": null, \"traceback\": null, "
                        "\"children\": [], \"date_done\": \"2026-11-22T20:34:59.134672+00:00\", "
                        "\"task_id\": \"b2b8f2e5-04ed-4138-9e8b-000000000000\"}")};
        }
        assert_ok(cel_finish(fin, items, batch.count, NULL));
        assert_true(items[0].held);
        done += batch.count;
    }
    report(f, with_results ? "claim, finish with result" : "claim, finish", start);
    print_message("  of which claim %.0f /s\n", MESSAGES / claiming);
}

static void measures(void **state)
{
    struct fixture *f = *state;
    static const char *const tasks[] = {"t.add", "t.mul", "t.other"};
    struct cel_maintainer *m = make_maintainer(f, "w1");
    struct cel_claimer *c = make_claimer(f, "w1", NULL, 0, tasks, 3);
    struct cel_finisher *fin = make_finisher(f, "w1", true);
    enroll(m);
    for (int i = 0; i < 2; i++) {
        publish_all(f, i == 1);
        work_off(f, c, fin, i == 1);
    }
    cel_finisher_destroy(fin);
    cel_claimer_destroy(c);
    cel_maintainer_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(measures, fixture_clear),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
