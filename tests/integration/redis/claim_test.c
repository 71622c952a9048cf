#include "tests/integration/redis/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"

/* One worker's claimer, with a registration. */
struct worker {
    struct cel_maintainer *maintainer;
    struct cel_claimer *claimer;
};

static struct worker start_worker(struct fixture *f, const char *id, const char *const *tasks,
                                  size_t task_count)
{
    struct worker w = {make_maintainer(f, id), make_claimer(f, id, NULL, 0, tasks, task_count)};
    enroll(w.maintainer);
    return w;
}

static void stop_worker(struct worker *w)
{
    cel_claimer_destroy(w->claimer);
    cel_maintainer_destroy(w->maintainer);
}

static void push(struct fixture *f, const char *list, struct span message)
{
    cel_pipeline_clear(&f->pipeline);
    CEL_COMMAND(&f->pipeline, SPAN("LPUSH"), span_of(list), message);
    assert_ok(cel_pipeline_run(&f->pipeline, f->conn, NULL));
    assert_ok(cel_reply_check(cel_pipeline_reply(&f->pipeline, 0), NULL));
}

static void checklist_21_records_as_kombu_does(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, "w1", NULL, 0);
    char buf[MESSAGE_MAX];
    char entry[MESSAGE_MAX + 64];
    push_messages(f, "t.add", 1, 1);
    struct span message = make_message(buf, "t.add", "tag-1", 0, 100);
    (void)snprintf(entry, sizeof entry, "[%.*s, \"\", \"celery\"]", SPAN_PRINTF(message));

    struct cel_claim_batch batch = claim(w.claimer, 10);
    assert_int_equal(batch.count, 1);
    assert_false(batch.more);
    assert_true(span_is(batch.messages[0].tag, "tag-1"));
    assert_true(span_equal(batch.messages[0].envelope, message));
    assert_true(span_is(batch.messages[0].queue, "celery"));
    assert_int_equal(batch.messages[0].step, 0);
    assert_int_equal(RUN_INT(f, "EXISTS", "celery"), 0);
    assert_reply(run(f, "HGET", "unacked", "tag-1", NULL), entry);
    int64_t score = RUN_INT(f, "ZSCORE", "unacked_index", "tag-1");
    int64_t now = cel_reply_int(cel_reply_at(run(f, "TIME", NULL), 0));
    assert_in_range(score, now - 60, now);
    assert_int_equal(held_by(f, "w1"), 1);
    assert_int_equal(RUN_INT(f, "SISMEMBER", "_kombu.binding.celery",
                             "celery\x06\x16\x06\x16"
                             "celery"),
                     1);
    assert_int_equal(claim(w.claimer, 10).count, 0);
    stop_worker(&w);
}

static void checklist_16_uses_the_global_prefix(void **state)
{
    struct fixture *shared = *state;
    struct fixture f = {0};
    fixture_open(&f, shared->server, "pfx:");
    struct worker w = start_worker(&f, "w1", NULL, 0);
    push_messages(&f, "t.add", 1, 2);
    assert_int_equal(claim(w.claimer, 10).count, 2);
    assert_int_equal(RUN_INT(&f, "HLEN", "pfx:unacked"), 2);
    assert_int_equal(RUN_INT(&f, "ZCARD", "pfx:unacked_index"), 2);
    assert_int_equal(held_by(&f, "w1"), 2);
    assert_int_equal(RUN_INT(&f, "EXISTS", "pfx:_kombu.binding.celery"), 1);
    /* Nothing of ours stands outside the prefix. */
    const struct redisReply *keys = run(&f, "KEYS", "*", NULL);
    for (size_t i = 0; i < cel_reply_count(keys); i++)
        assert_true(span_starts(cel_reply_span(cel_reply_at(keys, i)), SPAN("pfx:")));
    stop_worker(&w);
    fixture_close(&f);
}

