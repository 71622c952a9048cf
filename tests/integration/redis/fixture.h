/*
 * What the Redis integration tests share: a server, a plain connection to look at it, messages.
 * Everything fails the running test when it does not work. One thread.
 */
#ifndef TESTS_REDIS_FIXTURE_H
#define TESTS_REDIS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/span.h"
#include "celery_proto/codec/keys.h"
#include "celery_proto/redis/broker_url.h"
#include "celery_proto/redis/claim.h"
#include "celery_proto/redis/finish.h"
#include "celery_proto/redis/maintain.h"
#include "celery_proto/redis/pipeline.h"
#include "celery_proto/redis/publish.h"
#include "tests/support/redis_server.h"

/* A message's text; long enough for what the tests make. */
#define MESSAGE_MAX 4096

struct fixture {
    struct redis_server *server;
    struct cel_broker_url *url;
    struct cel_keys *keys;
    struct cel_conn *conn; /* for the test's own commands */
    struct cel_pipeline pipeline;
};

/* cmocka setup and teardown: a server for a whole group. */
int fixture_start(void **state);
int fixture_stop(void **state);

/* cmocka setup of one test: an empty server and fresh keys without prefix. */
int fixture_clear(void **state);

/* Makes a URL, a connection and keys for a server; fixture_close() releases them. */
void fixture_open(struct fixture *f, struct redis_server *server, const char *prefix);
void fixture_close(struct fixture *f);

/* Runs one command of NUL-terminated words, ended by NULL, and returns its reply. */
const struct redisReply *run(struct fixture *f, const char *word, ...) __attribute__((sentinel));

/* The same for replies that are numbers. */
#define RUN_INT(f, ...) cel_reply_int(run((f), __VA_ARGS__, NULL))

/* Writes an envelope as Python does: task name, a body of body_len bytes, a tag, priority. */
struct span make_message(char buf[MESSAGE_MAX], const char *task, const char *tag, int priority,
                         size_t body_len);

/* Makes objects for worker id `id`, consuming "celery" (or queues). */
struct cel_claimer *make_claimer(struct fixture *f, const char *id, const char *const *queues,
                                 size_t queue_count, const char *const *tasks, size_t task_count);
struct cel_maintainer *make_maintainer(struct fixture *f, const char *id);
struct cel_finisher *make_finisher(struct fixture *f, const char *id, bool with_results);
struct cel_publisher *make_publisher(struct fixture *f);

/* Pushes count ordinary messages of `task` to the queue "celery"; tags are "tag-<first + i>". */
void push_messages(struct fixture *f, const char *task, unsigned first, unsigned count);

/* Deliveries that a worker's own hash lists. */
int64_t held_by(struct fixture *f, const char *id);

/* Registers the worker: one cel_maintain(). */
void enroll(struct cel_maintainer *maintainer);

/* cel_claim() that must succeed. */
struct cel_claim_batch claim(struct cel_claimer *claimer, size_t room);

#define assert_ok(call) assert_int_equal((call), CELERIAC_OK)

/* A reply's bytes equal text. */
#define assert_reply(reply, text) assert_true(span_is(cel_reply_span(reply), (text)))

#endif
