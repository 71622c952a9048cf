/*
 * What a provider says about one send: sent, later, or never. Only the send task turns it into a
 * row and a retry. A plain value without resources. Pure; any thread, on its own value.
 *
 * `error` goes to notifications.error_message (and to the dead letter): it may quote a server's
 * reply or a header and so name the recipient. It must not be logged. For logs there are `reason`
 * and `code`.
 */
#ifndef NOTIFY_RULES_OUTCOME_H
#define NOTIFY_RULES_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/* Bytes of the error text with its NUL: a server's reply of several lines; longer ones are cut. */
#define NOTIFY_ERROR_TEXT_SIZE 1024

/* Bytes of a Message-ID with its NUL: '<' + UUID + '@' + a domain of 253 + '>'. */
#define NOTIFY_MESSAGE_ID_SIZE 320

enum notify_outcome_kind {
    NOTIFY_OUTCOME_SENT,  /* the provider has taken responsibility for the message */
    NOTIFY_OUTCOME_LATER, /* it may work when tried again: a server is away, busy, or misconfigured
                           */
    NOTIFY_OUTCOME_NEVER  /* the message itself is refused; Python retries it all the same */
};

struct notify_outcome {
    enum notify_outcome_kind kind;
    /*
     * Not sent as far as we know, but the last bytes had left when the connection broke: the
     * provider may have it. The Message-ID is the same when it is sent again.
     */
    bool perhaps_sent;
    int code;             /* the provider's own number, such as the SMTP reply 550; 0 when none */
    const char *provider; /* the response's "provider", e.g. "email"; constant, NULL until sent */
    const char *backend;  /* the response's "backend", e.g. "celeriac-smtp"; constant */
    const char *reason;   /* constant words that are safe in a log, e.g. "recipient refused" */
    char message_id[NOTIFY_MESSAGE_ID_SIZE]; /* with its angle brackets; "" when none */
    char error[NOTIFY_ERROR_TEXT_SIZE];      /* valid UTF-8, no newline at its end; "" when sent */
};

/* Makes *o a success. provider and backend are constants, message_id is copied (cut when too long).
 */
void notify_outcome_sent(struct notify_outcome *o, const char *provider, const char *backend,
                         struct span message_id);

/*
 * Makes *o a failure of that kind (not NOTIFY_OUTCOME_SENT) with a printf-style error text. The
 * text is cut between characters when it is too long, bytes that are not UTF-8 become '?', and NUL
 * is dropped, so that PostgreSQL can store it. reason is a constant.
 */
void notify_outcome_fail(struct notify_outcome *o, enum notify_outcome_kind kind, int code,
                         const char *reason, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* "sent", "later" or "never"; never NULL. */
const char *notify_outcome_name(enum notify_outcome_kind kind);

/*
 * Appends the JSON object for notifications.provider_response of a success:
 * {"provider": "email", "status": "sent", "message_id": "<...>", "detail": "Sent to 1 recipient",
 * "raw": {"sent_count": 1, "backend": "celeriac-smtp"}}. Errors are sticky in out.
 */
void notify_outcome_response(const struct notify_outcome *o, struct strbuf *out);

#endif
