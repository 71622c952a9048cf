/*
 * The templates of a batch: each is looked for once, however many notifications use it. One thread
 * at a time, but for the look-ups, which end on threads of the store.
 */
#ifndef API_BATCH_TEMPLATES_H
#define API_BATCH_TEMPLATES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/call.h"
#include "api/notify_item.h"
#include "notify/store/templates.h"

/* One template that is asked for. */
struct template_ask {
    struct store_find_template find;
    struct span name; /* empty: by id */
    int64_t id;
    bool impossible; /* no template can have such an id: nobody is asked */
};

struct batch_templates {
    struct template_ask *asks;
    size_t count;
    atomic_size_t pending; /* look-ups that have not ended */
    struct api_call *call;
    route_handler_fn *next;
};

/* Makes room for the templates of `items` notifications. CELERIAC_ERR_MEMORY. */
enum celeriac_err batch_templates_init(struct batch_templates *t, size_t items) CELERIAC_MUST_CHECK;

/* Releases everything; a zero-initialised one is allowed. Not while look-ups are pending. */
void batch_templates_close(struct batch_templates *t);

/*
 * Notes the template of an item, which must outlive t; NULL when it has none. At most as many calls
 * as items.
 */
struct template_ask *batch_templates_add(struct batch_templates *t, const struct notify_item *item);

/* Looks for all of them (at least one), then goes on with `next` on a server thread. */
void batch_templates_find(struct batch_templates *t, struct api_call *call, route_handler_fn *next);

/* Why some could not be looked for, or NULL: each was found, or is not there. */
const struct celeriac_error *batch_templates_error(const struct batch_templates *t);

/* Whether the template is there, and its id. */
bool template_ask_found(const struct template_ask *ask, int64_t *id);

#endif
