/* STARTTLS: who is trusted and who is not. */
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "certificates.h"
#include "scripted_server.h"
#include "sending.h"
#include "tests/support/scratch.h"

/* The authority that clients trust, written to a file for them. */
struct fixture {
    struct authority *trusted;
    char ca_file[SCRATCH_PATH_SIZE];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->trusted = authority_create("Trusted test authority");
    scratch_path(f->ca_file, "ca.pem");
    authority_write(f->trusted, f->ca_file);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    authority_destroy(f->trusted);
    free(f);
    return 0;
}

/* Sends one mail over STARTTLS to a server with that context. *counts gets what it has seen. */
static struct notify_outcome send_over(SSL_CTX *context, const struct script *script,
                                       const char *ca_file, struct scripted_counts *counts)
{
    struct scripted_server *server = scripted_server_start(script, script != NULL, context);
    struct notify_smtp_options options = sending_options(scripted_server_port(server));
    struct notify_providers *providers;
    struct notify_outcome outcome;

    options.starttls = true;
    options.ca_file = ca_file;
    options.user = "user";
    options.password = "password";
    providers = sending_start(&options);
    outcome = sending_send(providers, SPAN("user@example.com"), SPAN("Hello"), SPAN("Hi\n"));
    if (outcome.kind == NOTIFY_OUTCOME_SENT)
        outcome = sending_send(providers, SPAN("user@example.com"), SPAN("Hello"), SPAN("Hi\n"));
    *counts = scripted_server_counts(server);
    notify_providers_destroy(providers);
    scripted_server_stop(server);
    return outcome;
}

/* Trusted: two mails over one connection with one handshake and one login. */
static void test_trusted(void **state)
{
    struct fixture *f = *state;
    SSL_CTX *context = authority_server(f->trusted, "IP:127.0.0.1,DNS:localhost", false);
    struct scripted_counts counts;
    struct notify_outcome outcome = send_over(context, NULL, f->ca_file, &counts);

    if (outcome.kind != NOTIFY_OUTCOME_SENT)
        fail_msg("%s", outcome.error);
    assert_int_equal(counts.mails, 2);
    assert_int_equal(counts.connections, 1);
    assert_int_equal(counts.tls, 1);
    assert_int_equal(counts.logins, 1);
    SSL_CTX_free(context);
}

/* Not trusted: no mail, and above all no password, gets out. */
static void refuse(SSL_CTX *context, const struct script *script, const char *ca_file,
                   const char *reason, const char *words)
{
    struct scripted_counts counts;
    struct notify_outcome outcome = send_over(context, script, ca_file, &counts);

    assert_int_equal(outcome.kind, NOTIFY_OUTCOME_LATER);
    assert_string_equal(outcome.reason, reason);
    if (strstr(outcome.error, words) == NULL)
        fail_msg("expected \"%s\" in: %s", words, outcome.error);
    assert_int_equal(counts.mails, 0);
    assert_int_equal(counts.logins, 0);
    SSL_CTX_free(context);
}

static void test_other_authority(void **state)
{
    struct fixture *f = *state;
    struct authority *other = authority_create("Other test authority");

    refuse(authority_server(other, "IP:127.0.0.1", false), NULL, f->ca_file, "certificate refused",
           "unable to get local issuer certificate");
    authority_destroy(other);
}

/* Without a file of ours the system's authorities count, and they don't know ours. */
static void test_system_authorities(void **state)
{
    struct fixture *f = *state;

    refuse(authority_server(f->trusted, "IP:127.0.0.1", false), NULL, NULL, "certificate refused",
           "certificate");
}

/* The folder of the system's authorities has a file for each, named by the hash of its subject. */
static void put_into_folder(const struct fixture *f, char folder[SCRATCH_PATH_SIZE])
{
    char name[32];
    char path[2 * SCRATCH_PATH_SIZE];
    FILE *file = fopen(f->ca_file, "r");
    X509 *certificate;

    assert_non_null(file);
    certificate = PEM_read_X509(file, NULL, NULL, NULL);
    assert_non_null(certificate);
    (void)fclose(file);
    (void)snprintf(name, sizeof name, "%08lx.0", X509_subject_name_hash(certificate));
    X509_free(certificate);
    scratch_make_folder(folder);
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    authority_write(f->trusted, path);
}

static void test_folder_of_authorities(void **state)
{
    struct fixture *f = *state;
    SSL_CTX *context = authority_server(f->trusted, "IP:127.0.0.1", false);
    struct authority *other = authority_create("Other test authority");
    char folder[SCRATCH_PATH_SIZE];
    struct scripted_counts counts;
    struct notify_outcome outcome;

    put_into_folder(f, folder);
    assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
    assert_int_equal(setenv("SSL_CERT_DIR", folder, 1), 0);
    outcome = send_over(context, NULL, NULL, &counts);
    if (outcome.kind != NOTIFY_OUTCOME_SENT)
        fail_msg("%s", outcome.error);
    assert_int_equal(counts.mails, 2);
    SSL_CTX_free(context);
    refuse(authority_server(other, "IP:127.0.0.1", false), NULL, NULL, "certificate refused",
           "unable to get local issuer certificate");
    authority_destroy(other);
    assert_int_equal(unsetenv("SSL_CERT_DIR"), 0);
}

static void test_expired(void **state)
{
    struct fixture *f = *state;

    refuse(authority_server(f->trusted, "IP:127.0.0.1", true), NULL, f->ca_file,
           "certificate refused", "certificate has expired");
}

static void test_other_host(void **state)
{
    struct fixture *f = *state;

    refuse(authority_server(f->trusted, "DNS:mail.example.com,IP:127.0.0.2", false), NULL,
           f->ca_file, "certificate refused", "127.0.0.1");
}

static void test_not_offered(void **state)
{
    static const struct script script = {.no_starttls = true};
    struct fixture *f = *state;

    refuse(authority_server(f->trusted, "IP:127.0.0.1", false), &script, f->ca_file, "no STARTTLS",
           "STARTTLS");
}

/* A server of the time before TLS 1.2. */
static void test_old_protocol(void **state)
{
    struct fixture *f = *state;
    SSL_CTX *context = authority_server(f->trusted, "IP:127.0.0.1", false);

    SSL_CTX_set_security_level(context, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(context, TLS1_VERSION), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION), 1);
    refuse(context, NULL, f->ca_file, "TLS failed", "TLS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trusted),
        cmocka_unit_test(test_other_authority),
        cmocka_unit_test(test_system_authorities),
        cmocka_unit_test(test_folder_of_authorities),
        cmocka_unit_test(test_expired),
        cmocka_unit_test(test_other_host),
        cmocka_unit_test(test_not_offered),
        cmocka_unit_test(test_old_protocol),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
