#include "worker/limited.h"

#include "base/alloc.h"

struct line {
    struct cel_request *first, *last;
};

struct cel_limited {
    struct cel_rates *rates;
    size_t waiting; /* requests in all lines */
    int64_t due_ns;
    size_t count;
    struct line lines[]; /* by the definitions' indexes */
};

enum celeriac_err cel_limited_create(const struct cel_registry *registry, struct cel_rates *rates,
                                     struct cel_limited **limited)
{
    size_t count = cel_registry_count(registry);
    struct cel_limited *l = mem_calloc(1, sizeof *l + count * sizeof(struct line));

    if (!l)
        return CELERIAC_ERR_MEMORY;
    l->rates = rates;
    l->count = count;
    l->due_ns = INT64_MAX;
    *limited = l;
    return CELERIAC_OK;
}

void cel_limited_destroy(struct cel_limited *limited)
{
    struct cel_request *request;

    if (!limited)
        return;
    while ((request = cel_limited_take(limited)))
        cel_request_destroy(request);
    mem_free(limited);
}

static struct cel_request *shift(struct cel_limited *l, struct line *line)
{
    struct cel_request *request = line->first;

    line->first = request->next;
    if (!line->first)
        line->last = NULL;
    request->next = NULL;
    l->waiting--;
    return request;
}

static void look_again(struct cel_limited *l, int64_t now_ns, int64_t wait_ns)
{
    int64_t due_ns = now_ns > INT64_MAX - wait_ns ? INT64_MAX : now_ns + wait_ns;

    if (due_ns < l->due_ns)
        l->due_ns = due_ns;
}

bool cel_limited_pass(struct cel_limited *limited, struct cel_request *request, int64_t now_ns)
{
    struct line *line = &limited->lines[request->definition->index];
    int64_t wait_ns = 0;

    if (!line->first)
        wait_ns = cel_rates_take(limited->rates, request->definition, now_ns);
    if (!line->first && wait_ns == 0)
        return true;
    request->next = NULL;
    *(line->last ? &line->last->next : &line->first) = request;
    line->last = request;
    limited->waiting++;
    if (wait_ns > 0)
        look_again(limited, now_ns, wait_ns);
    return false;
}

struct cel_request *cel_limited_next(struct cel_limited *limited, int64_t now_ns)
{
    limited->due_ns = INT64_MAX;
    for (size_t i = 0; limited->waiting > 0 && i < limited->count; i++) {
        struct line *line = &limited->lines[i];
        int64_t wait_ns;

        if (!line->first)
            continue;
        wait_ns = cel_rates_take(limited->rates, line->first->definition, now_ns);
        if (wait_ns == 0) {
            limited->due_ns = now_ns;
            return shift(limited, line);
        }
        look_again(limited, now_ns, wait_ns);
    }
    return NULL;
}

struct cel_request *cel_limited_take(struct cel_limited *limited)
{
    for (size_t i = 0; limited->waiting > 0 && i < limited->count; i++)
        if (limited->lines[i].first)
            return shift(limited, &limited->lines[i]);
    return NULL;
}

int64_t cel_limited_due(const struct cel_limited *limited)
{
    return limited->waiting > 0 ? limited->due_ns : INT64_MAX;
}
