#include "tests/unit/api/store_stand_in.h"

#include "notify/enqueue.h"
#include "notify/store/api_keys.h"
#include "notify/store/combine.h"
#include "notify/store/kind.h"

struct store_stand_in store_stand_in;

void store_stand_in_reset(enum celeriac_err (*answer)(struct store_call *call))
{
    store_stand_in = (struct store_stand_in){.answer = answer};
}

/* False: the kind refuses the call, and call->error says why. */
static bool complete(struct store_call *call)
{
    const struct store_kind *kind = call->own.kind;

    celeriac_error_clear(&call->error);
    store_stand_in.submitted++;
    if (kind->check && kind->check(call) != CELERIAC_OK)
        return false;
    if (store_stand_in.answer)
        call->error.code = store_stand_in.answer(call);
    return true;
}

enum celeriac_err store_submit(struct store *s, struct store_call *call)
{
    (void)s;
    if (!complete(call))
        return call->error.code;
    call->done(call);
    return CELERIAC_OK;
}

enum celeriac_err store_run(struct store *s, struct store_call *call)
{
    (void)s;
    (void)complete(call);
    return call->error.code;
}

void notify_enqueue_publish(struct notify_enqueue *enqueue,
                            const struct notify_publication *publications, size_t count)
{
    (void)enqueue;
    (void)publications;
    store_stand_in.published += count;
}

void notify_enqueue_revoke(struct notify_enqueue *enqueue, const struct uuid *notification_id)
{
    (void)enqueue;
    (void)notification_id;
}

void store_touch_key(struct store *s, int64_t key_id, int64_t used_at_us)
{
    (void)s;
    (void)key_id;
    (void)used_at_us;
}

/* For those who repeat; nobody does here. */
int64_t store_backoff_ns(unsigned n)
{
    (void)n;
    return 0;
}
