/*
 * The parameters of one statement in PostgreSQL's binary format: values, and arrays that carry one
 * element for each combined call. Text is never formatted into SQL. Formats as in PostgreSQL's
 * src/backend/utils/adt (array_recv, uuid_recv, timestamptz_recv, ...).
 *
 * Errors are sticky: write all, then look at store_params_status(). One thread at a time.
 */
#ifndef NOTIFY_STORE_PARAMS_H
#define NOTIFY_STORE_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "base/uuid.h"
#include "celeriac/error.h"
#include "notify/store/digest.h"

/* Most parameters of a statement of ours. */
#define STORE_PARAMS_MAX 18

/*
 * Most bytes of one statement's parameters: the batch limit (4 MiB, see combine.h) plus the
 * largest single request with room to spare, far below PostgreSQL's 1 GiB for a message.
 */
#define STORE_PARAMS_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* Element types of arrays, by their fixed object ids (PostgreSQL's pg_type.dat). */
enum store_type {
    STORE_TYPE_BYTEA = 17,
    STORE_TYPE_INT8 = 20,
    STORE_TYPE_INT4 = 23,
    STORE_TYPE_TEXT = 25,
    STORE_TYPE_TIMESTAMPTZ = 1184,
    STORE_TYPE_UUID = 2950
};

struct store_params {
    struct strbuf bytes;
    struct {
        size_t start; /* in bytes */
        size_t len;
        bool is_null;
    } list[STORE_PARAMS_MAX];
    unsigned count;
    size_t array_start; /* of the open array's header */
    uint32_t elements;
    bool in_array;
};

/* Starts an empty list. Allocates nothing yet. */
void store_params_init(struct store_params *p);

/* Releases the memory. */
void store_params_close(struct store_params *p);

/* Forgets the parameters and the error but keeps the memory. */
void store_params_clear(struct store_params *p);

/* Between these two every value is an element of one array parameter. */
void store_params_begin_array(struct store_params *p, enum store_type type);
void store_params_end_array(struct store_params *p);

/* One value each. */
void store_params_null(struct store_params *p);
void store_params_uuid(struct store_params *p, const struct uuid *u);
void store_params_bool(struct store_params *p, bool b);
void store_params_int4(struct store_params *p, int32_t n);
void store_params_int8(struct store_params *p, int64_t n);

/* Microseconds since 1970 as timestamptz; STORE_NO_TIME (call.h) is NULL. */
void store_params_time(struct store_params *p, int64_t us);

/* bytea, or text that is known to be UTF-8 without NUL; a span whose ptr is NULL is NULL. */
void store_params_bytes(struct store_params *p, struct span bytes);

/* The same for columns that are never NULL: a span whose ptr is NULL is the empty text. */
void store_params_text(struct store_params *p, struct span text);

/* A digest as bytea. */
void store_params_digest(struct store_params *p, const struct store_digest *digest);

/* Text of unknown origin: cleaned by store_text_clean() to at most max_bytes. */
void store_params_clean_text(struct store_params *p, struct span text, size_t max_bytes);

/* CELERIAC_OK, CELERIAC_ERR_MEMORY or CELERIAC_ERR_LIMIT of the first write that failed. */
enum celeriac_err store_params_status(const struct store_params *p) CELERIAC_MUST_CHECK;

/* The parameters as libpq takes them. */
struct store_params_view {
    const char *values[STORE_PARAMS_MAX];
    int lengths[STORE_PARAMS_MAX];
    int formats[STORE_PARAMS_MAX]; /* all 1: binary */
    int count;
};

/* Fills view; its pointers are valid until the next write to p. */
void store_params_view(const struct store_params *p, struct store_params_view *view);

#endif
