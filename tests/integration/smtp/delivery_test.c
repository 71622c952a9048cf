/*
 * Mails to a real server that keeps them: what arrives is what arrives from Django, byte for byte.
 * Also run with STARTTLS and a login.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/json.h"
#include "sending.h"
#include "tests/support/case_file.h"

/* What the server has kept: a file of JSON lines. */
#define STORE_MAX ((size_t)256 * 1024 * 1024)

static struct strbuf read_store(void)
{
    const char *path = getenv("SMTP_STORE");
    struct strbuf text;
    char chunk[65536];
    size_t got;
    FILE *file;

    assert_non_null(path);
    file = fopen(path, "rb");
    assert_non_null(file);
    strbuf_init(&text, STORE_MAX);
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0)
        strbuf_add(&text, chunk, got);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(strbuf_status(&text), CELERIAC_OK);
    return text;
}

/* The last mail that was kept. Close all three. */
struct kept {
    struct strbuf line;
    struct json_doc doc;
    struct strbuf data; /* the message's bytes */
};

static struct kept last_kept(void)
{
    struct kept kept;
    struct strbuf store = read_store(), text;
    struct span all = strbuf_span(&store);
    size_t start;

    assert_true(all.len > 0 && all.ptr[all.len - 1] == '\n');
    all.len--;
    for (start = all.len; start > 0 && all.ptr[start - 1] != '\n';)
        start--;
    strbuf_init(&kept.line, STORE_MAX);
    strbuf_add(&kept.line, all.ptr + start, all.len - start);
    strbuf_close(&store);
    json_init(&kept.doc);
    assert_int_equal(json_parse(&kept.doc, strbuf_span(&kept.line), NULL, NULL), CELERIAC_OK);
    strbuf_init(&text, STORE_MAX);
    strbuf_init(&kept.data, STORE_MAX);
    assert_int_equal(json_decode_string(json_get(json_root(&kept.doc), "data"), &text),
                     CELERIAC_OK);
    assert_int_equal(base64_decode(&kept.data, strbuf_span(&text)), CELERIAC_OK);
    strbuf_close(&text);
    return kept;
}

static void close_kept(struct kept *kept)
{
    json_close(&kept->doc);
    strbuf_close(&kept->line);
    strbuf_close(&kept->data);
}

/* The columns of tests/data/notify/mails.tsv. */
enum { SUBJECT, BODY, FROM, TO, VERDICT, MAIL_FROM, RCPT_TO, PAYLOAD, COLUMNS };

/* As in tests/data/notify/make_expectations.py. */
#define DATE_US INT64_C(1795379251000000)
#define ID SPAN("6f9619ff-8b86-4d01-b42d-00cf4fc964ff")

/*
 * The server hands over what stood between DATA and the final dot, so the message as recorded from
 * Django must be there. The Message-ID is ours, of the sender's domain.
 */
static void check_kept(size_t line, const struct span *columns)
{
    struct kept kept = last_kept();
    const struct json_node *root = json_root(&kept.doc);
    struct span want = columns[PAYLOAD], got = strbuf_span(&kept.data);

    if (!json_string_is(json_get(root, "from"), columns[MAIL_FROM].ptr) ||
        !json_string_is(json_at(json_get(root, "to"), 0), columns[RCPT_TO].ptr))
        fail_msg("line %zu: envelope %s", line, strbuf_text(&kept.line));
    if (!span_equal(got, want))
        fail_msg("line %zu: got\n%.*s\nexpected\n%.*s", line, SPAN_PRINTF(got), SPAN_PRINTF(want));
    close_kept(&kept);
}

static void send_case(struct notify_providers *providers, size_t line, const struct span *columns)
{
    struct notify_message message = {
        .id = ID,
        .to = columns[TO],
        .subject = columns[SUBJECT],
        .body = columns[BODY],
        .date_us = DATE_US,
    };
    struct notify_outcome outcome;

    notify_providers_send(providers, SPAN("email"), &message, &outcome);
    if (outcome.kind != NOTIFY_OUTCOME_SENT)
        fail_msg("line %zu: %s", line, outcome.error);
    assert_string_equal(outcome.message_id, "<6f9619ff-8b86-4d01-b42d-00cf4fc964ff@example.com>");
}

/* Lines that a vertical tab or the like makes short for Django, but not for SMTP. */
static bool has_long_line(struct span message)
{
    struct span line;

    while (message.len > 0) {
        (void)span_cut(message, '\n', &line, &message);
        if (line.len > 999)
            return true;
    }
    return false;
}

/*
 * Addresses that the server refuses (a bare "root", an address literal) and other senders are left
 * to the unit tests, and so are lines that it finds too long.
 */
static bool is_for_this_server(const struct span *columns)
{
    return span_is(columns[VERDICT], "sent") && span_is(columns[FROM], "noreply@example.com") &&
           span_ends(columns[RCPT_TO], SPAN("example.com")) && columns[RCPT_TO].ptr[0] != '"' &&
           columns[RCPT_TO].ptr[0] != '=' && !has_long_line(columns[PAYLOAD]);
}

static void test_equal_to_django(void **state)
{
    struct notify_smtp_options options = sending_options_from_environment();
    struct notify_providers *providers = sending_start(&options);
    struct case_file *file = case_file_open("notify/mails.tsv");
    struct span columns[COLUMNS];
    size_t sent = 0;

    (void)state;
    while (case_file_next(file, columns, COLUMNS)) {
        if (!is_for_this_server(columns))
            continue;
        send_case(providers, case_file_line(file), columns);
        check_kept(case_file_line(file), columns);
        sent++;
    }
    assert_true(sent > 350);
    case_file_close(file);
    notify_providers_destroy(providers);
}