static void checklist_19_20_serves_priorities_in_order(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, "w1", NULL, 0);
    char buf[MESSAGE_MAX];
    static const char *const lists[] = {"celery\x06\x16"
                                        "9",
                                        "celery\x06\x16"
                                        "3",
                                        "celery",
                                        "celery\x06\x16"
                                        "6"};
    static const int steps[] = {0, 3, 6, 9};
    for (int i = 0; i < 4; i++) {
        char tag[8] = {'a', (char)('0' + i), 0};
        push(f, lists[i], make_message(buf, "t.add", tag, 0, 10));
        tag[0] = 'b';
        push(f, lists[i], make_message(buf, "t.add", tag, 0, 10));
    }
    struct cel_claim_batch batch = claim(w.claimer, 3);
    assert_int_equal(batch.count, 3);
    assert_true(batch.more);
    assert_true(span_is(batch.messages[0].tag, "a2"));
    assert_true(span_is(batch.messages[1].tag, "b2"));
    assert_true(span_is(batch.messages[2].tag, "a1"));
    batch = claim(w.claimer, 100);
    static const char *const expected[] = {"b1", "a3", "b3", "a0", "b0"};
    assert_int_equal(batch.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_true(span_is(batch.messages[i].tag, expected[i]));
    for (size_t i = 1; i < 5; i++)
        assert_int_equal(batch.messages[i].step, steps[(i + 3) / 2]);
    stop_worker(&w);
}

static void checklist_20_claims_in_the_order_of_publishing(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, "w1", NULL, 0);
    char tag[32];
    push_messages(f, "t.add", 0, 500);
    for (unsigned next = 0; next < 500;) {
        struct cel_claim_batch batch = claim(w.claimer, 64);
        assert_true(batch.count > 0);
        for (size_t i = 0; i < batch.count; i++) {
            (void)snprintf(tag, sizeof tag, "tag-%u", next++);
            assert_true(span_is(batch.messages[i].tag, tag));
        }
    }
    assert_int_equal(RUN_INT(f, "ZCARD", "unacked_index"), 500);
    stop_worker(&w);
}

static size_t count_of(const struct cel_claim_batch *batch, const char *queue)
{
    size_t n = 0;
    for (size_t i = 0; i < batch->count; i++)
        n += span_is(batch->messages[i].queue, queue) ? 1 : 0;
    return n;
}

static void checklist_19_shares_the_room_among_queues(void **state)
{
    struct fixture *f = *state;
    static const char *const queues[] = {"a", "b", "c"};
    struct cel_maintainer *m = make_maintainer(f, "w1");
    struct cel_claimer *c = make_claimer(f, "w1", queues, 3, NULL, 0);
    char buf[MESSAGE_MAX];
    char tag[32];
    enroll(m);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(tag, sizeof tag, "a%d", i);
        push(f, "a", make_message(buf, "t.add", tag, 0, 10));
        (void)snprintf(tag, sizeof tag, "b%d", i);
        push(f, "b", make_message(buf, "t.add", tag, 0, 10));
    }
    for (int i = 0; i < 4; i++) {
        (void)snprintf(tag, sizeof tag, "c%d", i);
        push(f, "c", make_message(buf, "t.add", tag, 0, 10));
    }
    /* c has less than its third; the others share what it leaves. */
    struct cel_claim_batch batch = claim(c, 30);
    assert_int_equal(batch.count, 30);
    assert_int_equal(count_of(&batch, "a"), 13);
    assert_int_equal(count_of(&batch, "b"), 13);
    assert_int_equal(count_of(&batch, "c"), 4);
    /* With room for one, queues take turns. */
    size_t a = 0;
    size_t b = 0;
    for (int i = 0; i < 10; i++) {
        batch = claim(c, 1);
        assert_int_equal(batch.count, 1);
        a += count_of(&batch, "a");
        b += count_of(&batch, "b");
    }
    assert_int_equal(a, 5);
    assert_int_equal(b, 5);
    cel_claimer_destroy(c);
    cel_maintainer_destroy(m);
}

