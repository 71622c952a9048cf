#include "base/settings.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/settings_value.h"
#include "base/settings_variables.h"

struct setting_value *settings_find(const struct settings *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->values[i].row->name, name) == 0)
            return &s->values[i];
    }
    return NULL;
}

/* Whether both rows have an option of the same spelling; *spelling gets it. */
static bool share_option(const struct setting *a, const struct setting *b, struct span *spelling)
{
    struct span rest_a = span_of(a->option);
    while (settings_next_word(&rest_a, ',', spelling)) {
        struct span rest_b = span_of(b->option);
        struct span other;
        while (settings_next_word(&rest_b, ',', &other)) {
            if (span_equal(*spelling, other))
                return true;
        }
    }
    return false;
}

/* Adds a row that clashes with none before it, at its default. */
static enum celeriac_err add_row(struct settings *s, const struct setting *row,
                                 struct celeriac_error *err)
{
    struct span spelling;
    for (size_t i = 0; i < s->count; i++) {
        const struct setting *other = s->values[i].row;
        if (strcmp(other->name, row->name) == 0)
            return celeriac_error_set(err, CELERIAC_ERR_EXISTS, "setting %s is declared twice",
                                      row->name);
        if (share_option(row, other, &spelling))
            return celeriac_error_set(err, CELERIAC_ERR_EXISTS,
                                      "settings %s and %s share the option %.*s", other->name,
                                      row->name, SPAN_PRINTF(spelling));
    }
    struct setting_value *value = &s->values[s->count++];
    *value = (struct setting_value){.row = row, .origin = SETTING_DEFAULT};
    if (!row->default_value)
        return CELERIAC_OK;
    char place[SETTING_PLACE_SIZE];
    (void)snprintf(place, sizeof place, "default of %s", row->name);
    return setting_store(value, span_of(row->default_value), SETTING_DEFAULT, place, err);
}

static enum celeriac_err add_tables(struct settings *s, const struct setting *const *tables,
                                    struct celeriac_error *err)
{
    for (; *tables; tables++) {
        for (const struct setting *row = *tables; row->name; row++) {
            enum celeriac_err code = add_row(s, row, err);
            if (code != CELERIAC_OK)
                return code;
        }
    }
    return CELERIAC_OK;
}

enum celeriac_err settings_create(const struct setting *const *tables, struct settings **s,
                                  struct celeriac_error *err)
{
    size_t rows = 0;
    for (size_t i = 0; tables[i]; i++) {
        if (i == SETTINGS_TABLES_MAX)
            return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "more than %d settings tables",
                                      SETTINGS_TABLES_MAX);
        for (const struct setting *row = tables[i]; row->name; row++)
            rows++;
    }
    struct settings *made = mem_calloc(1, sizeof *made);
    if (!made)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    made->values = mem_calloc(rows, sizeof *made->values);
    enum celeriac_err code = CELERIAC_OK;
    if (!made->values)
        code = celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    else
        code = add_tables(made, tables, err);
    if (code != CELERIAC_OK) {
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
        setting_clear(&s->values[i]);
    mem_free(s->values);
    variables_destroy(s->environment);
    variables_destroy(s->file);
    mem_free(s->file_path);
    mem_free(s);
}

enum celeriac_err settings_set(struct settings *s, const char *name, const char *value,
                               enum setting_origin origin, struct celeriac_error *err)
{
    struct setting_value *found = settings_find(s, name);
    if (!found)
        return celeriac_error_set(err, CELERIAC_ERR_NOT_FOUND, "no setting is named %s", name);
    char place[SETTING_PLACE_SIZE];
    (void)snprintf(place, sizeof place, "setting %s", name);
    return setting_store(found, span_of(value), origin, place, err);
}

const char *settings_text(const struct settings *s, const char *name)
{
    const struct setting_value *value = settings_find(s, name);
    return value ? value->text : NULL;
}

int64_t settings_int(const struct settings *s, const char *name)
{
    const struct setting_value *value = settings_find(s, name);
    return value ? value->number : 0;
}

bool settings_bool(const struct settings *s, const char *name)
{
    return settings_int(s, name) != 0;
}

int64_t settings_seconds_ns(const struct settings *s, const char *name)
{
    return settings_int(s, name);
}

const char *settings_place(const struct settings *s, const char *name)
{
    const struct setting_value *value = settings_find(s, name);
    return value && value->place ? value->place : name;
}

static bool has_word(const char *list, struct span wanted)
{
    struct span rest = span_of(list);
    struct span word;
    while (settings_next_word(&rest, ' ', &word)) {
        if (span_equal(word, wanted))
            return true;
    }
    return false;
}

/* Of the settings that can give a field its value, the first that is filled. */
static const struct setting_value *find_giver(const struct settings *s, const char *names)
{
    struct span rest = span_of(names);
    struct span name;
    while (settings_next_word(&rest, ' ', &name)) {
        for (size_t i = 0; i < s->count; i++) {
            const struct setting_value *value = &s->values[i];
            if (span_is(name, value->row->name) && value->text && *value->text)
                return value;
        }
    }
    return NULL;
}

/* The setting that an error is about, by the word at its head. */
static const struct setting_value *find_guilty(const struct settings *s,
                                               const struct setting_field *fields, struct span head)
{
    for (; fields->field; fields++) {
        if (span_is(head, fields->field))
            return find_giver(s, fields->settings);
    }
    for (size_t i = 0; i < s->count; i++) {
        if (has_word(s->values[i].row->env, head))
            return &s->values[i];
    }
    return NULL;
}

bool settings_blame(const struct settings *s, const struct setting_field *fields,
                    struct celeriac_error *err)
{
    struct span head, why;
    if (!span_cut(span_of(err->text), ':', &head, &why))
        return false;
    const struct setting_value *guilty = find_guilty(s, fields, head);
    if (!guilty || guilty->origin == SETTING_DEFAULT)
        return guilty != NULL;
    struct celeriac_error blamed = {0};
    (void)celeriac_error_set(&blamed, err->code, "%s:%.*s", guilty->place, SPAN_PRINTF(why));
    *err = blamed;
    return true;
}

enum setting_origin settings_origin(const struct settings *s, const char *name)
{
    const struct setting_value *value = settings_find(s, name);
    return value ? value->origin : SETTING_DEFAULT;
}
