/*
 * What the API's own description (GET /v1/openapi.json, see openapi.h) says of each call: static
 * tables beside the code that they describe. A handler handle_x() has an about_x, which its row of
 * the route table names; a schema stands beside the function that writes such documents. What every
 * call of a kind may answer (401, 406, 503, ...) is added by openapi.c.
 *
 *     static const struct member thing_members[] = {
 *         {.name = "id", .shape = SHAPE_UUID, .help = "Made by the service"},
 *         {.name = NULL},
 *     };
 *     const struct schema thing_schema = {.name = "Thing", .help = "...", .members =
 * thing_members};
 *
 *     const struct description about_thing_get = {
 *         .id = "getThing",
 *         .group = "Things",
 *         .answers = {{.status = 200, .schema = &thing_schema, .help = "The thing"}},
 *     };
 */
#ifndef API_DESCRIPTION_H
#define API_DESCRIPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Most answers that one call describes by itself, and most parameters of one call. */
#define DESCRIPTION_ANSWERS_MAX 8
#define DESCRIPTION_PARAMETERS_MAX 12

struct field;
struct schema;

/* What a value looks like in JSON. */
enum shape {
    SHAPE_TEXT,
    SHAPE_EMAIL,
    SHAPE_UUID,
    SHAPE_TIME, /* ISO 8601, UTC */
    SHAPE_INTEGER,
    SHAPE_BOOLEAN,
    SHAPE_ANY,   /* any JSON */
    SHAPE_OBJECT /* as `schema` says */
};

/* One member of a document. */
struct member {
    const char *name; /* NULL ends a list of members */
    enum shape shape;
    const struct schema *schema; /* with SHAPE_OBJECT */
    const char *const *choices;  /* SHAPE_TEXT: the only values, ended by NULL; NULL: any text */
    bool is_list;                /* a list of such values */
    bool nullable;
    bool optional;    /* may be absent */
    const char *help; /* one phrase; required */
};

/* A JSON object: by its members, or by the table that validates it. */
struct schema {
    const char *name; /* unique in the API, [A-Za-z]+ */
    const char *help; /* one phrase; required */
    const struct member *members;
    const struct field *fields; /* instead of members */
    size_t field_count;
    bool partial;   /* none of the fields is required */
    bool sentences; /* instead of both: any member, each a list of sentences */
};

/* One answer. Several of the same status are alternatives. */
struct answer {
    unsigned status;             /* 0 ends the list */
    const struct schema *schema; /* NULL: no document */
    bool is_list;                /* a list of such documents */
    const char *help;            /* one phrase; required */
};

/* One parameter in the query string or, with in_header, a header of the request. */
struct parameter {
    const char *name; /* NULL ends the list */
    enum shape shape; /* not SHAPE_ANY, not SHAPE_OBJECT */
    const char *const *choices;
    bool in_header;
    bool required;
    const char *preset; /* the value when it is not given, as JSON; NULL: none */
    const char *help;   /* one phrase; required */
};

/* One call. */
struct description {
    const char *id;               /* operationId: unique, camel case */
    const char *group;            /* heading under which it is listed */
    const char *text;             /* what the summary does not say; NULL: nothing */
    const struct schema *request; /* body; NULL: none is read */
    struct parameter parameters[DESCRIPTION_PARAMETERS_MAX + 1];
    struct answer answers[DESCRIPTION_ANSWERS_MAX + 1];
    bool is_page; /* for people or about the API itself: not part of the description */
};

#endif
