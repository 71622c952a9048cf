/*
 * API keys: made, hashed as Django hashes passwords, and verified. Pure: randomness is an argument.
 * Any thread. A raw key is a secret: wipe every copy with notify_api_key_wipe() and never log it.
 *
 * notify_api_key_hash() and notify_api_key_verify() cost hundreds of milliseconds of CPU by design
 * (PBKDF2 with up to a million rounds and more): call them in a bounded background pool.
 */
#ifndef NOTIFY_RULES_API_KEY_H
#define NOTIFY_RULES_API_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/span.h"
#include "celeriac/error.h"
#include "notify/rules/digest.h"

/* Random bytes in a key, and bytes of its text ("sk_live_" + 43 characters) with the NUL. */
#define NOTIFY_API_KEY_RANDOM 32
#define NOTIFY_API_KEY_SIZE 52

/*
 * Longest raw key that is hashed or digested. Ours have 51 bytes; the rest is room for keys that
 * somebody made by hand. Longer header values are wrong without any work.
 */
#define NOTIFY_API_KEY_MAX 256

/* Bytes of a SHA-256 digest: the key of our index. */
#define NOTIFY_API_KEY_DIGEST NOTIFY_DIGEST_SIZE

/* Characters of api_keys.key_hash, varchar(255), with a NUL. */
#define NOTIFY_API_KEY_HASH_SIZE 256

/* Rounds of new hashes: PBKDF2PasswordHasher.iterations of Django 5.2. */
#define NOTIFY_API_KEY_ITERATIONS 1000000

/*
 * Most rounds that are verified. Django adds a fifth with each release (1,000,000 in 5.2), so this
 * is a dozen releases away; beyond it a single damaged or hostile row would hold a CPU for seconds
 * at every unknown key.
 */
#define NOTIFY_API_KEY_ITERATIONS_MAX 10000000

/* Writes a new key, "sk_test_" or "sk_live_" + unpadded URL-safe base64 of the random bytes. */
void notify_api_key_make(bool test, const uint8_t random[NOTIFY_API_KEY_RANDOM],
                         char key[NOTIFY_API_KEY_SIZE]);

/* Whether a raw key is a test key: it begins with "sk_test_". */
bool notify_api_key_is_test(struct span key);

/*
 * SHA-256 of the raw key, for the index table. CELERIAC_ERR_LIMIT beyond NOTIFY_API_KEY_MAX,
 * CELERIAC_ERR_VALUE when it is empty, CELERIAC_ERR_SYSTEM when OpenSSL fails.
 */
enum celeriac_err notify_api_key_digest(struct span key,
                                        uint8_t digest[NOTIFY_API_KEY_DIGEST]) CELERIAC_MUST_CHECK;

/*
 * Django's make_password(): pbkdf2_sha256$<iterations>$<22 salt characters>$<base64>. iterations is
 * between 1 and NOTIFY_API_KEY_ITERATIONS_MAX, normally NOTIFY_API_KEY_ITERATIONS; chance supplies
 * the salt. CELERIAC_ERR_LIMIT for a bad count or a key that is too long, CELERIAC_ERR_VALUE for an
 * empty key, CELERIAC_ERR_SYSTEM when OpenSSL fails.
 */
enum celeriac_err notify_api_key_hash(struct span key, unsigned iterations,
                                      random_source_fn *chance, void *context,
                                      char hash[NOTIFY_API_KEY_HASH_SIZE]) CELERIAC_MUST_CHECK;

/*
 * Django's check_password() for a row's hash, in constant time for hashes of the same parameters;
 * *matches gets the answer. CELERIAC_ERR_UNSUPPORTED for another algorithm, CELERIAC_ERR_SYNTAX for
 * a damaged row, CELERIAC_ERR_LIMIT for a key or an iteration count beyond the limits above; err
 * (may be NULL) says which, without quoting key, salt or hash.
 */
enum celeriac_err notify_api_key_verify(struct span key, struct span hash, bool *matches,
                                        struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Overwrites a secret so that the compiler cannot leave it out. */
void notify_api_key_wipe(void *secret, size_t len);

#endif
