/* Who is taken for dead, and who must not be: see lua/beat.lua for the clock that decides. */
#include "tests/integration/redis/rounds.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse_num.h"

/* Milliseconds on the awake clock. */
static int64_t awake_ms(struct fixture *f)
{
    struct span awake;
    struct span now;
    int64_t ms = -1;
    (void)span_cut(cel_reply_span(run(f, "HGET", "celeriac.workers", "", NULL)), ' ', &awake, &now);
    assert_ok(parse_int64(awake, 0, INT64_MAX, &ms));
    return ms;
}

/* Makes the last beat of anybody one of `ms` ago by the server's clock; negative: of the future. */
static void set_last_beat(struct fixture *f, int64_t ms)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", (long long)ms);
    (void)run(f, "EVAL",
              "local t = redis.call('TIME') "
              "local awake = redis.call('HGET', KEYS[1], ''):match('^%d+') "
              "return redis.call('HSET', KEYS[1], '', string.format('%s %d', awake, "
              "t[1] * 1000 + t[2] / 1000 - ARGV[1]))",
              "1", "celeriac.workers", text, NULL);
}

/* A worker that was registered and has claimed `count` messages, and is never heard of again. */
static void die_holding(struct fixture *f, const char *id, unsigned count)
{
    struct cel_maintainer *m = make_maintainer(f, id);
    struct cel_claimer *c = make_claimer(f, id, NULL, 0, NULL, 0);
    enroll(m);
    push_messages(f, "t.add", 0, count);
    assert_int_equal(claim(c, count).count, count);
    cel_claimer_destroy(c);
    cel_maintainer_destroy(m);
}

static void observers_need_not_live_long(void **state)
{
    struct fixture *f = *state;
    struct sum sum = {0};
    char id[32];
    die_holding(f, "dead", 10);
    /* Each lives for one beat. */
    int observer = 0;
    for (int64_t ms = 300; ms < CEL_LEASE_DEAD_MS; ms += 300) {
        (void)snprintf(id, sizeof id, "observer-%d", observer++);
        struct cel_maintainer *m = make_maintainer(f, id);
        let_time_pass(f, 300);
        (void)round_at(m, clock_monotonic_ns(), &sum);
        cel_maintainer_destroy(m);
    }
    assert_int_equal(sum.restored, 0);
    struct cel_maintainer *m = make_maintainer(f, "last");
    let_time_pass(f, 300);
    (void)round_at(m, clock_monotonic_ns(), &sum);
    assert_int_equal(sum.restored, 10);
    assert_int_equal(sum.dead_workers, 1);
    /* Those who died later are found when their time has come, one after the other. */
    int64_t now = rounds(f, m, clock_monotonic_ns(), CEL_LEASE_DEAD_MS, &sum);
    (void)rounds(f, m, now, CEL_LEASE_BEAT_MS, &sum);
    assert_int_equal(sum.dead_workers, 1 + observer);
    assert_int_equal(RUN_INT(f, "HLEN", "celeriac.workers"), 2);
    assert_int_equal(RUN_INT(f, "LLEN", "celery"), 10);
    cel_maintainer_destroy(m);
}

/* Beats more often as soon as a peer is late. */
static void looks_closer_at_who_is_late(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *m = make_maintainer(f, "w1");
    struct sum sum = {0};
    die_holding(f, "dead", 1);
    int64_t now = clock_monotonic_ns();
    let_time_pass(f, CEL_LEASE_LATE_MS - 1);
    assert_int_equal(round_at(m, now, &sum) - now, CEL_LEASE_IDLE_BEAT_MS * NS_PER_MS);
    let_time_pass(f, 1);
    now += CEL_LEASE_IDLE_BEAT_MS * NS_PER_MS;
    assert_int_equal(round_at(m, now, &sum) - now, CEL_LEASE_LATE_BEAT_MS * NS_PER_MS);
    cel_maintainer_destroy(m);
}

/* Sets the awake clock, in a time that does not count, and when its peers were looked at last. */
static void set_clock(struct fixture *f, const char *awake_and_looked)
{
    (void)run(f, "EVAL",
              "local awake, looked = ARGV[1]:match('^(%d+) (.*)$') "
              "return redis.call('HSET', KEYS[1], '', awake .. ' 0 ' .. looked .. ' 0')",
              "1", "celeriac.workers", awake_and_looked, NULL);
}

