/* Reads the command line into the settings that are options. */
#include <string.h>

#include "base/alloc.h"
#include "base/settings_rows.h"

/* What is left to read. */
struct words {
    char *const *argv;
    int argc;
    int at;
};

/* Whether one spelling of an option ("-c, --concurrency") equals text. */
static bool has_spelling(const struct setting *setting, struct span text)
{
    struct span names = span_of(setting->option);

    while (names.len > 0) {
        struct span name;
        struct span rest;

        span_cut(names, ',', &name, &rest);
        if (span_equal(span_trim(name), text))
            return true;
        names = rest;
    }
    return false;
}

static struct settings_row *find_option(const struct settings *s, struct span spelling,
                                        struct celeriac_error *err)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->rows[i].setting->option && has_spelling(s->rows[i].setting, spelling))
            return &s->rows[i];
    celeriac_error_set(err, CELERIAC_ERR_VALUE, "unknown option: %.*s", SPAN_PRINTF(spelling));
    return NULL;
}

static enum celeriac_err assign(struct settings_row *row, struct span spelling, struct span value,
                                struct celeriac_error *err)
{
    struct celeriac_error place = {0};

    celeriac_error_set(&place, CELERIAC_ERR_VALUE, "option %.*s", SPAN_PRINTF(spelling));
    return settings_assign(row, value.ptr ? value : SPAN(""), SETTING_FROM_OPTION, place.text, err);
}

/* The value behind an option: what is glued to it, else the next word. */
static enum celeriac_err read_value(struct settings_row *row, struct span spelling,
                                    struct span glued, struct words *words,
                                    struct celeriac_error *err)
{
    if (glued.ptr)
        return assign(row, spelling, glued, err);
    if (words->at >= words->argc)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "option %.*s: needs a value",
                                  SPAN_PRINTF(spelling));
    return assign(row, spelling, span_of(words->argv[words->at++]), err);
}

static enum celeriac_err read_long(struct settings *s, struct span word, struct words *words,
                                   struct celeriac_error *err)
{
    struct span spelling;
    struct span value;
    bool has_value = span_cut(word, '=', &spelling, &value);
    struct settings_row *row = find_option(s, spelling, err);

    if (!row)
        return CELERIAC_ERR_VALUE;
    if (row->setting->type != SETTING_FLAG)
        return read_value(row, spelling, has_value ? value : (struct span){0}, words, err);
    if (has_value)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "option %.*s: takes no value",
                                  SPAN_PRINTF(spelling));
    return assign(row, spelling, SPAN("true"), err);
}

/* "-c4", "-c 4", "-Ef file": flags may be bundled, the first option with a value ends the bundle.
 */
static enum celeriac_err read_short(struct settings *s, struct span word, struct words *words,
                                    struct celeriac_error *err)
{
    enum celeriac_err code = CELERIAC_OK;

    for (size_t i = 1; code == CELERIAC_OK && i < word.len; i++) {
        char text[2] = {'-', word.ptr[i]};
        struct span spelling = {.ptr = text, .len = 2};
        struct settings_row *row = find_option(s, spelling, err);
        struct span glued = {0};

        if (!row)
            return CELERIAC_ERR_VALUE;
        if (row->setting->type == SETTING_FLAG) {
            code = assign(row, spelling, SPAN("true"), err);
            continue;
        }
        if (i + 1 < word.len)
            glued = (struct span){.ptr = word.ptr + i + 1, .len = word.len - i - 1};
        return read_value(row, spelling, glued, words, err);
    }
    return code;
}

enum celeriac_err settings_read_options(struct settings *s, int argc, char *const *argv,
                                        char ***rest, struct celeriac_error *err)
{
    struct words words = {.argv = argv, .argc = argc, .at = 1};
    char **left = mem_calloc((size_t)argc + 1, sizeof *left);
    size_t count = 0;
    bool options_end = false;
    enum celeriac_err code = CELERIAC_OK;

    if (!left)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "options: out of memory");
    while (code == CELERIAC_OK && words.at < argc) {
        char *text = argv[words.at++];
        struct span word = span_of(text);

        if (options_end || word.len < 2 || text[0] != '-')
            left[count++] = text;
        else if (span_is(word, "--"))
            options_end = true;
        else if (text[1] == '-')
            code = read_long(s, word, &words, err);
        else
            code = read_short(s, word, &words, err);
    }
    if (code) {
        mem_free(left);
        return code;
    }
    *rest = left;
    return CELERIAC_OK;
}
