#include "notify/rules/template.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool notify_template_name_ok(struct span name)
{
    /* `$` also matches before one final newline. */
    if (name.len > 0 && name.ptr[name.len - 1] == '\n')
        name.len--;
    if (name.len == 0 || !is_letter(name.ptr[0]))
        return false;
    for (size_t i = 1; i < name.len; i++) {
        char c = name.ptr[i];

        if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '_')
            return false;
    }
    return true;
}

bool notify_template_needs_subject(enum notify_channel channel)
{
    return channel == NOTIFY_CHANNEL_EMAIL;
}
