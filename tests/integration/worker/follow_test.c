/*
 * Chords whose header holds groups, with a real server: who completes one waits for its results
 * without holding up anybody else, and never gives it up because the backend is away.
 */
#include "tests/integration/redis/fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "worker/chord_wait.h"
#include "worker/follow.h"

/* A header with one task and a group of one; the body is task "b-1". */
#define GROUP                                                   \
    "{\"result\": [[\"g-1\", null], [[[\"h-1\", null], null], " \
    "[[\"g-2\", null], [[[\"m-1\", null], null]]]]]}"
#define BODY \
    "{\"task\": \"t.x\", \"args\": [], \"kwargs\": {}, \"options\": {\"task_id\": \"b-1\"}}"
#define RECORD(id, result) \
    "{\"status\": \"SUCCESS\", \"result\": " result ", \"task_id\": \"" id "\"}"

/* Without a sign of life for as long, something was lost. */
#define PATIENCE_NS (30 * NS_PER_SEC)

struct rig {
    struct fixture *f;
    struct cel_runtime runtime;
    struct cel_follow *follow;
    struct strbuf written; /* messages and documents of all records, a line each */
    bool stopping;
    int stop_fd;
};

static void same_id(void *context, char id[UUID_SIZE])
{
    (void)context;
    memcpy(id, "00000000-0000-4000-8000-000000000000", UUID_SIZE);
}

static bool write_down(void *context, struct cel_finish_item *items, size_t count)
{
    struct rig *rig = context;

    for (size_t i = 0; i < count; i++) {
        strbuf_add_span(&rig->written, items[i].message);
        strbuf_add_span(&rig->written, items[i].result.document);
        strbuf_add_char(&rig->written, '\n');
    }
    return true;
}

static bool may_go_on(void *context)
{
    const struct rig *rig = context;

    return !rig->stopping;
}

static void open_rig(struct rig *rig, struct fixture *f, uint32_t io_timeout_ms)
{
    const struct cel_conn_options conn = {
        .url = f->url, .connect_timeout_ms = io_timeout_ms, .io_timeout_ms = io_timeout_ms};
    const struct cel_chord_options chords = {.results = {.conn = conn, .keys = f->keys}};
    struct cel_follow_host host = {
        .context = rig, .write = write_down, .may_go_on = may_go_on, .stop_fd = -1};

    *rig = (struct rig){
        .f = f,
        .runtime.world = {.new_id = same_id, .origin = SPAN("gen1@test"), .queue = SPAN("celery")}};
    strbuf_init(&rig->written, (size_t)1 << 20);
    rig->stop_fd = host.stop_fd = eventfd(0, EFD_CLOEXEC);
    assert_true(host.stop_fd >= 0);
    assert_ok(cel_follow_create(&rig->runtime, &chords, &conn, f->keys, &host, &rig->follow, NULL));
    run(f, "SET", "celery-taskset-meta-g-1", GROUP, NULL);
    run(f, "SET", "celery-taskset-meta-g-1.s", "1", NULL);
}

static void close_rig(struct rig *rig)
{
    cel_follow_destroy(rig->follow);
    strbuf_close(&rig->written);
    (void)close(rig->stop_fd);
}

/* A request that has ended well: header task `id` of a chord with this body. */
static void end_request(struct cel_request *request, struct cel_task_message *message,
                        const struct rig *rig)
{
    struct cel_aftermath_context context =
        cel_aftermath_context_of(message, &rig->runtime.world, false, clock_wall_us());

    *request = (struct cel_request){.message = message};
    cel_settlement_init(&request->settlement);
    strbuf_add_text(&request->settlement.record, RECORD("h-1", "1"));
    assert_ok(cel_aftermath_succeed(&request->settlement.aftermath, message, SPAN("1"), &context,
                                    NULL, NULL));
}

static struct cel_task_message part_of(const char *id, const char *group)
{
    return (struct cel_task_message){
        .id = span_of(id), .group = span_of(group), .has_group_index = true, .chord = SPAN(BODY)};
}

static size_t times(const struct rig *rig, const char *text)
{
    const char *at = rig->written.ptr;
    size_t left = rig->written.len;
    size_t count = 0;

    while (left > 0 && (at = memmem(at, left, text, strlen(text)))) {
        count++;
        at++;
        left = rig->written.len - (size_t)(at - rig->written.ptr);
    }
    return count;
}

/* Looks as the settler does, until the request waits for nothing or `enough` looks were made. */
static void look(struct rig *rig, const struct cel_request *request, unsigned enough)
{
    int64_t until_ns = clock_monotonic_ns() + PATIENCE_NS;

    for (unsigned looks = 0; request->chord_waits > 0 && looks < enough; looks++) {
        int64_t next_ns = -1;

        assert_true(clock_monotonic_ns() < until_ns);
        assert_true(cel_follow_look(rig->follow, &next_ns));
        if (request->chord_waits > 0) {
            assert_true(next_ns > 0);
            while (clock_monotonic_ns() < next_ns)
                (void)usleep(1000);
        }
    }
}

