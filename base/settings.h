/*
 * Settings as a table: each entry has one name, one type, one default and one help line, and the
 * same table serves the command line, the environment, a .env file, --help and the manual's check.
 *
 * Order of precedence: command line, environment, .env file, default, in whatever order they are
 * read. Values are kept as text and checked against their type when they are set, so that a mistake
 * is reported with the place it came from ("option --concurrency: ...", "environment variable
 * EMAIL_PORT: ...", ".env line 3: EMAIL_PORT: ..."). An error never shows the value: it may be a
 * secret. As in django-environ a variable's value "$OTHER" means that of the variable OTHER, from
 * the environment or the file; when there is none the setting stays as it was. Fill it before
 * threads start; reading afterwards is free for all threads.
 */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

enum setting_type {
    SETTING_TEXT,
    SETTING_INT,  /* decimal, between min and max */
    SETTING_BOOL, /* true: django-environ's true, on, ok, y, yes in any case, and integers but 0 */
    SETTING_FLAG, /* an option without a value; true when given */
    SETTING_SECONDS, /* decimal seconds with an optional fraction, between min and max */
    SETTING_LEVEL    /* a log level by Celery's names */
};

/* One row of a settings table. Tables are static and end with a row whose name is NULL. */
struct setting {
    const char *name; /* unique within the program, e.g. "concurrency" */
    enum setting_type type;
    const char *default_value; /* as text; NULL means unset */
    const char *env;        /* environment variables, first wins, separated by ' '; NULL for none */
    const char *option;     /* "-c, --concurrency"; NULL when it is no option */
    const char *value_name; /* what --help calls the value, e.g. "N" */
    int64_t min, max;       /* SETTING_INT and SETTING_SECONDS (whole seconds); both 0: any */
    bool secret;            /* never printed or logged */
    const char *help;       /* one sentence without a full stop */
};

struct settings;

/* Most tables of one set: a program's own, its parts' and the shared ones are three or four. */
#define SETTINGS_TABLES_MAX 8

/* Longest .env file; real ones have a few hundred bytes. */
#define SETTINGS_DOTENV_MAX ((size_t)1024 * 1024)

/* Where a value came from. */
enum setting_origin { SETTING_DEFAULT, SETTING_FROM_FILE, SETTING_FROM_ENV, SETTING_FROM_OPTION };

/*
 * Makes a set of values over tables (NULL-terminated list; the tables must outlive it), all at
 * their defaults. CELERIAC_ERR_MEMORY, CELERIAC_ERR_LIMIT above SETTINGS_TABLES_MAX,
 * CELERIAC_ERR_EXISTS when a name or option is repeated, CELERIAC_ERR_VALUE when a default is not
 * of its row's type.
 */
enum celeriac_err settings_create(const struct setting *const *tables, struct settings **s,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Releases the values, wiping secret ones; s may be NULL. */
void settings_destroy(struct settings *s);

/*
 * Reads the NAME=value lines of a .env file as django-environ does: "export " may come first,
 * single or double quotes around the whole value come off, in double ones a backslash keeps the
 * next character, a line that starts with # is a comment, later lines win. Nothing else is trimmed
 * or cut off, "# ..." behind a value neither. Names that no table knows are ignored, other lines
 * are left out with a warning in the log. A missing file is no error when `optional`. At most one
 * file for a set. CELERIAC_ERR_NOT_FOUND, _SYSTEM, _LIMIT (SETTINGS_DOTENV_MAX), _SYNTAX (not
 * UTF-8, a NUL byte), _VALUE, _MEMORY.
 */
enum celeriac_err settings_read_dotenv(struct settings *s, const char *path, bool optional,
                                       struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Takes every variable named by the tables from `environ`-style memory (NULL-terminated array).
 * Best called before settings_read_dotenv(): a line of the file that the environment overrides is
 * then not even checked. CELERIAC_ERR_VALUE or _MEMORY.
 */
enum celeriac_err settings_read_environment(struct settings *s, char *const *environment,
                                            struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Reads options from argv[1..]: "--name value", "--name=value", "-c 4", "-c4", bundled short flags;
 * "--" ends them. Words that are no options go to *rest (borrowed, NULL-terminated, caller releases
 * the array with mem_free()). An unknown option or a missing value is CELERIAC_ERR_VALUE.
 */
enum celeriac_err settings_read_options(struct settings *s, int argc, char *const *argv,
                                        char ***rest,
                                        struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Sets one value by its name, checked like any other and kept unless one of a stronger origin is
 * there. CELERIAC_ERR_NOT_FOUND, _VALUE or _MEMORY.
 */
enum celeriac_err settings_set(struct settings *s, const char *name, const char *value,
                               enum setting_origin origin,
                               struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* The text of a setting, or NULL when it is unset; borrowed. The name must be in a table. */
const char *settings_text(const struct settings *s, const char *name);

/* The value of a SETTING_INT, or a SETTING_LEVEL as enum log_level; unset is 0. */
int64_t settings_int(const struct settings *s, const char *name);

/* The value of a SETTING_BOOL or SETTING_FLAG; unset is false. */
bool settings_bool(const struct settings *s, const char *name);

/* The value of a SETTING_SECONDS in nanoseconds; unset is 0. */
int64_t settings_seconds_ns(const struct settings *s, const char *name);

/* Where the value came from. */
enum setting_origin settings_origin(const struct settings *s, const char *name);

/*
 * Where the value came from as errors say it: "option --concurrency", "environment variable
 * EMAIL_PORT", ".env line 3: EMAIL_PORT", "default of email_port"; the name itself when it is
 * unset. Borrowed from the set.
 */
const char *settings_place(const struct settings *s, const char *name);

/*
 * A field of some options structure, and the settings of which it takes the first that is filled,
 * separated by ' '. Lists of them end with a row whose field is NULL.
 */
struct setting_field {
    const char *field;
    const char *settings;
};

/*
 * Has an error say where a bad value came from. Whoever was given the values as a structure begins
 * its error with the field's name, "broker_url: ...", or with a variable's; the place of the
 * setting takes that name's place, unless it has its default. False: the error begins with neither,
 * and is about no setting.
 */
bool settings_blame(const struct settings *s, const struct setting_field *fields,
                    struct celeriac_error *err);

/* Appends the options of one table as --help prints them, wrapped to 80 columns. */
void settings_help(const struct setting *table, struct strbuf *out);

#endif