static void die_with_nothing(struct fixture *f, const char *id)
{
    struct cel_maintainer *m = make_maintainer(f, id);
    enroll(m);
    cel_maintainer_destroy(m);
}

/* One look serves all, however many beat, and finds all the dead there are. */
static void looks_are_shared(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *m = make_maintainer(f, "w1");
    struct cel_maintainer *other = make_maintainer(f, "w2");
    struct sum sum = {0};
    int64_t now = clock_monotonic_ns();
    die_holding(f, "dead", 10);
    die_with_nothing(f, "dead too");
    set_clock(f, "10000 9876");
    (void)round_at(m, now, &sum);
    set_clock(f, "10000 9876");
    (void)round_at(other, now, &sum);
    assert_int_equal(sum.dead_workers, 0);
    set_clock(f, "10000 9875");
    for (int i = 0; i < 10; i++)
        (void)round_at(m, now + NS_PER_SEC, &sum);
    assert_int_equal(sum.dead_workers, 2);
    assert_int_equal(RUN_INT(f, "LLEN", "celery"), 10);
    /* A note of a later time, as a server may have that came back with older data, is none. */
    die_with_nothing(f, "dead at last");
    set_clock(f, "20000 20001");
    for (int i = 0; i < 10; i++)
        (void)round_at(m, now + 2 * NS_PER_SEC, &sum);
    assert_int_equal(sum.dead_workers, 4);
    assert_int_equal(RUN_INT(f, "HLEN", "celeriac.workers"), 2);
    cel_maintainer_destroy(other);
    cel_maintainer_destroy(m);
}

/* Beats less often while it holds nothing. */
static void beats_as_often_as_it_has_to_lose(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *m = make_maintainer(f, "w1");
    struct cel_claimer *c = make_claimer(f, "w1", NULL, 0, NULL, 0);
    struct cel_claim_batch batch;
    struct sum sum = {0};
    int64_t now = clock_monotonic_ns();
    assert_int_equal(round_at(m, now, &sum) - now, CEL_LEASE_IDLE_BEAT_MS * NS_PER_MS);
    push_messages(f, "t.add", 0, 1);
    assert_ok(cel_claim(c, 1, &batch, NULL));
    assert_int_equal(batch.count, 1);
    now += CEL_LEASE_IDLE_BEAT_MS * NS_PER_MS;
    assert_int_equal(round_at(m, now, &sum) - now, CEL_LEASE_BEAT_MS * NS_PER_MS);
    /* A message is one, also where somebody has removed what the hash says of itself. */
    assert_int_equal(RUN_INT(f, "HDEL", "celeriac.own.w1", ""), 1);
    now += CEL_LEASE_BEAT_MS * NS_PER_MS;
    assert_int_equal(round_at(m, now, &sum) - now, CEL_LEASE_BEAT_MS * NS_PER_MS);
    assert_int_equal(RUN_INT(f, "HDEL", "celeriac.own.w1", "tag-0"), 1);
    now += CEL_LEASE_BEAT_MS * NS_PER_MS;
    assert_int_equal(round_at(m, now, &sum) - now, CEL_LEASE_IDLE_BEAT_MS * NS_PER_MS);
    cel_claimer_destroy(c);
    cel_maintainer_destroy(m);
}

/* One that is alone and whose every beat is late still keeps the clock going, which stands still
 * when beats are further apart than the longest silence that counts. */
static void a_late_observer_finds_the_dead(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *m = make_maintainer(f, "w1");
    int64_t late = (CEL_LEASE_SILENCE_MS - CEL_LEASE_IDLE_BEAT_MS + 50) * NS_PER_MS;
    int64_t now = clock_monotonic_ns();
    struct sum sum = {0};
    die_holding(f, "dead", 1);
    for (int beats = 0; beats < 20 && sum.dead_workers == 0; beats++) {
        int64_t next = round_at(m, now, &sum) + late;
        set_last_beat(f, (next - now) / NS_PER_MS);
        now = next;
    }
    assert_int_equal(sum.dead_workers, 1);
    assert_int_equal(sum.restored, 1);
    cel_maintainer_destroy(m);
}

