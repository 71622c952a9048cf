#include "base/settings_variables.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/settings_value.h"

/* Longest chain of "$OTHER" values; one that goes on is taken for a circle. */
#define REFERENCES_MAX 8

static void destroy_variable(void *value)
{
    struct variable *variable = value;
    if (variable)
        explicit_bzero(variable->value, variable->len);
    mem_free(variable);
}

void variables_destroy(struct hashmap *map)
{
    hashmap_destroy(map, destroy_variable);
}

enum celeriac_err variables_add(struct hashmap *map, struct span name, struct span value,
                                size_t line, bool replace)
{
    size_t size;
    void *old = NULL;
    if (!replace && hashmap_get(map, name))
        return CELERIAC_OK;
    if (!size_add(sizeof(struct variable) + 1, value.len, &size))
        return CELERIAC_ERR_MEMORY;
    struct variable *variable = mem_alloc(size);
    if (!variable)
        return CELERIAC_ERR_MEMORY;
    variable->line = line;
    variable->len = value.len;
    if (value.len > 0)
        memcpy(variable->value, value.ptr, value.len);
    variable->value[value.len] = '\0';
    enum celeriac_err err = hashmap_set(map, name, variable, &old);
    destroy_variable(err == CELERIAC_OK ? old : variable);
    return err;
}

static const struct variable *find(const struct hashmap *map, struct span name)
{
    return map ? hashmap_get(map, name) : NULL;
}

/*
 * The text that a variable stands for: its own, or that of the variable it refers to; a NULL
 * pointer when that one is missing.
 */
static enum celeriac_err resolve(const struct settings *s, const struct variable *variable,
                                 const char *place, struct span *text, struct celeriac_error *err)
{
    for (int i = 0; i < REFERENCES_MAX; i++) {
        struct span value = {variable->value, variable->len};
        if (!span_starts(value, SPAN("$"))) {
            *text = value;
            return CELERIAC_OK;
        }
        while (span_starts(value, SPAN("$"))) {
            value.ptr++;
            value.len--;
        }
        variable = find(s->environment, value);
        if (!variable)
            variable = find(s->file, value);
        if (!variable) {
            *text = (struct span){NULL, 0};
            return CELERIAC_OK;
        }
    }
    return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: refers to itself", place);
}

/* Sets a value from a map by the first of its names found there. */
static enum celeriac_err apply_map(const struct settings *s, struct setting_value *value,
                                   const struct hashmap *map, bool *found,
                                   struct celeriac_error *err)
{
    struct span names = span_of(value->row->env);
    struct span name;
    *found = false;
    while (!*found && settings_next_word(&names, ' ', &name)) {
        const struct variable *variable = find(map, name);
        char place[SETTING_PLACE_SIZE];
        struct span text;
        if (!variable)
            continue;
        if (map == s->file)
            (void)snprintf(place, sizeof place, "%s line %zu: %.*s", s->file_path, variable->line,
                           SPAN_PRINTF(name));
        else
            (void)snprintf(place, sizeof place, "environment variable %.*s", SPAN_PRINTF(name));
        enum celeriac_err code = resolve(s, variable, place, &text, err);
        *found = code == CELERIAC_OK && text.ptr;
        if (*found)
            code = setting_store(value, text, map == s->file ? SETTING_FROM_FILE : SETTING_FROM_ENV,
                                 place, err);
        if (code != CELERIAC_OK)
            return code;
    }
    return CELERIAC_OK;
}

enum celeriac_err settings_apply(struct settings *s, struct celeriac_error *err)
{
    for (size_t i = 0; i < s->count; i++) {
        bool found;
        enum celeriac_err code = apply_map(s, &s->values[i], s->environment, &found, err);
        if (code == CELERIAC_OK && !found)
            code = apply_map(s, &s->values[i], s->file, &found, err);
        if (code != CELERIAC_OK)
            return code;
    }
    return CELERIAC_OK;
}

static enum celeriac_err collect(struct hashmap *map, char *const *environment)
{
    for (; *environment; environment++) {
        struct span name;
        struct span value;
        if (!span_cut(span_of(*environment), '=', &name, &value))
            continue;
        /* Of a name that is there twice getenv() finds the first. */
        enum celeriac_err err = variables_add(map, name, value, 0, false);
        if (err != CELERIAC_OK)
            return err;
    }
    return CELERIAC_OK;
}

enum celeriac_err settings_read_environment(struct settings *s, char *const *environment,
                                            struct celeriac_error *err)
{
    struct hashmap *map = NULL;
    enum celeriac_err code = hashmap_create(&map);
    if (code == CELERIAC_OK)
        code = collect(map, environment);
    if (code != CELERIAC_OK) {
        variables_destroy(map);
        return celeriac_error_set(err, code, "out of memory");
    }
    struct hashmap *before = s->environment;
    s->environment = map;
    code = settings_apply(s, err);
    if (code != CELERIAC_OK)
        s->environment = before;
    variables_destroy(code == CELERIAC_OK ? before : map);
    return code;
}
