/*
 * A Redis server of a test's own: on a free port of 127.0.0.1 and a Unix socket in a temporary
 * folder, ended with the test program however that ends. One thread.
 */
#ifndef TESTS_REDIS_SERVER_H
#define TESTS_REDIS_SERVER_H

#include <stdbool.h>
#include <stdint.h>

struct redis_server;

/* All zero means defaults. */
struct redis_server_options {
    const char *password;   /* requirepass; NULL: none */
    bool appendonly;        /* data survive a kill: appendonly yes, appendfsync always */
    const char *tls_folder; /* with ca.crt, redis.crt, redis.key: the port speaks TLS */
    const char *extra[8];   /* more arguments, e.g. "--maxmemory", "10mb" */
};

/* Starts a server and waits until it answers; fails the running test otherwise. options: NULL ok.
 */
struct redis_server *redis_server_start(const struct redis_server_options *options);

/* Kills the server, removes the folder and releases; server may be NULL. */
void redis_server_stop(struct redis_server *server);

/* "redis://127.0.0.1:PORT/0", or rediss:// with TLS; lives as long as the server. */
const char *redis_server_url(const struct redis_server *server);

/* "redis+socket://PATH". */
const char *redis_server_unix_url(const struct redis_server *server);

/* Its port and its folder. */
uint16_t redis_server_port(const struct redis_server *server);
const char *redis_server_folder(const struct redis_server *server);

/* SIGKILL, and waits until it is gone. */
void redis_server_kill(struct redis_server *server);

/* Starts a killed one again with the same port and data; waits until it answers. */
void redis_server_revive(struct redis_server *server);

/* SIGSTOP and SIGCONT. */
void redis_server_freeze(struct redis_server *server);
void redis_server_thaw(struct redis_server *server);

#endif
