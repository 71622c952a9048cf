/*
 * The ways a notification can travel, and what an address must look like for each: the rules of the
 * REST API's notify call. Pure; any thread.
 */
#ifndef NOTIFY_RULES_CHANNEL_H
#define NOTIFY_RULES_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

enum notify_channel {
    NOTIFY_CHANNEL_EMAIL,
    NOTIFY_CHANNEL_SMS,
    NOTIFY_CHANNEL_WHATSAPP,
    NOTIFY_CHANNEL_PUSH
};

/* Number of channels above. */
#define NOTIFY_CHANNEL_COUNT 4

/* Characters (code points) of notifications."to" and templates.name: varchar(255). */
#define NOTIFY_TO_MAX 255

/* The channel's name in the database and in JSON, e.g. "email"; never NULL. */
const char *notify_channel_name(enum notify_channel channel);

/* The channel of that name; false (and *channel untouched) when there is none. Case matters. */
bool notify_channel_parse(struct span name, enum notify_channel *channel);

/*
 * ^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}$ as Python's re.match() takes it: `$` also
 * matches before a final newline, which a trimmed value never has.
 */
bool notify_address_is_email(struct span address);

/*
 * E.164: ^\+[1-9]\d{6,14}$ with the same `$`. Only ASCII digits count (Python's \d would take the
 * digits of every script, which no provider accepts).
 */
bool notify_address_is_phone(struct span address);

/*
 * NULL when `to` suits the channel, otherwise the sentence the API answers under "to". Push
 * addresses are opaque tokens: any text is accepted. `to` is already trimmed and not empty.
 */
const char *notify_address_problem(enum notify_channel channel, struct span to);

/*
 * django.core.validators.validate_email() of Django 5.2: what an EmailField (a tenant's address)
 * accepts. ASCII and internationalised domains, quoted local parts, IP literals; at most 320
 * characters.
 */
bool notify_address_is_django_email(struct span address);

/*
 * The part after the last '@', for logs that must not name a recipient; the empty span when there
 * is no '@'. Borrowed.
 */
struct span notify_address_domain(struct span address);

#endif
