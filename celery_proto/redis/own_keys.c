#include "celery_proto/redis/own_keys.h"

#include "celery_proto/codec/keys.h"

static void add(const struct cel_keys *keys, const char *name, struct span id, struct strbuf *out)
{
    strbuf_add_span(out, cel_keys_prefix(keys));
    strbuf_add_text(out, name);
    strbuf_add_span(out, id);
}

void cel_key_workers(const struct cel_keys *keys, struct strbuf *out)
{
    add(keys, "celeriac.workers", (struct span){0}, out);
}

void cel_key_own(const struct cel_keys *keys, struct span worker_id, struct strbuf *out)
{
    add(keys, "celeriac.own.", worker_id, out);
}

void cel_key_claim(const struct cel_keys *keys, struct span worker_id, struct strbuf *out)
{
    add(keys, "celeriac.claim.", worker_id, out);
}

void cel_key_once(const struct cel_keys *keys, struct span once_key, struct strbuf *out)
{
    add(keys, "celeriac.once.", once_key, out);
}

void cel_key_limit(const struct cel_keys *keys, struct span name, struct strbuf *out)
{
    add(keys, "celeriac.limit.", name, out);
}
