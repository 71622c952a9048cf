/*
 * The body of a request, parsed as DRF's parsers do: JSON, form or multipart. One thread at a time.
 */
#ifndef API_BODY_H
#define API_BODY_H

#include "api/form.h"
#include "base/json.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

enum body_kind {
    BODY_EMPTY, /* nothing was sent: an empty object */
    BODY_JSON,
    BODY_FORM
};

struct body {
    enum body_kind kind;
    struct json_doc json; /* members of the top object only; deeper values as their bytes */
    struct form form;
    struct strbuf converted; /* JSON text that came in another encoding */
};

/* Starts an empty body. */
void body_init(struct body *b);

/* Releases what body_parse() made. */
void body_close(struct body *b);

/*
 * Parses `bytes`, which must live as long as b. content_type is the header; ptr NULL when missing.
 * CELERIAC_ERR_UNSUPPORTED for a media type or charset that is not taken (answer: 415);
 * CELERIAC_ERR_SYNTAX and CELERIAC_ERR_LIMIT with DRF's sentence (answer: 400),
 * CELERIAC_ERR_MEMORY.
 */
enum celeriac_err body_parse(struct body *b, struct span content_type, struct span bytes,
                             struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Makes b (a fresh one) the body that consists of one JSON value, which must live as long as b.
 * Codes as above, without CELERIAC_ERR_UNSUPPORTED.
 */
enum celeriac_err body_parse_json(struct body *b, struct span json,
                                  struct celeriac_error *err) CELERIAC_MUST_CHECK;

#endif
