#include "notify/providers/mime.h"

#include <string.h>

#include "base/iso8601.h"
#include "base/uuid.h"
#include "notify/providers/header_fold.h"
#include "notify/providers/mailbox.h"
#include "notify/providers/mime_body.h"
#include "notify/providers/provider.h"
#include "notify/rules/python_text.h"

/* A subject for mails that have none. */
#define DEFAULT_SUBJECT SPAN("Notification")

/* Most bytes of a folded header: each byte of the text may become three, plus the words' chrome. */
#define FOLDED_MAX (NOTIFY_SUBJECT_MAX * 5)

#define DOMAIN_MAX 253

/* The words of a failure without an address or a subject in it. */
static enum celeriac_err plain_problem(struct notify_outcome *problem, enum celeriac_err code,
                                       const char *text)
{
    enum notify_outcome_kind kind =
        code == CELERIAC_ERR_MEMORY ? NOTIFY_OUTCOME_HOLD : NOTIFY_OUTCOME_NEVER;

    notify_outcome_fail(problem, kind, 0, text, "%s", text);
    return code;
}

static enum celeriac_err newline_problem(struct notify_outcome *problem, const char *name,
                                         struct span value)
{
    struct strbuf repr;

    strbuf_init(&repr, 8 * NOTIFY_SUBJECT_MAX);
    python_text_repr(&repr, value);
    notify_outcome_fail(problem, NOTIFY_OUTCOME_NEVER, 0, "newline in a header",
                        "Header values can't contain newlines (got %s for header '%s')",
                        strbuf_status(&repr) == CELERIAC_OK ? strbuf_text(&repr) : "a value", name);
    strbuf_close(&repr);
    return CELERIAC_ERR_VALUE;
}

static enum celeriac_err address_problem(struct notify_outcome *problem, enum celeriac_err code,
                                         struct span address)
{
    const char *why = "";

    if (code == CELERIAC_ERR_MEMORY)
        return plain_problem(problem, code, "out of memory");
    if (code == CELERIAC_ERR_UNSUPPORTED)
        why = ": write the domain in ASCII, as xn--...";
    else if (code == CELERIAC_ERR_LIMIT)
        why = ": a part of the domain has more than 63 characters";
    notify_outcome_fail(problem, NOTIFY_OUTCOME_NEVER, 0, "invalid address",
                        "Invalid address \"%.*s\"%s", SPAN_PRINTF(address), why);
    return CELERIAC_ERR_VALUE;
}

static bool has_newline(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '\n' || value.ptr[i] == '\r')
            return true;
    }
    return false;
}

/* Writes "Name: value" with the value folded for the second time, as the generator does it. */
static enum celeriac_err add_header(struct strbuf *out, const char *name, struct span value,
                                    struct notify_outcome *problem)
{
    size_t before = strbuf_span(out).len;
    enum celeriac_err code;

    strbuf_add_text(out, name);
    strbuf_add_text(out, ": ");
    code = header_fold(out, value, HEADER_ASCII, strlen(name) + 2, "\r\n");
    strbuf_add_text(out, "\r\n");
    if (code == CELERIAC_OK)
        code = strbuf_status(out);
    if (code == CELERIAC_OK)
        return CELERIAC_OK;
    strbuf_truncate(out, before);
    if (code == CELERIAC_ERR_VALUE)
        return newline_problem(problem, name, value);
    return plain_problem(problem, code, celeriac_err_name(code));
}

static enum celeriac_err add_subject(struct strbuf *out, struct span subject,
                                     struct notify_outcome *problem)
{
    struct strbuf folded;
    enum celeriac_err code;

    if (subject.len > NOTIFY_SUBJECT_MAX)
        return plain_problem(problem, CELERIAC_ERR_LIMIT, "Email subject is too long");
    if (!span_is_utf8(subject))
        return plain_problem(problem, CELERIAC_ERR_VALUE, "Email subject is not valid UTF-8");
    if (has_newline(subject))
        return newline_problem(problem, "Subject", subject);
    strbuf_init(&folded, FOLDED_MAX);
    code = header_fold(&folded, subject, header_is_ascii(subject) ? HEADER_ASCII : HEADER_UTF8, 0,
                       "\n");
    if (code == CELERIAC_ERR_VALUE)
        code = newline_problem(problem, "Subject", subject);
    else if (code != CELERIAC_OK)
        code = plain_problem(problem, code, celeriac_err_name(code));
    else
        code = add_header(out, "Subject", strbuf_span(&folded), problem);
    strbuf_close(&folded);
    return code;
}

/* From or To: as it was given when it is ASCII, else taken apart and encoded. */
static enum celeriac_err add_address(struct strbuf *out, const char *name, struct span address,
                                     struct notify_outcome *problem)
{
    struct strbuf encoded;
    struct mailbox m;
    enum celeriac_err code;

