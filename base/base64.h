/*
 * Base64 (RFC 4648): the standard alphabet for message bodies and password hashes, the URL-safe one
 * for keys. Pure; any thread.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/* Appends the standard, padded encoding. */
void base64_encode(struct strbuf *out, struct span bytes);

/* Appends the URL-safe encoding without padding, as Python's secrets.token_urlsafe(). */
void base64_encode_url(struct strbuf *out, struct span bytes);

/*
 * Appends the decoded bytes. Takes the standard alphabet; like Python's base64.b64decode() it skips
 * bytes outside of it, and wants correct padding. CELERIAC_ERR_SYNTAX for bad padding or length;
 * the buffer is then as before.
 */
enum celeriac_err base64_decode(struct strbuf *out, struct span text) CELERIAC_MUST_CHECK;

#endif
