/*
 * Giving a copy of an envelope a delivery tag of its own. Pure; any thread.
 */
#ifndef CEL_REDIS_ENVELOPE_TAG_H
#define CEL_REDIS_ENVELOPE_TAG_H

#include "base/span.h"
#include "base/strbuf.h"
#include "celery_proto/codec/envelope.h"

/*
 * Appends the envelope's bytes with tag (without quotes) for properties.delivery_tag; every other
 * byte stays. envelope was read from its raw bytes and still lives. Errors are sticky in out.
 */
void cel_envelope_add_with_tag(const struct cel_envelope *envelope, struct span tag,
                               struct strbuf *out);

#endif
