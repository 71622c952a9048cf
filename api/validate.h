/*
 * Validation as a table: each field of a request is a row (type, limits, messages), and the answer
 * to invalid data is in the words of DRF 3.16 and Django 5.2. Pure; one thread at a time per
 * request.
 *
 * What DRF does and the table cannot say is here once and for all: numbers are taken as strings by
 * text fields and trimmed, "yes" and 1 are true, "7" and 7.0 are integers, forms have no null, the
 * last of several equal keys counts, unknown fields are ignored.
 */
#ifndef API_VALIDATE_H
#define API_VALIDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/body.h"
#include "api/problems.h"
#include "base/span.h"
#include "celeriac/error.h"

enum field_type {
    FIELD_TEXT,    /* CharField */
    FIELD_EMAIL,   /* EmailField */
    FIELD_CHOICE,  /* ChoiceField */
    FIELD_CHOICES, /* MultipleChoiceField: a list, of at least one */
    FIELD_BOOLEAN, /* BooleanField */
    FIELD_INTEGER, /* IntegerField */
    FIELD_TIME,    /* DateTimeField; without a zone it is UTC */
    FIELD_JSON     /* JSONField */
};

/* One row. Tables are static. */
struct field {
    const char *name;
    enum field_type type;
    bool required;
    bool allow_null;
    bool allow_blank;           /* FIELD_TEXT, FIELD_EMAIL: "" is a value */
    unsigned max_length;        /* characters of FIELD_TEXT, FIELD_EMAIL; 0: no limit */
    const char *const *choices; /* FIELD_CHOICE, FIELD_CHOICES: ends with NULL, at most 32 */
    bool (*check)(struct span); /* further rule for a value without other problems, or NULL */
    const char *check_message;  /* what to say when check is false */
    const char *pattern;        /* the same rule as a regular expression, for the description */
    const char *help;           /* one sentence for the API's description */
    const char *example;        /* a value for the API's description, as JSON; NULL: none */
};

enum value_state {
    VALUE_MISSING, /* not given: the caller's default applies */
    VALUE_NULL,
    VALUE_SET
};

/* What a field was given. */
struct value {
    enum value_state state;
    struct span
        text;       /* trimmed text, choice, canonical digits of an integer, JSON as to be stored */
    int64_t number; /* FIELD_INTEGER, when it fits; FIELD_TIME: microseconds since 1970 */
    bool number_fits;
    bool truth;      /* FIELD_BOOLEAN */
    uint32_t chosen; /* FIELD_CHOICES: bit i is for choices[i] */
    char *owned;     /* what text points to when it is not the body itself */
};

/*
 * Validates `count` fields of the body into values[0..count); problems go to p. With `partial`
 * (PATCH) missing fields are never a problem. The values borrow from the body; release them with
 * validate_close() in any case. CELERIAC_ERR_MEMORY only; look at problems_found() for the verdict.
 */
enum celeriac_err validate(const struct field *fields, size_t count, const struct body *body,
                           bool partial, struct value *values,
                           struct problems *p) CELERIAC_MUST_CHECK;

/* Releases the values' own memory. Zero-initialised values are allowed. */
void validate_close(struct value *values, size_t count);

/* The value's text, or `otherwise` when it is missing or null. */
struct span value_text(const struct value *v, struct span otherwise);

#endif
