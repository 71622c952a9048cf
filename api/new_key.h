/*
 * A new API key on its way into the database: made of randomness, then hashed in the background,
 * which takes a third of a second.
 */
#ifndef API_NEW_KEY_H
#define API_NEW_KEY_H

#include <stdbool.h>

#include "api/call.h"
#include "notify/rules/api_key.h"
#include "notify/store/digest.h"

/* What the API says beside a new key, which it shows only once. */
#define NEW_KEY_WARNING "Save this API key securely. It will not be shown again!"

/* What the first key of a tenant is called. */
#define NEW_KEY_FIRST_NAME "Initial API Key"

/* Part of a handler's state; its fields may be read in the step after new_key_start(). */
struct new_key {
    char key[NOTIFY_API_KEY_SIZE];
    char hash[NOTIFY_API_KEY_HASH_SIZE];
    struct store_digest digest;
    enum celeriac_err error; /* of hashing */
    struct work work;
    struct api_call *call;
    route_handler_fn *next;
};

/* Makes a key and hashes it; goes on with `next`, which looks at error first. */
void new_key_start(struct api_call *call, struct new_key *key, bool test, route_handler_fn *next);

/* Wipes the key. */
void new_key_close(struct new_key *key);

#endif
