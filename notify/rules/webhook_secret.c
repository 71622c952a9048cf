#include "notify/rules/webhook_secret.h"

#include <string.h>

#include "base/base64.h"
#include "base/strbuf.h"

#define PREFIX_LEN (sizeof NOTIFY_WEBHOOK_SECRET_PREFIX - 1)

/* Most bytes of a secret with its NUL; encoding and decoding need no more. */
#define TEXT_MAX ((size_t)256)

enum celeriac_err notify_webhook_secret_make(const uint8_t random[NOTIFY_WEBHOOK_KEY_RANDOM],
                                             char secret[NOTIFY_WEBHOOK_SECRET_SIZE])
{
    struct strbuf text;
    enum celeriac_err code;

    strbuf_init(&text, TEXT_MAX);
    strbuf_add_text(&text, NOTIFY_WEBHOOK_SECRET_PREFIX);
    base64_encode(&text,
                  (struct span){.ptr = (const char *)random, .len = NOTIFY_WEBHOOK_KEY_RANDOM});
    code = strbuf_status(&text);
    if (code == CELERIAC_OK)
        memcpy(secret, strbuf_text(&text), NOTIFY_WEBHOOK_SECRET_SIZE);
    strbuf_close(&text);
    return code;
}

/* The decoder skips what is no base64, so its result is written again and compared. */
static enum celeriac_err decode(struct span text, struct strbuf *bytes, struct strbuf *again)
{
    enum celeriac_err code = base64_decode(bytes, text);

    if (code)
        return code;
    base64_encode(again, strbuf_span(bytes));
    code = strbuf_status(again);
    if (code == CELERIAC_OK && !span_equal(strbuf_span(again), text))
        code = CELERIAC_ERR_SYNTAX;
    return code;
}

enum celeriac_err notify_webhook_secret_read(struct span text, struct notify_webhook_key *key,
                                             struct celeriac_error *err)
{
    struct span rest = text;
    struct strbuf bytes;
    struct strbuf again;
    enum celeriac_err code;

    if (!span_starts(text, SPAN(NOTIFY_WEBHOOK_SECRET_PREFIX)))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "secret: does not begin with %s",
                                  NOTIFY_WEBHOOK_SECRET_PREFIX);
    rest.ptr += PREFIX_LEN;
    rest.len -= PREFIX_LEN;
    if (text.len > NOTIFY_WEBHOOK_SECRET_MAX)
        rest.len = 0; /* too long for any key */
    strbuf_init(&bytes, TEXT_MAX);
    strbuf_init(&again, TEXT_MAX);
    code = decode(rest, &bytes, &again);
    if (code == CELERIAC_ERR_MEMORY)
        (void)celeriac_error_set(err, code, "secret: %s", celeriac_err_name(code));
    else if (code)
        code = celeriac_error_set(err, CELERIAC_ERR_VALUE, "secret: is no base64 after %s",
                                  NOTIFY_WEBHOOK_SECRET_PREFIX);
    else if (strbuf_span(&bytes).len < NOTIFY_WEBHOOK_KEY_MIN ||
             strbuf_span(&bytes).len > NOTIFY_WEBHOOK_KEY_MAX)
        code = celeriac_error_set(err, CELERIAC_ERR_VALUE, "secret: must be of %d to %d bytes",
                                  NOTIFY_WEBHOOK_KEY_MIN, NOTIFY_WEBHOOK_KEY_MAX);
    if (code == CELERIAC_OK) {
        key->len = strbuf_span(&bytes).len;
        memcpy(key->bytes, strbuf_text(&bytes), key->len);
    }
    strbuf_close(&again);
    strbuf_close(&bytes);
    return code;
}
