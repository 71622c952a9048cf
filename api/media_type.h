/*
 * Content-Type and Accept headers as Django and DRF read them. Pure; any thread.
 */
#ifndef API_MEDIA_TYPE_H
#define API_MEDIA_TYPE_H

#include <stdbool.h>

#include "base/span.h"

/* Longest parameter value read; RFC 2046 allows boundaries of 70 characters, Django 201. */
#define MEDIA_PARAM_SIZE 256

/* The type without its parameters and surrounding space: "application/json"; borrowed. */
struct span media_type_name(struct span header);

/*
 * The value of a parameter (name in lower case) without its quotes and escapes, NUL-terminated.
 * False when there is none, or when it does not fit.
 */
bool media_type_param(struct span header, const char *name, char value[MEDIA_PARAM_SIZE]);

/*
 * Whether a Content-Type or one entry of an Accept header stands for main/sub (both in lower case):
 * either half may be '*', and parameters don't matter.
 */
bool media_type_covers(struct span header, const char *main, const char *sub);

/*
 * Whether an Accept header allows an answer of application/json or, as DRF's browsable API also
 * offers it, text/html. A missing header (ptr NULL) allows all.
 */
bool media_type_accepts_us(struct span accept);

#endif
