/*
 * Certificates for the TLS tests: an authority and what it signs, made in memory in some
 * milliseconds.
 */
#ifndef TESTS_SMTP_CERTIFICATES_H
#define TESTS_SMTP_CERTIFICATES_H

#include <openssl/types.h>
#include <stdbool.h>

struct authority;

/* Makes a self-signed authority of that name; fails the test when OpenSSL does. */
struct authority *authority_create(const char *name);
void authority_destroy(struct authority *authority);

/* Writes the authority's certificate as PEM to a file. */
void authority_write(const struct authority *authority, const char *path);

/*
 * A server's TLS context with a fresh certificate of the authority. names is what OpenSSL takes
 * as subjectAltName, e.g. "IP:127.0.0.1"; expired: it was valid until yesterday. The caller frees
 * it with SSL_CTX_free().
 */
SSL_CTX *authority_server(const struct authority *authority, const char *names, bool expired);

#endif
