/* Which certificates are trusted, and when they are read. */

#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "notify/providers/trust.h"

#define SETTING "CELERIAC_EMAIL_CA_FILE"

/* Of nobody: it was signed by itself, and its key was thrown away. */
static const char certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBhjCCAS2gAwIBAgIULAThAqWJ3cflh199Wf3OULhEsiYwCgYIKoZIzj0EAwIw\n"
    "GDEWMBQGA1UEAwwNQ2VsZXJpYWMgdGVzdDAgFw0yNjExMjMxNzMyMjVaGA8yMTI2\n"
    "MTAzMDE3MzIyNVowGDEWMBQGA1UEAwwNQ2VsZXJpYWMgdGVzdDBZMBMGByqGSM49\n"
    "AgEGCCqGSM49AwEHA0IABCk0BPZPx3eTbMrTvw1cVDy7dNOTsayAE/T+SL8lhsh1\n"
    "CqwFngMgiz0Z1Op2bd7X4SvX0UkkFIl2pIb0r0nlb46jUzBRMB0GA1UdDgQWBBQN\n"
    "dKYzWLXo5VoJeoSWZqwaDP9PuDAfBgNVHSMEGDAWgBQNdKYzWLXo5VoJeoSWZqwa\n"
    "DP9PuDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIHryzglG70E0\n"
    "RE2UZJlPZe+YtKB6eCC8cD368sr5oce9AiBtu3qsq29DNOu4FDbAlUMGsUBTAL9m\n"
    "PT44cQdlgpUc6w==\n"
    "-----END CERTIFICATE-----\n";

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* A path in the working directory, which nothing lies at. */
static void new_path(char path[64])
{
    (void)snprintf(path, 64, "trust_test.%ld.pem", (long)getpid());
    (void)unlink(path);
}

static int count(struct notify_trust *trust)
{
    X509_STORE *store = notify_trust_store(trust);

    assert_non_null(store);
    return sk_X509_OBJECT_num(X509_STORE_get0_objects(store));
}

static void test_a_file_is_read_at_once(void **state)
{
    struct notify_trust *trust = NULL;
    struct celeriac_error err = {0};
    char path[64];

    (void)state;
    new_path(path);
    write_file(path, certificate);
    assert_int_equal(notify_trust_create(path, SETTING, &trust, &err), CELERIAC_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(count(trust), 1);
    notify_trust_destroy(trust);
}

static void test_a_file_without_certificates_is_told(void **state)
{
    static const char *const contents[] = {NULL, "", "no certificate"};
    char path[64];

    (void)state;
    new_path(path);
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        struct notify_trust *trust = NULL;
        struct celeriac_error err = {0};

        if (contents[i])
            write_file(path, contents[i]);
        assert_int_equal(notify_trust_create(path, SETTING, &trust, &err), CELERIAC_ERR_SYSTEM);
        assert_non_null(strstr(err.text, SETTING ": no certificates in trust_test."));
        assert_null(trust);
    }
    assert_int_equal(unlink(path), 0);
}

/* The file is made only when the trust is there already. */
static void test_the_systems_are_read_when_wanted(void **state)
{
    struct notify_trust *trust = NULL;
    char path[64];

    (void)state;
    new_path(path);
    assert_int_equal(setenv("SSL_CERT_FILE", path, 1), 0);
    assert_int_equal(setenv("SSL_CERT_DIR", "/nowhere", 1), 0);
    assert_int_equal(notify_trust_create("", SETTING, &trust, NULL), CELERIAC_OK);
    write_file(path, certificate);
    assert_int_equal(count(trust), 1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(count(trust), 1);
    notify_trust_destroy(trust);
}

static void *store_of(void *trust)
{
    return notify_trust_store(trust);
}

static void test_all_threads_get_the_same(void **state)
{
    struct notify_trust *trust = NULL;
    pthread_t threads[8];
    void *stores[8];

    (void)state;
    assert_int_equal(notify_trust_create(NULL, SETTING, &trust, NULL), CELERIAC_OK);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, store_of, trust), 0);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_join(threads[i], &stores[i]), 0);
    for (size_t i = 0; i < 8; i++)
        assert_ptr_equal(stores[i], notify_trust_store(trust));
    notify_trust_destroy(trust);
}

static void test_without_memory(void **state)
{
    struct notify_trust *trust = NULL;

    (void)state;
    mem_fail_once(1);
    assert_int_equal(notify_trust_create(NULL, SETTING, &trust, NULL), CELERIAC_ERR_MEMORY);
    assert_true(mem_has_failed());
    mem_fail_at(0);
    notify_trust_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_is_read_at_once),
        cmocka_unit_test(test_a_file_without_certificates_is_told),
        cmocka_unit_test(test_the_systems_are_read_when_wanted),
        cmocka_unit_test(test_all_threads_get_the_same),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
