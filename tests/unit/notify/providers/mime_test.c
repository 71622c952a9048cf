#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "notify/providers/mime.h"
#include "notify/providers/provider.h"
#include "tests/support/case_file.h"

#define ID SPAN("6f9619ff-8b86-4d01-b42d-00cf4fc964ff")
#define MESSAGE_ID SPAN("<6f9619ff-8b86-4d01-b42d-00cf4fc964ff@example.com>")
#define DATE_US INT64_C(1795379251000000)

static struct notify_mime_mail plain_mail(void)
{
    return (struct notify_mime_mail){
        .from = SPAN("noreply@example.com"),
        .to = SPAN("user@example.com"),
        .subject = SPAN("Hello"),
        .body = SPAN("Hi"),
        .message_id = MESSAGE_ID,
        .date_us = DATE_US,
    };
}

/* The columns of mails.tsv. */
enum { SUBJECT, BODY, FROM, TO, VERDICT, MAIL_FROM, RCPT_TO, PAYLOAD, COLUMNS };

/* Envelope first and then the message, as Django's backend goes about it. */
static enum celeriac_err build(const struct span *c, struct strbuf *from, struct strbuf *to,
                               struct strbuf *sent, struct notify_outcome *problem)
{
    struct notify_mime_mail mail = plain_mail();
    enum celeriac_err code;

    mail.subject = c[SUBJECT];
    mail.body = c[BODY];
    mail.from = c[FROM];
    mail.to = c[TO];
    code = notify_mime_envelope(mail.from, from, problem);
    if (code == CELERIAC_OK)
        code = notify_mime_envelope(mail.to, to, problem);
    return code == CELERIAC_OK ? notify_mime_write(&mail, sent, problem) : code;
}

static void assert_same(size_t line, struct strbuf *got, struct span want)
{
    if (!span_equal(strbuf_span(got), want))
        fail_msg("line %zu: got\n%.*s\nexpected\n%.*s", line, SPAN_PRINTF(strbuf_span(got)),
                 SPAN_PRINTF(want));
}

/* The same words where they are Django's own; other ways to say "invalid" may differ. */
static void check_error(size_t line, struct span want, const struct notify_outcome *problem)
{
    struct span got = span_of(problem->error);
    bool ours = span_starts(got, SPAN("Invalid address \"")) ||
                span_starts(got, SPAN("Header values can't contain newlines"));
    bool exact = span_starts(want, SPAN("Header values can't contain newlines")) ||
                 span_starts(want, SPAN("Invalid address \""));

    if (!ours || (exact && !span_equal(got, want)))
        fail_msg("line %zu: says %s", line, problem->error);
}

static void check_mail(size_t line, const struct span *columns)
{
    struct strbuf from, to, sent;
    struct notify_outcome problem = {.kind = NOTIFY_OUTCOME_SENT};
    enum celeriac_err code;

    strbuf_init(&from, 10000);
    strbuf_init(&to, 10000);
    strbuf_init(&sent, NOTIFY_BODY_MAX);
    code = build(columns, &from, &to, &sent, &problem);
    if (span_is(columns[VERDICT], "sent")) {
        if (code != CELERIAC_OK)
            fail_msg("line %zu: refused with: %s", line, problem.error);
        assert_same(line, &from, columns[MAIL_FROM]);
        assert_same(line, &to, columns[RCPT_TO]);
        assert_same(line, &sent, columns[PAYLOAD]);
    } else {
        if (code != CELERIAC_ERR_VALUE || problem.kind != NOTIFY_OUTCOME_NEVER || sent.len > 0)
            fail_msg("line %zu: taken, or refused otherwise", line);
        if (span_is(columns[VERDICT], "error"))
            check_error(line, columns[PAYLOAD], &problem);
    }
    strbuf_close(&from);
    strbuf_close(&to);
    strbuf_close(&sent);
}

static size_t check_file(const char *path)
{
    struct case_file *file = case_file_open(path);
    struct span columns[COLUMNS];
    size_t lines;

    while (case_file_next(file, columns, COLUMNS))
        check_mail(case_file_line(file), columns);
    lines = case_file_line(file);
    case_file_close(file);
    return lines;
}

