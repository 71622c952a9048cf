#include "worker/world.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/uuid.h"

/* Longest origin: a node name with a process number. */
#define ORIGIN_MAX 512

static void new_id(void *context, char id[UUID_SIZE])
{
    (void)context;
    uuid_new(id);
}

enum celeriac_err cel_world_open(struct cel_world *world, struct span hostname, int64_t pid,
                                 const char *queue, struct span reply_to,
                                 struct cel_canvas_context *context)
{
    struct span name, host;
    struct strbuf origin;
    enum celeriac_err code;

    (void)span_cut(hostname, '@', &name, &host);
    strbuf_init(&origin, ORIGIN_MAX);
    strbuf_printf(&origin, "gen%lld@%.*s", (long long)pid, SPAN_PRINTF(host));
    code = strbuf_take(&origin, &world->origin, NULL);
    strbuf_close(&origin);
    world->queue = mem_dup(queue && *queue ? queue : "celery");
    if (code || !world->queue) {
        cel_world_close(world);
        return code ? code : CELERIAC_ERR_MEMORY;
    }
    *context = (struct cel_canvas_context){
        .new_id = new_id,
        .origin = span_of(world->origin),
        .reply_to = reply_to,
        .queue = span_of(world->queue),
    };
    return CELERIAC_OK;
}

void cel_world_close(struct cel_world *world)
{
    mem_free(world->origin);
    mem_free(world->queue);
    *world = (struct cel_world){0};
}
