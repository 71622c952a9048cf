/*
 * ISO 8601 times as Celery and Django REST Framework write and read them. Instants are microseconds
 * since 1970-01-01T00:00:00Z. Pure; any thread.
 */
#ifndef BASE_ISO8601_H
#define BASE_ISO8601_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"

/* Bytes of the longest text written here, with its NUL. */
#define ISO8601_MAX 40

/* First and last instant that has a four-digit year: 0001-01-01 and 9999-12-31T23:59:59.999999. */
#define ISO8601_MIN_US (INT64_C(-62135596800) * 1000000)
#define ISO8601_MAX_US (INT64_C(253402300799) * 1000000 + 999999)

/*
 * Reads date, or date 'T' (or ' ') time: hours:minutes[:seconds[.fraction]] with separators or in
 * basic form (20240102T030405), fraction of any length (beyond microseconds cut off), offset 'Z',
 * +hh:mm, +hhmm, +hh or none; none means UTC, as celery/app/trace.py and kombu take it.
 * CELERIAC_ERR_SYNTAX for anything else, CELERIAC_ERR_LIMIT outside the years 1 to 9999.
 */
enum celeriac_err iso8601_parse(struct span text, int64_t *us) CELERIAC_MUST_CHECK;

/*
 * Python's datetime.isoformat() of a UTC instant: "2026-11-22T20:34:59.134672+00:00", the fraction
 * left out when it is zero. us is clamped to the range above. Returns the length.
 */
size_t iso8601_python(int64_t us, char buf[ISO8601_MAX]);

/* As DRF writes it: the same with "Z" for "+00:00". Returns the length. */
size_t iso8601_drf(int64_t us, char buf[ISO8601_MAX]);

/* RFC 5322 date in UTC as Python's email.utils.formatdate(): "Sun, 22 Nov 2026 20:27:31 -0000". */
size_t rfc5322_date(int64_t us, char buf[ISO8601_MAX]);

#endif