static void test_equal_to_django(void **state)
{
    const char *more = getenv("MAIL_CASES");

    (void)state;
    assert_true(check_file("notify/mails.tsv") > 400);
    if (more != NULL)
        assert_true(check_file(more) > 0);
}

static void refuse(const struct notify_mime_mail *mail, enum celeriac_err want, const char *words)
{
    struct strbuf out;
    struct notify_outcome problem = {.kind = NOTIFY_OUTCOME_SENT};

    strbuf_init(&out, 4 * NOTIFY_BODY_MAX);
    strbuf_add_text(&out, "before");
    assert_int_equal(notify_mime_write(mail, &out, &problem), want);
    assert_string_equal(problem.error, words);
    assert_int_equal(problem.kind,
                     mail->from.len > 0 ? NOTIFY_OUTCOME_NEVER : NOTIFY_OUTCOME_UNCONFIGURED);
    assert_string_equal(strbuf_text(&out), "before");
    strbuf_close(&out);
}

static void test_missing_parts(void **state)
{
    struct notify_mime_mail mail = plain_mail();

    (void)state;
    mail.body = SPAN("");
    refuse(&mail, CELERIAC_ERR_VALUE, "Email body is required");
    mail = plain_mail();
    mail.from = SPAN("");
    refuse(&mail, CELERIAC_ERR_VALUE, "DEFAULT_FROM_EMAIL is not configured");
    mail = plain_mail();
    mail.subject = SPAN("bad \xff byte");
    refuse(&mail, CELERIAC_ERR_VALUE, "Email subject is not valid UTF-8");
    mail = plain_mail();
    mail.body = SPAN("bad \xc3");
    refuse(&mail, CELERIAC_ERR_VALUE, "Email body is not valid UTF-8");
}

static void test_empty_subject_has_a_name(void **state)
{
    struct notify_mime_mail mail = plain_mail();
    struct strbuf out;
    struct notify_outcome problem;

    (void)state;
    mail.subject = SPAN("");
    strbuf_init(&out, 10000);
    assert_int_equal(notify_mime_write(&mail, &out, &problem), CELERIAC_OK);
    assert_non_null(strstr(strbuf_text(&out), "\r\nSubject: Notification\r\n"));
    strbuf_close(&out);
}

static char *filled(size_t len)
{
    char *text = mem_alloc(len);

    assert_non_null(text);
    memset(text, 'x', len);
    return text;
}

static void test_limits(void **state)
{
    struct notify_mime_mail mail = plain_mail();
    char *text = filled(NOTIFY_BODY_MAX + 1);
    struct strbuf out;
    struct notify_outcome problem;

    (void)state;
    strbuf_init(&out, 4 * NOTIFY_BODY_MAX);
    mail.body = (struct span){text, NOTIFY_BODY_MAX};
    assert_int_equal(notify_mime_write(&mail, &out, &problem), CELERIAC_OK);
    assert_true(out.len > NOTIFY_BODY_MAX);
    strbuf_close(&out);
    mail.body.len++;
    refuse(&mail, CELERIAC_ERR_LIMIT, "Email body is longer than 10 MiB");

    mail = plain_mail();
    mail.subject = (struct span){text, NOTIFY_SUBJECT_MAX};
    strbuf_init(&out, 4 * NOTIFY_BODY_MAX);
    assert_int_equal(notify_mime_write(&mail, &out, &problem), CELERIAC_OK);
    strbuf_close(&out);
    mail.subject.len++;
    refuse(&mail, CELERIAC_ERR_LIMIT, "Email subject is too long");

    strbuf_init(&out, 10000);
    assert_int_equal(
        notify_mime_envelope((struct span){text, NOTIFY_MIME_ADDRESS_MAX}, &out, &problem),
        CELERIAC_OK);
    assert_int_equal(
        notify_mime_envelope((struct span){text, NOTIFY_MIME_ADDRESS_MAX + 1}, &out, &problem),
        CELERIAC_ERR_VALUE);
    strbuf_close(&out);
    mem_free(text);
}

