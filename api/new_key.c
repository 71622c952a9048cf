#include "api/new_key.h"

#include <stddef.h>
#include <string.h>

#include "base/random.h"

static void hash_key(struct work *work)
{
    struct new_key *key = (struct new_key *)(void *)((char *)work - offsetof(struct new_key, work));

    key->error = notify_api_key_hash(span_of(key->key), NOTIFY_API_KEY_ITERATIONS, random_os, NULL,
                                     key->hash);
    call_continue(key->call, key->next);
}

void new_key_start(struct api_call *call, struct new_key *key, bool test, route_handler_fn *next)
{
    uint8_t random[NOTIFY_API_KEY_RANDOM];
    uint8_t digest[NOTIFY_API_KEY_DIGEST];

    random_bytes(random, sizeof random);
    notify_api_key_make(test, random, key->key);
    notify_api_key_wipe(random, sizeof random);
    key->error = notify_api_key_digest(span_of(key->key), digest);
    memcpy(key->digest.bytes, digest, sizeof digest);
    key->call = call;
    key->next = next;
    key->work.run = hash_key;
    if (key->error == CELERIAC_OK)
        call_submit_work(call, &key->work);
    else
        next(call);
}

void new_key_close(struct new_key *key)
{
    notify_api_key_wipe(key->key, sizeof key->key);
}
