#include "base/settings.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse_num.h"
#include "base/settings_rows.h"

/* Longest value: connection strings and lists are far below it, and it fits a line of a log. */
#define VALUE_MAX 16384

/* ---- rows ---------------------------------------------------------------------------------- */

struct settings_row *settings_find(const struct settings *s, struct span name)
{
    for (size_t i = 0; i < s->count; i++)
        if (span_is(name, s->rows[i].setting->name))
            return &s->rows[i];
    return NULL;
}

int settings_env_index(const struct setting *setting, struct span name)
{
    struct span names = span_of(setting->env);
    int index = 0;

    while (names.len > 0) {
        struct span first;
        struct span rest;

        span_cut(names, ' ', &first, &rest);
        if (span_equal(first, name))
            return index;
        names = rest;
        index++;
    }
    return -1;
}

/* ---- types --------------------------------------------------------------------------------- */

static bool has_range(const struct setting *setting)
{
    return setting->min != 0 || setting->max != 0;
}

static enum celeriac_err check_int(const struct setting *setting, struct span value,
                                   const char *place, struct celeriac_error *err)
{
    int64_t number;

    if (!has_range(setting)) {
        if (parse_int64(value, INT64_MIN, INT64_MAX, &number))
            return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: must be an integer", place);
    } else if (parse_int64(value, setting->min, setting->max, &number)) {
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "%s: must be an integer between %lld and %lld", place,
                                  (long long)setting->min, (long long)setting->max);
    }
    return CELERIAC_OK;
}

/* Seconds are kept below 2**63 nanoseconds: 292 years. */
#define SECONDS_MAX (INT64_MAX / NS_PER_SEC - 1)

static enum celeriac_err check_seconds(const struct setting *setting, struct span value,
                                       const char *place, struct celeriac_error *err)
{
    int64_t min = has_range(setting) ? setting->min : 0;
    int64_t max = has_range(setting) ? setting->max : SECONDS_MAX;
    double seconds = 0;

    if (parse_double(value, &seconds) || seconds < (double)min || seconds > (double)max)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "%s: must be seconds between %lld and %lld", place,
                                  (long long)min, (long long)max);
    return CELERIAC_OK;
}

static enum celeriac_err check_value(const struct setting *setting, struct span value,
                                     const char *place, struct celeriac_error *err)
{
    enum log_level level;

    if (value.len > VALUE_MAX || (value.len > 0 && memchr(value.ptr, '\0', value.len)))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: must be text of at most %d bytes",
                                  place, VALUE_MAX);
    switch (setting->type) {
    case SETTING_INT:
        return check_int(setting, value, place, err);
    case SETTING_SECONDS:
        return check_seconds(setting, value, place, err);
    case SETTING_LEVEL:
        if (log_level_parse(value, &level))
            return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                      "%s: must be DEBUG, INFO, WARNING, ERROR, CRITICAL or FATAL",
                                      place);
        return CELERIAC_OK;
    case SETTING_TEXT:
    case SETTING_BOOL:
    case SETTING_FLAG:
        break;
    }
    return CELERIAC_OK;
}

/* django-environ's reading of a boolean: a number is compared with 0, words are looked up. */
static bool bool_of(struct span value)
{
    static const char *const words[] = {"true", "on", "ok", "y", "yes"};
    int64_t number;

    value = span_trim(value);
    if (parse_int64(value, INT64_MIN, INT64_MAX, &number) == CELERIAC_OK)
        return number != 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (span_is_nocase(value, words[i]))
            return true;
    return false;
}

static void wipe(struct settings_row *row)
{
    if (row->text && row->setting->secret)
        explicit_bzero(row->text, strlen(row->text));
    mem_free(row->text);
    row->text = NULL;
}

enum celeriac_err settings_assign(struct settings_row *row, struct span value,
                                  enum setting_origin origin, const char *place,
                                  struct celeriac_error *err)
{
    enum celeriac_err code = check_value(row->setting, value, place, err);
    char *copy;

    if (code)
        return code;
    if (origin < row->origin)
        return CELERIAC_OK;
    copy = mem_dup_span(value);
    if (!copy)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "%s: out of memory", place);
    wipe(row);
    row->text = copy;
    row->origin = origin;
    return CELERIAC_OK;
}

/* ---- life ---------------------------------------------------------------------------------- */

static enum celeriac_err add_row(struct settings *s, const struct setting *setting,
                                 struct celeriac_error *err)
{
    struct settings_row *row = &s->rows[s->count];
    struct celeriac_error place = {0};

