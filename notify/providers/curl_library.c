#include "notify/providers/curl_library.h"

#include <dirent.h>
#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode started;

static void start(void)
{
    started = curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum celeriac_err notify_curl_start(struct celeriac_error *err)
{
    if (pthread_once(&once, start) != 0 || started != CURLE_OK)
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "libcurl cannot be started");
    return CELERIAC_OK;
}

/* A variable of OpenSSL's own, as OpenSSL reads it; NULL: it is not set. */
static const char *openssl_variable(const char *name)
{
    const char *value = NCONF_get_string(NULL, "ENV", name);

    ERR_clear_error();
    return value;
}

/* Whether a file is named as OpenSSL names what it finds by the hash of a subject: 8 digits, ".0".
 */
static bool is_hashed(const struct dirent *entry)
{
    return strspn(entry->d_name, "0123456789abcdef") == 8 && strcmp(entry->d_name + 8, ".0") == 0;
}

/* Whether the system's folder has certificates that can be found one by one. */
static bool has_hashed_folder(void)
{
    const char *folder = openssl_variable(X509_get_default_cert_dir_env());
    struct dirent *entry;
    bool found = false;
    DIR *dir = opendir(folder ? folder : X509_get_default_cert_dir());

    if (!dir)
        return false;
    while (!found && (entry = readdir(dir)))
        found = is_hashed(entry);
    (void)closedir(dir);
    return found;
}

/*
 * The system's certificates. Those of a folder are read when one is wanted; all of the bundle,
 * which holds the same ones, would take a megabyte and a half of each process that sends.
 */
static bool load_system(X509_STORE *store)
{
    X509_LOOKUP *lookup;

    if (openssl_variable(X509_get_default_cert_file_env()) || !has_hashed_folder())
        return X509_STORE_set_default_paths(store) == 1;
    lookup = X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir());
    return lookup && X509_LOOKUP_add_dir(lookup, NULL, X509_FILETYPE_DEFAULT) == 1;
}

enum celeriac_err notify_curl_trust(const char *ca_file, const char *setting, X509_STORE **trusted,
                                    struct celeriac_error *err)
{
    const char *backend = curl_version_info(CURLVERSION_NOW)->ssl_version;
    bool has_file = ca_file != NULL && ca_file[0] != '\0';
    X509_STORE *store;
    bool loaded;

    if (backend == NULL || strncmp(backend, "OpenSSL", strlen("OpenSSL")) != 0)
        return celeriac_error_set(err, CELERIAC_ERR_UNSUPPORTED,
                                  "TLS: libcurl is built with %s, OpenSSL is needed",
                                  backend != NULL ? backend : "none");
    store = X509_STORE_new();
    if (store == NULL)
        return CELERIAC_ERR_MEMORY;
    loaded = has_file ? X509_STORE_load_file(store, ca_file) == 1 : load_system(store);
    ERR_clear_error();
    if (!loaded) {
        X509_STORE_free(store);
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "%s: no certificates in %s", setting,
                                  has_file ? ca_file : "the system's default places");
    }
    *trusted = store;
    return CELERIAC_OK;
}

/* CURLOPT_SSL_CTX_FUNCTION: every connection trusts the same, already loaded certificates. */
static CURLcode on_tls(CURL *curl, void *ssl_context, void *trusted)
{
    (void)curl;
    SSL_CTX_set1_cert_store(ssl_context, trusted);
    return CURLE_OK;
}

CURLcode notify_curl_set_trust(CURL *curl, X509_STORE *trusted)
{
    CURLcode status = CURLE_OK;

    CURL_SET(status, curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    CURL_SET(status, curl, CURLOPT_CAINFO, NULL);
    CURL_SET(status, curl, CURLOPT_CAPATH, NULL);
    CURL_SET(status, curl, CURLOPT_SSL_CTX_DATA, trusted);
    CURL_SET(status, curl, CURLOPT_SSL_CTX_FUNCTION, on_tls);
    return status;
}