#define UNTIL_IT_ENDS 1000

static void a_missing_result_holds_nobody_up(void **state)
{
    struct cel_task_message slow = part_of("h-1", "g-1");
    struct cel_task_message quick = part_of("q-1", "g-9");
    struct cel_request first;
    struct cel_request second;
    struct rig rig;

    open_rig(&rig, *state, 0);
    run(rig.f, "SET", "celery-task-meta-h-1", RECORD("h-1", "1"), NULL);
    run(rig.f, "SET", "celery-taskset-meta-g-9.s", "1", NULL);
    end_request(&first, &slow, &rig);
    end_request(&second, &quick, &rig);
    assert_true(cel_follow_before(rig.follow, (struct cel_request *[]){&first, &second}, 2));
    assert_int_equal(first.chord_waits, 1);
    assert_int_equal(second.chord_waits, 0);
    assert_int_equal(times(&rig, "\"argsrepr\": \"([1],)\""), 1);
    assert_int_equal(times(&rig, "\"argsrepr\""), 1);
    look(&rig, &first, 3);
    assert_int_equal(first.chord_waits, 1);
    assert_int_equal(times(&rig, "\"argsrepr\""), 1);

    run(rig.f, "SET", "celery-task-meta-m-1", RECORD("m-1", "2"), NULL);
    look(&rig, &first, UNTIL_IT_ENDS);
    assert_int_equal(times(&rig, "\"argsrepr\": \"([1, [2]],)\""), 1);
    assert_int_equal(times(&rig, "\"argsrepr\""), 2);
    assert_reply(run(rig.f, "GET", "celery-taskset-meta-g-1.c", NULL), "done");
    cel_settlement_close(&first.settlement);
    cel_settlement_close(&second.settlement);
    close_rig(&rig);
}

static void a_backend_that_is_away_is_waited_for(void **state)
{
    struct cel_task_message message = part_of("h-1", "g-1");
    struct cel_request request;
    struct rig rig;

    open_rig(&rig, *state, 100);
    run(rig.f, "SET", "celery-task-meta-h-1", RECORD("h-1", "1"), NULL);
    end_request(&request, &message, &rig);
    assert_true(cel_follow_before(rig.follow, (struct cel_request *[]){&request}, 1));
    assert_int_equal(request.chord_waits, 1);
    redis_server_freeze(rig.f->server);
    look(&rig, &request, 3);
    redis_server_thaw(rig.f->server);
    assert_int_equal(request.chord_waits, 1);
    /* The claim has run out meanwhile. */
    run(rig.f, "DEL", "celery-taskset-meta-g-1.c", NULL);
    run(rig.f, "SET", "celery-task-meta-m-1", RECORD("m-1", "2"), NULL);
    look(&rig, &request, UNTIL_IT_ENDS);
    assert_int_equal(times(&rig, "\"argsrepr\": \"([1, [2]],)\""), 1);
    assert_int_equal(times(&rig, "\"argsrepr\""), 1);
    assert_reply(run(rig.f, "GET", "celery-taskset-meta-g-1.c", NULL), "done");
    cel_settlement_close(&request.settlement);
    close_rig(&rig);
}

static void a_chord_that_a_peer_has_claimed_is_left_alone(void **state)
{
    struct cel_task_message message = part_of("h-1", "g-1");
    struct cel_request request;
    struct cel_request again;
    struct rig rig;

    open_rig(&rig, *state, 0);
    end_request(&request, &message, &rig);
    assert_true(cel_follow_before(rig.follow, (struct cel_request *[]){&request}, 1));
    assert_int_equal(request.chord_waits, 1);
    /* The part once more, while the first one waits: one body all the same. */
    end_request(&again, &message, &rig);
    assert_true(cel_follow_before(rig.follow, (struct cel_request *[]){&again}, 1));
    assert_int_equal(again.chord_waits, 0);
    run(rig.f, "SET", "celery-taskset-meta-g-1.c", "a peer", NULL);
    run(rig.f, "SET", "celery-task-meta-h-1", RECORD("h-1", "1"), NULL);
    run(rig.f, "SET", "celery-task-meta-m-1", RECORD("m-1", "2"), NULL);
    look(&rig, &request, UNTIL_IT_ENDS);
    assert_int_equal(times(&rig, "\"argsrepr\""), 0);
    assert_reply(run(rig.f, "GET", "celery-taskset-meta-g-1.c", NULL), "a peer");
    cel_settlement_close(&request.settlement);
    cel_settlement_close(&again.settlement);
    close_rig(&rig);
}

