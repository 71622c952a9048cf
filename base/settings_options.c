#include <stdio.h>

#include "base/alloc.h"
#include "base/settings_value.h"

/* The words of a command line on their way through. */
struct reader {
    struct settings *s;
    int argc;
    char *const *argv;
    int at; /* the next word */
    struct celeriac_error *err;
};

static struct setting_value *find_option(const struct settings *s, struct span spelling)
{
    for (size_t i = 0; i < s->count; i++) {
        struct span rest = span_of(s->values[i].row->option);
        struct span known;
        while (settings_next_word(&rest, ',', &known)) {
            if (span_equal(known, spelling))
                return &s->values[i];
        }
    }
    return NULL;
}

/* Error texts call an option by its last spelling, which is the long one. */
static void place_of(const struct setting_value *value, char place[SETTING_PLACE_SIZE])
{
    struct span rest = span_of(value->row->option);
    struct span spelling = {"", 0};
    while (settings_next_word(&rest, ',', &spelling))
        continue;
    (void)snprintf(place, SETTING_PLACE_SIZE, "option %.*s", SPAN_PRINTF(spelling));
}

static enum celeriac_err unknown_option(const struct reader *r, struct span spelling)
{
    char quote[SETTING_QUOTE_SIZE];
    return celeriac_error_set(r->err, CELERIAC_ERR_VALUE, "unknown option: %s",
                              settings_quote(spelling, quote));
}

static enum celeriac_err store(const struct reader *r, struct setting_value *value,
                               struct span text)
{
    char place[SETTING_PLACE_SIZE];
    place_of(value, place);
    return setting_store(value, text, SETTING_FROM_OPTION, place, r->err);
}

/* The value is the next word, whatever it looks like. */
static enum celeriac_err store_next_word(struct reader *r, struct setting_value *value)
{
    if (r->at < r->argc)
        return store(r, value, span_of(r->argv[r->at++]));
    char place[SETTING_PLACE_SIZE];
    place_of(value, place);
    return celeriac_error_set(r->err, CELERIAC_ERR_VALUE, "%s: needs a value", place);
}

/* --name, --name=value or --name value. */
static enum celeriac_err read_long(struct reader *r, struct span word)
{
    struct span spelling;
    struct span text;
    bool given = span_cut(word, '=', &spelling, &text);
    struct setting_value *value = find_option(r->s, spelling);
    if (!value)
        return unknown_option(r, spelling);
    if (value->row->type != SETTING_FLAG)
        return given ? store(r, value, text) : store_next_word(r, value);
    if (!given)
        return store(r, value, SPAN("true"));
    char place[SETTING_PLACE_SIZE];
    place_of(value, place);
    return celeriac_error_set(r->err, CELERIAC_ERR_VALUE, "%s: takes no value", place);
}

/* -c4, -c 4, or flags in one word, of which the last may take a value: -ECc4. */
static enum celeriac_err read_short(struct reader *r, struct span word)
{
    for (size_t i = 1; i < word.len; i++) {
        char spelling[] = {'-', word.ptr[i], '\0'};
        struct setting_value *value = find_option(r->s, span_of(spelling));
        if (!value)
            return unknown_option(r, span_of(spelling));
        if (value->row->type != SETTING_FLAG) {
            struct span rest = {word.ptr + i + 1, word.len - i - 1};
            return rest.len > 0 ? store(r, value, rest) : store_next_word(r, value);
        }
        enum celeriac_err code = store(r, value, SPAN("true"));
        if (code != CELERIAC_OK)
            return code;
    }
    return CELERIAC_OK;
}

/* Sorts the words into options, which are stored, and others, which go to words. */
static enum celeriac_err read_words(struct reader *r, char **words)
{
    size_t count = 0;
    bool options = true;
    while (r->at < r->argc) {
        struct span word = span_of(r->argv[r->at++]);
        enum celeriac_err code = CELERIAC_OK;
        if (options && span_is(word, "--"))
            options = false;
        else if (options && span_starts(word, SPAN("--")))
            code = read_long(r, word);
        else if (options && word.len > 1 && word.ptr[0] == '-')
            code = read_short(r, word);
        else
            words[count++] = r->argv[r->at - 1];
        if (code != CELERIAC_OK)
            return code;
    }
    return CELERIAC_OK;
}

enum celeriac_err settings_read_options(struct settings *s, int argc, char *const *argv,
                                        char ***rest, struct celeriac_error *err)
{
    /* Zeroed, so that whatever is collected ends with a NULL. */
    char **words = mem_calloc((argc > 0 ? (size_t)argc : 0) + 1, sizeof *words);
    if (!words)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    struct reader r = {.s = s, .argc = argc, .argv = argv, .at = 1, .err = err};
    enum celeriac_err code = read_words(&r, words);
    if (code != CELERIAC_OK) {
        mem_free(words);
        return code;
    }
    *rest = words;
    return CELERIAC_OK;
}
