#include "api/trace_context.h"

#include <string.h>

#include "base/json_writer.h"

/* Where the parts of a traceparent begin: version-trace-parent-flags. */
#define TRACE_AT 3
#define PARENT_AT 36
#define FLAGS_AT 53

/* Longest parts of a tracestate's member: key, tenant and system of a key, value. */
#define KEY_MAX 256
#define TENANT_MAX 241
#define SYSTEM_MAX 14
#define VALUE_MAX 256

static bool is_lower_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Lower case hexadecimal, and not all zeros unless that is allowed. */
static bool is_hex(struct span text, bool zero_allowed)
{
    bool zero = true;

    for (size_t i = 0; i < text.len; i++) {
        if (!is_lower_hex(text.ptr[i]))
            return false;
        zero = zero && text.ptr[i] == '0';
    }
    return zero_allowed || !zero;
}

static struct span part(struct span text, size_t at, size_t len)
{
    return (struct span){text.ptr + at, len};
}

/* A later version may have more behind another '-'. */
static bool is_traceparent(struct span t)
{
    if (t.len < TRACEPARENT_LEN || !is_hex(part(t, 0, 2), true) || span_is(part(t, 0, 2), "ff"))
        return false;
    if (t.len > TRACEPARENT_LEN && (span_is(part(t, 0, 2), "00") || t.ptr[TRACEPARENT_LEN] != '-'))
        return false;
    return t.ptr[TRACE_AT - 1] == '-' && t.ptr[PARENT_AT - 1] == '-' &&
           t.ptr[FLAGS_AT - 1] == '-' && is_hex(part(t, TRACE_AT, 32), false) &&
           is_hex(part(t, PARENT_AT, 16), false) && is_hex(part(t, FLAGS_AT, 2), true);
}

static bool is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '*' ||
           c == '/';
}

static bool is_key_part(struct span text, size_t max, bool digit_first)
{
    if (text.len == 0 || text.len > max)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_key_char(text.ptr[i]))
            return false;
    }
    return (text.ptr[0] >= 'a' && text.ptr[0] <= 'z') ||
           (digit_first && text.ptr[0] >= '0' && text.ptr[0] <= '9');
}

/* A name, or tenant@system. */
static bool is_key(struct span key)
{
    struct span tenant, system;

    if (!span_cut(key, '@', &tenant, &system))
        return is_key_part(key, KEY_MAX, false);
    return is_key_part(tenant, TENANT_MAX, true) && is_key_part(system, SYSTEM_MAX, false);
}

static bool is_value(struct span value)
{
    if (value.len > VALUE_MAX || value.len == 0 || value.ptr[value.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];

        if (c < 0x20 || c > 0x7e || c == ',' || c == '=')
            return false;
    }
    return true;
}

/* Whether no earlier member has the key. */
static bool is_new(const struct span *keys, size_t count, struct span key)
{
    for (size_t i = 0; i < count; i++) {
        if (span_equal(keys[i], key))
            return false;
    }
    return true;
}

/* What may stand around a member: spaces and tabs, and nothing else that might be taken for one. */
static struct span without_blanks(struct span text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = part(text, 1, text.len - 1);
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

static bool is_tracestate(struct span text)
{
    struct span keys[TRACESTATE_MEMBERS_MAX];
    size_t count = 0;
    bool more = true;

    if (text.len > TRACESTATE_MAX)
        return false;
    while (more) {
        struct span member, value;

        more = span_cut(text, ',', &member, &text);
        member = without_blanks(member);
        if (member.len == 0) /* the grammar allows empty ones */
            continue;
        if (count == TRACESTATE_MEMBERS_MAX || !span_cut(member, '=', &keys[count], &value) ||
            !is_key(keys[count]) || !is_value(value) || !is_new(keys, count, keys[count]))
            return false;
        count++;
    }
    return count > 0;
}

bool trace_context_write(struct span traceparent, struct span tracestate, struct strbuf *out)
{
    char parent[TRACEPARENT_LEN];
    struct json_writer w;

    if (!is_traceparent(traceparent))
        return false;
    memcpy(parent, traceparent.ptr, sizeof parent);
    memcpy(parent, "00", 2);
    json_writer_init(&w, out, JSON_STYLE_PYTHON);
    json_begin_object(&w);
    json_key(&w, "traceparent");
    json_string(&w, (struct span){parent, sizeof parent});
    if (tracestate.len > 0 && is_tracestate(tracestate)) {
        json_key(&w, "tracestate");
        json_string(&w, tracestate);
    }
    json_end_object(&w);
    return true;
}
