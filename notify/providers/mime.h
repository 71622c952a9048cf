/*
 * A mail as Django's EmailMessage writes it, equal byte for byte for the recipient: header order,
 * RFC 2047 encoding and folding as Python's email.header.Header does them, and the body encodings
 * of SafeMIMEText. Pure: no clock, host name or network. Any thread.
 *
 * Failures fill a struct notify_outcome (kind NOTIFY_OUTCOME_NEVER, or _LATER when memory is
 * short), because their words go into the notification's row. They may quote the subject or an
 * address.
 */
#ifndef NOTIFY_PROVIDERS_MIME_H
#define NOTIFY_PROVIDERS_MIME_H

#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"
#include "notify/rules/outcome.h"

/* Longest address or From header taken, in bytes: RFC 5321 allows 254, display names come on top.
 */
#define NOTIFY_MIME_ADDRESS_MAX ((size_t)2000)

/* The parts of a mail. Borrowed. */
struct notify_mime_mail {
    struct span from;       /* DEFAULT_FROM_EMAIL: "a@b.c" or "Name <a@b.c>" */
    struct span to;         /* one address of the same forms */
    struct span subject;    /* empty becomes "Notification" */
    struct span body;       /* UTF-8, not empty, up to NOTIFY_BODY_MAX */
    struct span message_id; /* with its angle brackets */
    int64_t date_us;        /* microseconds since 1970 */
};

/*
 * Appends the whole message with CRLF line ends, ending in CRLF, without dot-stuffing. out's
 * maximum must allow for it: up to three times the body and 400,000 bytes. CELERIAC_ERR_VALUE for
 * what Django refuses
 * ("Email body is required", "DEFAULT_FROM_EMAIL is not configured", "Header values can't contain
 * newlines (got ... for header 'Subject')", "Invalid address ..."), CELERIAC_ERR_LIMIT above the
 * limits, CELERIAC_ERR_MEMORY; *problem is filled then, and out is as before.
 */
enum celeriac_err notify_mime_write(const struct notify_mime_mail *mail, struct strbuf *out,
                                    struct notify_outcome *problem) CELERIAC_MUST_CHECK;

/*
 * Appends the bare address for MAIL FROM or RCPT TO, without angle brackets: what Django's
 * sanitize_address() and smtplib leave of "Name <a@b.c>". Same errors.
 */
enum celeriac_err notify_mime_envelope(struct span address, struct strbuf *out,
                                       struct notify_outcome *problem) CELERIAC_MUST_CHECK;

/*
 * Writes the Message-ID of a notification, "<id@domain of from>": the same at every delivery, by
 * every worker on every host, so that a mail sent twice can be recognised. from is an address that
 * notify_mime_envelope() takes; without a usable domain it is "celeriac.invalid".
 */
void notify_mime_message_id(struct span id, struct span from,
                            char message_id[NOTIFY_MESSAGE_ID_SIZE]);

#endif
