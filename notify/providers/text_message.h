/*
 * What texts for phones and devices have in common: their checks, and the form encoding of API
 * calls. Pure; any thread.
 */
#ifndef NOTIFY_PROVIDERS_TEXT_MESSAGE_H
#define NOTIFY_PROVIDERS_TEXT_MESSAGE_H

#include <stdbool.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "notify/providers/provider.h"
#include "notify/rules/outcome.h"

/* Longest text handed to an API, in bytes: far above what any takes (1,600 characters, 4 KB). */
#define NOTIFY_TEXT_MAX ((size_t)64 * 1024)

/*
 * Whether a message has a body that can be sent as a text; else *outcome is "never", with a text
 * that begins with `label`, a constant such as "SMS".
 */
bool notify_text_check(const struct notify_message *message, const char *label,
                       struct notify_outcome *outcome);

/* Appends "name=value" as application/x-www-form-urlencoded, with '&' in front unless it is the
 * first. name is a constant that needs no encoding. */
void notify_form_add(struct strbuf *form, const char *name, struct span value);

#endif
