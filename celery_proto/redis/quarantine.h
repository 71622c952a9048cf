/*
 * Entries of the quarantine list: messages that cannot be used, kept whole for a human. Pure; any
 * thread.
 *
 * An entry is a JSON object: reason, time, queue (null when unknown), and the bytes either as
 * "message" (a string, when they are UTF-8) or as "message_base64".
 */
#ifndef CEL_REDIS_QUARANTINE_H
#define CEL_REDIS_QUARANTINE_H

#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"

/* Appends an entry; errors are sticky in out. reason is a short constant text. */
void cel_quarantine_entry(struct strbuf *out, const char *reason, int64_t now_us, struct span queue,
                          struct span message);

#endif
