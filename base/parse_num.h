/*
 * Strict number parsing, the only one in the project: the whole text is consumed, the range is
 * checked, and white space, signs that are not allowed and empty texts are errors. Pure; any
 * thread.
 */
#ifndef BASE_PARSE_NUM_H
#define BASE_PARSE_NUM_H

#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"

/*
 * A decimal integer with an optional '-', between min and max. CELERIAC_ERR_SYNTAX when it is not
 * one, CELERIAC_ERR_LIMIT when it is out of range.
 */
enum celeriac_err parse_int64(struct span text, int64_t min, int64_t max,
                              int64_t *value) CELERIAC_MUST_CHECK;

/*
 * A finite decimal floating point number as Python's float() reads it without underscores: optional
 * sign, digits, optional fraction and exponent; "nan" and "inf" are refused. The decimal point is
 * '.', whatever the locale. CELERIAC_ERR_SYNTAX or CELERIAC_ERR_LIMIT (not finite).
 */
enum celeriac_err parse_double(struct span text, double *value) CELERIAC_MUST_CHECK;

/*
 * Decimal seconds, digits with an optional '-' and fraction ("1.5", "-0.25", "90"), in nanoseconds;
 * what is smaller is cut off. CELERIAC_ERR_SYNTAX or CELERIAC_ERR_LIMIT (beyond 292 years).
 */
enum celeriac_err parse_seconds(struct span text, int64_t *ns) CELERIAC_MUST_CHECK;

/* The value of a hexadecimal digit of either case, 0 to 15; -1 when c is none. */
int parse_hex_digit(char c);

/*
 * Shortest decimal text that reads back as the same double, spelt as Python's repr() spells it:
 * "1.0", "1e+22", "1e-07", "-0.0", "nan", "inf". buf gets it with a NUL; returns its length.
 */
#define FORMAT_DOUBLE_MAX 32
size_t format_double(double value, char buf[FORMAT_DOUBLE_MAX]);

#endif
