/*
 * A message that waits for its time, as small as it can be: its tag and its queue. The message
 * itself stays in `unacked` and is read again when it is due. One thread at a time.
 */
#ifndef WORKER_WAITING_H
#define WORKER_WAITING_H

#include <stddef.h>

#include "base/span.h"
#include "celeriac/error.h"

struct cel_waiting {
    struct span queue; /* name; borrowed */
    size_t tag_len;
    char tag[];
};

/* Copies tag, borrows queue. CELERIAC_ERR_MEMORY. The caller destroys it. */
enum celeriac_err cel_waiting_create(struct span tag, struct span queue,
                                     struct cel_waiting **waiting) CELERIAC_MUST_CHECK;

/* Releases it; waiting may be NULL. A function of the type that the timer heap wants. */
void cel_waiting_destroy(void *waiting);

/* The tag; borrowed. */
struct span cel_waiting_tag(const struct cel_waiting *waiting);

#endif
