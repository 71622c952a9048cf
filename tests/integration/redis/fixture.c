#include "tests/integration/redis/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "celery_proto/redis/own_keys.h"

void fixture_open(struct fixture *f, struct redis_server *server, const char *prefix)
{
    const struct cel_keys_options options = {.global_keyprefix = prefix};
    struct cel_conn_options conn = {0};
    f->server = server;
    assert_ok(
        cel_broker_url_parse(span_of(redis_server_url(server)), CEL_URL_BROKER, &f->url, NULL));
    assert_ok(cel_keys_create(&options, &f->keys, NULL));
    conn.url = f->url;
    assert_ok(cel_conn_create(&conn, &f->conn, NULL));
    cel_pipeline_init(&f->pipeline);
}

void fixture_close(struct fixture *f)
{
    cel_pipeline_close(&f->pipeline);
    cel_conn_destroy(f->conn);
    cel_keys_destroy(f->keys);
    cel_broker_url_destroy(f->url);
}

int fixture_start(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    fixture_open(f, redis_server_start(NULL), NULL);
    *state = f;
    return 0;
}

int fixture_stop(void **state)
{
    struct fixture *f = *state;
    fixture_close(f);
    redis_server_stop(f->server);
    free(f);
    return 0;
}

int fixture_clear(void **state)
{
    struct fixture *f = *state;
    /* The test before may have killed the server. */
    cel_conn_disconnect(f->conn);
    run(f, "FLUSHALL", NULL);
    run(f, "SCRIPT", "FLUSH", NULL);
    return 0;
}

const struct redisReply *run(struct fixture *f, const char *word, ...)
{
    struct celeriac_error err = {0};
    struct span args[64];
    size_t n = 0;
    va_list list;
    va_start(list, word);
    for (; word != NULL && n < 64; word = va_arg(list, const char *))
        args[n++] = span_of(word);
    va_end(list);
    cel_pipeline_clear(&f->pipeline);
    cel_pipeline_add(&f->pipeline, args, n);
    if (cel_pipeline_run(&f->pipeline, f->conn, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    const struct redisReply *reply = cel_pipeline_reply(&f->pipeline, 0);
    if (cel_reply_check(reply, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    return reply;
}

struct span make_message(char buf[MESSAGE_MAX], const char *task, const char *tag, int priority,
                         size_t body_len)
{
    char body[MESSAGE_MAX];
    assert_true(body_len < MESSAGE_MAX / 2);
    memset(body, 'A', body_len);
    body[body_len] = '\0';
    int n = snprintf(
        buf, MESSAGE_MAX,
        "{\"body\": \"%s\", \"content-encoding\": \"utf-8\", \"content-type\": "
        "\"application/json\", \"headers\": {\"lang\": \"py\", \"task\": \"%s\", \"id\": "
        "\"id-%s\", "
        "\"shadow\": null, \"eta\": null, \"expires\": null, \"group\": null, \"group_index\": "
        "null, "
        "\"retries\": 0, \"timelimit\": [null, null], \"root_id\": \"id-%s\", \"parent_id\": null, "
        "\"argsrepr\": \"(1, 2)\", \"kwargsrepr\": \"{}\", \"origin\": \"gen1@host\"}, "
        "\"properties\": {\"correlation_id\": \"id-%s\", \"reply_to\": "
        "\"dac95fb1-7c48-3690-bd3b-7c56affc72bf\", \"delivery_mode\": 2, \"delivery_info\": "
        "{\"exchange\": \"\", \"routing_key\": \"celery\"}, \"priority\": %d, \"body_encoding\": "
        "\"base64\", \"delivery_tag\": \"%s\"}}",
        body, task, tag, tag, tag, priority, tag);
    assert_in_range(n, 1, MESSAGE_MAX - 1);
    return (struct span){buf, (size_t)n};
}

struct cel_claimer *make_claimer(struct fixture *f, const char *id, const char *const *queues,
                                 size_t queue_count, const char *const *tasks, size_t task_count)
{
    static const char *const only[] = {"celery"};
    struct celeriac_error err = {0};
    struct cel_claimer *claimer = NULL;
    const struct cel_claimer_options options = {.conn = {.url = f->url},
                                                .keys = f->keys,
                                                .worker_id = id,
                                                .queues = queues != NULL ? queues : only,
                                                .queue_count = queues != NULL ? queue_count : 1,
                                                .tasks = tasks,
                                                .task_count = task_count};
    if (cel_claimer_create(&options, &claimer, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    return claimer;
}

struct cel_maintainer *make_maintainer(struct fixture *f, const char *id)
{
    struct cel_maintainer *maintainer = NULL;
    const struct cel_maintainer_options options = {
        .conn = {.url = f->url}, .keys = f->keys, .worker_id = id, .worker_name = "celery@test"};
    assert_ok(cel_maintainer_create(&options, &maintainer, NULL));
    return maintainer;
}

struct cel_finisher *make_finisher(struct fixture *f, const char *id, bool with_results)
{
    struct cel_finisher *finisher = NULL;
    const struct cel_finisher_options options = {
        .conn = {.url = f->url},
        .keys = f->keys,
        .worker_id = id,
        .results = {.conn = {.url = with_results ? f->url : NULL}, .keys = f->keys}};
    assert_ok(cel_finisher_create(&options, &finisher, NULL));
    return finisher;
}

struct cel_publisher *make_publisher(struct fixture *f)
{
    struct cel_publisher *publisher = NULL;
    const struct cel_publisher_options options = {.conn = {.url = f->url}, .keys = f->keys};
    assert_ok(cel_publisher_create(&options, &publisher, NULL));
    return publisher;
}

void push_messages(struct fixture *f, const char *task, unsigned first, unsigned count)
{
    char buf[MESSAGE_MAX];
    char tag[64];
    struct strbuf key;
    strbuf_init(&key, 1024);
    cel_key_queue(f->keys, SPAN("celery"), 0, &key);
    cel_pipeline_clear(&f->pipeline);
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(tag, sizeof tag, "tag-%u", first + i);
        CEL_COMMAND(&f->pipeline, SPAN("LPUSH"), strbuf_span(&key),
                    make_message(buf, task, tag, 0, 100));
    }
    assert_ok(cel_pipeline_run(&f->pipeline, f->conn, NULL));
    strbuf_close(&key);
}

int64_t held_by(struct fixture *f, const char *id)
{
    struct strbuf key;
    strbuf_init(&key, 1024);
    cel_key_own(f->keys, span_of(id), &key);
    int64_t fields = RUN_INT(f, "HLEN", strbuf_text(&key));
    /* One field says what the hash is. */
    int64_t about = RUN_INT(f, "HEXISTS", strbuf_text(&key), "");
    strbuf_close(&key);
    return fields - about;
}

void enroll(struct cel_maintainer *maintainer)
{
    struct cel_maintain_report report;
    struct celeriac_error err = {0};
    int64_t next;
    if (cel_maintain(maintainer, clock_monotonic_ns(), &report, &next, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
}

struct cel_claim_batch claim(struct cel_claimer *claimer, size_t room)
{
    struct cel_claim_batch batch;
    struct celeriac_error err = {0};
    if (cel_claim(claimer, room, &batch, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    return batch;
}
