/*
 * What a way out looks like: a table of three functions. To add one, write a file like smtp.c and
 * give its channel a row in provider_table.c.
 */
#ifndef NOTIFY_PROVIDERS_PROVIDER_H
#define NOTIFY_PROVIDERS_PROVIDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "celeriac/error.h"
#include "notify/rules/outcome.h"

/*
 * Longest body accepted, in bytes of UTF-8: above what mail servers take (Postfix' default
 * message_size_limit is 10,240,000 with headers and encoding).
 */
#define NOTIFY_BODY_MAX ((size_t)10 * 1024 * 1024)

/*
 * Longest subject, in bytes of UTF-8 after rendering. Postfix cuts a message's headers at 102,400
 * bytes, and an encoded header is up to three times as long as its text.
 */
#define NOTIFY_SUBJECT_MAX ((size_t)30000)

/* One rendered notification on its way out. Borrowed for the call. */
struct notify_message {
    struct span id;      /* the notification's UUID as text */
    struct span to;      /* recipient: a mail address, a phone number, a device's token */
    struct span subject; /* rendered; empty becomes "Notification" in mails */
    struct span body;    /* rendered */
    int64_t date_us;     /* wall time for the Date header, microseconds since 1970 */
    /*
     * Whether to give up waiting for a connection, a rate or a token: asked about ten times a
     * second. NULL: never. What has begun to be sent is never given up.
     */
    bool (*stopping)(void *user);
    void *user;
};

struct notify_provider {
    /*
     * Makes the state of one sender: a connection with its buffers. config is that of one server
     * and outlives the state. CELERIAC_ERR_MEMORY or _SYSTEM.
     */
    enum celeriac_err (*create)(const void *config, void **state,
                                struct celeriac_error *err) CELERIAC_MUST_CHECK;

    /*
     * Sends one message and always fills *outcome: sent with the provider's id; later, perhaps with
     * the seconds that the provider asks for; never; unconfigured; hold. Blocks, for at most the
     * provider's deadlines. One thread at a time per state, not always the same one.
     */
    void (*send)(void *state, const struct notify_message *message, struct notify_outcome *outcome);

    /* Closes and releases a state; state may be NULL. */
    void (*destroy)(void *state);
};

/* Whether the message is to be held rather than waited with any longer. */
static inline bool notify_message_stops(const struct notify_message *message)
{
    return message->stopping != NULL && message->stopping(message->user);
}

#endif
