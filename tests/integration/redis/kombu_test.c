/*
 * The real kombu on the other side, in three versions, whose environments interop/venvs.sh makes:
 * it writes what we read, restores what we leave, and the reverse.
 */
#include "tests/integration/redis/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define MESSAGES 20

/* The environment of the running test: the interpreter's path. */
static char python[512];

static bool find_python(const char *name)
{
    const char *folder = getenv("CELERIAC_VENVS");
    int n = snprintf(python, sizeof python, "%s/%s/bin/python",
                     folder != NULL ? folder : CELERIAC_SOURCE "/build/venv", name);
    return n > 0 && (size_t)n < sizeof python && access(python, X_OK) == 0;
}

/* Runs kombu_peer.py; what it prints goes to out. */
static void peer(struct fixture *f, const char *operation, unsigned count, char out[4096])
{
    char command[2048];
    int n = snprintf(command, sizeof command, "exec '%s' '%s' '%s' %s %u", python,
                     CELERIAC_SOURCE "/tests/integration/redis/kombu_peer.py",
                     redis_server_url(f->server), operation, count);
    assert_true(n > 0 && (size_t)n < sizeof command);
    FILE *stream = popen(command, "re");
    assert_non_null(stream);
    size_t len = fread(out, 1, 4095, stream);
    out[len] = '\0';
    assert_int_equal(pclose(stream), 0);
}

/* All entries of `unacked`, sorted by tag, one after the other. */
static void snapshot(struct fixture *f, struct strbuf *out)
{
    char tags[MESSAGES][64];
    const struct redisReply *reply = run(f, "SORT", "unacked_index", "BY", "nosort", NULL);
    size_t count = cel_reply_count(reply);
    assert_true(count <= MESSAGES);
    for (size_t i = 0; i < count; i++)
        (void)snprintf(tags[i], sizeof tags[i], "%.*s",
                       SPAN_PRINTF(cel_reply_span(cel_reply_at(reply, i))));
    qsort(tags, count, sizeof tags[0], (int (*)(const void *, const void *))strcmp);
    for (size_t i = 0; i < count; i++) {
        strbuf_add_span(out, cel_reply_span(run(f, "HGET", "unacked", tags[i], NULL)));
        strbuf_add_char(out, '\n');
    }
    assert_ok(strbuf_status(out));
}

/* All lists of the queue, one after the other. */
static void snapshot_queue(struct fixture *f, struct strbuf *out)
{
    static const char *const lists[] = {"celery",
                                        "celery\x06\x16"
                                        "3",
                                        "celery\x06\x16"
                                        "6",
                                        "celery\x06\x16"
                                        "9"};
    for (size_t i = 0; i < 4; i++) {
        const struct redisReply *list = run(f, "SORT", lists[i], "ALPHA", NULL);
        for (size_t k = 0; k < cel_reply_count(list); k++) {
            strbuf_add_span(out, cel_reply_span(cel_reply_at(list, k)));
            strbuf_add_char(out, '\n');
        }
    }
    assert_ok(strbuf_status(out));
}

/* A worker of ours that takes everything and dies. */
static void take(struct fixture *f, const char *id)
{
    struct cel_maintainer *m = make_maintainer(f, id);
    struct cel_claimer *c = make_claimer(f, id, NULL, 0, NULL, 0);
    enroll(m);
    assert_int_equal(claim(c, 100).count, MESSAGES);
    cel_claimer_destroy(c);
    cel_maintainer_destroy(m);
}

static void restore(struct fixture *f)
{
    struct cel_maintainer *m = NULL;
    struct cel_maintain_report report;
    int64_t next;
    const struct cel_maintainer_options options = {
        .conn = {.url = f->url}, .keys = f->keys, .worker_id = "peer", .visibility_timeout = 1};
    assert_ok(cel_maintainer_create(&options, &m, NULL));
    /* Older than the timeout, whoever wrote it. */
    (void)usleep(2100000);
    assert_ok(cel_maintain(m, clock_monotonic_ns(), &report, &next, NULL));
    assert_int_equal(report.restored, MESSAGES);
    assert_ok(cel_maintain_leave(m, NULL, NULL));
    cel_maintainer_destroy(m);
}

