#include "notify/rules/api_key.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/parse_num.h"
#include "notify/rules/digest.h"

#define ALGORITHM "pbkdf2_sha256"

/* Django's RANDOM_STRING_CHARS, and as many of them as 128 bits of salt need. */
static const char salt_alphabet[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
#define SALT_CHARS 22

/* Bytes of SHA-256, and of their padded base64 with the NUL that EVP_EncodeBlock() adds. */
#define HASH_BYTES 32
#define HASH_TEXT_LEN 44

/* A row's hash, taken apart. */
struct encoded {
    unsigned iterations;
    struct span salt;
    struct span hash; /* base64 text */
};

void notify_api_key_wipe(void *secret, size_t len)
{
    OPENSSL_cleanse(secret, len);
}

void notify_api_key_make(bool test, const uint8_t random[NOTIFY_API_KEY_RANDOM],
                         char key[NOTIFY_API_KEY_SIZE])
{
    static const char live_prefix[] = "sk_live_", test_prefix[] = "sk_test_";
    const size_t prefix = sizeof live_prefix - 1;
    unsigned char text[HASH_TEXT_LEN + 1];

    memcpy(key, test ? test_prefix : live_prefix, prefix);
    (void)EVP_EncodeBlock(text, random, NOTIFY_API_KEY_RANDOM);
    /* 32 bytes give 43 characters and one '=', whose place the NUL takes. */
    for (size_t i = 0; i < HASH_TEXT_LEN - 1; i++) {
        char c = (char)text[i];

        key[prefix + i] = c == '+' ? '-' : c == '/' ? '_' : c;
    }
    key[NOTIFY_API_KEY_SIZE - 1] = '\0';
    OPENSSL_cleanse(text, sizeof text);
}

bool notify_api_key_is_test(struct span key)
{
    return span_starts(key, SPAN("sk_test_"));
}

static enum celeriac_err check_key(struct span key)
{
    if (key.len == 0)
        return CELERIAC_ERR_VALUE;
    return key.len > NOTIFY_API_KEY_MAX ? CELERIAC_ERR_LIMIT : CELERIAC_OK;
}

enum celeriac_err notify_api_key_digest(struct span key, uint8_t digest[NOTIFY_API_KEY_DIGEST])
{
    enum celeriac_err code = check_key(key);

    return code == CELERIAC_OK ? notify_digest(key, digest) : code;
}

/* The base64 text of PBKDF2-HMAC-SHA256. The limits above keep every size within an int. */
static enum celeriac_err derive(struct span key, struct span salt, unsigned iterations,
                                char text[HASH_TEXT_LEN + 1])
{
    unsigned char hash[HASH_BYTES];

    if (PKCS5_PBKDF2_HMAC(key.ptr, (int)key.len, (const unsigned char *)salt.ptr, (int)salt.len,
                          (int)iterations, EVP_sha256(), HASH_BYTES, hash) != 1)
        return CELERIAC_ERR_SYSTEM;
    (void)EVP_EncodeBlock((unsigned char *)text, hash, HASH_BYTES);
    OPENSSL_cleanse(hash, sizeof hash);
    return CELERIAC_OK;
}

enum celeriac_err notify_api_key_hash(struct span key, unsigned iterations,
                                      random_source_fn *chance, void *context,
                                      char hash[NOTIFY_API_KEY_HASH_SIZE])
{
    char salt[SALT_CHARS + 1];
    char text[HASH_TEXT_LEN + 1];
    enum celeriac_err code = check_key(key);

    if (code != CELERIAC_OK)
        return code;
    if (iterations == 0 || iterations > NOTIFY_API_KEY_ITERATIONS_MAX)
        return CELERIAC_ERR_LIMIT;
    for (size_t i = 0; i < SALT_CHARS; i++)
        salt[i] = salt_alphabet[random_up_to(chance, context, sizeof salt_alphabet - 2)];
    salt[SALT_CHARS] = '\0';
    code = derive(key, span_of(salt), iterations, text);
    if (code != CELERIAC_OK)
        return code;
    if (snprintf(hash, NOTIFY_API_KEY_HASH_SIZE, ALGORITHM "$%u$%s$%s", iterations, salt, text) >=
        NOTIFY_API_KEY_HASH_SIZE)
        return CELERIAC_ERR_LIMIT;
    return CELERIAC_OK;
}

/* A count as "%d" writes it: Django compares the whole text, so "+5", "05" and "0" verify nothing.
 */
static enum celeriac_err read_iterations(struct span text, unsigned *iterations,
                                         struct celeriac_error *err)
{
    int64_t value = 0;
    enum celeriac_err code = parse_int64(text, 1, INT_MAX, &value);

    if (code == CELERIAC_ERR_SYNTAX || text.ptr[0] == '0' || text.ptr[0] == '-')
        return celeriac_error_set(err, CELERIAC_ERR_SYNTAX,
                                  "api_keys.key_hash: bad iteration count");
    if (code != CELERIAC_OK || value > NOTIFY_API_KEY_ITERATIONS_MAX)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT,
                                  "api_keys.key_hash: more than %d iterations",
                                  NOTIFY_API_KEY_ITERATIONS_MAX);
    *iterations = (unsigned)value;
    return CELERIAC_OK;
}

static enum celeriac_err take_apart(struct span row, struct encoded *encoded,
                                    struct celeriac_error *err)
{
    struct span algorithm, iterations, rest;

    if (row.len >= NOTIFY_API_KEY_HASH_SIZE)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "api_keys.key_hash: too long");
    if (!span_cut(row, '$', &algorithm, &rest))
        return celeriac_error_set(err, CELERIAC_ERR_SYNTAX,
                                  "api_keys.key_hash: not a Django password hash");
    if (!span_is(algorithm, ALGORITHM))
        return celeriac_error_set(err, CELERIAC_ERR_UNSUPPORTED,
                                  "api_keys.key_hash: algorithm is not " ALGORITHM);
    if (!span_cut(rest, '$', &iterations, &rest) ||
        !span_cut(rest, '$', &encoded->salt, &encoded->hash) || encoded->salt.len == 0)
        return celeriac_error_set(err, CELERIAC_ERR_SYNTAX, "api_keys.key_hash: parts are missing");
    return read_iterations(iterations, &encoded->iterations, err);
}

enum celeriac_err notify_api_key_verify(struct span key, struct span hash, bool *matches,
                                        struct celeriac_error *err)
{
    struct encoded encoded = {0};
    char text[HASH_TEXT_LEN + 1];
    enum celeriac_err code = check_key(key);

    if (code != CELERIAC_OK)
        return celeriac_error_set(err, code, "API key: empty or longer than %d bytes",
                                  NOTIFY_API_KEY_MAX);
    code = take_apart(hash, &encoded, err);
    if (code != CELERIAC_OK)
        return code;
    code = derive(key, encoded.salt, encoded.iterations, text);
    if (code != CELERIAC_OK)
        return celeriac_error_set(err, code, "PBKDF2 failed in OpenSSL");
    *matches = encoded.hash.len == HASH_TEXT_LEN &&
               CRYPTO_memcmp(text, encoded.hash.ptr, HASH_TEXT_LEN) == 0;
    OPENSSL_cleanse(text, sizeof text);
    return CELERIAC_OK;
}