static void a_failure_is_kept_until_what_it_completes_has_ended(void **state)
{
    static const char body[] =
        "{\"task\": \"t.x\", \"args\": [], \"kwargs\": {}, \"options\": {\"task_id\": \"b-0\", "
        "\"chain\": [{\"task\": \"t.y\", \"args\": [], \"kwargs\": {}, \"options\": {\"task_id\": "
        "\"h-1\", \"group_id\": \"g-1\", \"group_index\": 0, \"chord\": " BODY "}}]}}";
    struct cel_task_message message = part_of("f-1", "g-0");
    struct cel_request request;
    struct rig rig;

    open_rig(&rig, *state, 0);
    run(rig.f, "SET", "celery-taskset-meta-g-0.s", "1", NULL);
    message.chord = span_of(body);
    end_request(&request, &message, &rig);
    cel_aftermath_close(&request.settlement.aftermath);
    assert_ok(cel_aftermath_revoke(&request.settlement.aftermath, &message, SPAN("{}")));
    assert_true(cel_follow_before(rig.follow, (struct cel_request *[]){&request}, 1));
    assert_int_equal(request.chord_waits, 1);
    assert_int_equal(RUN_INT(rig.f, "EXISTS", "celery-taskset-meta-g-0.s"), 1);
    run(rig.f, "SET", "celery-task-meta-h-1", RECORD("h-1", "1"), NULL);
    run(rig.f, "SET", "celery-task-meta-m-1", RECORD("m-1", "2"), NULL);
    look(&rig, &request, UNTIL_IT_ENDS);
    assert_int_equal(times(&rig, "\"argsrepr\""), 1);
    assert_int_equal(RUN_INT(rig.f, "EXISTS", "celery-taskset-meta-g-0.s"), 0);
    cel_settlement_close(&request.settlement);
    close_rig(&rig);
}

static void who_stops_acknowledges_nothing(void **state)
{
    struct cel_task_message message = part_of("h-1", "g-1");
    struct cel_request request;
    struct rig rig;
    int64_t next_ns = -1;

    open_rig(&rig, *state, 100);
    end_request(&request, &message, &rig);
    assert_true(cel_follow_before(rig.follow, (struct cel_request *[]){&request}, 1));
    rig.stopping = true;
    assert_true(cel_follow_look(rig.follow, &next_ns));
    assert_int_equal(request.chord_waits, 1);
    close_rig(&rig);
    assert_int_equal(RUN_INT((struct fixture *)*state, "EXISTS", "celery-taskset-meta-g-1.s"), 1);
    cel_settlement_close(&request.settlement);
}

static void results_that_never_come_are_waited_for_as_long_as_celery_does(void **state)
{
    const struct cel_chord_part part = {.group_id = SPAN("g-1"), .body = SPAN(BODY)};
    struct fixture *f = *state;
    const struct cel_chord_options options = {
        .results = {.conn = {.url = f->url}, .keys = f->keys}};
    struct cel_chord_store *store = NULL;
    struct cel_chord_wait *wait = NULL;
    struct celeriac_error err = {0};
    struct strbuf results;
    struct strbuf why;

    strbuf_init(&results, 4096);
    strbuf_init(&why, 4096);
    assert_ok(cel_chord_store_create(&options, &store, NULL));
    assert_ok(cel_chord_wait_create(&part, 0, SPAN(GROUP), NULL, 0, &wait, &err));
    run(f, "SET", "celery-taskset-meta-g-1.s", "1", NULL);
    assert_int_equal(cel_chord_wait_look(wait, store, 1, &results, &why, &err), CEL_CHORD_WAITS);
    assert_int_equal(wait->due_ns, 1 + CEL_JOIN_LOOK_MS * NS_PER_MS);
    assert_int_equal(
        cel_chord_wait_look(wait, store, CEL_JOIN_TIMEOUT_MS * NS_PER_MS, &results, &why, &err),
        CEL_CHORD_WAITS);
    assert_int_equal(
        cel_chord_wait_look(wait, store, 1 + CEL_JOIN_TIMEOUT_MS * NS_PER_MS, &results, &why, &err),
        CEL_CHORD_JOINED);
    assert_string_equal(strbuf_text(&why), "Join error: TimeoutError('The operation timed out.')");
    assert_int_equal(results.len, 0);
    cel_chord_wait_destroy(wait);
    cel_chord_store_destroy(store);
    strbuf_close(&results);
    strbuf_close(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_missing_result_holds_nobody_up, fixture_clear),
        cmocka_unit_test_setup(a_backend_that_is_away_is_waited_for, fixture_clear),
        cmocka_unit_test_setup(a_chord_that_a_peer_has_claimed_is_left_alone, fixture_clear),
        cmocka_unit_test_setup(a_failure_is_kept_until_what_it_completes_has_ended, fixture_clear),
        cmocka_unit_test_setup(who_stops_acknowledges_nothing, fixture_clear),
        cmocka_unit_test_setup(results_that_never_come_are_waited_for_as_long_as_celery_does,
                               fixture_clear),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