/* The clock runs along with the server's, stands still when nobody could beat, and never jumps. */
static void the_clock_counts_only_time_in_which_workers_could_beat(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *m = make_maintainer(f, "w1");
    struct sum sum = {0};
    int64_t now = clock_monotonic_ns();
    (void)round_at(m, now, &sum);
    assert_int_equal(awake_ms(f), 0);
    /* A second: far from the limit, so that this program may be slow. */
    set_last_beat(f, CEL_LEASE_SILENCE_MS / 2);
    (void)round_at(m, now += NS_PER_SEC, &sum);
    int64_t awake = awake_ms(f);
    assert_in_range(awake, CEL_LEASE_SILENCE_MS / 2, CEL_LEASE_SILENCE_MS);
    /* Frozen, or the clock was set forward: nothing between the limit and an hour counts. */
    static const int64_t silences[] = {CEL_LEASE_SILENCE_MS + 1, 10000, 3600000};
    for (size_t i = 0; i < 3; i++) {
        set_last_beat(f, silences[i]);
        (void)round_at(m, now += NS_PER_SEC, &sum);
        assert_int_equal(awake_ms(f), awake);
    }
    /* The clock was set back, and runs on from there. */
    set_last_beat(f, -3600000);
    (void)round_at(m, now += NS_PER_SEC, &sum);
    assert_int_equal(awake_ms(f), awake);
    (void)usleep(20000);
    (void)round_at(m, now + NS_PER_SEC, &sum);
    assert_in_range(awake_ms(f), awake + 20, awake + CEL_LEASE_SILENCE_MS);
    cel_maintainer_destroy(m);
}

static void a_silent_time_of_the_server_kills_nobody(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *living = make_maintainer(f, "living");
    struct cel_maintainer *m = make_maintainer(f, "w1");
    struct sum sum = {0};
    struct sum other = {0};
    int64_t now = clock_monotonic_ns();
    for (int i = 0; i < 4; i++) {
        now = rounds(f, m, now, CEL_LEASE_BEAT_MS, &sum);
        (void)round_at(living, now, &other);
    }
    /* Nobody can reach the server for a minute; one of them is back first. */
    set_last_beat(f, 60000);
    now += 60 * NS_PER_SEC;
    (void)round_at(m, now, &sum);
    now = rounds(f, m, now, CEL_LEASE_DEAD_MS - 2 * CEL_LEASE_BEAT_MS, &sum);
    (void)round_at(living, now, &other);
    (void)rounds(f, m, now, CEL_LEASE_DEAD_MS - CEL_LEASE_BEAT_MS, &sum);
    assert_int_equal(sum.dead_workers, 0);
    assert_false(other.evicted);
    assert_int_equal(RUN_INT(f, "HLEN", "celeriac.workers"), 3);
    cel_maintainer_destroy(living);
    cel_maintainer_destroy(m);
}

/* Somebody deletes the registrations: who lives keeps what it holds. */
static void a_deleted_registration_costs_nothing(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *m = make_maintainer(f, "w1");
    struct cel_claimer *c = make_claimer(f, "w1", NULL, 0, NULL, 0);
    struct sum sum = {0};
    int64_t now = clock_monotonic_ns();
    (void)round_at(m, now, &sum);
    push_messages(f, "t.add", 0, 3);
    assert_int_equal(claim(c, 2).count, 2);
    run(f, "DEL", "celeriac.workers", NULL);
    (void)round_at(m, now + NS_PER_SEC, &sum);
    assert_false(sum.evicted);
    assert_int_equal(held_by(f, "w1"), 2);
    assert_int_equal(claim(c, 2).count, 1);
    cel_claimer_destroy(c);
    cel_maintainer_destroy(m);
}