    if (has_newline(address))
        return newline_problem(problem, name, address);
    if (header_is_ascii(address))
        return add_header(out, name, address, problem);
    code = mailbox_parse(&m, address);
    if (code != CELERIAC_OK)
        return address_problem(problem, code, address);
    strbuf_init(&encoded, 8 * NOTIFY_MIME_ADDRESS_MAX);
    code = mailbox_write_header(&m, &encoded);
    code = code == CELERIAC_OK ? add_header(out, name, strbuf_span(&encoded), problem)
                               : address_problem(problem, code, address);
    strbuf_close(&encoded);
    mailbox_close(&m);
    return code;
}

static enum celeriac_err add_headers(const struct notify_mime_mail *mail, struct strbuf *out,
                                     struct notify_outcome *problem)
{
    char date[ISO8601_MAX];
    enum celeriac_err code;

    strbuf_add_text(out, "Content-Type: text/plain; charset=\"utf-8\"\r\n"
                         "MIME-Version: 1.0\r\n"
                         "Content-Transfer-Encoding: ");
    strbuf_add_text(out, mime_body_encoding(mail->body));
    strbuf_add_text(out, "\r\n");
    code = add_subject(out, mail->subject.len > 0 ? mail->subject : DEFAULT_SUBJECT, problem);
    if (code == CELERIAC_OK)
        code = add_address(out, "From", mail->from, problem);
    if (code == CELERIAC_OK)
        code = add_address(out, "To", mail->to, problem);
    if (code != CELERIAC_OK)
        return code;
    (void)rfc5322_date(mail->date_us, date);
    code = add_header(out, "Date", span_of(date), problem);
    return code == CELERIAC_OK ? add_header(out, "Message-ID", mail->message_id, problem) : code;
}

enum celeriac_err notify_mime_write(const struct notify_mime_mail *mail, struct strbuf *out,
                                    struct notify_outcome *problem)
{
    size_t before = strbuf_span(out).len;
    enum celeriac_err code;

    if (mail->body.len == 0)
        return plain_problem(problem, CELERIAC_ERR_VALUE, "Email body is required");
    if (mail->from.len == 0) {
        notify_outcome_fail(problem, NOTIFY_OUTCOME_UNCONFIGURED, 0,
                            "DEFAULT_FROM_EMAIL is not configured",
                            "DEFAULT_FROM_EMAIL is not configured");
        return CELERIAC_ERR_VALUE;
    }
    if (mail->body.len > NOTIFY_BODY_MAX)
        return plain_problem(problem, CELERIAC_ERR_LIMIT, "Email body is longer than 10 MiB");
    if (!span_is_utf8(mail->body))
        return plain_problem(problem, CELERIAC_ERR_VALUE, "Email body is not valid UTF-8");
    code = add_headers(mail, out, problem);
    if (code == CELERIAC_OK) {
        strbuf_add_text(out, "\r\n");
        mime_body_write(out, mail->body);
        code = strbuf_status(out);
        if (code != CELERIAC_OK)
            code = plain_problem(problem, code, celeriac_err_name(code));
    }
    if (code != CELERIAC_OK)
        strbuf_truncate(out, before);
    return code;
}

enum celeriac_err notify_mime_envelope(struct span address, struct strbuf *out,
                                       struct notify_outcome *problem)
{
    size_t before = strbuf_span(out).len;
    struct mailbox m;
    enum celeriac_err code = mailbox_parse(&m, address);

    if (code == CELERIAC_OK) {
        code = mailbox_write_bare(&m, out);
        mailbox_close(&m);
    }
    if (code == CELERIAC_OK)
        return CELERIAC_OK;
    strbuf_truncate(out, before);
    return address_problem(problem, code, address);
}

/* Letters, digits, dots and dashes: what a Message-ID may hold without quotes anywhere. */
static bool is_host_name(struct span domain)
{
    for (size_t i = 0; i < domain.len; i++) {
        char c = domain.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '-'))
            return false;
    }
    return domain.len > 0 && domain.len <= DOMAIN_MAX;
}

void notify_mime_message_id(struct span id, struct span from,
                            char message_id[NOTIFY_MESSAGE_ID_SIZE])
{
    struct span domain = SPAN("celeriac.invalid");
    struct mailbox m = {.domain = {NULL, 0}};
    size_t len = 0;

    if (mailbox_parse(&m, from) == CELERIAC_OK) {
        if (is_host_name(m.domain))
            domain = m.domain;
        mailbox_close(&m);
    }
    if (id.len > UUID_LEN)
        id.len = UUID_LEN;
    message_id[len++] = '<';
    memcpy(message_id + len, id.ptr, id.len);
    len += id.len;
    message_id[len++] = '@';
    memcpy(message_id + len, domain.ptr, domain.len);
    len += domain.len;
    message_id[len++] = '>';
    message_id[len] = '\0';
}
