#include "api/media_type.h"

/* Takes the text up to the next ';' outside of double quotes off *rest. */
static struct span next_part(struct span *rest)
{
    bool quoted = false;
    size_t i;
    struct span part;

    for (i = 0; i < rest->len; i++) {
        char c = rest->ptr[i];

        if (c == '\\' && quoted && i + 1 < rest->len)
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (c == ';' && !quoted)
            break;
    }
    part = (struct span){rest->ptr, i};
    if (i < rest->len)
        i++;
    rest->ptr += i;
    rest->len -= i;
    return span_trim(part);
}

struct span media_type_name(struct span header)
{
    return header.len == 0 ? SPAN("") : next_part(&header);
}

static bool copy_value(struct span text, char value[MEDIA_PARAM_SIZE])
{
    bool quoted = text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"';
    size_t n = 0;

    if (quoted)
        text = (struct span){text.ptr + 1, text.len - 2};
    for (size_t i = 0; i < text.len; i++) {
        if (quoted && text.ptr[i] == '\\' && i + 1 < text.len &&
            (text.ptr[i + 1] == '\\' || text.ptr[i + 1] == '"'))
            i++;
        if (n == MEDIA_PARAM_SIZE - 1 || text.ptr[i] == '\0')
            return false;
        value[n++] = text.ptr[i];
    }
    value[n] = '\0';
    return true;
}

bool media_type_param(struct span header, const char *name, char value[MEDIA_PARAM_SIZE])
{
    if (header.len == 0)
        return false;
    (void)next_part(&header);
    while (header.len > 0) {
        struct span part = next_part(&header);
        struct span key, text;

        if (span_cut(part, '=', &key, &text) && span_is_nocase(span_trim(key), name))
            return copy_value(span_trim(text), value);
    }
    return false;
}

bool media_type_covers(struct span header, const char *main, const char *sub)
{
    struct span main_part, sub_part;

    (void)span_cut(media_type_name(header), '/', &main_part, &sub_part);
    if (!span_is_nocase(main_part, main) && !span_is(main_part, "*"))
        return false;
    return span_is_nocase(sub_part, sub) || span_is(sub_part, "*");
}

bool media_type_accepts_us(struct span accept)
{
    struct span rest = accept;
    struct span entry;
    bool more = accept.ptr != NULL;

    if (!more)
        return true;
    while (more) {
        more = span_cut(rest, ',', &entry, &rest);
        entry = span_trim(entry);
        if (media_type_covers(entry, "application", "json") ||
            media_type_covers(entry, "text", "html"))
            return true;
    }
    return false;
}
