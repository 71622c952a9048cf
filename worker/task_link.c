#include "worker/task_link.h"

#include "base/clock.h"
#include "celery_proto/codec/envelope.h"
#include "worker/settler.h"
#include "worker/subtasks.h"
#include "worker/task_context.h"

static enum celeriac_err tell_state(void *context, struct span state, struct span meta,
                                    struct span children)
{
    struct cel_task_link *link = context;
    struct cel_runtime *runtime = link->runtime;
    struct cel_settle_context settle = {.now_us = clock_wall_us(),
                                        .result_extended = runtime->result_extended,
                                        .worker = runtime->hostname};
    struct strbuf record;
    enum celeriac_err code;

    strbuf_init(&record, CEL_ENVELOPE_MAX);
    code = cel_state_record(link->request->message, state, meta, children, &settle, &record);
    if (code == CELERIAC_OK)
        code = cel_settler_tell(runtime->settler, link->request, &record);
    strbuf_close(&record);
    return code;
}

struct cel_client_parent cel_task_parent(const struct cel_runtime *runtime,
                                         const struct cel_task_message *message)
{
    return (struct cel_client_parent){
        .task_id = message->id,
        .root_id = message->root_id.len > 0 ? message->root_id : message->id,
        .queue = runtime->world.queue,
        .has_priority = runtime->inherit_priority,
        .priority = message->priority,
    };
}

static enum celeriac_err send(void *context, const struct celeriac_send *sends, size_t count,
                              char (*ids)[CELERIAC_TASK_ID_SIZE], struct strbuf *children,
                              struct celeriac_error *err)
{
    const struct cel_task_link *link = context;
    const struct cel_client_parent parent = cel_task_parent(link->runtime, link->request->message);

    return cel_subtasks_send(link->runtime->subtasks, &parent, sends, count, ids, children, err);
}

static enum celeriac_err apply(void *context, const struct celeriac_signature *signature, char *id,
                               struct strbuf *children, struct celeriac_error *err)
{
    const struct cel_task_link *link = context;
    const struct cel_client_parent parent = cel_task_parent(link->runtime, link->request->message);

    return cel_subtasks_apply(link->runtime->subtasks, &parent, signature, id, children, err);
}

void cel_task_link_init(struct cel_task_link *link, struct cel_runtime *runtime)
{
    *link = (struct cel_task_link){
        .host = {.context = link, .tell_state = tell_state, .send = send, .apply = apply},
        .runtime = runtime};
}
