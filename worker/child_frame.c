#include "worker/child_frame.h"

#include <math.h>
#include <string.h>

/*
 * An outcome's fixed part: kind, flags, two bytes of zero, the lengths of result, type, module,
 * message and children, then countdown, seconds and memory. The texts follow in that order.
 */
#define OUTCOME_FIXED (4 + 5 * 4 + 3 * 8)

/* A state's: the lengths of name and children. Name, children and meta follow. */
#define STATE_FIXED (2 * 4)

#define FLAG_EXCEPTION 1
#define FLAG_MESSAGE 2
#define FLAG_REQUEUE 4
#define FLAGS_ALL (FLAG_EXCEPTION | FLAG_MESSAGE | FLAG_REQUEUE)

/* ---- numbers ------------------------------------------------------------------------------- */

static void put(struct strbuf *out, uint64_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        strbuf_add_char(out, (char)(unsigned char)(number >> (8 * i)));
}

static uint64_t get(const char *from, size_t bytes)
{
    uint64_t number = 0;

    for (size_t i = 0; i < bytes; i++)
        number |= (uint64_t)(unsigned char)from[i] << (8 * i);
    return number;
}

static uint64_t bits_of(double number)
{
    uint64_t bits;

    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static double double_of(uint64_t bits)
{
    double number;

    memcpy(&number, &bits, sizeof number);
    return number;
}

/* ---- frames -------------------------------------------------------------------------------- */

static bool payload_max(unsigned kind, size_t *max)
{
    switch (kind) {
    case CEL_FRAME_READY:
    case CEL_FRAME_BEGUN:
        *max = 0;
        return true;
    case CEL_FRAME_FAILED:
        *max = CEL_FRAME_FAILED_MAX;
        return true;
    case CEL_FRAME_REQUEST:
        *max = CEL_FRAME_REQUEST_MAX;
        return true;
    case CEL_FRAME_OUTCOME:
        *max = CEL_FRAME_OUTCOME_MAX;
        return true;
    case CEL_FRAME_STATE:
        *max = CEL_FRAME_STATE_MAX;
        return true;
    default:
        return false;
    }
}

enum celeriac_err cel_frame_take(struct span bytes, struct cel_frame *frame, bool *whole)
{
    size_t max = 0;
    size_t len;

    if (bytes.len < CEL_FRAME_HEADER) {
        *whole = false;
        return CELERIAC_OK;
    }
    len = (size_t)get(bytes.ptr + 4, 4);
    if (get(bytes.ptr + 1, 3) != 0 || !payload_max((unsigned char)bytes.ptr[0], &max) || len > max)
        return CELERIAC_ERR_PROTOCOL;
    *whole = bytes.len - CEL_FRAME_HEADER >= len;
    if (*whole)
        *frame = (struct cel_frame){.kind = (enum cel_frame_kind)bytes.ptr[0],
                                    .payload = {.ptr = bytes.ptr + CEL_FRAME_HEADER, .len = len}};
    return CELERIAC_OK;
}

static void add_header(enum cel_frame_kind kind, size_t len, struct strbuf *out)
{
    put(out, kind, 4);
    put(out, len, 4);
}

void cel_frame_add_plain(enum cel_frame_kind kind, struct strbuf *out)
{
    add_header(kind, 0, out);
}

void cel_frame_add_failed(struct span text, struct strbuf *out)
{
    if (text.len > CEL_FRAME_FAILED_MAX)
        text.len = CEL_FRAME_FAILED_MAX;
    add_header(CEL_FRAME_FAILED, text.len, out);
    strbuf_add_span(out, text);
}

/* ---- requests ------------------------------------------------------------------------------ */

enum celeriac_err cel_frame_add_request(const struct cel_frame_request *request, struct strbuf *out)
{
    if (request->message.len > CEL_FRAME_REQUEST_MAX - 8)
        return CELERIAC_ERR_LIMIT;
    add_header(CEL_FRAME_REQUEST, 8 + request->message.len, out);
    put(out, (uint64_t)request->soft_deadline_ns, 8);
    strbuf_add_span(out, request->message);
    return strbuf_status(out);
}

enum celeriac_err cel_frame_read_request(struct span payload, struct cel_frame_request *request)
{
    if (payload.len < 8)
        return CELERIAC_ERR_PROTOCOL;
    *request = (struct cel_frame_request){
        .soft_deadline_ns = (int64_t)get(payload.ptr, 8),
        .message = {.ptr = payload.ptr + 8, .len = payload.len - 8},
    };
    return CELERIAC_OK;
}

/* ---- outcomes ------------------------------------------------------------------------------ */

enum celeriac_err cel_frame_add_outcome(const struct cel_outcome *outcome, int64_t memory_kib,
                                        struct strbuf *out)
{
    struct span result =
        outcome->kind == CEL_OUTCOME_SUCCESS ? strbuf_span(&outcome->result) : (struct span){0};
    struct span exception =
        outcome->has_exception ? strbuf_span(&outcome->exception) : (struct span){0};
    struct span children = strbuf_span(&outcome->children);
    bool has_message = outcome->has_exception && outcome->has_message;
    unsigned flags = (outcome->has_exception ? FLAG_EXCEPTION : 0U) |
                     (has_message ? FLAG_MESSAGE : 0U) | (outcome->requeue ? FLAG_REQUEUE : 0U);

    if (result.len > CEL_RETURN_MAX || exception.len > CEL_RETURN_MAX ||
        children.len > CEL_CHILDREN_MAX)
        return CELERIAC_ERR_LIMIT;
    add_header(CEL_FRAME_OUTCOME, OUTCOME_FIXED + result.len + exception.len + children.len, out);
    put(out, outcome->kind, 1);
    put(out, flags, 3);
    put(out, result.len, 4);
    put(out, outcome->has_exception ? outcome->type_len : 0, 4);
    put(out, outcome->has_exception ? outcome->module_len : 0, 4);
    put(out, outcome->has_exception ? outcome->message_len : 0, 4);
    put(out, children.len, 4);
    put(out, (uint64_t)outcome->countdown, 8);
    put(out, bits_of(outcome->seconds), 8);
    put(out, (uint64_t)memory_kib, 8);
    strbuf_add_span(out, result);
    strbuf_add_span(out, exception);
    strbuf_add_span(out, children);
    return strbuf_status(out);
}

/* The lengths of an outcome's texts. */
struct lengths {
    size_t result, exception, children;
};

/* Whether the numbers of the fixed part fit together and to the rest. */
static bool is_sound(const struct cel_outcome *o, uint64_t kind, uint64_t flags,
                     const struct lengths *lengths, size_t rest)
{
    if (kind > CEL_OUTCOME_POSTPONE || (flags & ~(uint64_t)FLAGS_ALL) != 0)
        return false;
    if (!isfinite(o->seconds) || o->seconds < 0)
        return false;
    if (kind == CEL_OUTCOME_FAILURE && !o->has_exception)
        return false;
    if (!o->has_exception && (o->has_message || lengths->exception > 0))
        return false;
    /* Lengths of 32 bits cannot overflow their sum. */
    return lengths->result + lengths->exception + lengths->children == rest &&
           lengths->result <= CEL_RETURN_MAX && lengths->exception <= CEL_RETURN_MAX &&
           lengths->children <= CEL_CHILDREN_MAX;
}

/* Replaces what is in a buffer; moves on to what follows. */
static void take_text(struct strbuf *text, size_t len, const char **from)
{
    strbuf_clear(text);
    strbuf_add(text, *from, len);
    *from += len;
}

enum celeriac_err cel_frame_read_outcome(struct span payload, struct cel_outcome *outcome,
                                         int64_t *memory_kib)
{
    const char *p = payload.ptr;
    struct lengths lengths;
    uint64_t kind;
    uint64_t flags;

    if (payload.len < OUTCOME_FIXED)
        return CELERIAC_ERR_PROTOCOL;
    kind = get(p, 1);
    flags = get(p + 1, 3);
    outcome->has_exception = (flags & FLAG_EXCEPTION) != 0;
    outcome->has_message = (flags & FLAG_MESSAGE) != 0;
    outcome->requeue = (flags & FLAG_REQUEUE) != 0;
    outcome->type_len = (size_t)get(p + 8, 4);
    outcome->module_len = (size_t)get(p + 12, 4);
    outcome->message_len = (size_t)get(p + 16, 4);
    outcome->countdown = (int64_t)get(p + 24, 8);
    outcome->seconds = double_of(get(p + 32, 8));
    lengths = (struct lengths){.result = (size_t)get(p + 4, 4),
                               .exception =
                                   outcome->type_len + outcome->module_len + outcome->message_len,
                               .children = (size_t)get(p + 20, 4)};
    if (!is_sound(outcome, kind, flags, &lengths, payload.len - OUTCOME_FIXED))
        return CELERIAC_ERR_PROTOCOL;
    outcome->kind = (enum cel_outcome_kind)kind;
    *memory_kib = (int64_t)get(p + 40, 8);
    p += OUTCOME_FIXED;
    take_text(&outcome->result, lengths.result, &p);
    take_text(&outcome->exception, lengths.exception, &p);
    take_text(&outcome->children, lengths.children, &p);
    if (strbuf_status(&outcome->result) || strbuf_status(&outcome->exception) ||
        strbuf_status(&outcome->children))
        return CELERIAC_ERR_MEMORY;
    return CELERIAC_OK;
}

/* ---- states -------------------------------------------------------------------------------- */

enum celeriac_err cel_frame_add_state(const struct cel_frame_state *state, struct strbuf *out)
{
    if (state->name.len > CEL_FRAME_STATE_NAME_MAX || state->children.len > CEL_CHILDREN_MAX ||
        state->meta.len > CEL_RETURN_MAX)
        return CELERIAC_ERR_LIMIT;
    add_header(CEL_FRAME_STATE,
               STATE_FIXED + state->name.len + state->children.len + state->meta.len, out);
    put(out, state->name.len, 4);
    put(out, state->children.len, 4);
    strbuf_add_span(out, state->name);
    strbuf_add_span(out, state->children);
    strbuf_add_span(out, state->meta);
    return strbuf_status(out);
}

enum celeriac_err cel_frame_read_state(struct span payload, struct cel_frame_state *state)
{
    const char *texts;
    size_t name;
    size_t children;

    if (payload.len < STATE_FIXED)
        return CELERIAC_ERR_PROTOCOL;
    texts = payload.ptr + STATE_FIXED;
    name = (size_t)get(payload.ptr, 4);
    children = (size_t)get(payload.ptr + 4, 4);
    if (name == 0 || name > CEL_FRAME_STATE_NAME_MAX || children > CEL_CHILDREN_MAX ||
        name + children > payload.len - STATE_FIXED)
        return CELERIAC_ERR_PROTOCOL;
    *state = (struct cel_frame_state){
        .name = {.ptr = texts, .len = name},
        .children = {.ptr = texts + name, .len = children},
        .meta = {.ptr = texts + name + children,
                 .len = payload.len - STATE_FIXED - name - children},
    };
    return CELERIAC_OK;
}