static void test_envelope_options(void **state)
{
    struct notify_smtp_options options = sending_options_from_environment();
    struct notify_providers *providers = sending_start(&options);
    struct kept kept;
    const struct json_node *root;
    char size[64];

    (void)state;
    sending_send_well(providers);
    kept = last_kept();
    root = json_root(&kept.doc);
    assert_true(json_string_is(json_get(root, "helo"), "client.example.com"));
    /* As smtplib does: SIZE, and nothing else. */
    (void)snprintf(size, sizeof size, "SIZE=%zu", strbuf_span(&kept.data).len);
    assert_int_equal(json_get(root, "mail_options")->count, 1);
    assert_true(json_string_is(json_at(json_get(root, "mail_options"), 0), size));
    assert_int_equal(json_get(root, "rcpt_options")->count, 0);
    assert_int_equal(json_get(root, "tls")->type == JSON_TRUE, options.starttls);
    if (options.user != NULL && options.user[0] != '\0')
        assert_true(json_string_is(json_get(root, "login"), options.user));
    close_kept(&kept);
    notify_providers_destroy(providers);
}

static void test_recipients_refused(void **state)
{
    struct notify_smtp_options options = sending_options_from_environment();
    struct notify_providers *providers = sending_start(&options);
    struct notify_outcome outcome =
        sending_send(providers, SPAN("reject-550-x@example.com"), SPAN("s"), SPAN("b"));

    (void)state;
    assert_int_equal(outcome.kind, NOTIFY_OUTCOME_NEVER);
    assert_int_equal(outcome.code, 550);
    assert_string_equal(outcome.error, "The mail server refused the recipient: 550 recipient "
                                       "refused by rule");
    outcome = sending_send(providers, SPAN("fail-1-x@example.com"), SPAN("s"), SPAN("b"));
    assert_int_equal(outcome.kind, NOTIFY_OUTCOME_LATER);
    assert_int_equal(outcome.code, 451);
    outcome = sending_send(providers, SPAN("fail-1-x@example.com"), SPAN("s"), SPAN("b"));
    assert_int_equal(outcome.kind, NOTIFY_OUTCOME_SENT);
    notify_providers_destroy(providers);
}

/* The longest body, with lines that begin with a dot, in lines and in one line. */
static void send_long_body(struct notify_providers *providers, bool lines)
{
    char *body = mem_alloc(NOTIFY_BODY_MAX);
    struct notify_outcome outcome;
    struct kept kept;
    struct span got;

    assert_non_null(body);
    memset(body, 'x', NOTIFY_BODY_MAX);
    for (size_t i = 0; lines && i < NOTIFY_BODY_MAX; i += 64) {
        body[i] = '.';
        body[i + 63] = '\n';
    }
    outcome = sending_send(providers, SPAN("user@example.com"), SPAN("s"),
                           (struct span){body, NOTIFY_BODY_MAX});
    if (outcome.kind != NOTIFY_OUTCOME_SENT)
        fail_msg("%s", outcome.error);
    kept = last_kept();
    got = strbuf_span(&kept.data);
    /* Each line gains a carriage return, or a soft break after 75 characters. */
    assert_true(got.len > NOTIFY_BODY_MAX + NOTIFY_BODY_MAX / 80);
    assert_true(span_ends(got, lines
                                   ? SPAN("\n.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                                          "xxxxxxxxxx\r\n")
                                   : SPAN("xxx\r\n")));
    close_kept(&kept);
    mem_free(body);
}

static void test_longest_body(void **state)
{
    struct notify_smtp_options options = sending_options_from_environment();
    struct notify_providers *providers = sending_start(&options);

    (void)state;
    send_long_body(providers, true);
    send_long_body(providers, false);
    notify_providers_destroy(providers);
}

static void test_wrong_password(void **state)
{
    struct notify_smtp_options options = sending_options_from_environment();
    struct notify_providers *providers;
    struct notify_outcome outcome;

    (void)state;
    options.password = "not the password";
    providers = sending_start(&options);
    outcome = sending_send_badly(providers);
    assert_int_equal(outcome.kind, NOTIFY_OUTCOME_LATER);
    assert_int_equal(outcome.code, 535);
    assert_string_equal(outcome.reason, "login refused");
    assert_null(strstr(outcome.error, "not the password"));
    notify_providers_destroy(providers);

    /* Without a login this server takes nothing; that may be mended, so: later. */
    options.password = "";
    providers = sending_start(&options);
    outcome = sending_send_badly(providers);
    assert_int_equal(outcome.kind, NOTIFY_OUTCOME_LATER);
    assert_int_equal(outcome.code, 530);
    notify_providers_destroy(providers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_to_django),
        cmocka_unit_test(test_envelope_options),
        cmocka_unit_test(test_recipients_refused),
        cmocka_unit_test(test_longest_body),
    };
    /* Of a server that wants a login, such as smtp_delivery_tls has. */
    const struct CMUnitTest login_tests[] = {
        cmocka_unit_test(test_wrong_password),
    };
    const char *user = sending_options_from_environment().user;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    if (user && user[0])
        failed += cmocka_run_group_tests(login_tests, NULL, NULL);
    return failed;
}
