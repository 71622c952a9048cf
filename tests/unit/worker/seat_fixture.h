/*
 * What the tests of a seat share: a runtime with a fork server, real child processes and no broker,
 * and one seat for each test. Everything fails the running test when it does not work.
 */
#ifndef TESTS_WORKER_SEAT_FIXTURE_H
#define TESTS_WORKER_SEAT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "celeriac/task.h"
#include "tests/unit/worker/settler_stand_in.h"
#include "worker/seat.h"

enum { LATE_NOT_YET, LATE_GO, LATE_GONE };

/* What the test and its children share; zeroed before each test. */
struct shared {
    atomic_uint starts;  /* of children */
    atomic_uint hanging; /* starts that are to hang */
    atomic_uint failing; /* starts that are to fail */
    atomic_int hung;     /* process id of the last that does */
    atomic_uint late;    /* LATE_*: when the thread that a task has left speaks */
    atomic_uint cut;     /* bytes of its outcome that `half` says */
    char frame[256];     /* what `say` says */
    atomic_uint len;     /* bytes of that */
};

extern struct shared *shared;

/* One for all tests: a fork server can be made only while the process has one thread. */
extern struct cel_runtime runtime;
extern struct cel_child_watch *watch;

/*
 * cmocka set-up and tear-down of a group: children know the tasks pid (also as large, whose message
 * has a million arguments), which returns its process id, and big, whose result has 200,000 bytes;
 * and those given.
 */
int seat_open_all(const struct celeriac_task_options *tasks, size_t count);
int seat_close_all(void **state);

/* One seat and what it executes with. */
struct fixture {
    struct cel_seat *seat;
    struct cel_execution execution;
};

/* cmocka set-up and tear-down of one test; *state is a fixture. */
int seat_set_up(void **state);
int seat_tear_down(void **state);

#define SEAT_TEST(f) cmocka_unit_test_setup_teardown(f, seat_set_up, seat_tear_down)

/* A request for a task, ready. */
struct cel_request *request_of(const char *task);

/* Executes a task in a seat that is taken; what became of it. */
const struct cel_settlement *execute(struct fixture *f, const char *task);

#endif
