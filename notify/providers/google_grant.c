#include "notify/providers/google_grant.h"

#include <openssl/crypto.h>

#include "base/json.h"
#include "notify/providers/answer_text.h"

void notify_google_grant_init(struct notify_google_grant *grant)
{
    strbuf_init(&grant->token, NOTIFY_GOOGLE_TOKEN_MAX);
    strbuf_init(&grant->problem, NOTIFY_GOOGLE_PROBLEM_MAX);
    grant->life_s = 1;
}

void notify_google_grant_close(struct notify_google_grant *grant)
{
    if (grant->token.ptr != NULL)
        OPENSSL_cleanse(grant->token.ptr, grant->token.cap);
    strbuf_close(&grant->token);
    strbuf_close(&grant->problem);
}

static bool is_token(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
            return false;
    }
    return true;
}

/* Never a part of it: a token that was cut would be refused with every message. */
static enum celeriac_err read_token(const struct json_node *value, struct strbuf *token)
{
    enum celeriac_err code = CELERIAC_OK;

    if (value != NULL && value->type == JSON_STRING)
        code = json_decode_string(value, token);
    if (code == CELERIAC_ERR_MEMORY)
        return code;
    if (code != CELERIAC_OK || !is_token(strbuf_span(token)))
        strbuf_clear(token);
    return CELERIAC_OK;
}

static void read_life(const struct json_node *value, int64_t *life_s)
{
    int64_t seconds;

    if (value == NULL || json_int(value, 1, INT64_MAX, &seconds) != CELERIAC_OK)
        return;
    *life_s = seconds < NOTIFY_GOOGLE_LIFE_MAX_S ? seconds : NOTIFY_GOOGLE_LIFE_MAX_S;
}

enum celeriac_err notify_google_grant_read(struct notify_google_grant *grant, struct span answer)
{
    struct json_doc doc;
    const struct json_node *root;
    enum celeriac_err code;

    json_init(&doc);
    code = json_parse(&doc, answer, &(struct json_options){.keep_depth = 2}, NULL);
    root = json_root(&doc);
    if (code == CELERIAC_OK) {
        code = read_token(json_get(root, "access_token"), &grant->token);
        read_life(json_get(root, "expires_in"), &grant->life_s);
    }
    if (code == CELERIAC_OK && !notify_answer_text(root, "error_description", &grant->problem))
        code = CELERIAC_ERR_MEMORY;
    if (code == CELERIAC_OK && strbuf_span(&grant->problem).len == 0 &&
        !notify_answer_text(root, "error", &grant->problem))
        code = CELERIAC_ERR_MEMORY;
    json_close(&doc);
    return code == CELERIAC_ERR_MEMORY ? code : CELERIAC_OK;
}
