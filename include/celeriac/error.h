/*
 * Error codes and the error record that every fallible call of Celeriac can fill.
 *
 * Convention: a function that can fail returns `enum celeriac_err`; CELERIAC_OK is 0. Results leave
 * through out-parameters, which stay untouched on failure. Functions that can say more than a code
 * take an optional `struct celeriac_error *`; NULL means the caller does not want the text.
 *
 * Threads: any thread may call what is here; a record is a value that one thread uses at a time.
 */
#ifndef CELERIAC_ERROR_H
#define CELERIAC_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/* Marks what leaves the shared library; everything else is compiled with hidden visibility. */
#define CELERIAC_PUBLIC __attribute__((visibility("default")))

/* A result that must be looked at. Public so that callbacks of yours can carry it too. */
#define CELERIAC_MUST_CHECK __attribute__((warn_unused_result))

/* What went wrong, as a class that a program can act on. Numbers are part of the ABI: append only.
 */
enum celeriac_err {
    CELERIAC_OK = 0,
    CELERIAC_ERR_MEMORY = 1,      /* an allocation failed */
    CELERIAC_ERR_LIMIT = 2,       /* a documented limit (bytes, depth, count) was exceeded */
    CELERIAC_ERR_SYNTAX = 3,      /* text or bytes do not follow their grammar */
    CELERIAC_ERR_VALUE = 4,       /* well-formed, but not an allowed value; text names the field */
    CELERIAC_ERR_NOT_FOUND = 5,   /* the thing asked for does not exist */
    CELERIAC_ERR_EXISTS = 6,      /* the thing to be made exists already */
    CELERIAC_ERR_UNAVAILABLE = 7, /* a server is away or refuses; trying again later may work */
    CELERIAC_ERR_TIMEOUT = 8,     /* a deadline passed */
    CELERIAC_ERR_PROTOCOL = 9,    /* a peer answered something that its protocol does not allow */
    CELERIAC_ERR_AUTH = 10, /* a peer refused our credentials or its certificate is not trusted */
    CELERIAC_ERR_SHUTDOWN = 11,   /* we are stopping; nothing was done */
    CELERIAC_ERR_SYSTEM = 12,     /* a system call failed; text carries strerror */
    CELERIAC_ERR_UNSUPPORTED = 13 /* known, but not something this build or peer can do */
};

/* Bytes of text kept, with the terminating NUL; longer texts are cut. */
#define CELERIAC_ERROR_TEXT_MAX 256

/*
 * One error with its text. The first error wins: setters leave a record alone that already holds
 * one. Value type without resources; start with `= {0}` or celeriac_error_clear().
 */
struct celeriac_error {
    enum celeriac_err code;
    char text[CELERIAC_ERROR_TEXT_MAX]; /* NUL-terminated UTF-8, no secrets, no trailing newline */
};

/* Makes *e hold no error. e may be NULL. Any thread, on its own record. */
CELERIAC_PUBLIC void celeriac_error_clear(struct celeriac_error *e);

/*
 * Records code and a printf-style text in *e unless it already holds an error; returns code, so
 * that `return celeriac_error_set(err, CELERIAC_ERR_VALUE, "...")` reads well. e may be NULL.
 */
CELERIAC_PUBLIC enum celeriac_err celeriac_error_set(struct celeriac_error *e,
                                                     enum celeriac_err code, const char *format,
                                                     ...) __attribute__((format(printf, 3, 4)));

/* A short constant English phrase for code, e.g. "out of memory"; never NULL. Any thread. */
CELERIAC_PUBLIC const char *celeriac_err_name(enum celeriac_err code);

#ifdef __cplusplus
}
#endif
#endif