static void changes_queues(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, "w1", NULL, 0);
    static const char *const others[] = {"q2"};
    char buf[MESSAGE_MAX];
    push(f, "celery", make_message(buf, "t.add", "x", 0, 10));
    push(f, "q2", make_message(buf, "t.add", "y", 0, 10));
    assert_ok(cel_claimer_set_queues(w.claimer, others, 1, NULL));
    struct cel_claim_batch batch = claim(w.claimer, 10);
    assert_int_equal(batch.count, 1);
    assert_true(span_is(batch.messages[0].tag, "y"));
    assert_int_equal(RUN_INT(f, "EXISTS", "_kombu.binding.q2"), 1);
    assert_int_equal(RUN_INT(f, "LLEN", "celery"), 1);
    stop_worker(&w);
}

static void leaves_strangers_in_place(void **state)
{
    struct fixture *f = *state;
    static const char *const tasks[] = {"t.mine"};
    struct worker w = start_worker(f, "w1", tasks, 1);
    push_messages(f, "t.theirs", 0, 3);
    push_messages(f, "t.mine", 3, 2);
    push_messages(f, "t.theirs", 5, 2);
    push_messages(f, "t.mine", 7, 1);
    struct cel_claim_batch batch = claim(w.claimer, 10);
    assert_int_equal(batch.count, 3);
    assert_true(span_is(batch.messages[0].tag, "tag-3"));
    assert_true(span_is(batch.messages[1].tag, "tag-4"));
    assert_true(span_is(batch.messages[2].tag, "tag-7"));
    assert_int_equal(batch.strays, 5);
    batch = claim(w.claimer, 10);
    assert_int_equal(batch.count, 0);
    assert_int_equal(batch.strays, 5);
    assert_false(batch.more);
    /* Untouched and in their order. */
    static const unsigned left[] = {0, 1, 2, 5, 6};
    char buf[MESSAGE_MAX];
    char tag[32];
    const struct redisReply *list = run(f, "LRANGE", "celery", "0", "-1", NULL);
    assert_int_equal(cel_reply_count(list), 5);
    for (size_t i = 0; i < 5; i++) {
        (void)snprintf(tag, sizeof tag, "tag-%u", left[i]);
        assert_true(span_equal(cel_reply_span(cel_reply_at(list, 4 - i)),
                               make_message(buf, "t.theirs", tag, 0, 100)));
    }
    assert_int_equal(RUN_INT(f, "HLEN", "unacked"), 3);
    stop_worker(&w);
}

static void finds_its_own_behind_many_strangers(void **state)
{
    struct fixture *f = *state;
    static const char *const tasks[] = {"t.mine"};
    struct worker w = start_worker(f, "w1", tasks, 1);
    push_messages(f, "t.theirs", 0, 20000);
    push_messages(f, "t.mine", 20000, 200);
    push_messages(f, "t.theirs", 20200, 3000);
    push_messages(f, "t.mine", 23200, 1);
    size_t found = 0;
    int calls = 0;
    for (; found < 201; calls++) {
        struct cel_claim_batch batch = claim(w.claimer, 64);
        found += batch.count;
        assert_true(calls < 60);
        /* As long as the list was not seen to its end, the caller is told to go on. */
        if (found < 201)
            assert_true(batch.more);
    }
    assert_int_equal(RUN_INT(f, "LLEN", "celery"), 23000);
    /* Somebody else consumes the strangers; one of ours comes to lie at the tail. */
    push_messages(f, "t.mine", 30000, 1);
    run(f, "LTRIM", "celery", "0", "0", NULL);
    for (calls = 0; found < 202; calls++) {
        found += claim(w.claimer, 64).count;
        assert_true(calls < 60);
    }
    struct cel_claim_batch batch = claim(w.claimer, 64);
    while (batch.more)
        batch = claim(w.claimer, 64);
    assert_int_equal(batch.count, 0);
    stop_worker(&w);
}

