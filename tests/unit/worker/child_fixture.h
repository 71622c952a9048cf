/*
 * What the tests of child processes share: a fork server with tasks, one child, and a talk with it.
 * Everything fails the running test when it does not work.
 */
#ifndef TESTS_WORKER_CHILD_FIXTURE_H
#define TESTS_WORKER_CHILD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/child.h"

struct child_fixture {
    struct cel_runtime runtime;
    struct cel_fork_server *server;
    struct cel_child *child;
    struct cel_outcome outcome;
    struct strbuf message;
};

/* What `look` returns, negative when the worker stops; a start may set it in its child. */
extern int child_started;

/* cmocka set-up and tear-down of one test; *state is a child_fixture without a server. */
int child_set_up(void **state);
int child_tear_down(void **state);

#define CHILD_TEST(f) cmocka_unit_test_setup_teardown(f, child_set_up, child_tear_down)

/* Forks the server, with this plan but for its runtime, and the child. */
void child_serve(struct child_fixture *f, const struct cel_child_plan *more);

/* Waits for a frame of that kind, or for the end. */
struct cel_frame child_await(struct child_fixture *f, enum cel_frame_kind kind);
void child_await_end(struct child_fixture *f);

/*
 * Puts a task with an argument of that many bytes into what is sent to the child: look, sleep,
 * leave, babble, close, tell, see child_fixture.c.
 */
void child_ask(struct child_fixture *f, const char *task, size_t bytes);

/* What it has returned, as JSON. */
const char *child_answer(struct child_fixture *f);

#endif
