/*
 * Keys of our own in the broker's database, unknown to kombu: leases and what is published once.
 * Each function appends the name to a strbuf, whose sticky error it shares. Any thread.
 */
#ifndef CEL_REDIS_OWN_KEYS_H
#define CEL_REDIS_OWN_KEYS_H

#include "base/span.h"
#include "base/strbuf.h"

struct cel_keys;

/* Longest worker id and once key; a UUID has 36 characters. */
#define CEL_WORKER_ID_MAX 64
#define CEL_ONCE_KEY_MAX 512

/* Hash: worker id -> "beat awake name", "" -> the clock by which peers are judged; lua/beat.lua. */
void cel_key_workers(const struct cel_keys *keys, struct strbuf *out);

/* Hash: what a worker holds; lua/held_function.lua. */
void cel_key_own(const struct cel_keys *keys, struct span worker_id, struct strbuf *out);

/* Hash: number and tags of a worker's last claim. */
void cel_key_claim(const struct cel_keys *keys, struct span worker_id, struct strbuf *out);

/* String: a message with this key was published. */
void cel_key_once(const struct cel_keys *keys, struct span once_key, struct strbuf *out);

/* String: a bucket of tokens; lua/limit.lua. */
void cel_key_limit(const struct cel_keys *keys, struct span name, struct strbuf *out);

#endif