/* Messages that no pattern reads, and what they must be claimed as. */
static const struct {
    const char *raw;
    const char *tag;
    const char *suffix; /* of the entry in `unacked`, behind the envelope */
} odd[] = {
    /* keys in another order, white space */
    {"{ \"properties\" : { \"delivery_tag\" : \"o1\", \"delivery_info\" : { \"routing_key\": "
     "\"celery\", \"exchange\": \"\" } }, \"headers\": {\"task\": \"t.mine\", \"id\": \"1\"} }",
     "o1", ", \"\", \"celery\"]"},
    /* compact */
    {"{\"headers\":{\"task\":\"t.mine\",\"id\":\"1\"},\"properties\":{\"delivery_info\":{"
     "\"exchange\":"
     "\"\",\"routing_key\":\"celery\"},\"delivery_tag\":\"o2\"}}",
     "o2", ", \"\", \"celery\"]"},
    /* a second delivery_tag, in the headers */
    {"{\"headers\": {\"delivery_tag\": \"no\", \"task\": \"t.mine\", \"id\": \"1\"}, "
     "\"properties\": "
     "{\"delivery_info\": {\"exchange\": \"\", \"routing_key\": \"celery\"}, \"delivery_tag\": "
     "\"o3\"}}",
     "o3", ", \"\", \"celery\"]"},
    /* escapes and what is not ASCII */
    {"{\"headers\": {\"task\": \"t.mine\", \"id\": \"1\", \"n\": NaN, \"s\": \"\\ud800\", \"i\": "
     "1180591620717411303424}, \"properties\": {\"delivery_info\": {\"exchange\": \"\\u00e9x\", "
     "\"routing_key\": \"r\\\"k\"}, \"delivery_tag\": \"o\\u0034\"}}",
     "o4", ", \"\\u00e9x\", \"r\\\"k\"]"},
    /* no delivery_info: where it came from */
    {"{\"headers\": {\"task\": \"t.mine\", \"id\": \"1\"}, \"properties\": {\"delivery_tag\": "
     "\"o5\"}}",
     "o5", ", \"\", \"celery\"]"},
    /* a tag with a space */
    {"{\"headers\": {\"task\": \"t.mine\", \"id\": \"1\"}, \"properties\": {\"delivery_info\": "
     "{\"exchange\": \"\", \"routing_key\": \"celery\"}, \"delivery_tag\": \"o 6\"}}",
     "o 6", ", \"\", \"celery\"]"},
};

static void reads_unusual_spellings(void **state)
{
    struct fixture *f = *state;
    static const char *const tasks[] = {"t.mine"};
    struct worker w = start_worker(f, "w1", tasks, 1);
    char entry[MESSAGE_MAX];
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        push(f, "celery", span_of(odd[i].raw));
        struct cel_claim_batch batch = claim(w.claimer, 10);
        if (batch.count != 1)
            fail_msg("not claimed: %s", odd[i].raw);
        assert_true(span_is(batch.messages[0].tag, odd[i].tag));
        assert_true(span_is(batch.messages[0].envelope, odd[i].raw));
        (void)snprintf(entry, sizeof entry, "[%s%s", odd[i].raw, odd[i].suffix);
        assert_reply(run(f, "HGET", "unacked", odd[i].tag, NULL), entry);
        assert_non_null(run(f, "ZSCORE", "unacked_index", odd[i].tag, NULL));
    }
    assert_int_equal(RUN_INT(f, "LLEN", "celery"), 0);
    assert_int_equal(held_by(f, "w1"), sizeof odd / sizeof odd[0]);
    stop_worker(&w);
}

