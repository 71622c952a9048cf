#include "notify/providers/google_account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/json_writer.h"
#include "tests/support/scratch.h"

#define NAME "FCM_CREDENTIALS"

/* Made once: keys take their time. */
static EVP_PKEY *key;
static struct strbuf pem, short_pem, ec_pem;

static void write_pem(EVP_PKEY *from, struct strbuf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len;

    assert_non_null(from);
    assert_int_equal(PEM_write_bio_PrivateKey(bio, from, NULL, NULL, 0, NULL, NULL), 1);
    len = BIO_get_mem_data(bio, &text);
    strbuf_init(out, 20000);
    strbuf_add(out, text, (size_t)len);
    BIO_free(bio);
}

static int make_keys(void **state)
{
    EVP_PKEY *short_key = EVP_RSA_gen(1024U);
    EVP_PKEY *ec = EVP_EC_gen("P-256");

    (void)state;
    key = EVP_RSA_gen(2048U);
    write_pem(key, &pem);
    write_pem(short_key, &short_pem);
    write_pem(ec, &ec_pem);
    EVP_PKEY_free(short_key);
    EVP_PKEY_free(ec);
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    EVP_PKEY_free(key);
    strbuf_close(&pem);
    strbuf_close(&short_pem);
    strbuf_close(&ec_pem);
    return 0;
}

/* The members of a file; NULL leaves one out. */
struct members {
    const char *type, *project, *email, *key, *key_id, *token_url;
};

static struct members whole(void)
{
    return (struct members){"service_account", "my-project", "push@p.example",
                            strbuf_text(&pem), "k1",         "https://oauth2.example/token"};
}

static void write_file(const struct members *m, struct strbuf *out)
{
    const struct {
        const char *key, *value;
    } rows[] = {
        {"type", m->type},
        {"project_id", m->project},
        {"client_email", m->email},
        {"private_key", m->key},
        {"private_key_id", m->key_id},
        {"token_uri", m->token_url},
        {"universe_domain", "g.com"},
    };
    struct json_writer w;

    strbuf_init(out, 100000);
    json_writer_init(&w, out, JSON_STYLE_PYTHON);
    json_begin_object(&w);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].value == NULL)
            continue;
        json_key(&w, rows[i].key);
        json_text(&w, rows[i].value);
    }
    json_end_object(&w);
    assert_int_equal(strbuf_status(out), CELERIAC_OK);
}

static struct notify_google_account *parse(const struct members *m)
{
    struct notify_google_account *account = NULL;
    struct celeriac_error err = {0};
    struct strbuf file;