/* The server comes back without what it answered last, and says we hold what we have ended. */
static void what_a_server_forgot_is_given_back(void **state)
{
    struct fixture *f = *state;
    atomic_uint_fast64_t answered = 0;
    struct cel_maintainer *m = NULL;
    const struct cel_maintainer_options options = {
        .conn = {.url = f->url}, .keys = f->keys, .worker_id = "w1", .answered = &answered};
    struct cel_claimer *c = make_claimer(f, "w1", NULL, 0, NULL, 0);
    struct cel_finisher *fin = make_finisher(f, "w1", false);
    assert_ok(cel_maintainer_create(&options, &m, NULL));
    int64_t now = clock_monotonic_ns();
    for (size_t i = 0; i < 3; i++) {
        struct cel_finish_item items[] = {{.tag = SPAN("tag-0")}, {.tag = SPAN("tag-1")}};
        struct sum sum = {0};
        run(f, "DEL", "celery", NULL);
        (void)rounds(f, m, now += 60 * NS_PER_SEC, CEL_LEASE_BEAT_MS, &sum);
        push_messages(f, "t.add", 0, 3);
        assert_int_equal(claim(c, 3).count, 3);
        assert_ok(cel_finish(fin, &items[0], 1, NULL));
        run(f, "COPY", "celeriac.own.w1", "own", "REPLACE", NULL);
        run(f, "COPY", "celeriac.claim.w1", "claim", "REPLACE", NULL);
        run(f, "COPY", "celeriac.workers", "workers", "REPLACE", NULL);
        run(f, "COPY", "unacked", "entries", "REPLACE", NULL);
        run(f, "COPY", "unacked_index", "index", "REPLACE", NULL);
        assert_ok(cel_finish(fin, &items[1], 1, NULL));
        atomic_store(&answered, cel_finish_answered(fin));
        if (i == 1)
            (void)round_at(m, now += NS_PER_SEC, &sum);
        assert_false(sum.evicted);
        assert_int_equal(held_by(f, "w1"), 1);
        /* It has forgotten the end of tag-1; and with it a beat; or the next batch hides that. */
        run(f, "COPY", "own", "celeriac.own.w1", "REPLACE", NULL);
        run(f, "COPY", "entries", "unacked", "REPLACE", NULL);
        run(f, "COPY", "index", "unacked_index", "REPLACE", NULL);
        if (i == 1)
            run(f, "COPY", "workers", "celeriac.workers", "REPLACE", NULL);
        else
            run(f, "COPY", "claim", "celeriac.claim.w1", "REPLACE", NULL);
        if (i == 2) {
            items[0].tag = SPAN("tag-2");
            assert_ok(cel_finish(fin, &items[0], 1, NULL));
        }
        (void)round_at(m, now += NS_PER_SEC, &sum);
        assert_true(sum.evicted);
        (void)rounds(f, m, now, CEL_LEASE_BEAT_MS, &sum);
        assert_int_equal(RUN_INT(f, "LLEN", "celery"), i == 2 ? 1 : 2);
        assert_int_equal(RUN_INT(f, "HLEN", "unacked"), 0);
        sum = (struct sum){0};
        (void)round_at(m, now += NS_PER_SEC, &sum);
        assert_false(sum.evicted);
    }
    cel_finisher_destroy(fin);
    cel_claimer_destroy(c);
    cel_maintainer_destroy(m);
}

static void who_was_thought_dead_notices(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *stopped = make_maintainer(f, "stopped");
    struct cel_claimer *c = make_claimer(f, "stopped", NULL, 0, NULL, 0);
    struct cel_finisher *fin = make_finisher(f, "stopped", false);
    struct cel_maintainer *m = make_maintainer(f, "w1");
    struct cel_claimer *c2 = make_claimer(f, "w1", NULL, 0, NULL, 0);
    struct cel_claim_batch batch;
    struct sum sum = {0};
    struct sum own = {0};
    enroll(stopped);
    push_messages(f, "t.add", 0, 3);
    assert_int_equal(claim(c, 2).count, 2);
    (void)rounds(f, m, clock_monotonic_ns(), CEL_LEASE_DEAD_MS + 2 * CEL_LEASE_BEAT_MS, &sum);
    assert_int_equal(sum.restored, 2);
    /* It wakes up: what it ends is void, and it takes nothing before it is registered again. */
    struct cel_finish_item item = {.tag = SPAN("tag-0"),
                                   .to = CEL_FINISH_BACK,
                                   .queue = SPAN("celery"),
                                   .message = SPAN("retry")};
    assert_int_equal(claim(c2, 1).count, 1);
    assert_ok(cel_finish(fin, &item, 1, NULL));
    assert_false(item.held);
    assert_int_equal(RUN_INT(f, "HEXISTS", "unacked", "tag-0"), 1);
    assert_int_equal(cel_claim(c, 10, &batch, NULL), CELERIAC_ERR_NOT_FOUND);
    (void)round_at(stopped, clock_monotonic_ns() + NS_PER_SEC, &own);
    assert_true(own.evicted);
    own.evicted = false;
    /* Until its next rounds it can claim nothing that it would have to forget. */
    assert_int_equal(cel_claim(c, 10, &batch, NULL), CELERIAC_ERR_NOT_FOUND);
    (void)round_at(stopped, clock_monotonic_ns() + NS_PER_SEC, &own);
    (void)round_at(stopped, clock_monotonic_ns() + NS_PER_SEC, &own);
    assert_false(own.evicted);
    assert_int_equal(claim(c, 10).count, 2);
    cel_finisher_destroy(fin);
    cel_claimer_destroy(c);
    cel_claimer_destroy(c2);
    cel_maintainer_destroy(stopped);
    cel_maintainer_destroy(m);
}

