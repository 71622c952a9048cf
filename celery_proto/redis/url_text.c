#include "celery_proto/redis/url_text.h"

#include <openssl/crypto.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse_num.h"

static size_t find(struct span text, const char *any_of)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\0' && strchr(any_of, text.ptr[i]) != NULL)
            return i;
    }
    return text.len;
}

static struct span from(struct span text, size_t start)
{
    return (struct span){text.ptr + start, text.len - start};
}

bool url_split(struct span text, struct url_parts *parts)
{
    size_t colon = find(text, ":");
    if (!span_starts(from(text, colon), SPAN("://")))
        return false;
    *parts = (struct url_parts){.scheme = {text.ptr, colon}};
    struct span rest = from(text, colon + 3);
    rest.len = find(rest, "#");

    size_t authority_len = find(rest, "/?");
    struct span authority = {rest.ptr, authority_len};
    rest = from(rest, authority_len);
    /* The last '@' ends the login: a password may hold others. */
    size_t at = authority.len;
    while (at > 0 && authority.ptr[at - 1] != '@')
        at--;
    if (at > 0)
        parts->login = (struct span){authority.ptr, at - 1};
    parts->host = from(authority, at);

    size_t question = find(rest, "?");
    parts->path = (struct span){rest.ptr, question};
    if (question < rest.len)
        parts->query = from(rest, question + 1);
    return true;
}

/* Decodings of one source byte, and bytes for the NULs of up to 16 endpoints of 8 strings. */
#define DECODINGS 3
#define ENDING_BYTES 256

enum celeriac_err url_arena_init(struct url_arena *arena, size_t source_len)
{
    size_t cap;
    *arena = (struct url_arena){0};
    if (!size_mul(source_len, DECODINGS, &cap) || !size_add(cap, ENDING_BYTES, &cap))
        return CELERIAC_ERR_LIMIT;
    arena->ptr = mem_calloc(1, cap);
    if (arena->ptr == NULL)
        return CELERIAC_ERR_MEMORY;
    arena->cap = cap;
    return CELERIAC_OK;
}

void url_arena_close(struct url_arena *arena)
{
    if (arena->ptr != NULL)
        OPENSSL_cleanse(arena->ptr, arena->cap);
    mem_free(arena->ptr);
    *arena = (struct url_arena){0};
}

static void decode(struct url_arena *arena, struct span text, bool plus_is_space, bool percent,
                   struct span *decoded)
{
    char *out = arena->ptr + arena->used;
    size_t n = 0;
    for (size_t i = 0; i < text.len && n < arena->cap - arena->used; i++) {
        char c = text.ptr[i];
        if (plus_is_space && c == '+')
            c = ' ';
        if (percent && c == '%' && text.len - i > 2) {
            int high = parse_hex_digit(text.ptr[i + 1]);
            int low = parse_hex_digit(text.ptr[i + 2]);
            if (high >= 0 && low >= 0) {
                c = (char)(high * 16 + low);
                i += 2;
            }
        }
        out[n++] = c;
    }
    arena->used += n;
    *decoded = (struct span){out, n};
}

void url_percent_decode(struct url_arena *arena, struct span text, struct span *decoded)
{
    decode(arena, text, false, true, decoded);
}

void url_query_decode(struct url_arena *arena, struct span text, struct span *decoded)
{
    decode(arena, text, true, true, decoded);
}

static enum celeriac_err end_string(struct url_arena *arena, struct span text, const char *what,
                                    const char **string, struct celeriac_error *err)
{
    if (memchr(text.ptr, '\0', text.len) != NULL)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s in the Redis URL holds a NUL byte",
                                  what);
    if (arena->used >= arena->cap)
        return celeriac_error_set(err, CELERIAC_ERR_LIMIT, "the Redis URL is too long");
    arena->ptr[arena->used++] = '\0';
    *string = text.ptr;
    return CELERIAC_OK;
}

enum celeriac_err url_arena_decode(struct url_arena *arena, struct span text, const char *what,
                                   const char **string, struct celeriac_error *err)
{
    struct span decoded;
    decode(arena, text, false, true, &decoded);
    return end_string(arena, decoded, what, string, err);
}

enum celeriac_err url_arena_copy(struct url_arena *arena, struct span text, const char *what,
                                 const char **string, struct celeriac_error *err)
{
    struct span copied;
    decode(arena, text, false, false, &copied);
    return end_string(arena, copied, what, string, err);
}
