/*
 * The client by which running tasks send others: one connection for all task threads, made when the
 * first task sends something. Any thread; they take turns, each for one round trip.
 */
#ifndef WORKER_SUBTASKS_H
#define WORKER_SUBTASKS_H

#include <stddef.h>

#include "base/strbuf.h"
#include "celeriac/client.h"
#include "celeriac/signature.h"
#include "celery_proto/redis/addresses.h"
#include "celery_proto/redis/client_state.h"

struct cel_subtasks;

/* Makes it; nothing is connected. The addresses are borrowed and outlive it. CELERIAC_ERR_MEMORY.
 */
enum celeriac_err cel_subtasks_create(const struct cel_addresses *addresses,
                                      uint32_t result_expires,
                                      struct cel_subtasks **subtasks) CELERIAC_MUST_CHECK;

/* Releases it; subtasks may be NULL. */
void cel_subtasks_destroy(struct cel_subtasks *subtasks);

/*
 * As cel_client_send() and cel_client_apply(). A task whose broker is away waits for it with the
 * client's few attempts, and those behind it wait with it.
 */
enum celeriac_err cel_subtasks_send(struct cel_subtasks *subtasks,
                                    const struct cel_client_parent *parent,
                                    const struct celeriac_send *sends, size_t count,
                                    char (*ids)[CELERIAC_TASK_ID_SIZE], struct strbuf *children,
                                    struct celeriac_error *err) CELERIAC_MUST_CHECK;
enum celeriac_err cel_subtasks_apply(struct cel_subtasks *subtasks,
                                     const struct cel_client_parent *parent,
                                     const struct celeriac_signature *signature, char *id,
                                     struct strbuf *children,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