static void who_beats_again_in_time_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct cel_maintainer *slow = make_maintainer(f, "slow");
    struct cel_claimer *c = make_claimer(f, "slow", NULL, 0, NULL, 0);
    struct cel_maintainer *m = make_maintainer(f, "w1");
    struct sum sum = {0};
    enroll(slow);
    push_messages(f, "t.add", 0, CEL_CLAIM_ROOM_MAX);
    assert_int_equal(claim(c, CEL_CLAIM_ROOM_MAX).count, CEL_CLAIM_ROOM_MAX);
    int64_t now = clock_monotonic_ns();
    now = rounds(f, m, now, CEL_LEASE_DEAD_MS - CEL_LEASE_BEAT_MS, &sum);
    /* A first chunk is restored, then the worker moves. */
    while (sum.restored == 0)
        now = round_at(m, now, &sum);
    struct sum own = {0};
    (void)round_at(slow, clock_monotonic_ns() + NS_PER_SEC, &own);
    assert_false(own.evicted);
    (void)rounds(f, m, now, CEL_LEASE_DEAD_MS - CEL_LEASE_BEAT_MS, &sum);
    assert_in_range(sum.restored, 1, CEL_CLAIM_ROOM_MAX - 1);
    assert_int_equal(RUN_INT(f, "LLEN", "celery"), sum.restored);
    assert_int_equal(RUN_INT(f, "HLEN", "unacked"), CEL_CLAIM_ROOM_MAX - sum.restored);
    assert_int_equal(RUN_INT(f, "HEXISTS", "celeriac.workers", "slow"), 1);
    cel_claimer_destroy(c);
    cel_maintainer_destroy(slow);
    cel_maintainer_destroy(m);
}

/* Beats in the background, as a worker's own thread does. */
struct beating {
    struct cel_maintainer *maintainer;
    atomic_bool stop;
    atomic_bool evicted;
};

static void *beat(void *context)
{
    struct beating *b = context;
    while (!atomic_load(&b->stop)) {
        struct cel_maintain_report report = {0};
        int64_t next;
        int64_t now = clock_monotonic_ns();
        if (cel_maintain(b->maintainer, now, &report, &next, NULL) != CELERIAC_OK) {
            assert_ok(cel_maintain_pause(b->maintainer, -1));
            continue;
        }
        if (report.evicted)
            atomic_store(&b->evicted, true);
        if (next > now)
            (void)usleep((useconds_t)((next - now) / 1000));
    }
    return NULL;
}

/* In real time: a worker that stops beating is replaced, in the time printed, and a server that
 * freezes longer than that makes no living worker look dead. */
static void keeps_its_promise_in_real_time(void **state)
{
    struct fixture *f = *state;
    struct beating living = {.maintainer = make_maintainer(f, "living")};
    struct beating watcher = {.maintainer = make_maintainer(f, "watcher")};
    struct cel_maintainer *dead = make_maintainer(f, "dead");
    struct cel_claimer *c = make_claimer(f, "dead", NULL, 0, NULL, 0);
    pthread_t a, b;
    assert_int_equal(pthread_create(&a, NULL, beat, &living), 0);
    assert_int_equal(pthread_create(&b, NULL, beat, &watcher), 0);
    enroll(dead);
    push_messages(f, "t.add", 0, 50);
    assert_int_equal(claim(c, 50).count, 50);
    int64_t start = clock_monotonic_ns();
    while (RUN_INT(f, "LLEN", "celery") < 50 && clock_monotonic_ns() - start < 30 * NS_PER_SEC)
        (void)usleep(20000);
    int64_t spent = clock_monotonic_ns() - start;
    print_message("a dead worker's messages were back after %.2f s\n", (double)spent / NS_PER_SEC);
    assert_int_equal(RUN_INT(f, "LLEN", "celery"), 50);
    /* Its registration goes after its last message. */
    for (int i = 0; i < 1000 && RUN_INT(f, "HLEN", "celeriac.workers") > 3; i++)
        (void)usleep(20000);
    assert_int_equal(RUN_INT(f, "HLEN", "celeriac.workers"), 3);

    redis_server_freeze(f->server);
    (void)usleep(6000000);
    redis_server_thaw(f->server);
    (void)usleep(6000000);
    cel_conn_disconnect(f->conn);
    assert_int_equal(RUN_INT(f, "HLEN", "celeriac.workers"), 3);
    assert_false(atomic_load(&living.evicted));
    assert_false(atomic_load(&watcher.evicted));
    atomic_store(&living.stop, true);
    atomic_store(&watcher.stop, true);
    assert_int_equal(pthread_join(a, NULL), 0);
    assert_int_equal(pthread_join(b, NULL), 0);
    cel_claimer_destroy(c);
    cel_maintainer_destroy(dead);
    cel_maintainer_destroy(living.maintainer);
    cel_maintainer_destroy(watcher.maintainer);
}

