#include "worker/subtasks.h"

#include <pthread.h>

#include "base/alloc.h"

struct cel_subtasks {
    const struct cel_addresses *addresses;
    uint32_t result_expires;
    pthread_mutex_t lock; /* of the client, also while it waits for the broker */
    struct celeriac_client *client;
};

enum celeriac_err cel_subtasks_create(const struct cel_addresses *addresses,
                                      uint32_t result_expires, struct cel_subtasks **subtasks)
{
    struct cel_subtasks *s = mem_calloc(1, sizeof *s);

    if (!s)
        return CELERIAC_ERR_MEMORY;
    s->addresses = addresses;
    s->result_expires = result_expires;
    pthread_mutex_init(&s->lock, NULL);
    *subtasks = s;
    return CELERIAC_OK;
}

void cel_subtasks_destroy(struct cel_subtasks *subtasks)
{
    if (!subtasks)
        return;
    celeriac_client_destroy(subtasks->client);
    pthread_mutex_destroy(&subtasks->lock);
    mem_free(subtasks);
}

/* The lock is held. */
static enum celeriac_err need_client(struct cel_subtasks *s, struct celeriac_error *err)
{
    if (s->client)
        return CELERIAC_OK;
    return cel_client_create_at(s->addresses, s->result_expires, &s->client, err);
}

enum celeriac_err cel_subtasks_send(struct cel_subtasks *subtasks,
                                    const struct cel_client_parent *parent,
                                    const struct celeriac_send *sends, size_t count,
                                    char (*ids)[CELERIAC_TASK_ID_SIZE], struct strbuf *children,
                                    struct celeriac_error *err)
{
    enum celeriac_err code;

    pthread_mutex_lock(&subtasks->lock);
    code = need_client(subtasks, err);
    if (code == CELERIAC_OK)
        code = cel_client_send(subtasks->client, parent, sends, count, ids, children, err);
    pthread_mutex_unlock(&subtasks->lock);
    return code;
}

enum celeriac_err cel_subtasks_apply(struct cel_subtasks *subtasks,
                                     const struct cel_client_parent *parent,
                                     const struct celeriac_signature *signature, char *id,
                                     struct strbuf *children, struct celeriac_error *err)
{
    enum celeriac_err code;

    pthread_mutex_lock(&subtasks->lock);
    code = need_client(subtasks, err);
    if (code == CELERIAC_OK)
        code = cel_client_apply(subtasks->client, parent, signature, id, children, err);
    pthread_mutex_unlock(&subtasks->lock);
    return code;
}
