/*
 * Jinja2 templates: Template(source).render(**data) of Python's Jinja2 3.1, for C.
 *
 * The engine is MiniJinja (Rust), adapted where Python templates expect something else. What still
 * differs is listed, with a test each, in docs/templates.md. Sources and data may come from
 * strangers: every call is bounded in time, memory and stack, and a defect inside the engine comes
 * back as an error, never as a dead process.
 *
 * Stack: compiling and rendering take less than 384 KiB; threads of 512 KiB will do.
 */
#ifndef JINJA_JINJA_H
#define JINJA_JINJA_H

#include <stddef.h>
#include <stdint.h>

/* Longest source in bytes that jinja_compile takes. Mail templates are kilobytes. A compiled
 * template takes 9 KiB and, measured, 2 to 8 times its source; 14 times when it is nothing but
 * tags. */
#define JINJA_MAX_SOURCE ((size_t)256 * 1024)

/* Longest data in bytes that jinja_render takes. Parsed, it takes about eight times as much. */
#define JINJA_MAX_DATA ((size_t)4 * 1024 * 1024)

/* Deepest nesting of arrays and objects in data, and of lists and dicts that a template builds.
 * Python stops near 1000; printing and freeing nested values uses the stack. */
#define JINJA_MAX_NESTING 100

/* Work units of one render when struct jinja_limits does not say: about one for an instruction, one
 * for 64 bytes built (each piece of a printed list or dict counts as 8 bytes at least) and one for
 * four digits of a float that is formatted or rounded. A mail takes some hundreds. The memory a
 * render may hold is bounded by 64 bytes for each unit, so this is 64 MiB (the most seen was 128
 * MiB for the whole process); the most time that random hostile templates made of it was about a
 * second. */
#define JINJA_DEFAULT_FUEL ((uint64_t)1000 * 1000)

/* Bytes of output when struct jinja_limits does not say: above what SMTP servers commonly accept as
 * text. */
#define JINJA_DEFAULT_OUTPUT ((size_t)4 * 1024 * 1024)

enum jinja_result {
    JINJA_OK = 0,
    JINJA_ERR_ARGUMENT, /* a pointer that must not be NULL is NULL */
    JINJA_ERR_SYNTAX,   /* source is not a template: jinja_compile only */
    JINJA_ERR_RENDER,   /* the template failed: undefined attribute, bad operand, unknown method ...
                         */
    JINJA_ERR_LIMIT,    /* a limit of this header or of struct jinja_limits was reached */
    JINJA_ERR_DATA,     /* data is not the UTF-8 text of a JSON object */
    JINJA_ERR_MEMORY,   /* the result could not be allocated */
    JINJA_ERR_INTERNAL  /* the engine failed in a way it should not; the template is still usable */
};

/* Size of the text in struct jinja_error, with its NUL: room for a line or two, longer ones are
 * cut. */
#define JINJA_ERROR_TEXT 256

/*
 * What went wrong, for the tenant who wrote the template. Owned by the caller, filled only on
 * failure. The text may quote the source and the data: store it with the notification, but don't
 * log it.
 */
struct jinja_error {
    enum jinja_result code;
    unsigned line;               /* line of the source, from 1; 0 when the failure has none */
    char text[JINJA_ERROR_TEXT]; /* UTF-8, always terminated, cut between characters */
};

/* Bounds of one render; a field that is 0 takes its default. */
struct jinja_limits {
    uint64_t fuel;     /* work units, default JINJA_DEFAULT_FUEL */
    size_t max_output; /* bytes, default JINJA_DEFAULT_OUTPUT; writing stops there */
};

/* A compiled template. Immutable: any number of threads may render one template at the same time.
 */
struct jinja_template;

/*
 * Compiles `len` bytes of UTF-8 at `source`, which is copied. The template in `*out` is the
 * caller's, to be released with jinja_template_destroy. `err` may be NULL. Any thread. Errors:
 * JINJA_ERR_SYNTAX (with line; also an unknown filter or test, as in Jinja2), JINJA_ERR_LIMIT
 * (longer than JINJA_MAX_SOURCE, or nested too deeply), JINJA_ERR_ARGUMENT, JINJA_ERR_INTERNAL.
 * `*out` is then untouched.
 */
enum jinja_result jinja_compile(const char *source, size_t len, struct jinja_template **out,
                                struct jinja_error *err) __attribute__((warn_unused_result));

/*
 * Renders `tmpl` with the variables in the JSON object of `len` bytes at `data` (PostgreSQL's jsonb
 * text will do; order of keys and the digits of integers are kept). Nothing is escaped, undefined
 * variables are empty. `limits` NULL: all defaults. `err` may be NULL. Any thread, also at once on
 * one `tmpl`. On success `*out` is `*out_len` bytes of UTF-8 followed by a NUL (which may also
 * occur inside), the caller's, to be released with jinja_text_free. On failure both are untouched.
 * Errors: JINJA_ERR_RENDER, JINJA_ERR_LIMIT, JINJA_ERR_DATA, JINJA_ERR_MEMORY, JINJA_ERR_ARGUMENT,
 * JINJA_ERR_INTERNAL.
 */
enum jinja_result jinja_render(const struct jinja_template *tmpl, const char *data, size_t len,
                               const struct jinja_limits *limits, char **out, size_t *out_len,
                               struct jinja_error *err) __attribute__((warn_unused_result));

/* Releases a template that no thread is rendering. NULL is accepted. */
void jinja_template_destroy(struct jinja_template *tmpl);

/* Releases the text of a successful jinja_render, with its length. NULL is accepted. Any thread. */
void jinja_text_free(char *text, size_t len);

#endif
