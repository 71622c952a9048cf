/*
 * What a failed SMTP transfer means: in words for the notification's row, and as later or never.
 * Pure (of libcurl it knows the numbers only); any thread.
 */
#ifndef NOTIFY_PROVIDERS_SMTP_FAILURE_H
#define NOTIFY_PROVIDERS_SMTP_FAILURE_H

#include <stdbool.h>

#include "notify/providers/smtp_reply.h"
#include "notify/rules/outcome.h"

/* How far a message had come. */
enum smtp_progress {
    SMTP_NOTHING_SENT, /* none of its bytes had been asked for: the server has not said 354 */
    SMTP_PARTLY_SENT,  /* some had; without its end the server must forget them */
    SMTP_WHOLLY_SENT   /* all had, so that only the last reply tells whether it was taken */
};

/* A transfer that failed. Borrowed for the call. */
struct smtp_failure {
    int result;        /* CURLcode, not CURLE_OK */
    const char *words; /* libcurl's error buffer; "" when it has none */
    const char *host;  /* as configured, for errors of the connection */
    unsigned port;
    enum smtp_progress progress;
    bool reused;                    /* the connection had carried another mail before */
    bool reply_to_end;              /* reply came after the whole message was handed over */
    const struct smtp_reply *reply; /* the latest of this transfer */
};

/*
 * Whether the failure is only that a kept connection had been closed by the server in the meantime
 * (at once, or with a 421): then the message goes out again over a new one.
 */
bool smtp_failure_is_stale(const struct smtp_failure *failure);

/*
 * Fills *outcome. 4xx, network and TLS trouble, deadlines, logins and a refusal of our sender mean
 * later; another 5xx about this message means never, and want of memory hold. What is about the
 * server and not about the message another server may take.
 */
void smtp_failure_explain(const struct smtp_failure *failure, struct notify_outcome *outcome);

#endif