static void leaves_unusually_spelt_strangers(void **state)
{
    struct fixture *f = *state;
    static const char *const tasks[] = {"t.other"};
    struct worker w = start_worker(f, "w1", tasks, 1);
    size_t count = sizeof odd / sizeof odd[0];
    for (size_t i = 0; i < count; i++)
        push(f, "celery", span_of(odd[i].raw));
    struct cel_claim_batch batch = claim(w.claimer, 10);
    assert_int_equal(batch.count, 0);
    assert_int_equal(batch.strays, count);
    assert_int_equal(RUN_INT(f, "LLEN", "celery"), count);
    stop_worker(&w);
}

static void takes_messages_without_a_task_header(void **state)
{
    struct fixture *f = *state;
    static const char *const tasks[] = {"t.other"};
    struct worker w = start_worker(f, "w1", tasks, 1);
    push(f, "celery",
         SPAN("{\"body\": \"e30=\", \"headers\": {}, \"properties\": {\"delivery_info\": "
              "{\"exchange\": \"\", \"routing_key\": \"celery\"}, \"delivery_tag\": \"v1\"}}"));
    struct cel_claim_batch batch = claim(w.claimer, 10);
    assert_int_equal(batch.count, 1);
    assert_true(span_is(batch.messages[0].tag, "v1"));
    stop_worker(&w);
}

static void quarantines_what_nobody_can_read(void **state)
{
    struct fixture *f = *state;
    static const char *const tasks[] = {"t.mine"};
    static const struct {
        const char *raw;
        size_t len;
        const char *reason;
    } bad[] = {
        {"not json", 8, "not-json"},
        {"", 0, "not-json"},
        {"[1, 2]", 6, "not-object"},
        {"{\"headers\": {}}", 15, "properties"},
        {"{\"properties\": {}}", 18, "delivery-tag"},
        {"{\"a\": \"\xff\x00\"}", 11, "not-json"},
    };
    struct worker w = start_worker(f, "w1", tasks, 1);
    struct json_doc doc;
    json_init(&doc);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        push(f, "celery", (struct span){bad[i].raw, bad[i].len});
        struct cel_claim_batch batch = claim(w.claimer, 10);
        assert_int_equal(batch.count, 0);
        assert_int_equal(batch.quarantined, 1);
        assert_int_equal(RUN_INT(f, "LLEN", "celery"), 0);
        const struct redisReply *entry = run(f, "LINDEX", "celeriac.quarantine", "0", NULL);
        assert_ok(json_parse(&doc, cel_reply_span(entry), NULL, NULL));
        const struct json_node *reason = json_get(json_root(&doc), "reason");
        struct span text;
        assert_true(json_peek_string(reason, &text));
        if (strstr(bad[i].reason, "json") != NULL)
            assert_true(span_is(text, bad[i].reason));
        assert_true(json_string_is(json_get(json_root(&doc), "queue"), "celery"));
    }
    json_close(&doc);
    assert_int_equal(RUN_INT(f, "LLEN", "celeriac.quarantine"), sizeof bad / sizeof bad[0]);
    assert_int_equal(RUN_INT(f, "HLEN", "unacked"), 0);
    stop_worker(&w);
}

