/*
 * Variables by name, from the environment or a .env file, and their way into settings. One thread.
 */
#ifndef BASE_SETTINGS_VARIABLES_H
#define BASE_SETTINGS_VARIABLES_H

#include <stddef.h>

#include "base/hashmap.h"
#include "base/settings.h"
#include "base/span.h"
#include "celeriac/error.h"

/* One variable. */
struct variable {
    size_t line; /* of the file, from 1; 0 for the environment */
    size_t len;
    char value[]; /* NUL-terminated */
};

/*
 * Puts a variable into the map, in place of one of the same name; `replace` false keeps the first.
 * CELERIAC_ERR_MEMORY.
 */
enum celeriac_err variables_add(struct hashmap *map, struct span name, struct span value,
                                size_t line, bool replace) CELERIAC_MUST_CHECK;

/* Releases a map of variables, wiping their values; map may be NULL. */
void variables_destroy(struct hashmap *map);

/*
 * Reads the lines of a .env file's text into the map, by django-environ's rules; lines that are no
 * NAME=value are left out with a warning. CELERIAC_ERR_SYNTAX naming the line (not UTF-8, a NUL
 * byte), or CELERIAC_ERR_MEMORY.
 */
enum celeriac_err dotenv_parse(struct hashmap *map, struct span text, const char *path,
                               struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Gives every setting the value of its first variable, the environment before the file. Both maps
 * may be missing. A value "$OTHER" means that of OTHER, as in django-environ. CELERIAC_ERR_VALUE or
 * CELERIAC_ERR_MEMORY.
 */
enum celeriac_err settings_apply(struct settings *s,
                                 struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
