#include "notify/providers/google_account.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/json_writer.h"

/* Longest of the file's texts taken: a key of 16,384 bits has 12,700 bytes. */
#define TEXT_MAX ((size_t)16 * 1024)

/* Weakest key that RS256 allows (RFC 7518, 3.3). */
#define KEY_BITS_MIN 2048

/* Longest assertion: two short JSON objects and a signature, all in Base64. */
#define CLAIMS_MAX ((size_t)8 * 1024)

struct notify_google_account {
    char *project;
    char *email;
    char *key_id; /* "" when the file has none */
    char *token_url;
    EVP_PKEY *key;
};

/* ---- reading --------------------------------------------------------------------------------- */

static enum celeriac_err lacks(const char *name, const char *key, struct celeriac_error *err)
{
    return celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: %s is missing or no plain text", name,
                              key);
}

/* A text of the file, without control characters unless it is the key. */
static enum celeriac_err read_text(const struct json_node *root, const char *key, bool is_key,
                                   const char *name, char **out, struct celeriac_error *err)
{
    const struct json_node *value = json_get(root, key);
    struct strbuf text;
    enum celeriac_err code;

    strbuf_init(&text, TEXT_MAX);
    code = value != NULL ? json_decode_string(value, &text) : CELERIAC_ERR_VALUE;
    for (size_t i = 0; i < text.len && code == CELERIAC_OK; i++) {
        if (text.ptr[i] == '\0' || (!is_key && (text.ptr[i] < ' ' || text.ptr[i] > '~')))
            code = CELERIAC_ERR_VALUE;
    }
    if (code == CELERIAC_OK && text.len == 0)
        code = CELERIAC_ERR_VALUE;
    if (code == CELERIAC_OK)
        code = strbuf_take(&text, out, NULL);
    strbuf_close(&text);
    return code == CELERIAC_OK || code == CELERIAC_ERR_MEMORY ? code : lacks(name, key, err);
}

/* No password: whoever is asked for one would wait at a terminal. */
static int no_password(char *buffer, int size, int writing, void *user)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)user;
    return 0;
}

static enum celeriac_err read_key(struct notify_google_account *a, const char *pem,
                                  const char *name, struct celeriac_error *err)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);

    if (bio == NULL)
        return CELERIAC_ERR_MEMORY;
    a->key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (a->key == NULL || EVP_PKEY_get_base_id(a->key) != EVP_PKEY_RSA ||
        EVP_PKEY_get_bits(a->key) < KEY_BITS_MIN)
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "%s: private_key is no RSA key of %d bits or more in PEM", name,
                                  KEY_BITS_MIN);
    return CELERIAC_OK;
}

/* The project is a part of an address. */
static enum celeriac_err check_project(const char *project, const char *name,
                                       struct celeriac_error *err)
{
    size_t len =
        strspn(project, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-:.");

    return project[len] == '\0' ? CELERIAC_OK : lacks(name, "project_id", err);
}

static enum celeriac_err read_object(struct notify_google_account *a, const struct json_node *root,
                                     const char *name, struct celeriac_error *err)
{
    char *pem = NULL;
    enum celeriac_err code;

    if (!json_string_is(json_get(root, "type"), "service_account"))
        return celeriac_error_set(err, CELERIAC_ERR_VALUE,
                                  "%s: the file's type is not service_account", name);
    code = read_text(root, "project_id", false, name, &a->project, err);
    if (code == CELERIAC_OK)
        code = check_project(a->project, name, err);
    if (code == CELERIAC_OK)
        code = read_text(root, "client_email", false, name, &a->email, err);
    if (code == CELERIAC_OK)
        code = read_text(root, "token_uri", false, name, &a->token_url, err);
    if (code == CELERIAC_OK && json_get(root, "private_key_id") != NULL)
        code = read_text(root, "private_key_id", false, name, &a->key_id, err);
    if (code == CELERIAC_OK)
        code = read_text(root, "private_key", true, name, &pem, err);
    if (code == CELERIAC_OK)
        code = read_key(a, pem, name, err);
    if (pem != NULL)
        OPENSSL_cleanse(pem, strlen(pem));
    mem_free(pem);
    return code;
}

enum celeriac_err notify_google_account_parse(struct span text, const char *name,
                                              struct notify_google_account **account,
                                              struct celeriac_error *err)
{
    struct notify_google_account *a = mem_calloc(1, sizeof *a);
    struct json_doc doc;
    enum celeriac_err code = a != NULL ? CELERIAC_OK : CELERIAC_ERR_MEMORY;