static void gives_copies_tags_of_their_own(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, "w1", NULL, 0);
    char buf[MESSAGE_MAX];
    char expected[MESSAGE_MAX];
    struct span message = make_message(buf, "t.add", "same", 0, 10);
    push(f, "celery", message);
    push(f, "celery", message);
    push(f, "celery", message);
    struct cel_claim_batch batch = claim(w.claimer, 10);
    assert_int_equal(batch.count, 3);
    assert_true(span_is(batch.messages[0].tag, "same"));
    for (size_t i = 1; i < 3; i++) {
        char tag[64];
        assert_int_equal(batch.messages[i].tag.len, 36);
        (void)snprintf(tag, sizeof tag, "%.*s", SPAN_PRINTF(batch.messages[i].tag));
        /* Nothing but the tag differs. */
        size_t head = message.len - strlen("same\"}}");
        (void)snprintf(expected, sizeof expected, "%.*s%s\"}}", (int)head, message.ptr, tag);
        assert_true(span_is(batch.messages[i].envelope, expected));
        assert_int_equal(RUN_INT(f, "HEXISTS", "unacked", tag), 1);
    }
    assert_int_equal(RUN_INT(f, "HLEN", "unacked"), 3);
    assert_int_equal(RUN_INT(f, "ZCARD", "unacked_index"), 3);
    assert_int_equal(RUN_INT(f, "EXISTS", "celery"), 0);
    /* Another worker's delivery is not overwritten either. */
    struct worker other = start_worker(f, "w2", NULL, 0);
    push(f, "celery", message);
    batch = claim(other.claimer, 10);
    assert_int_equal(batch.count, 1);
    assert_int_equal(batch.messages[0].tag.len, 36);
    assert_int_equal(RUN_INT(f, "HLEN", "unacked"), 4);
    stop_worker(&other);
    stop_worker(&w);
}

static void checklist_32_a_redelivery_does_not_hide_the_running_copy(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, "w1", NULL, 0);
    char buf[MESSAGE_MAX];
    struct span message = make_message(buf, "t.add", "x", 0, 10);
    push(f, "celery", message);
    assert_int_equal(claim(w.claimer, 10).count, 1);
    /* kombu restores it by its visibility timeout while we still run it. */
    run(f, "ZREM", "unacked_index", "x", NULL);
    run(f, "HDEL", "unacked", "x", NULL);
    push(f, "celery", message);
    struct cel_claim_batch batch = claim(w.claimer, 10);
    assert_int_equal(batch.count, 1);
    char tag[64];
    (void)snprintf(tag, sizeof tag, "%.*s", SPAN_PRINTF(batch.messages[0].tag));
    assert_string_not_equal(tag, "x");
    /* The end of the first run is void, and leaves the second's entry alone. */
    struct cel_finisher *fin = make_finisher(f, "w1", false);
    struct cel_finish_item item = {.tag = SPAN("x")};
    assert_ok(cel_finish(fin, &item, 1, NULL));
    assert_false(item.held);
    assert_int_equal(RUN_INT(f, "HEXISTS", "unacked", tag), 1);
    item = (struct cel_finish_item){.tag = span_of(tag)};
    assert_ok(cel_finish(fin, &item, 1, NULL));
    assert_true(item.held);
    assert_int_equal(RUN_INT(f, "EXISTS", "unacked", "unacked_index") + held_by(f, "w1"), 0);
    cel_finisher_destroy(fin);
    stop_worker(&w);
}

static void takes_nothing_without_registration(void **state)
{
    struct fixture *f = *state;
    struct cel_claimer *c = make_claimer(f, "w1", NULL, 0, NULL, 0);
    struct cel_claim_batch batch;
    push_messages(f, "t.add", 0, 2);
    assert_int_equal(cel_claim(c, 10, &batch, NULL), CELERIAC_ERR_NOT_FOUND);
    assert_int_equal(RUN_INT(f, "LLEN", "celery"), 2);
    struct cel_maintainer *m = make_maintainer(f, "w1");
    enroll(m);
    assert_int_equal(claim(c, 10).count, 2);
    cel_claimer_destroy(c);
    cel_maintainer_destroy(m);
}

static void respects_the_room(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, "w1", NULL, 0);
    push_messages(f, "t.add", 0, CEL_CLAIM_ROOM_MAX + 10);
    assert_int_equal(claim(w.claimer, 0).count, 0);
    assert_int_equal(claim(w.claimer, 1).count, 1);
    struct cel_claim_batch batch = claim(w.claimer, 2 * CEL_CLAIM_ROOM_MAX);
    assert_int_equal(batch.count, CEL_CLAIM_ROOM_MAX);
    assert_true(batch.more);
    batch = claim(w.claimer, CEL_CLAIM_ROOM_MAX);
    assert_int_equal(batch.count, 9);
    assert_false(batch.more);
    stop_worker(&w);
}

