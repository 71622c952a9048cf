/*
 * Rules for stored templates. Pure; any thread.
 */
#ifndef NOTIFY_RULES_TEMPLATE_H
#define NOTIFY_RULES_TEMPLATE_H

#include <stdbool.h>

#include "base/span.h"
#include "notify/rules/channel.h"

/* Characters (code points) of templates.name and templates.subject: varchar(255). */
#define NOTIFY_TEMPLATE_NAME_MAX 255
#define NOTIFY_TEMPLATE_SUBJECT_MAX 255

/* The sentences of the API, each under the field of its name. */
#define NOTIFY_TEMPLATE_BAD_NAME \
    "Template name must start with a letter and contain only letters, numbers, and underscores."
#define NOTIFY_TEMPLATE_NO_SUBJECT "Subject is required for email templates."

/* ^[a-zA-Z][a-zA-Z0-9_]*$ as Python's re.match() takes it, ASCII only. */
bool notify_template_name_ok(struct span name);

/* Whether a template of this channel must have a subject that is not empty: email only. */
bool notify_template_needs_subject(enum notify_channel channel);

#endif
