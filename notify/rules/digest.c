#include "notify/rules/digest.h"

#include <openssl/evp.h>
#include <string.h>

enum celeriac_err notify_digest(struct span bytes, uint8_t digest[NOTIFY_DIGEST_SIZE])
{
    uint8_t result[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (EVP_Digest(bytes.ptr, bytes.len, result, &len, EVP_sha256(), NULL) != 1 ||
        len != NOTIFY_DIGEST_SIZE)
        return CELERIAC_ERR_SYSTEM;
    memcpy(digest, result, NOTIFY_DIGEST_SIZE);
    return CELERIAC_OK;
}
