#include "api/idempotency.h"

#include "api/reply.h"
#include "notify/rules/digest.h"

/* Visible ASCII only: a key is an opaque name, and goes into a header and a text column. */
static bool is_key(struct span text)
{
    if (text.len < 1 || text.len > STORE_IDEMPOTENCY_KEY_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '!' || text.ptr[i] > '~')
            return false;
    }
    return true;
}

/*
 * Both forms of a path, with and without its last slash, are one route. Each part is a digest of
 * its own first, so that no part can pass for the beginning of the next.
 */
static enum celeriac_err digest_request(const struct api_call *call, struct store_digest *digest)
{
    uint8_t parts[3][NOTIFY_DIGEST_SIZE];
    const struct span all = {(const char *)parts, sizeof parts};
    enum celeriac_err rc = notify_digest(call->request->method_name, parts[0]);

    if (rc == CELERIAC_OK)
        rc = notify_digest(span_of(call->route->path), parts[1]);
    if (rc == CELERIAC_OK)
        rc = notify_digest(call->request->body, parts[2]);
    return rc == CELERIAC_OK ? notify_digest(all, digest->bytes) : rc;
}

bool idempotency_read(struct api_call *call, struct store_idempotency *i)
{
    i->key = (struct span){0};
    if (!call->request->idempotency_key.ptr)
        return true;
    if (!is_key(call->request->idempotency_key)) {
        reply_refusal(call, 400, "Invalid Idempotency-Key",
                      "It must have 1 to 255 visible ASCII characters.");
        return false;
    }
    if (digest_request(call, &i->digest) != CELERIAC_OK) {
        reply_later(call);
        return false;
    }
    i->key = call->request->idempotency_key;
    return true;
}

void idempotency_conflict(struct api_call *call)
{
    reply_refusal(call, 422, "Idempotency-Key is already used",
                  "This key was used for a request with another body or path.");
}

void idempotency_replayed(struct api_call *call)
{
    http_add_header(call->response, "Idempotent-Replayed", "true");
}

bool idempotency_reply(struct api_call *call, const struct store_idempotency *i)
{
    switch (i->repeat) {
    case STORE_REPEAT_NONE:
        return false;
    case STORE_REPEAT_OTHER:
        idempotency_conflict(call);
        return true;
    case STORE_REPEAT_SAME:
        break;
    }
    strbuf_clear(&call->response->body);
    strbuf_add_span(&call->response->body, i->answer);
    if (!reply_fits(call))
        return true;
    idempotency_replayed(call);
    reply_document(call, 202);
    return true;
}
