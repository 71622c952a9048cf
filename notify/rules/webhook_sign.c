#include "notify/rules/webhook_sign.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/base64.h"

/* Digits of the timestamp, the two dots, an id of 36 characters, and room. */
#define EXTRA_MAX ((size_t)4096)

enum celeriac_err notify_webhook_sign(const struct notify_webhook_key *key, struct span id,
                                      int64_t timestamp, struct span payload, struct strbuf *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    struct strbuf content;
    enum celeriac_err code;

    strbuf_init(&content, payload.len + EXTRA_MAX);
    strbuf_add_span(&content, id);
    strbuf_add_char(&content, '.');
    strbuf_add_int(&content, timestamp);
    strbuf_add_char(&content, '.');
    strbuf_add_span(&content, payload);
    code = strbuf_status(&content);
    if (code == CELERIAC_OK &&
        HMAC(EVP_sha256(), key->bytes, (int)key->len, (const unsigned char *)strbuf_text(&content),
             strbuf_span(&content).len, digest, &digest_len) == NULL)
        code = CELERIAC_ERR_MEMORY;
    strbuf_close(&content);
    if (code)
        return code;
    if (strbuf_span(out).len > 0)
        strbuf_add_char(out, ' ');
    strbuf_add_text(out, "v1,");
    base64_encode(out, (struct span){.ptr = (const char *)digest, .len = digest_len});
    return strbuf_status(out);
}
