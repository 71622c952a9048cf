/*
 * Texts out of the JSON that APIs answer with. Pure; any thread.
 */
#ifndef NOTIFY_PROVIDERS_ANSWER_TEXT_H
#define NOTIFY_PROVIDERS_ANSWER_TEXT_H

#include <stdbool.h>

#include "base/json.h"
#include "base/strbuf.h"

/*
 * Appends the string that an object has under key, cut between characters at the buffer's maximum;
 * nothing when there is none, or object is NULL or none. What PostgreSQL could not store is
 * replaced: a lone surrogate by '?', and U+0000 is left out. false when memory is short.
 */
bool notify_answer_text(const struct json_node *object, const char *key, struct strbuf *out);

#endif
