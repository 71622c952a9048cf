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

#define BATCH 64
#define IN_HAND (16 * BATCH)
#define MESSAGES (100 * IN_HAND)

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

static void add(struct usage *sum, struct usage start, struct usage end)
{
    sum->wall += end.wall - start.wall;
    sum->server += end.server - start.server;
    sum->client += end.client - start.client;
}

static void report(const char *what, struct usage sum)
{
    print_message("%-16s %8.0f /s   server %6.2f us   client %6.2f us\n", what, MESSAGES / sum.wall,
                  sum.server * 1e6 / MESSAGES, sum.client * 1e6 / MESSAGES);
}

static void publish_all(struct fixture *f, bool once)
{
    static char buf[BATCH][MESSAGE_MAX];
    static char keys[BATCH][32];
    struct cel_outgoing out[BATCH];
    struct cel_publisher *publisher = make_publisher(f);
    struct usage start = now(f);
    struct usage sum = {0};
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
    add(&sum, start, now(f));
    report(once ? "publish once" : "publish", sum);
    cel_publisher_destroy(publisher);
}

static void finish_all(struct cel_finisher *fin, char (*tags)[UUID_SIZE], size_t count,
                       bool with_results)
{
    static struct cel_finish_item items[BATCH];
    for (size_t done = 0; done < count; done += BATCH) {
        for (size_t i = 0; i < BATCH; i++) {
            items[i] = (struct cel_finish_item){.tag = {tags[done + i], UUID_LEN}};
            if (with_results)
                items[i].result = (struct cel_result_record){
                    .task_id = items[i].tag,
                    .document = SPAN(
                        "{\"status\": \"SUCCESS\", \"result\": null, \"traceback\": null, "
                        "\"children\": [], \"date_done\": \"2026-11-22T20:34:59.134672+00:00\", "
                        "\"task_id\": \"b2b8f2e5-04ed-4138-9e8b-000000000000\"}")};
        }
        assert_ok(cel_finish(fin, items, BATCH, NULL));
        assert_true(items[0].held && items[BATCH - 1].held);
    }
}

/* As a busy worker does: some batches in hand, then finished. */
static void work_off(struct fixture *f, struct cel_claimer *c, struct cel_finisher *fin,
                     bool with_results)
{
    static char tags[IN_HAND][UUID_SIZE];
    struct usage claiming = {0};
    struct usage finishing = {0};
    for (size_t done = 0; done < MESSAGES; done += IN_HAND) {
        struct usage start = now(f);
        for (size_t held = 0; held < IN_HAND;) {
            struct cel_claim_batch batch = claim(c, BATCH);
            assert_int_equal(batch.count, BATCH);
            for (size_t i = 0; i < batch.count; i++)
                memcpy(tags[held++], batch.messages[i].tag.ptr, UUID_LEN);
        }
        struct usage middle = now(f);
        add(&claiming, start, middle);
        finish_all(fin, tags, IN_HAND, with_results);
        add(&finishing, middle, now(f));
    }
    report("claim", claiming);
    report(with_results ? "finish, result" : "finish", finishing);
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