static void names_bad_options(void **state)
{
    struct fixture *f = *state;
    struct cel_claimer *c = NULL;
    struct celeriac_error err = {0};
    static const char *const queues[] = {"celery"};
    struct cel_claimer_options options = {
        .conn = {.url = f->url}, .keys = f->keys, .queues = queues, .queue_count = 1};
    assert_int_equal(cel_claimer_create(&options, &c, &err), CELERIAC_ERR_VALUE);
    assert_non_null(strstr(err.text, "worker_id"));
    options.worker_id = "w";
    options.queue_count = 0;
    assert_int_equal(cel_claimer_create(&options, &c, NULL), CELERIAC_ERR_VALUE);
    assert_null(c);
    cel_claimer_destroy(NULL);
    enum celeriac_err code = CELERIAC_ERR_MEMORY;
    options.queue_count = 1;
    options.tasks = queues;
    options.task_count = 1;
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        mem_fail_at(n);
        code = cel_claimer_create(&options, &c, NULL);
        bool failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code == CELERIAC_ERR_MEMORY, failed);
    }
    cel_claimer_destroy(c);
}

/* A server that is out of memory refuses what adds to it; a queue must be emptied just then, also
 * by who is new there. */
static void a_full_server_can_be_emptied(void **state)
{
    struct fixture *f = *state;
    struct worker w = start_worker(f, "w1", NULL, 0);
    push_messages(f, "t.add", 0, 5);
    assert_int_equal(claim(w.claimer, 2).count, 2);
    run(f, "CONFIG", "SET", "maxmemory", "1", NULL);
    assert_int_equal(claim(w.claimer, 1).count, 1);
    struct worker fresh = start_worker(f, "w2", NULL, 0);
    assert_int_equal(claim(fresh.claimer, 10).count, 2);
    run(f, "CONFIG", "SET", "maxmemory", "0", NULL);
    assert_int_equal(RUN_INT(f, "LLEN", "celery"), 0);
    assert_int_equal(RUN_INT(f, "HLEN", "unacked"), 5);
    stop_worker(&fresh);
    stop_worker(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(checklist_21_records_as_kombu_does, fixture_clear),
        cmocka_unit_test_setup(checklist_16_uses_the_global_prefix, fixture_clear),
        cmocka_unit_test_setup(checklist_19_20_serves_priorities_in_order, fixture_clear),
        cmocka_unit_test_setup(checklist_20_claims_in_the_order_of_publishing, fixture_clear),
        cmocka_unit_test_setup(checklist_19_shares_the_room_among_queues, fixture_clear),
        cmocka_unit_test_setup(changes_queues, fixture_clear),
        cmocka_unit_test_setup(leaves_strangers_in_place, fixture_clear),
        cmocka_unit_test_setup(finds_its_own_behind_many_strangers, fixture_clear),
        cmocka_unit_test_setup(reads_unusual_spellings, fixture_clear),
        cmocka_unit_test_setup(leaves_unusually_spelt_strangers, fixture_clear),
        cmocka_unit_test_setup(takes_messages_without_a_task_header, fixture_clear),
        cmocka_unit_test_setup(quarantines_what_nobody_can_read, fixture_clear),
        cmocka_unit_test_setup(gives_copies_tags_of_their_own, fixture_clear),
        cmocka_unit_test_setup(checklist_32_a_redelivery_does_not_hide_the_running_copy,
                               fixture_clear),
        cmocka_unit_test_setup(takes_nothing_without_registration, fixture_clear),
        cmocka_unit_test_setup(respects_the_room, fixture_clear),
        cmocka_unit_test_setup(names_bad_options, fixture_clear),
        cmocka_unit_test_setup(a_full_server_can_be_emptied, fixture_clear),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
