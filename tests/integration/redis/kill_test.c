/*
 * A worker is killed two hundred times at random instants. After each kill every message is in
 * exactly one place: its queue, `unacked`, or the queue to which finished ones are moved.
 */
#include "tests/integration/redis/rounds.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hashmap.h"

#define KILLS 200
#define MESSAGES 400

/* Claims and finishes without end; the process never comes back from here. */
static void work(struct redis_server *server, unsigned round)
{
    struct fixture f = {0};
    char id[32];
    static struct cel_finish_item items[16];
    static char tags[16][64];
    unsigned seed = round;
    (void)snprintf(id, sizeof id, "worker-%u", round);
    fixture_open(&f, server, NULL);
    struct cel_maintainer *m = make_maintainer(&f, id);
    struct cel_claimer *c = make_claimer(&f, id, NULL, 0, NULL, 0);
    struct cel_finisher *fin = make_finisher(&f, id, false);
    enroll(m);
    for (;;) {
        struct cel_claim_batch batch = claim(c, 1 + (unsigned)rand_r(&seed) % 16);
        for (size_t i = 0; i < batch.count; i++) {
            (void)snprintf(tags[i], sizeof tags[i], "%.*s", SPAN_PRINTF(batch.messages[i].tag));
            items[i] = (struct cel_finish_item){.tag = span_of(tags[i]),
                                                .to = CEL_FINISH_BACK,
                                                .queue = SPAN("done"),
                                                .message = span_of(tags[i])};
        }
        /* Some are finished, the others stay held until the worker dies. */
        size_t finished = batch.count > 0 ? (unsigned)rand_r(&seed) % (batch.count + 1) : 0;
        assert_ok(cel_finish(fin, items, finished, NULL));
    }
}

/* Waits until the server has dealt with everything the dead process had sent. */
static void wait_until_alone(struct fixture *f)
{
    for (int i = 0; i < 5000; i++) {
        struct span list = cel_reply_span(run(f, "CLIENT", "LIST", NULL));
        size_t clients = 0;
        for (size_t k = 0; k < list.len; k++)
            clients += list.ptr[k] == '\n' ? 1 : 0;
        if (clients == 1)
            return;
        (void)usleep(1000);
    }
    fail_msg("the dead worker's connections stay");
}

/* Waits until a worker has begun to take from the messages that were there. */
static void wait_for_claim(struct fixture *f, int64_t there)
{
    for (int i = 0; i < 20000; i++) {
        if (RUN_INT(f, "LLEN", "celery") < there)
            return;
        (void)usleep(1000);
    }
    fail_msg("the worker takes nothing");
}

/* Counts a tag; fails if it was counted before. */
static void count(struct hashmap *seen, struct span tag)
{
    static char mark;
    void *old = NULL;
    assert_ok(hashmap_set(seen, tag, &mark, &old));
    if (old != NULL)
        fail_msg("in two places: %.*s", SPAN_PRINTF(tag));
}

/* The delivery tag of a message in a list. */
static struct span tag_of(struct span message)
{
    struct span needle = SPAN("\"delivery_tag\": \"");
    for (size_t i = 0; i + needle.len < message.len; i++) {
        if (span_starts((struct span){message.ptr + i, message.len - i}, needle)) {
            struct span rest = {message.ptr + i + needle.len, message.len - i - needle.len};
            struct span tag;
            struct span end;
            assert_true(span_cut(rest, '"', &tag, &end));
            return tag;
        }
    }
    fail_msg("no tag in a message");
    return message;
}

static void check_places(struct fixture *f)
{
    struct hashmap *seen = NULL;
    assert_ok(hashmap_create(&seen));
    const struct redisReply *list = run(f, "LRANGE", "celery", "0", "-1", NULL);
    for (size_t i = 0; i < cel_reply_count(list); i++)
        count(seen, tag_of(cel_reply_span(cel_reply_at(list, i))));
    list = run(f, "HKEYS", "unacked", NULL);
    size_t held = cel_reply_count(list);
    for (size_t i = 0; i < held; i++)
        count(seen, cel_reply_span(cel_reply_at(list, i)));
    list = run(f, "LRANGE", "done", "0", "-1", NULL);
    for (size_t i = 0; i < cel_reply_count(list); i++)
        count(seen, cel_reply_span(cel_reply_at(list, i)));
    assert_int_equal(hashmap_count(seen), MESSAGES);
    assert_int_equal(RUN_INT(f, "ZCARD", "unacked_index"), held);
    hashmap_destroy(seen, NULL);
}

/* Lets a peer restore what dead workers held; its clock runs ahead instead of waiting. */
static void restore(struct fixture *f, struct cel_maintainer *m, int64_t *now_ns)
{
    for (int i = 0; i < 200 && RUN_INT(f, "HLEN", "unacked") > 0; i++) {
        struct cel_maintain_report report;
        int64_t next = 0;
        assert_ok(cel_maintain(m, *now_ns, &report, &next, NULL));
        let_time_pass(f, next > *now_ns ? (next - *now_ns) / NS_PER_MS : 0);
        *now_ns = next > *now_ns ? next : *now_ns + NS_PER_MS;
    }
    assert_int_equal(RUN_INT(f, "HLEN", "unacked"), 0);
}

static void checklist_28_loses_nothing_when_killed(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *m = make_maintainer(f, "peer");
    int64_t now_ns = clock_monotonic_ns();
    unsigned seed = 99;
    size_t died_holding = 0;
    push_messages(f, "t.add", 0, MESSAGES);
    for (unsigned kills = 0; kills < KILLS; kills++) {
        int64_t there = RUN_INT(f, "LLEN", "celery");
        pid_t parent = getpid();
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() == parent)
                work(f->server, kills);
            _exit(1);
        }
        wait_for_claim(f, there);
        (void)usleep((unsigned)rand_r(&seed) % 8000);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        /* The peer's connection would be counted as the dead worker's. */
        cel_maintainer_destroy(m);
        wait_until_alone(f);
        m = make_maintainer(f, "peer");
        check_places(f);
        died_holding += RUN_INT(f, "HLEN", "unacked") > 0 ? 1 : 0;
        restore(f, m, &now_ns);
        check_places(f);
        /* Enough for the next one to do. */
        if (RUN_INT(f, "LLEN", "celery") < MESSAGES / 4) {
            run(f, "DEL", "done", "celery", NULL);
            push_messages(f, "t.add", 0, MESSAGES);
        }
    }
    print_message("%zu of %d died holding messages\n", died_holding, KILLS);
    assert_true(died_holding > KILLS / 4);
    cel_maintainer_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(checklist_28_loses_nothing_when_killed, fixture_clear),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
