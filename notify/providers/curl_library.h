/*
 * What all users of libcurl share: its start, the certificates to trust, and how options are set.
 * Any thread.
 */
#ifndef NOTIFY_PROVIDERS_CURL_LIBRARY_H
#define NOTIFY_PROVIDERS_CURL_LIBRARY_H

#include <curl/curl.h>
#include <openssl/types.h>

#include "celeriac/error.h"

/* Sets one option of a handle and passes on the first failure in status, a CURLcode. */
#define CURL_SET(status, curl, option, value)                 \
    do {                                                      \
        if ((status) == CURLE_OK)                             \
            (status) = curl_easy_setopt(curl, option, value); \
    } while (0)

/* Starts libcurl, once for the process. CELERIAC_ERR_SYSTEM. */
enum celeriac_err notify_curl_start(struct celeriac_error *err) CELERIAC_MUST_CHECK;

/*
 * Loads the certificates to trust, once for all connections: libcurl would parse the whole bundle
 * for each, at 20 ms and a megabyte. ca_file: PEM; NULL or "" means the system's. `setting` is
 * where ca_file comes from, for errors: CELERIAC_ERR_SYSTEM when there are none,
 * CELERIAC_ERR_UNSUPPORTED when libcurl has another TLS library than OpenSSL, CELERIAC_ERR_MEMORY.
 * The caller frees *trusted with X509_STORE_free().
 */
enum celeriac_err notify_curl_trust(const char *ca_file, const char *setting, X509_STORE **trusted,
                                    struct celeriac_error *err) CELERIAC_MUST_CHECK;

/* Has a handle verify servers against these certificates, which outlive it, with TLS 1.2 or newer.
 */
CURLcode notify_curl_set_trust(CURL *curl, X509_STORE *trusted);

#endif