static void assert_same(const struct strbuf *a, const struct strbuf *b)
{
    assert_true(a->len > 0);
    assert_string_equal(strbuf_text(a), strbuf_text(b));
}

/* Every message once, all marked or none. */
static void assert_consumed(const char *out, const char *redelivered)
{
    for (int i = 0; i < MESSAGES; i++) {
        char line[32];
        (void)snprintf(line, sizeof line, "%d %s\n", i, redelivered);
        const char *at = strstr(out, line);
        if (at == NULL)
            fail_msg("missing %s in %s", line, out);
    }
}

/* Kombu before 5.4 forgets the priority of what it restores, so this asks the newest only. */
static void both_sides_write_the_same(struct fixture *f)
{
    struct strbuf ours, theirs;
    char out[4096];
    strbuf_init(&ours, 1000000);
    strbuf_init(&theirs, 1000000);
    peer(f, "publish", MESSAGES, out);
    /* What each side puts back into the lists. */
    take(f, "w1");
    peer(f, "restore", 0, out);
    snapshot_queue(f, &theirs);
    peer(f, "take", MESSAGES, out);
    run(f, "DEL", "celeriac.own.w1", "celeriac.workers", NULL);
    restore(f);
    snapshot_queue(f, &ours);
    assert_same(&ours, &theirs);
    /* What each side writes for a message in hand. */
    strbuf_clear(&ours);
    strbuf_clear(&theirs);
    take(f, "w2");
    snapshot(f, &ours);
    peer(f, "restore", 0, out);
    peer(f, "take", MESSAGES, out);
    snapshot(f, &theirs);
    assert_same(&ours, &theirs);
    strbuf_close(&ours);
    strbuf_close(&theirs);
}

static void checklist_24_kombu_restores_what_we_leave(struct fixture *f)
{
    char out[4096];
    peer(f, "publish", MESSAGES, out);
    take(f, "w1");
    peer(f, "restore", 0, out);
    assert_int_equal(RUN_INT(f, "EXISTS", "unacked", "unacked_index"), 0);
    peer(f, "consume", MESSAGES, out);
    assert_consumed(out, "True");
    assert_int_equal(RUN_INT(f, "EXISTS", "unacked", "unacked_index"), 0);
}

static void checklist_24_we_restore_what_kombu_leaves(struct fixture *f)
{
    char out[4096];
    peer(f, "publish", MESSAGES, out);
    peer(f, "take", MESSAGES, out);
    assert_int_equal(RUN_INT(f, "HLEN", "unacked"), MESSAGES);
    restore(f);
    assert_int_equal(RUN_INT(f, "EXISTS", "unacked", "unacked_index"), 0);
    peer(f, "consume", MESSAGES, out);
    assert_consumed(out, "True");
}

static void with(void **state, const char *name, void (*test)(struct fixture *f))
{
    if (!find_python(name))
        fail_msg("no environment %s: run interop/venvs.sh", name);
    test(*state);
}

#define WITH(name, test)                    \
    static void test##_##name(void **state) \
    {                                       \
        with(state, #name, test);           \
    }
WITH(newest, both_sides_write_the_same)
WITH(newest, checklist_24_kombu_restores_what_we_leave)
WITH(newest, checklist_24_we_restore_what_kombu_leaves)
WITH(celery52, checklist_24_kombu_restores_what_we_leave)
WITH(celery52, checklist_24_we_restore_what_kombu_leaves)
WITH(celery53, checklist_24_kombu_restores_what_we_leave)
WITH(celery53, checklist_24_we_restore_what_kombu_leaves)

#define TEST(test) cmocka_unit_test_setup(test, fixture_clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_sides_write_the_same_newest),
        TEST(checklist_24_kombu_restores_what_we_leave_newest),
        TEST(checklist_24_we_restore_what_kombu_leaves_newest),
        TEST(checklist_24_kombu_restores_what_we_leave_celery52),
        TEST(checklist_24_we_restore_what_kombu_leaves_celery52),
        TEST(checklist_24_kombu_restores_what_we_leave_celery53),
        TEST(checklist_24_we_restore_what_kombu_leaves_celery53),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
