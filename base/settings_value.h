/*
 * What a struct settings is made of, for the files that fill it: settings.c, settings_variables.c
 * and settings_options.c. Nobody else includes this.
 */
#ifndef BASE_SETTINGS_VALUE_H
#define BASE_SETTINGS_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/hashmap.h"
#include "base/settings.h"
#include "base/span.h"
#include "celeriac/error.h"

/* The value of one row. */
struct setting_value {
    const struct setting *row;
    char *text;     /* owned, wiped before it is released if the row is secret; NULL: unset */
    char *place;    /* owned, where text came from, as errors say it; NULL with text */
    int64_t number; /* what text means by the row's type: integer, 0 or 1, nanoseconds, level */
    enum setting_origin origin;
};

struct settings {
    struct setting_value *values;
    size_t count;
    /* Variables of the environment and of the .env file by name, as struct variable; NULL before.
     */
    struct hashmap *environment;
    struct hashmap *file;
    char *file_path; /* as given, for error texts; NULL before a file was read */
};

/* Bytes of a place's name, such as "environment variable EMAIL_PORT"; longer ones are cut. */
#define SETTING_PLACE_SIZE 128

/*
 * Checks text and makes it the value unless one of a stronger origin is there already. place is
 * what an error text starts with. CELERIAC_ERR_VALUE with the reason, or CELERIAC_ERR_MEMORY. The
 * value never appears in err: it may be a secret, or one that went to the wrong place.
 */
enum celeriac_err setting_store(struct setting_value *value, struct span text,
                                enum setting_origin origin, const char *place,
                                struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Releases the value's texts. */
void setting_clear(struct setting_value *value);

/* The value of the row with that name, or NULL. */
struct setting_value *settings_find(const struct settings *s, const char *name);

/*
 * Steps through a row's spellings, "-c" and "--concurrency" of "-c, --concurrency", or through
 * any other list separated by `separator`: *rest is what is left and starts as the whole list.
 * False at its end.
 */
bool settings_next_word(struct span *rest, char separator, struct span *word);

/* Text of strangers made fit for an error text: at most 40 bytes, without control characters. */
#define SETTING_QUOTE_SIZE 48
const char *settings_quote(struct span text, char buf[SETTING_QUOTE_SIZE]);

#endif
