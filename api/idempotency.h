/*
 * The header Idempotency-Key of a call (draft-ietf-httpapi-idempotency-key-header): a request that
 * is repeated gets the answer of the first, and does nothing. Only what was done is kept.
 */
#ifndef API_IDEMPOTENCY_H
#define API_IDEMPOTENCY_H

#include <stdbool.h>

#include "api/call.h"
#include "notify/store/idempotency.h"

/* For the description of a call that takes the header. */
#define IDEMPOTENCY_PARAMETER                                                                   \
    {                                                                                           \
        .name = "Idempotency-Key", .in_header = true,                                           \
        .help = "1 to 255 visible ASCII characters: a repeat within 24 hours is answered alike" \
    }
#define IDEMPOTENCY_CONFLICT                                     \
    {                                                            \
        .status = 422, .schema = &refusal_schema,                \
        .help = "The Idempotency-Key belongs to another request" \
    }

/*
 * Reads the header; *i then holds the key and the digest of the request (its method, its route and
 * its body as it came), or an empty key. False: a reply has been made, just return.
 */
bool idempotency_read(struct api_call *call, struct store_idempotency *i);

/*
 * Answers a call whose key the store knows: with the first answer again, or that the key belongs to
 * another request. False when the key is new: nothing has been answered.
 */
bool idempotency_reply(struct api_call *call, const struct store_idempotency *i);

/* The two halves of that: answers 422, or marks the reply that follows as a repeat. */
void idempotency_conflict(struct api_call *call);
void idempotency_replayed(struct api_call *call);

#endif