    write_file(m, &file);
    if (notify_google_account_parse(strbuf_span(&file), NAME, &account, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    strbuf_close(&file);
    return account;
}

/* Base64 of URLs, which has no padding, as bytes. */
static void decode(struct span text, struct strbuf *out)
{
    struct strbuf plain;

    strbuf_init(&plain, 10000);
    for (size_t i = 0; i < text.len; i++)
        strbuf_add_char(&plain, text.ptr[i] == '-' ? '+' : text.ptr[i] == '_' ? '/' : text.ptr[i]);
    while (plain.len % 4 != 0)
        strbuf_add_char(&plain, '=');
    strbuf_init(out, 10000);
    assert_int_equal(base64_decode(out, strbuf_span(&plain)), CELERIAC_OK);
    strbuf_close(&plain);
}

static void assert_part(struct span part, const char *want)
{
    struct strbuf text;

    decode(part, &text);
    assert_string_equal(strbuf_text(&text), want);
    strbuf_close(&text);
}

static void test_assertion(void **state)
{
    struct members m = whole();
    struct notify_google_account *account = parse(&m);
    struct span header, claims, signature, rest;
    struct strbuf assertion, bytes;
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    (void)state;
    assert_string_equal(notify_google_account_project(account), "my-project");
    assert_string_equal(notify_google_account_token_url(account), "https://oauth2.example/token");
    strbuf_init(&assertion, 10000);
    assert_int_equal(
        notify_google_account_assert(account, "scope one", "https://audience", 1000, &assertion),
        CELERIAC_OK);
    assert_true(span_cut(strbuf_span(&assertion), '.', &header, &rest));
    assert_true(span_cut(rest, '.', &claims, &signature));
    assert_part(header, "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"k1\"}");
    assert_part(claims, "{\"iss\":\"push@p.example\",\"scope\":\"scope one\","
                        "\"aud\":\"https://audience\",\"iat\":1000,\"exp\":4600}");
    decode(signature, &bytes);
    assert_int_equal(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestVerify(context, (const unsigned char *)bytes.ptr, bytes.len,
                                      (const unsigned char *)assertion.ptr,
                                      header.len + 1 + claims.len),
                     1);
    EVP_MD_CTX_free(context);
    strbuf_close(&bytes);
    strbuf_close(&assertion);
    notify_google_account_destroy(account);
}

static void test_without_key_id(void **state)
{
    struct members m = whole();
    struct notify_google_account *account;
    struct span header, rest;
    struct strbuf assertion;

    (void)state;
    m.key_id = NULL;
    account = parse(&m);
    strbuf_init(&assertion, 10000);
    assert_int_equal(notify_google_account_assert(account, "s", "a", 0, &assertion), CELERIAC_OK);
    assert_true(span_cut(strbuf_span(&assertion), '.', &header, &rest));
    assert_part(header, "{\"alg\":\"RS256\",\"typ\":\"JWT\"}");
    strbuf_close(&assertion);
    notify_google_account_destroy(account);
}

static void refuse(struct span file, const char *words)
{
    struct notify_google_account *account = NULL;
    struct celeriac_error err = {0};

    assert_int_equal(notify_google_account_parse(file, NAME, &account, &err), CELERIAC_ERR_VALUE);
    assert_null(account);
    assert_ptr_equal(strstr(err.text, NAME ": "), err.text);
    if (strstr(err.text, words) == NULL)
        fail_msg("expected \"%s\" in: %s", words, err.text);
    assert_null(strstr(err.text, "PRIVATE"));
}

static void refuse_members(struct members m, const char *words)
{
    struct strbuf file;

    write_file(&m, &file);
    refuse(strbuf_span(&file), words);
    strbuf_close(&file);
}

static void test_wrong_files(void **state)
{
    struct members m;

    (void)state;
    refuse(SPAN(""), "no JSON");
    refuse(SPAN("{"), "no JSON");
    refuse(SPAN("[]"), "type");
    refuse(SPAN("{\"type\": \"service_account\", \"project_id\": 5}"), "project_id");
    m = whole();
    m.type = "authorized_user";
    refuse_members(m, "type");
    m = whole();
    m.project = NULL;
    refuse_members(m, "project_id");
    m.project = "a/b";
    refuse_members(m, "project_id");
    m.project = "";
    refuse_members(m, "project_id");
    m = whole();
    m.email = "a\nb";
    refuse_members(m, "client_email");
    m = whole();
    m.token_url = NULL;
    refuse_members(m, "token_uri");
    m = whole();
    m.key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    refuse_members(m, "private_key");
    m.key = strbuf_text(&short_pem);
    refuse_members(m, "2048 bits");
    m.key = strbuf_text(&ec_pem);
    refuse_members(m, "RSA");
}

static void test_file(void **state)
{
    struct members m = whole();
    struct notify_google_account *account = NULL;
    char path[SCRATCH_PATH_SIZE];
    struct celeriac_error err = {0};
    struct strbuf file;

    (void)state;
    write_file(&m, &file);
    scratch_make_file(path, strbuf_text(&file));
    assert_int_equal(notify_google_account_load(path, NAME, &account, NULL), CELERIAC_OK);
    notify_google_account_destroy(account);
    account = NULL;
    while (file.len <= NOTIFY_GOOGLE_FILE_MAX)
        strbuf_add_char(&file, ' ');
    scratch_make_file(path, strbuf_text(&file));
    assert_int_equal(notify_google_account_load(path, NAME, &account, &err), CELERIAC_ERR_LIMIT);
    assert_ptr_equal(strstr(err.text, NAME ": "), err.text);
    celeriac_error_clear(&err);
    assert_int_equal(notify_google_account_load("/nonexistent/x", NAME, &account, &err),
                     CELERIAC_ERR_SYSTEM);
    assert_ptr_equal(strstr(err.text, NAME ": "), err.text);
    assert_null(account);
    strbuf_close(&file);
}

static void test_memory(void **state)
{
    struct members m = whole();
    struct strbuf file, assertion;
    bool done = false;

    (void)state;
    write_file(&m, &file);
    strbuf_init(&assertion, 10000);
    for (size_t n = 1; !done; n++) {
        struct notify_google_account *account = NULL;
        enum celeriac_err code;

        mem_fail_at(n);
        code = notify_google_account_parse(strbuf_span(&file), NAME, &account, NULL);
        if (code == CELERIAC_OK)
            code = notify_google_account_assert(account, "s", "a", 0, &assertion);
        done = !mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(code, done ? CELERIAC_OK : CELERIAC_ERR_MEMORY);
        notify_google_account_destroy(account);
        strbuf_close(&assertion);
        assert_true(n < 100);
    }
    strbuf_close(&file);
    notify_google_account_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assertion),   cmocka_unit_test(test_without_key_id),
        cmocka_unit_test(test_wrong_files), cmocka_unit_test(test_file),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
