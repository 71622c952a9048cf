#include "notify/providers/trust.h"

#include <dirent.h>
#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "notify/providers/curl_library.h"

struct notify_trust {
    pthread_mutex_t lock;
    X509_STORE *store; /* NULL: the system's, not loaded yet */
};

/* ---- the system's -------------------------------------------------------------------------- */

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
 * Those of a folder are read when one is wanted; all of the bundle, which holds the same ones,
 * would take a megabyte and a half of each process that sends.
 */
static bool load_system(X509_STORE *store)
{
    X509_LOOKUP *lookup;

    if (openssl_variable(X509_get_default_cert_file_env()) || !has_hashed_folder())
        return X509_STORE_set_default_paths(store) == 1;
    lookup = X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir());
    return lookup && X509_LOOKUP_add_dir(lookup, NULL, X509_FILETYPE_DEFAULT) == 1;
}

/* A new store of them; NULL without memory. */
static X509_STORE *system_store(void)
{
    X509_STORE *store = X509_STORE_new();

    if (store && !load_system(store)) {
        X509_STORE_free(store);
        store = NULL;
    }
    ERR_clear_error();
    return store;
}

X509_STORE *notify_trust_store(struct notify_trust *trust)
{
    X509_STORE *store;

    pthread_mutex_lock(&trust->lock);
    if (!trust->store)
        trust->store = system_store();
    store = trust->store;
    pthread_mutex_unlock(&trust->lock);
    return store;
}

/* ---- a file -------------------------------------------------------------------------------- */

static enum celeriac_err load_file(struct notify_trust *trust, const char *ca_file,
                                   const char *setting, struct celeriac_error *err)
{
    bool loaded;

    trust->store = X509_STORE_new();
    if (!trust->store)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    loaded = X509_STORE_load_file(trust->store, ca_file) == 1;
    ERR_clear_error();
    if (!loaded)
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "%s: no certificates in %s", setting,
                                  ca_file);
    return CELERIAC_OK;
}

/* ---- life ---------------------------------------------------------------------------------- */

enum celeriac_err notify_trust_create(const char *ca_file, const char *setting,
                                      struct notify_trust **trust, struct celeriac_error *err)
{
    const char *backend = curl_version_info(CURLVERSION_NOW)->ssl_version;
    struct notify_trust *t;
    enum celeriac_err code = CELERIAC_OK;

    if (!backend || strncmp(backend, "OpenSSL", strlen("OpenSSL")) != 0)
        return celeriac_error_set(err, CELERIAC_ERR_UNSUPPORTED,
                                  "TLS: libcurl is built with %s, OpenSSL is needed",
                                  backend ? backend : "none");
    t = mem_calloc(1, sizeof *t);
    if (!t)
        return celeriac_error_set(err, CELERIAC_ERR_MEMORY, "out of memory");
    pthread_mutex_init(&t->lock, NULL);
    if (ca_file && *ca_file)
        code = load_file(t, ca_file, setting, err);
    if (code) {
        notify_trust_destroy(t);
        return code;
    }
    *trust = t;
    return CELERIAC_OK;
}

void notify_trust_destroy(struct notify_trust *trust)
{
    if (!trust)
        return;
    X509_STORE_free(trust->store);
    pthread_mutex_destroy(&trust->lock);
    mem_free(trust);
}

/* ---- handles ------------------------------------------------------------------------------- */

/* CURLOPT_SSL_CTX_FUNCTION: called for each new connection, before its handshake. */
static CURLcode on_tls(CURL *curl, void *ssl_context, void *trust)
{
    X509_STORE *store = notify_trust_store(trust);

    (void)curl;
    if (!store)
        return CURLE_OUT_OF_MEMORY;
    SSL_CTX_set1_cert_store(ssl_context, store);
    return CURLE_OK;
}

CURLcode notify_trust_apply(struct notify_trust *trust, CURL *curl)
{
    CURLcode status = CURLE_OK;

    CURL_SET(status, curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    CURL_SET(status, curl, CURLOPT_CAINFO, NULL);
    CURL_SET(status, curl, CURLOPT_CAPATH, NULL);
    CURL_SET(status, curl, CURLOPT_SSL_CTX_DATA, trust);
    CURL_SET(status, curl, CURLOPT_SSL_CTX_FUNCTION, on_tls);
    return status;
}
