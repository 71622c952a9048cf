/*
 * What a provider says about one send: sent, later, never, or that it could not even try. Only the
 * send task turns it into a row and a retry. A plain value without resources. Pure; any thread, on
 * its own value.
 *
 * `error` goes to notifications.error_message (and to the dead letter): it may quote a server's
 * reply or a header and so name the recipient. It must not be logged. For logs there are `reason`
 * and `code`.
 */
#ifndef NOTIFY_RULES_OUTCOME_H
#define NOTIFY_RULES_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "celeriac/error.h"

/* Bytes of the error text with its NUL: a server's reply of several lines; longer ones are cut. */
#define NOTIFY_ERROR_TEXT_SIZE 1024

/* Bytes of a Message-ID with its NUL: '<' + UUID + '@' + a domain of 253 + '>'. */
#define NOTIFY_MESSAGE_ID_SIZE 320

/* Bytes of a provider's own word for the state of a message, with its NUL. */
#define NOTIFY_PROVIDER_STATUS_SIZE 32

enum notify_outcome_kind {
    NOTIFY_OUTCOME_SENT,  /* the provider has taken responsibility for the message */
    NOTIFY_OUTCOME_LATER, /* it may work when tried again: a server is away, busy, or misconfigured
                           */
    NOTIFY_OUTCOME_NEVER, /* the message itself is refused; Python retries it all the same */
    NOTIFY_OUTCOME_UNCONFIGURED, /* a setting is missing: no fault of the message's, but retried and
                                    given up as in Python */
    NOTIFY_OUTCOME_HOLD /* not tried, for want of memory or because the worker stops: it goes back
                           and spends no retry */
};

struct notify_outcome {
    enum notify_outcome_kind kind;
    /*
     * Not sent as far as we know, but the last bytes had left when the connection broke: the
     * provider may have it. The Message-ID is the same when it is sent again.
     */
    bool perhaps_sent;
    bool elsewhere;       /* this server is away or busy: another one may take it at once */
    uint32_t retry_after; /* LATER: seconds that the provider asks for; 0 when it does not */
    int code;             /* the provider's own number, such as the SMTP reply 550; 0 when none */
    const char *provider; /* the response's "provider", e.g. "email"; constant, NULL until sent */
    const char *backend;  /* the response's "backend", e.g. "celeriac-smtp"; constant */
    const char *reason;   /* constant words that are safe in a log, e.g. "recipient refused" */
    char message_id[NOTIFY_MESSAGE_ID_SIZE];  /* a mail's with its angle brackets; "" when none */
    char status[NOTIFY_PROVIDER_STATUS_SIZE]; /* the provider's own, e.g. "queued"; "" when none */
    char error[NOTIFY_ERROR_TEXT_SIZE];       /* valid UTF-8, no newline at its end; "" when sent */
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

/* Makes *o a NOTIFY_OUTCOME_HOLD for want of memory. */
void notify_outcome_hold_for_memory(struct notify_outcome *o);

/* "sent", "later", "never", "unconfigured" or "hold"; never NULL. */
const char *notify_outcome_name(enum notify_outcome_kind kind);

/*
 * Appends the JSON object for notifications.provider_response of a success:
 * {"provider": "email", "status": "sent", "message_id": "<...>", "detail": "Sent to 1 recipient",
 * "raw": {"sent_count": 1, "backend": "celeriac-smtp"}}. With a status of the provider's own `raw`
 * has it too, and the id as "sid". Errors are sticky in out.
 */
void notify_outcome_response(const struct notify_outcome *o, struct strbuf *out);

#endif
