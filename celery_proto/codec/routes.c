#include "celery_proto/codec/routes.h"

#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "celery_proto/codec/node_match.h"

#define PRIORITY_MAX 255

/* A name or a pattern, and where its tasks go. Texts are owned. */
struct entry {
    size_t map; /* maps are asked one after the other */
    struct span name;
    bool is_pattern;
    struct cel_route route;
};

struct cel_routes {
    struct entry *entries; /* map by map */
    size_t count;
    size_t maps;
};

/* Options of a route that mean nothing here, or that mean what is done anyhow. */
static const char *const without_effect[] = {
    "exchange_type", "delivery_mode", "serializer", "compression", "retry", "retry_policy",
};

/* ---- finding --------------------------------------------------------------------------------- */

/* Patterns were tried when they were read: they can be compared. */
static bool matches(const struct entry *entry, struct span task)
{
    bool fits = false;

    if (!entry->is_pattern)
        return span_equal(entry->name, task);
    return cel_node_match(task, entry->name, SPAN("glob"), &fits, NULL) == CELERIAC_OK && fits;
}

/* Within one map, from one entry on: a name, the last if it is repeated, else the first pattern. */
static const struct entry *find_in_map(const struct cel_routes *routes, size_t first,
                                       struct span task)
{
    const size_t map = routes->entries[first].map;
    const struct entry *name = NULL;
    const struct entry *pattern = NULL;

    for (size_t i = first; i < routes->count && routes->entries[i].map == map; i++) {
        const struct entry *entry = &routes->entries[i];

        if ((entry->is_pattern && (pattern || name)) || !matches(entry, task))
            continue;
        if (entry->is_pattern)
            pattern = entry;
        else
            name = entry;
    }
    return name ? name : pattern;
}

const struct cel_route *cel_routes_find(const struct cel_routes *routes, struct span task)
{
    static const struct cel_route none;
    size_t i = 0;

    while (routes && i < routes->count) {
        const struct entry *found = find_in_map(routes, i, task);
        size_t map = routes->entries[i].map;

        if (found)
            return &found->route;
        while (i < routes->count && routes->entries[i].map == map)
            i++;
    }
    return &none;
}

/* ---- reading --------------------------------------------------------------------------------- */

static enum celeriac_err refuse(struct celeriac_error *err, enum celeriac_err code,
                                struct span place, const char *what)
{
    return celeriac_error_set(err, code, "task_routes: %.*s%s%s", SPAN_PRINTF(place),
                              place.len > 0 ? ": " : "", what);
}

/* A text of 1 to CEL_ROUTE_NAME_MAX bytes; null leaves it empty. The caller frees text->ptr. */
static enum celeriac_err read_text(const struct json_node *node, struct span place,
                                   struct span *text, struct celeriac_error *err)
{
    struct strbuf decoded;
    char *taken = NULL;
    size_t len = 0;
    enum celeriac_err code;

    if (json_is_null(node))
        return CELERIAC_OK;
    if (node->type != JSON_STRING)
        return refuse(err, CELERIAC_ERR_VALUE, place, "must be a text");
    strbuf_init(&decoded, CEL_ROUTE_NAME_MAX);
    code = json_decode_string(node, &decoded);
    len = strbuf_span(&decoded).len;
    if (code == CELERIAC_OK && (len == 0 || memchr(decoded.ptr, '\0', len)))
        code = CELERIAC_ERR_VALUE;
    if (code == CELERIAC_OK)
        code = strbuf_take(&decoded, &taken, &len);
    strbuf_close(&decoded);
    if (code)
        return refuse(err, code, place,
                      code == CELERIAC_ERR_MEMORY ? "out of memory"
                                                  : "must have 1 to 255 bytes, and no NUL");
    mem_free((char *)(uintptr_t)text->ptr);
    *text = (struct span){taken, len};
    return CELERIAC_OK;
}

static bool is_without_effect(const struct json_node *key)
{
    for (size_t i = 0; i < sizeof without_effect / sizeof without_effect[0]; i++)
        if (json_string_is(key, without_effect[i]))
            return true;
    return false;
}

static enum celeriac_err read_priority(const struct json_node *node, struct span place,
                                       struct cel_route *route, struct celeriac_error *err)
{
    int64_t priority = 0;

    if (json_is_null(node))
        return CELERIAC_OK;
    if (json_int(node, 0, PRIORITY_MAX, &priority))
        return refuse(err, CELERIAC_ERR_VALUE, place, "priority must be 0 to 255");
    route->has_priority = true;
    route->priority = (int)priority;
    return CELERIAC_OK;
}

static enum celeriac_err read_option(const struct json_node *key, const struct json_node *value,
                                     struct span place, struct cel_route *route,
                                     struct celeriac_error *err)
{
    if (json_string_is(key, "queue"))
        return read_text(value, place, &route->queue, err);
    if (json_string_is(key, "exchange"))
        return read_text(value, place, &route->exchange, err);
    if (json_string_is(key, "routing_key"))
        return read_text(value, place, &route->routing_key, err);
    if (json_string_is(key, "priority"))
        return read_priority(value, place, route, err);
    if (is_without_effect(key))
        return CELERIAC_OK;
    return celeriac_error_set(err, CELERIAC_ERR_VALUE, "task_routes: %.*s: unknown option %.*s",
                              SPAN_PRINTF(place), SPAN_PRINTF(json_raw(key)));
}

