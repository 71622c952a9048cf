/*
 * Form fields as Django's QueryDict holds them: names with values in the order they came. Filled
 * from a query string, an urlencoded body or a multipart body. One thread at a time.
 */
#ifndef API_FORM_H
#define API_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "api/charset.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/* Most fields of one form: DATA_UPLOAD_MAX_NUMBER_FIELDS of Django's settings. */
#define FORM_FIELDS_MAX 1000

/* Most files of one form: DATA_UPLOAD_MAX_NUMBER_FILES. */
#define FORM_FILES_MAX 100

/* Most bytes of decoded names and values: a byte of Latin-1 becomes two, a broken one three. */
#define FORM_BYTES_MAX ((size_t)3 * 2621440)

struct form_field {
    size_t name_at, name_len; /* places in struct form's text */
    size_t value_at, value_len;
    bool is_file; /* an uploaded file: value is its name */
};

struct form {
    struct strbuf text;
    struct form_field *fields;
    size_t count;
    size_t cap;
    size_t files;
};

/* Starts an empty form. */
void form_init(struct form *f);

/* Releases everything; f is then as after form_init(). */
void form_close(struct form *f);

/*
 * Adds the fields of an application/x-www-form-urlencoded text: '&' separates, '+' is a space, a
 * name without '=' has an empty value, undecodable bytes become U+FFFD. CELERIAC_ERR_LIMIT beyond
 * FORM_FIELDS_MAX with Django's words, CELERIAC_ERR_MEMORY.
 */
enum celeriac_err form_add_urlencoded(struct form *f, struct span text, enum charset charset,
                                      struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Adds the parts of a multipart/form-data body. `boundary` is the Content-Type's parameter, empty
 * when there is none. CELERIAC_ERR_SYNTAX with the words of Django's MultiPartParser,
 * CELERIAC_ERR_LIMIT beyond FORM_FIELDS_MAX or FORM_FILES_MAX, CELERIAC_ERR_MEMORY.
 */
enum celeriac_err form_add_multipart(struct form *f, struct span body, struct span boundary,
                                     enum charset charset,
                                     struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Adds one field from bytes in `charset`. CELERIAC_ERR_MEMORY, or CELERIAC_ERR_LIMIT beyond
 * FORM_BYTES_MAX.
 */
enum celeriac_err form_add(struct form *f, struct span name, struct span value, bool is_file,
                           enum charset charset) CELERIAC_MUST_CHECK;

/* The last field of that name, or NULL; a file comes before what is none, as in DRF's request.data.
 */
const struct form_field *form_find(const struct form *f, const char *name);

/* A field's name; borrowed until the form changes. */
struct span form_name(const struct form *f, const struct form_field *field);

/* A field's value; borrowed until the form changes. */
struct span form_value(const struct form *f, const struct form_field *field);

#endif
