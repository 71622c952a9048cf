/*
 * Says what is wrong with bytes that are no UTF-8, in the words of Python's UnicodeDecodeError.
 * Pure; any thread.
 */
#ifndef BASE_UTF8_ERROR_H
#define BASE_UTF8_ERROR_H

#include "base/span.h"
#include "celeriac/error.h"

/*
 * Fills err (may be NULL) with the message of bytes.decode("utf-8"), such as "'utf-8' codec can't
 * decode byte 0xff in position 0: invalid start byte", and returns CELERIAC_ERR_SYNTAX; returns
 * CELERIAC_OK when the bytes are UTF-8 (see span_is_utf8(), which is faster).
 */
enum celeriac_err utf8_error(struct span bytes, struct celeriac_error *err);

#endif