/* The name of a queue, or an object with options. */
static enum celeriac_err read_route(const struct json_node *node, struct span place,
                                    struct cel_route *route, struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;
    const struct json_node *key;

    if (node->type == JSON_STRING)
        return read_text(node, place, &route->queue, err);
    if (node->type != JSON_OBJECT)
        return refuse(err, CELERIAC_ERR_VALUE, place, "must be an object or a queue's name");
    key = json_first(node);
    while (code == CELERIAC_OK && key) {
        const struct json_node *value = json_next(node, key);

        code = read_option(key, value, place, route, err);
        key = json_next(node, value);
    }
    return code;
}

static enum celeriac_err check_pattern(struct entry *entry, struct celeriac_error *err)
{
    bool fits = false;
    enum celeriac_err code;

    entry->is_pattern = entry->name.ptr && memchr(entry->name.ptr, '*', entry->name.len) != NULL;
    if (!entry->is_pattern)
        return CELERIAC_OK;
    code = cel_node_match(SPAN("any.task"), entry->name, SPAN("glob"), &fits, NULL);
    return code ? refuse(err, code, entry->name, "is no pattern") : CELERIAC_OK;
}

static enum celeriac_err add(struct cel_routes *routes, const struct json_node *name,
                             const struct json_node *route, struct celeriac_error *err)
{
    struct entry *larger;
    struct entry *entry;
    enum celeriac_err code;

    if (routes->count == CEL_ROUTES_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "task_routes: more than %d routes",
                                  CEL_ROUTES_MAX);
    if (name->type != JSON_STRING)
        return refuse(err, CELERIAC_ERR_VALUE, json_raw(name), "must be a text");
    larger = mem_resize(routes->entries, routes->count + 1, sizeof *larger);
    if (!larger)
        return refuse(err, CELERIAC_ERR_MEMORY, (struct span){0}, "out of memory");
    routes->entries = larger;
    entry = &larger[routes->count++];
    *entry = (struct entry){.map = routes->maps};
    code = read_text(name, json_raw(name), &entry->name, err);
    if (code == CELERIAC_OK)
        code = check_pattern(entry, err);
    return code ? code : read_route(route, entry->name, &entry->route, err);
}

/* An object, or a list of pairs. */
static enum celeriac_err read_map(struct cel_routes *routes, const struct json_node *map,
                                  struct celeriac_error *err)
{
    const struct json_node *node = json_first(map);
    enum celeriac_err code = CELERIAC_OK;

    while (code == CELERIAC_OK && node) {
        const struct json_node *name = node;
        const struct json_node *route;

        if (map->type == JSON_ARRAY) {
            if (node->type != JSON_ARRAY || node->count != 2)
                return refuse(err, CELERIAC_ERR_VALUE, (struct span){0},
                              "a list in the list has pairs of name and route");
            name = json_first(node);
            route = json_next(node, name);
        } else {
            node = route = json_next(map, node);
        }
        code = add(routes, name, route, err);
        node = json_next(map, node);
    }
    routes->maps++;
    return code;
}

static enum celeriac_err read_maps(struct cel_routes *routes, const struct json_node *root,
                                   struct celeriac_error *err)
{
    const struct json_node *map = root;
    enum celeriac_err code = CELERIAC_OK;

    if (root->type == JSON_NULL)
        return CELERIAC_OK;
    if (root->type == JSON_ARRAY)
        map = json_first(root);
    while (code == CELERIAC_OK && map) {
        if (map->type == JSON_STRING)
            return refuse(err, CELERIAC_ERR_UNSUPPORTED, json_raw(map),
                          "routers written in Python cannot be called");
        if (map->type != JSON_OBJECT && map->type != JSON_ARRAY)
            return refuse(err, CELERIAC_ERR_VALUE, (struct span){0},
                          "must be an object or a list of objects");
        code = read_map(routes, map, err);
        map = root->type == JSON_ARRAY ? json_next(root, map) : NULL;
    }
    return code;
}

enum celeriac_err cel_routes_create(struct span json, struct cel_routes **routes,
                                    struct celeriac_error *err)
{
    struct cel_routes *r = mem_calloc(1, sizeof *r);
    struct celeriac_error why = {0};
    struct json_doc doc;
    enum celeriac_err code = CELERIAC_OK;

    json_init(&doc);
    if (!r)
        code = refuse(err, CELERIAC_ERR_MEMORY, (struct span){0}, "out of memory");
    else if (json.len > CEL_ROUTES_TEXT_MAX)
        code = refuse(err, CELERIAC_ERR_LIMIT, (struct span){0}, "is too long");
    else if (json.len > 0 && (code = json_parse(&doc, json, NULL, &why)))
        code = refuse(err, code, (struct span){0}, why.text);
    else if (json.len > 0)
        code = read_maps(r, json_root(&doc), err);
    json_close(&doc);
    if (code) {
        cel_routes_destroy(r);
        return code;
    }
    *routes = r;
    return CELERIAC_OK;
}

void cel_routes_destroy(struct cel_routes *routes)
{
    if (!routes)
        return;
    for (size_t i = 0; i < routes->count; i++) {
        const struct entry *entry = &routes->entries[i];

        mem_free((char *)(uintptr_t)entry->name.ptr);
        mem_free((char *)(uintptr_t)entry->route.queue.ptr);
        mem_free((char *)(uintptr_t)entry->route.exchange.ptr);
        mem_free((char *)(uintptr_t)entry->route.routing_key.ptr);
    }
    mem_free(routes->entries);
    mem_free(routes);
}
