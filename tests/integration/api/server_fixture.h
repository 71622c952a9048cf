/*
 * What the tests of the HTTP server share: a real one on a free port of 127.0.0.1, and clients that
 * speak to it in raw bytes. Everything fails the running test when it does not work.
 */
#ifndef TESTS_INTEGRATION_API_SERVER_FIXTURE_H
#define TESTS_INTEGRATION_API_SERVER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/server.h"
#include "base/strbuf.h"

struct fixture {
    struct server *server;
    unsigned port;
};

/* The answer of /large: far more than the buffers of a connection hold. */
#define LARGE_ANSWER ((size_t)32 * 1024 * 1024)

/*
 * Starts a server that answers with what it saw of a request: method, path, query, length of the
 * body. What begins with /wait is answered when the test says so. *state is a fixture.
 */
int start_with_options(void **state, struct server_options options);
int start(void **state); /* patient in all */
int stop(void **state);

/* Waits until so many requests wait; answers all of them. */
void await_pending(size_t count);
void release_pending(void);

/* Connects, from an address of 127.0.0.0/8. */
int dial_from(const struct fixture *f, const char *from);
int dial(const struct fixture *f);

/* Sends bytes. */
void say(int fd, const char *text, size_t len);
void say_text(int fd, const char *text);

/* Reads until the text holds `until`, or the connection ends. */
void hear(int fd, struct strbuf *text, const char *until);

/* One request, one answer; fails unless the answer holds `wanted`. */
void check(const struct fixture *f, const char *request, const char *wanted);

/* Waits for the end of a connection, which is something else than our own patience at its end. */
void await_end(int fd);

#endif
