#include "certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define DAY 86400L

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
};

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* A certificate without extensions or signature. */
static X509 *blank(EVP_PKEY *key, const char *name, long serial, bool expired)
{
    X509 *certificate = X509_new();
    X509_NAME *subject;

    assert_non_null(certificate);
    assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), -2 * DAY));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), expired ? -DAY : DAY));
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    subject = X509_get_subject_name(certificate);
    assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                                (const unsigned char *)name, -1, -1, 0),
                     1);
    return certificate;
}

struct authority *authority_create(const char *name)
{
    struct authority *a = calloc(1, sizeof *a);

    assert_non_null(a);
    a->key = EVP_EC_gen("P-256");
    assert_non_null(a->key);
    a->certificate = blank(a->key, name, 1, false);
    assert_int_equal(X509_set_issuer_name(a->certificate, X509_get_subject_name(a->certificate)),
                     1);
    add_extension(a->certificate, a->certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(a->certificate, a->certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
    assert_true(X509_sign(a->certificate, a->key, EVP_sha256()) > 0);
    return a;
}

void authority_destroy(struct authority *authority)
{
    X509_free(authority->certificate);
    EVP_PKEY_free(authority->key);
    free(authority);
}

void authority_write(const struct authority *authority, const char *path)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, authority->certificate), 1);
    assert_int_equal(fclose(file), 0);
}

SSL_CTX *authority_server(const struct authority *authority, const char *names, bool expired)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate;

    assert_non_null(context);
    assert_non_null(key);
    certificate = blank(key, "server", 2, expired);
    assert_int_equal(
        X509_set_issuer_name(certificate, X509_get_subject_name(authority->certificate)), 1);
    add_extension(certificate, authority->certificate, NID_basic_constraints, "CA:FALSE");
    add_extension(certificate, authority->certificate, NID_subject_alt_name, names);
    assert_true(X509_sign(certificate, authority->key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return context;
}