    if (s->count == SETTINGS_ROWS_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "more than %d settings",
                                  SETTINGS_ROWS_MAX);
    if (settings_find(s, span_of(setting->name)))
        return celeriac_error_set(err, CELERIAC_ERR_EXISTS, "setting %s is there twice",
                                  setting->name);
    for (size_t i = 0; setting->option && i < s->count; i++)
        if (s->rows[i].setting->option && strcmp(s->rows[i].setting->option, setting->option) == 0)
            return celeriac_error_set(err, CELERIAC_ERR_EXISTS, "option %s is there twice",
                                      setting->option);
    *row = (struct settings_row){.setting = setting, .origin = SETTING_DEFAULT};
    s->count++;
    celeriac_error_set(&place, CELERIAC_ERR_VALUE, "default of %s", setting->name);
    return setting->default_value ? settings_assign(row, span_of(setting->default_value),
                                                    SETTING_DEFAULT, place.text, err)
                                  : CELERIAC_OK;
}

enum celeriac_err settings_create(const struct setting *const *tables, struct settings **s,
                                  struct celeriac_error *err)
{
    struct settings *made = mem_calloc(1, sizeof *made);
    enum celeriac_err code = CELERIAC_OK;

    if (made)
        made->rows = mem_calloc(SETTINGS_ROWS_MAX, sizeof *made->rows);
    if (!made || !made->rows)
        code = celeriac_error_set(err, CELERIAC_ERR_MEMORY, "settings: out of memory");
    for (size_t t = 0; code == CELERIAC_OK && tables[t]; t++) {
        if (t == SETTINGS_TABLES_MAX)
            code = celeriac_error_set(err, CELERIAC_ERR_LIMIT, "more than %d tables of settings",
                                      SETTINGS_TABLES_MAX);
        for (const struct setting *row = tables[t]; code == CELERIAC_OK && row->name; row++)
            code = add_row(made, row, err);
    }
    if (code) {
        settings_destroy(made);
        return code;
    }
    *s = made;
    return CELERIAC_OK;
}

void settings_destroy(struct settings *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++)
        wipe(&s->rows[i]);
    mem_free(s->rows);
    mem_free(s);
}

enum celeriac_err settings_set(struct settings *s, const char *name, const char *value,
                               enum setting_origin origin, struct celeriac_error *err)
{
    struct settings_row *row = settings_find(s, span_of(name));

    if (!row)
        return celeriac_error_set(err, CELERIAC_ERR_NOT_FOUND, "there is no setting %s", name);
    return settings_assign(row, span_of(value), origin, name, err);
}

/* ---- environment --------------------------------------------------------------------------- */

static enum celeriac_err assign_from(struct settings_row *row, char *const *environment,
                                     struct celeriac_error *err)
{
    struct celeriac_error place = {0};
    struct span best = {0};
    struct span name = {0};
    int best_index = -1;

    for (size_t i = 0; environment[i]; i++) {
        struct span key;
        struct span value;
        int index;

        if (!span_cut(span_of(environment[i]), '=', &key, &value))
            continue;
        index = settings_env_index(row->setting, key);
        if (index < 0 || (best_index >= 0 && index >= best_index))
            continue;
        best_index = index;
        best = value;
        name = key;
    }
    if (best_index < 0)
        return CELERIAC_OK;
    celeriac_error_set(&place, CELERIAC_ERR_VALUE, "environment variable %.*s", SPAN_PRINTF(name));
    return settings_assign(row, best.ptr ? best : SPAN(""), SETTING_FROM_ENV, place.text, err);
}

enum celeriac_err settings_read_environment(struct settings *s, char *const *environment,
                                            struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;

    for (size_t i = 0; code == CELERIAC_OK && i < s->count; i++)
        code = assign_from(&s->rows[i], environment, err);
    return code;
}

/* ---- reading ------------------------------------------------------------------------------- */

const char *settings_text(const struct settings *s, const char *name)
{
    const struct settings_row *row = settings_find(s, span_of(name));

    return row ? row->text : NULL;
}

int64_t settings_int(const struct settings *s, const char *name)
{
    int64_t number = 0;

    /* Values were checked when they were set; what is unset reads as 0. */
    if (parse_int64(span_of(settings_text(s, name)), INT64_MIN, INT64_MAX, &number))
        return 0;
    return number;
}

bool settings_bool(const struct settings *s, const char *name)
{
    const char *text = settings_text(s, name);

    return text && bool_of(span_of(text));
}

int64_t settings_seconds_ns(const struct settings *s, const char *name)
{
    double seconds = 0;

    if (parse_double(span_of(settings_text(s, name)), &seconds))
        return 0;
    return (int64_t)(seconds * (double)NS_PER_SEC);
}

enum setting_origin settings_origin(const struct settings *s, const char *name)
{
    const struct settings_row *row = settings_find(s, span_of(name));

    return row ? row->origin : SETTING_DEFAULT;
}
