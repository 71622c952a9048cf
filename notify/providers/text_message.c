#include "notify/providers/text_message.h"

static bool refuse(struct notify_outcome *outcome, const char *label, const char *reason,
                   const char *text)
{
    notify_outcome_fail(outcome, NOTIFY_OUTCOME_NEVER, 0, reason, "%s %s", label, text);
    return false;
}

bool notify_text_check(const struct notify_message *message, const char *label,
                       struct notify_outcome *outcome)
{
    if (message->body.len == 0)
        return refuse(outcome, label, "no body", "body is required");
    if (message->body.len > NOTIFY_TEXT_MAX || message->subject.len > NOTIFY_TEXT_MAX)
        return refuse(outcome, label, "text too long", "text is longer than 64 KiB");
    if (!span_is_utf8(message->body) || !span_is_utf8(message->subject))
        return refuse(outcome, label, "no UTF-8", "text is not valid UTF-8");
    return true;
}

/* RFC 3986's unreserved characters, which stand for themselves. */
static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void notify_form_add(struct strbuf *form, const char *name, struct span value)
{
    static const char digits[] = "0123456789ABCDEF";

    if (strbuf_span(form).len > 0)
        strbuf_add_char(form, '&');
    strbuf_add_text(form, name);
    strbuf_add_char(form, '=');
    for (size_t i = 0; i < value.len; i++) {
        unsigned char byte = (unsigned char)value.ptr[i];

        if (is_plain(value.ptr[i])) {
            strbuf_add_char(form, value.ptr[i]);
        } else {
            strbuf_add_char(form, '%');
            strbuf_add_char(form, digits[byte >> 4]);
            strbuf_add_char(form, digits[byte & 15]);
        }
    }
}
