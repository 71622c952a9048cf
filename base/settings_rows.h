/*
 * The inside of struct settings, shared by the files that fill it from the three sources.
 */
#ifndef BASE_SETTINGS_ROWS_H
#define BASE_SETTINGS_ROWS_H

#include "base/settings.h"

/* Most tables of one program, and most rows in all: programs have dozens. */
#define SETTINGS_TABLES_MAX 8
#define SETTINGS_ROWS_MAX 512

/* One row with its current value. */
struct settings_row {
    const struct setting *setting;
    char *text; /* NULL: unset */
    enum setting_origin origin;
};

struct settings {
    struct settings_row *rows;
    size_t count;
};

/* The row of that name, or NULL. */
struct settings_row *settings_find(const struct settings *s, struct span name);

/*
 * Gives a row a value from a source, unless it has one from a stronger source. place is how errors
 * call the source, e.g. "option --concurrency". CELERIAC_ERR_VALUE when the text does not fit the
 * row's type or limits, CELERIAC_ERR_MEMORY. The value never appears in err.
 */
enum celeriac_err settings_assign(struct settings_row *row, struct span value,
                                  enum setting_origin origin, const char *place,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Whether `name` is one of the row's environment variables, and the how many-th; -1 when it is not.
 */
int settings_env_index(const struct setting *setting, struct span name);

#endif
