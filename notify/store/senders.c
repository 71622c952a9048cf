#include "notify/store/senders.h"

#include "notify/store/kinds.h"
#include "notify/store/sql.h"

static void bind_sender(struct store_params *p, struct store_call **calls, size_t count,
                        const struct store_context *context)
{
    (void)calls;
    (void)count;
    store_params_uuid(p, &context->sender);
}

static void bind_nothing(struct store_params *p, struct store_call **calls, size_t count,
                         const struct store_context *context)
{
    (void)p;
    (void)calls;
    (void)count;
    (void)context;
}

const struct store_kind store_kind_beat = {
    .id = STORE_KIND_BEAT,
    .name = "beat",
    .sql = store_sql_beat,
    .combined = true,
    .needs_sender = true,
    .bind = bind_sender,
};

const struct store_kind store_kind_sweep_senders = {
    .id = STORE_KIND_SWEEP_SENDERS,
    .name = "sweep_senders",
    .sql = store_sql_sweep_senders,
    .combined = true,
    .needs_sender = true,
    .bind = bind_nothing,
};

const struct store_kind store_kind_remove_sender = {
    .id = STORE_KIND_REMOVE_SENDER,
    .name = "remove_sender",
    .sql = store_sql_remove_sender,
    .combined = true,
    .needs_sender = true,
    .bind = bind_sender,
};

void store_beat_init(struct store_call *call)
{
    store_call_init(call, &store_kind_beat);
}

void store_sweep_senders_init(struct store_call *call)
{
    store_call_init(call, &store_kind_sweep_senders);
}

void store_remove_sender_init(struct store_call *call)
{
    store_call_init(call, &store_kind_remove_sender);
}
