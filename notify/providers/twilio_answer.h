/*
 * What an answer of Twilio's Messages API means. Pure; any thread. Codes:
 * https://www.twilio.com/docs/api/errors
 */
#ifndef NOTIFY_PROVIDERS_TWILIO_ANSWER_H
#define NOTIFY_PROVIDERS_TWILIO_ANSWER_H

#include "notify/providers/http_call.h"
#include "notify/rules/outcome.h"

/*
 * Fills *outcome; provider is the channel's name, a constant. Sent: the message's sid as its id and
 * its status ("queued", "accepted"). Never: the number or the text is refused, by a code that is
 * known to mean so. All else is later, with Retry-After where it is said.
 */
void twilio_answer_explain(const struct notify_http_answer *answer, const char *provider,
                           struct notify_outcome *outcome);

#endif
