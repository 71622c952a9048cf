/*
 * A mail from parts that strangers chose: from, to, subject and body, separated by 0x1F. Whatever
 * they hold, the message has our eight headers and no other, and its lines and its envelope are
 * sound.
 */
#include "tests/fuzz/fuzz_target.h"

#include <string.h>

#include "base/strbuf.h"
#include "notify/providers/mime.h"
#include "notify/providers/provider.h"
#include "notify/providers/smtp_reply.h"
#include "notify/rules/channel.h"
#include "notify/rules/python_text.h"

#define SEPARATOR '\x1f'

/* The headers of a mail, in their order. */
static const char *const headers[] = {
    "Content-Type: ", "MIME-Version: ", "Content-Transfer-Encoding: ",
    "Subject: ",      "From: ",         "To: ",
    "Date: ",         "Message-ID: ",
};

/* One line up to CRLF; every CR and LF of a mail stands in such an end. */
static struct span next_line(struct span *rest)
{
    struct span line = *rest;
    size_t n = 0;

    while (n < rest->len && rest->ptr[n] != '\n' && rest->ptr[n] != '\r')
        n++;
    FUZZ_PROMISE(n + 1 < rest->len && rest->ptr[n] == '\r' && rest->ptr[n + 1] == '\n');
    line.len = n;
    rest->ptr += n + 2;
    rest->len -= n + 2;
    return line;
}

static void check_message(struct span message)
{
    size_t seen = 0;
    struct span line = next_line(&message);

    for (; line.len > 0; line = next_line(&message)) {
        if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
            continue;
        FUZZ_PROMISE(seen < sizeof headers / sizeof headers[0]);
        FUZZ_PROMISE(span_starts(line, span_of(headers[seen])));
        seen++;
    }
    FUZZ_PROMISE(seen == sizeof headers / sizeof headers[0]);
    while (message.len > 0)
        (void)next_line(&message);
}

/* What goes between the angle brackets of MAIL FROM and RCPT TO. */
static void check_envelope(struct span address)
{
    for (size_t i = 0; i < address.len; i++) {
        unsigned char c = (unsigned char)address.ptr[i];

        FUZZ_PROMISE(c >= ' ' || c == '\t');
        FUZZ_PROMISE(c != 0x7F);
    }
    FUZZ_PROMISE(address.len > 0);
}

static void check_mail(const struct notify_mime_mail *mail)
{
    struct notify_outcome problem;
    struct strbuf out;

    strbuf_init(&out, 4 * NOTIFY_BODY_MAX);
    if (notify_mime_write(mail, &out, &problem) == CELERIAC_OK)
        check_message(strbuf_span(&out));
    else
        FUZZ_PROMISE(problem.error[0] != '\0' && span_is_utf8(span_of(problem.error)));
    strbuf_clear(&out);
    if (notify_mime_envelope(mail->to, &out, &problem) == CELERIAC_OK)
        check_envelope(strbuf_span(&out));
    else
        FUZZ_PROMISE(out.len == 0 && span_is_utf8(span_of(problem.error)));
    strbuf_close(&out);
}

/* The same bytes as an address, a key's hash and a server's line. */
static void check_rules(struct span text)
{
    struct smtp_reply reply = {.code = 0};
    struct span trimmed = python_text_strip(text);

    FUZZ_PROMISE(python_text_length(text) <= text.len && trimmed.len <= text.len);
    if (notify_address_is_email(text)) {
        struct span domain = notify_address_domain(text);

        FUZZ_PROMISE(domain.len > 3 && domain.len < text.len);
    }
    (void)notify_address_is_phone(text);
    (void)notify_address_is_django_email(text);
    smtp_reply_line(&reply, text);
    smtp_reply_line(&reply, text);
    FUZZ_PROMISE(strlen(reply.text) == reply.len);
    FUZZ_PROMISE(reply.code == 0 || (reply.code >= 200 && reply.code <= 599));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span all = {(const char *)data, size}, rest;
    struct notify_mime_mail mail = {.message_id = SPAN("<x@example.com>")};
    char message_id[NOTIFY_MESSAGE_ID_SIZE];

    check_rules(all);
    (void)span_cut(all, SEPARATOR, &mail.from, &rest);
    (void)span_cut(rest, SEPARATOR, &mail.to, &rest);
    (void)span_cut(rest, SEPARATOR, &mail.subject, &mail.body);
    notify_mime_message_id(SPAN("6f9619ff-8b86-4d01-b42d-00cf4fc964ff"), mail.from, message_id);
    FUZZ_PROMISE(strchr(message_id, '\n') == NULL && message_id[strlen(message_id) - 1] == '>');
    check_mail(&mail);
    return 0;
}