/* The widest subject fits the folded maximum: all bytes become three, in the shortest words. */
static void test_widest_subject(void **state)
{
    struct notify_mime_mail mail = plain_mail();
    char *text = filled(NOTIFY_SUBJECT_MAX);
    struct strbuf out;
    struct notify_outcome problem;

    (void)state;
    for (size_t i = 0; i < NOTIFY_SUBJECT_MAX; i++)
        text[i] = '_';
    text[0] = '\xc3';
    text[1] = '\xbc';
    mail.subject = (struct span){text, NOTIFY_SUBJECT_MAX};
    strbuf_init(&out, 4 * NOTIFY_BODY_MAX);
    assert_int_equal(notify_mime_write(&mail, &out, &problem), CELERIAC_OK);
    strbuf_close(&out);
    mem_free(text);
}

static void test_foreign_domain(void **state)
{
    struct strbuf out;
    struct notify_outcome problem;

    (void)state;
    strbuf_init(&out, 1000);
    assert_int_equal(notify_mime_envelope(SPAN("a@m\xc3\xbcller.de"), &out, &problem),
                     CELERIAC_ERR_VALUE);
    assert_string_equal(problem.error,
                        "Invalid address \"a@m\xc3\xbcller.de\": write the domain in "
                        "ASCII, as xn--...");
    strbuf_close(&out);
}

static void assert_message_id(struct span from, const char *want)
{
    char id[NOTIFY_MESSAGE_ID_SIZE];

    notify_mime_message_id(ID, from, id);
    assert_string_equal(id, want);
}

static void test_message_id(void **state)
{
    (void)state;
    assert_message_id(SPAN("noreply@example.com"),
                      "<6f9619ff-8b86-4d01-b42d-00cf4fc964ff@example.com>");
    assert_message_id(SPAN("\"A, B\" <x@mail.example.org>"),
                      "<6f9619ff-8b86-4d01-b42d-00cf4fc964ff@mail.example.org>");
    assert_message_id(SPAN("root"), "<6f9619ff-8b86-4d01-b42d-00cf4fc964ff@celeriac.invalid>");
    assert_message_id(SPAN("x@[192.0.2.1]"),
                      "<6f9619ff-8b86-4d01-b42d-00cf4fc964ff@celeriac.invalid>");
    assert_message_id(SPAN(""), "<6f9619ff-8b86-4d01-b42d-00cf4fc964ff@celeriac.invalid>");
    assert_message_id(SPAN("broken <"), "<6f9619ff-8b86-4d01-b42d-00cf4fc964ff@celeriac.invalid>");
}

/* Domains of up to 253 characters are named, longer ones are not; neither outgrows the buffer. */
static void test_message_id_of_long_domains(void **state)
{
    char address[300], id[NOTIFY_MESSAGE_ID_SIZE];
    struct span all = {address, 2 + 253};

    (void)state;
    memset(address, 'd', sizeof address);
    address[1] = '@';
    for (size_t i = 51; i < sizeof address; i += 50)
        address[i] = '.';
    notify_mime_message_id(ID, all, id);
    assert_int_equal(strlen(id), 1 + 36 + 1 + 253 + 1);
    all.len++;
    notify_mime_message_id(ID, all, id);
    assert_non_null(strstr(id, "@celeriac.invalid>"));
}

static void test_memory(void **state)
{
    struct notify_mime_mail mail = plain_mail();
    enum celeriac_err code = CELERIAC_ERR_MEMORY;

    (void)state;
    mail.from = SPAN("M\xc3\xbcller <a@b.example>");
    mail.subject = SPAN("Gr\xc3\xbc\xc3\x9f"
                        "e an alle, und noch viel mehr als in eine Zeile passt");
    for (size_t n = 1; code != CELERIAC_OK; n++) {
        struct strbuf out;
        struct notify_outcome problem = {.kind = NOTIFY_OUTCOME_SENT};

        strbuf_init(&out, 10000);
        mem_fail_at(n);
        code = notify_mime_write(&mail, &out, &problem);
        mem_fail_at(0);
        if (code != CELERIAC_OK) {
            assert_int_equal(code, CELERIAC_ERR_MEMORY);
            assert_int_equal(problem.kind, NOTIFY_OUTCOME_HOLD);
        }
        strbuf_close(&out);
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_to_django),
        cmocka_unit_test(test_missing_parts),
        cmocka_unit_test(test_empty_subject_has_a_name),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_widest_subject),
        cmocka_unit_test(test_foreign_domain),
        cmocka_unit_test(test_message_id),
        cmocka_unit_test(test_message_id_of_long_domains),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