/* Registers, claims, and beats until it is killed; never comes back from here. */
static void live(struct redis_server *server, const char *id, size_t room)
{
    struct fixture f = {0};
    fixture_open(&f, server, NULL);
    struct cel_maintainer *m = make_maintainer(&f, id);
    struct cel_claimer *c = make_claimer(&f, id, NULL, 0, NULL, 0);
    for (bool has_claimed = false;; has_claimed = true) {
        struct cel_maintain_report report;
        int64_t next = 0;
        int64_t now = clock_monotonic_ns();
        assert_ok(cel_maintain(m, now, &report, &next, NULL));
        if (!has_claimed && room > 0)
            assert_int_equal(claim(c, room).count, room);
        if (next > now)
            (void)usleep((useconds_t)((next - now) / 1000));
    }
}

static pid_t start_living(struct fixture *f, const char *id, size_t room)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            live(f->server, id, room);
        _exit(1);
    }
    return pid;
}

static void end_living(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Real processes in real time: none lives as long as a dead worker is given. */
static void short_lived_processes_relieve_each_other(void **state)
{
    struct fixture *f = *state;
    static const int64_t lives_ms[] = {1500, 100, 700, 300};
    char id[32];
    push_messages(f, "t.add", 0, 50);
    pid_t holder = start_living(f, "holder", 50);
    while (RUN_INT(f, "HLEN", "unacked") < 50)
        (void)usleep(5000);
    end_living(holder);
    int64_t start = clock_monotonic_ns();
    for (int i = 0; RUN_INT(f, "LLEN", "celery") < 50; i++) {
        assert_in_range(i, 0, 40);
        (void)snprintf(id, sizeof id, "observer-%d", i);
        pid_t observer = start_living(f, id, 0);
        int64_t end = clock_monotonic_ns() + lives_ms[i % 4] * NS_PER_MS;
        while (clock_monotonic_ns() < end && RUN_INT(f, "LLEN", "celery") < 50)
            (void)usleep(5000);
        end_living(observer);
    }
    print_message("a killed worker's messages were back after %.2f s\n",
                  (double)(clock_monotonic_ns() - start) / NS_PER_SEC);
    assert_int_equal(RUN_INT(f, "EXISTS", "unacked", "unacked_index"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(observers_need_not_live_long, fixture_clear),
        cmocka_unit_test_setup(looks_closer_at_who_is_late, fixture_clear),
        cmocka_unit_test_setup(looks_are_shared, fixture_clear),
        cmocka_unit_test_setup(beats_as_often_as_it_has_to_lose, fixture_clear),
        cmocka_unit_test_setup(a_late_observer_finds_the_dead, fixture_clear),
        cmocka_unit_test_setup(the_clock_counts_only_time_in_which_workers_could_beat,
                               fixture_clear),
        cmocka_unit_test_setup(a_silent_time_of_the_server_kills_nobody, fixture_clear),
        cmocka_unit_test_setup(a_deleted_registration_costs_nothing, fixture_clear),
        cmocka_unit_test_setup(what_a_server_forgot_is_given_back, fixture_clear),
        cmocka_unit_test_setup(who_was_thought_dead_notices, fixture_clear),
        cmocka_unit_test_setup(who_beats_again_in_time_is_left_alone, fixture_clear),
        cmocka_unit_test_setup(keeps_its_promise_in_real_time, fixture_clear),
        cmocka_unit_test_setup(short_lived_processes_relieve_each_other, fixture_clear),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