    json_init(&doc);
    if (code == CELERIAC_OK)
        code = json_parse(&doc, text, &(struct json_options){.keep_depth = 2}, NULL);
    if (code != CELERIAC_OK && code != CELERIAC_ERR_MEMORY)
        code = celeriac_error_set(err, CELERIAC_ERR_VALUE, "%s: the file is no JSON", name);
    if (code == CELERIAC_OK)
        code = read_object(a, json_root(&doc), name, err);
    json_close(&doc);
    if (code != CELERIAC_OK) {
        notify_google_account_destroy(a);
        return celeriac_error_set(err, code, "%s: %s", name, celeriac_err_name(code));
    }
    *account = a;
    return CELERIAC_OK;
}

/* Appends all that a file holds, up to the buffer's maximum. */
static enum celeriac_err read_file(int file, struct strbuf *out)
{
    for (;;) {
        char chunk[4096];
        ssize_t got = read(file, chunk, sizeof chunk);

        if (got < 0 && errno != EINTR)
            return CELERIAC_ERR_SYSTEM;
        if (got > 0)
            strbuf_add(out, chunk, (size_t)got);
        OPENSSL_cleanse(chunk, sizeof chunk);
        if (got == 0 || strbuf_status(out) != CELERIAC_OK)
            return strbuf_status(out);
    }
}

enum celeriac_err notify_google_account_load(const char *path, const char *name,
                                             struct notify_google_account **account,
                                             struct celeriac_error *err)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct strbuf text;
    enum celeriac_err code;
    char why[128];

    if (file < 0)
        return celeriac_error_set(err, CELERIAC_ERR_SYSTEM, "%s: cannot open %s: %s", name, path,
                                  strerror_r(errno, why, sizeof why));
    strbuf_init(&text, NOTIFY_GOOGLE_FILE_MAX);
    /* All at once: growing would leave copies of the key behind. */
    (void)strbuf_reserve(&text, NOTIFY_GOOGLE_FILE_MAX);
    code = read_file(file, &text);
    (void)close(file);
    if (code == CELERIAC_OK)
        code = notify_google_account_parse(strbuf_span(&text), name, account, err);
    else
        code = celeriac_error_set(err, code, "%s: cannot read %s: %s", name, path,
                                  celeriac_err_name(code));
    if (text.ptr != NULL)
        OPENSSL_cleanse(text.ptr, text.len);
    strbuf_close(&text);
    return code;
}

void notify_google_account_destroy(struct notify_google_account *account)
{
    if (account == NULL)
        return;
    EVP_PKEY_free(account->key);
    mem_free(account->project);
    mem_free(account->email);
    mem_free(account->key_id);
    mem_free(account->token_url);
    mem_free(account);
}

const char *notify_google_account_project(const struct notify_google_account *account)
{
    return account->project;
}

const char *notify_google_account_token_url(const struct notify_google_account *account)
{
    return account->token_url;
}

/* ---- signing --------------------------------------------------------------------------------- */

static void write_header(const struct notify_google_account *a, struct strbuf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, JSON_STYLE_DRF);
    json_begin_object(&w);
    json_key(&w, "alg");
    json_text(&w, "RS256");
    json_key(&w, "typ");
    json_text(&w, "JWT");
    if (a->key_id != NULL) {
        json_key(&w, "kid");
        json_text(&w, a->key_id);
    }
    json_end_object(&w);
}

static void write_claims(const struct notify_google_account *a, const char *scope,
                         const char *audience, int64_t now_s, struct strbuf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, JSON_STYLE_DRF);
    json_begin_object(&w);
    json_key(&w, "iss");
    json_text(&w, a->email);
    json_key(&w, "scope");
    json_text(&w, scope);
    json_key(&w, "aud");
    json_text(&w, audience);
    json_key(&w, "iat");
    json_integer(&w, now_s);
    json_key(&w, "exp");
    json_integer(&w, now_s + NOTIFY_GOOGLE_ASSERTION_S);
    json_end_object(&w);
}

/* Appends the signature of the bytes. */
static enum celeriac_err sign(EVP_PKEY *key, struct span bytes, struct strbuf *out)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t len = (size_t)EVP_PKEY_get_size(key);
    unsigned char *signature = mem_alloc(len);
    enum celeriac_err code = CELERIAC_OK;

    if (context == NULL || signature == NULL)
        code = CELERIAC_ERR_MEMORY;
    else if (EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
             EVP_DigestSign(context, signature, &len, (const unsigned char *)bytes.ptr,
                            bytes.len) != 1)
        code = CELERIAC_ERR_SYSTEM;
    else
        base64_encode_url(out, (struct span){(const char *)signature, len});
    ERR_clear_error();
    mem_free(signature);
    EVP_MD_CTX_free(context);
    return code;
}

enum celeriac_err notify_google_account_assert(const struct notify_google_account *account,
                                               const char *scope, const char *audience,
                                               int64_t now_s, struct strbuf *out)
{
    struct strbuf json, signed_part;
    enum celeriac_err code;

    strbuf_init(&json, CLAIMS_MAX);
    strbuf_init(&signed_part, 2 * CLAIMS_MAX);
    write_header(account, &json);
    base64_encode_url(&signed_part, strbuf_span(&json));
    code = strbuf_status(&json);
    strbuf_clear(&json);
    write_claims(account, scope, audience, now_s, &json);
    strbuf_add_char(&signed_part, '.');
    base64_encode_url(&signed_part, strbuf_span(&json));
    if (code == CELERIAC_OK)
        code = strbuf_status(&json);
    if (code == CELERIAC_OK)
        code = strbuf_status(&signed_part);
    strbuf_add_span(out, strbuf_span(&signed_part));
    strbuf_add_char(out, '.');
    if (code == CELERIAC_OK)
        code = sign(account->key, strbuf_span(&signed_part), out);
    strbuf_close(&signed_part);
    strbuf_close(&json);
    return code == CELERIAC_OK ? strbuf_status(out) : code;
}
