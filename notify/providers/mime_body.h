/*
 * A text body as Django's SafeMIMEText sends it: as it is, or quoted-printable when a line is
 * longer than SMTP allows. Pure; any thread.
 */
#ifndef NOTIFY_PROVIDERS_MIME_BODY_H
#define NOTIFY_PROVIDERS_MIME_BODY_H

#include "base/span.h"
#include "base/strbuf.h"

/* Bytes of a line, without its end, above which Django encodes (RFC 5322 2.1.1). */
#define MIME_BODY_LINE_MAX 998

/* The value of Content-Transfer-Encoding: "7bit", "8bit" or "quoted-printable". */
const char *mime_body_encoding(struct span body);

/*
 * Appends the body in that encoding with CRLF line ends (\n, \r and \r\n all become one), ending in
 * CRLF. Errors are sticky in out.
 */
void mime_body_write(struct strbuf *out, struct span body);

#endif
