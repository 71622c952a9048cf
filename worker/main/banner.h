/*
 * What a worker shows on a terminal when it starts: who it is, where it is connected to, and what
 * it does. Passwords are masked. Pure.
 */
#ifndef WORKER_MAIN_BANNER_H
#define WORKER_MAIN_BANNER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "base/strbuf.h"

/* All texts; borrowed for the call. */
struct banner {
    const char *nodename;
    const char *version;
    const char *broker;
    const char *results;     /* "disabled://" when there are none */
    const char *concurrency; /* "8 (threads)" */
    const char *events;      /* "ON" or "OFF (...)" */
    const char *http;        /* NULL: none */
    const char *queues;      /* separated by commas */
    const char *const *tasks;
    size_t task_count;
};

/* Appends the text, with escape sequences for colours when `colors`. */
void banner_write(const struct banner *banner, bool colors, struct strbuf *out);

/* Appends URLs (separated by ';') with each password replaced by "**", as kombu shows them. */
void banner_mask(struct span urls, struct strbuf *out);

#endif
