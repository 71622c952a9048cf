/*
 * What an answer of FCM's HTTP v1 API means. Pure; any thread. Codes:
 * https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
 */
#ifndef NOTIFY_PROVIDERS_FCM_ANSWER_H
#define NOTIFY_PROVIDERS_FCM_ANSWER_H

#include "notify/providers/http_call.h"
#include "notify/rules/outcome.h"

/* Seconds to wait after QUOTA_EXCEEDED without Retry-After, as FCM's manual wants it. */
#define FCM_QUOTA_WAIT_S 60

/*
 * Fills *outcome. Sent: the message's name as its id. Never: UNREGISTERED, INVALID_ARGUMENT and
 * SENDER_ID_MISMATCH. All else is later, with Retry-After where it is said.
 */
void fcm_answer_explain(const struct notify_http_answer *answer, struct notify_outcome *outcome);

#endif
