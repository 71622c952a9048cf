#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "notify/rules/api_key.h"
#include "tests/support/case_file.h"

#define KEY SPAN("sk_live_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")

/* A source that counts: 0, 1, 2 ... */
static uint64_t counter(void *context)
{
    uint64_t *next = context;

    return (*next)++;
}

static void test_make(void **state)
{
    uint8_t random[NOTIFY_API_KEY_RANDOM] = {0};
    char key[NOTIFY_API_KEY_SIZE];

    (void)state;
    notify_api_key_make(false, random, key);
    assert_string_equal(key, "sk_live_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    memset(random, 0xFF, sizeof random);
    notify_api_key_make(true, random, key);
    assert_string_equal(key, "sk_test___________________________________________8");
    for (size_t i = 0; i < sizeof random; i++)
        random[i] = (uint8_t)(0xFB + i);
    notify_api_key_make(true, random, key);
    assert_int_equal(strlen(key), NOTIFY_API_KEY_SIZE - 1);
    assert_null(strpbrk(key, "+/="));
    assert_non_null(strchr(key, '-'));
}

static void test_is_test(void **state)
{
    (void)state;
    assert_true(notify_api_key_is_test(SPAN("sk_test_x")));
    assert_true(notify_api_key_is_test(SPAN("sk_test_")));
    assert_false(notify_api_key_is_test(SPAN("sk_live_x")));
    assert_false(notify_api_key_is_test(SPAN("sk_test")));
    assert_false(notify_api_key_is_test(SPAN("SK_TEST_x")));
    assert_false(notify_api_key_is_test(SPAN("")));
}

static void test_digest(void **state)
{
    static const uint8_t abc[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea};
    uint8_t digest[NOTIFY_API_KEY_DIGEST];
    char text[NOTIFY_API_KEY_MAX + 1];

    (void)state;
    assert_int_equal(notify_api_key_digest(SPAN("abc"), digest), CELERIAC_OK);
    assert_memory_equal(digest, abc, sizeof abc);
    memset(text, 'k', sizeof text);
    assert_int_equal(notify_api_key_digest((struct span){text, NOTIFY_API_KEY_MAX}, digest),
                     CELERIAC_OK);
    assert_int_equal(notify_api_key_digest((struct span){text, NOTIFY_API_KEY_MAX + 1}, digest),
                     CELERIAC_ERR_LIMIT);
    assert_int_equal(notify_api_key_digest(SPAN(""), digest), CELERIAC_ERR_VALUE);
}

static bool verify(struct span key, struct span hash)
{
    struct celeriac_error err = {0};
    bool matches = false;

    if (notify_api_key_verify(key, hash, &matches, &err) != CELERIAC_OK)
        fail_msg("%s", err.text);
    return matches;
}

/* Verifies; then with another key of the same length, and with a hash of which one byte differs. */
static void check_key(struct span key, struct span hash)
{
    char other[NOTIFY_API_KEY_HASH_SIZE];

    assert_true(verify(key, hash));
    assert_in_range(key.len, 1, sizeof other);
    memcpy(other, key.ptr, key.len);
    other[key.len - 1] ^= 1;
    assert_false(verify((struct span){other, key.len}, hash));
    assert_in_range(hash.len, 44, sizeof other);
    memcpy(other, hash.ptr, hash.len);
    other[hash.len - 5] = other[hash.len - 5] == 'A' ? 'B' : 'A';
    assert_false(verify(key, (struct span){other, hash.len}));
}

static void test_keys_of_django(void **state)
{
    struct case_file *file = case_file_open("notify/keys.tsv");
    struct span columns[2];

    (void)state;
    while (case_file_next(file, columns, 2))
        check_key(columns[0], columns[1]);
    assert_int_equal(case_file_line(file), 7);
    case_file_close(file);
}

static void test_hash_and_verify(void **state)
{
    char hash[NOTIFY_API_KEY_HASH_SIZE], again[NOTIFY_API_KEY_HASH_SIZE];
    uint64_t next = 7;

    (void)state;
    assert_int_equal(notify_api_key_hash(KEY, 1000, counter, &next, hash), CELERIAC_OK);
    assert_true(span_starts(span_of(hash), SPAN("pbkdf2_sha256$1000$")));
    /* Algorithm, count, 22 characters of salt, 44 of hash. */
    assert_int_equal(strlen(hash), 13 + 1 + 4 + 1 + 22 + 1 + 44);
    assert_true(verify(KEY, span_of(hash)));
    assert_false(verify(SPAN("sk_live_B"), span_of(hash)));
    assert_int_equal(notify_api_key_hash(KEY, 1000, counter, &next, again), CELERIAC_OK);
    assert_string_not_equal(hash, again);
}

static void test_hash_limits(void **state)
{
    char hash[NOTIFY_API_KEY_HASH_SIZE] = "";
    uint64_t next = 0;

    (void)state;
    assert_int_equal(notify_api_key_hash(KEY, 0, counter, &next, hash), CELERIAC_ERR_LIMIT);
    assert_int_equal(
        notify_api_key_hash(KEY, NOTIFY_API_KEY_ITERATIONS_MAX + 1, counter, &next, hash),
        CELERIAC_ERR_LIMIT);
    assert_int_equal(notify_api_key_hash(SPAN(""), 1, counter, &next, hash), CELERIAC_ERR_VALUE);
    assert_string_equal(hash, "");
}

static void refuse(struct span hash, enum celeriac_err want)
{
    struct celeriac_error err = {0};
    bool matches = true;

    assert_int_equal(notify_api_key_verify(KEY, hash, &matches, &err), want);
    assert_int_equal(err.code, want);
    assert_true(matches);
}

static void test_damaged_rows(void **state)
{
    (void)state;
    refuse(SPAN(""), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("pbkdf2_sha256"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("pbkdf2_sha256$"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("pbkdf2_sha256$1"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("pbkdf2_sha256$1$salt"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("pbkdf2_sha256$1$$aaaa"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("pbkdf2_sha256$$salt$aaaa"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("pbkdf2_sha256$x$salt$aaaa"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("pbkdf2_sha256$-1$salt$aaaa"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("pbkdf2_sha256$01$salt$aaaa"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("pbkdf2_sha256$ 1$salt$aaaa"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("pbkdf2_sha256$0$salt$aaaa"), CELERIAC_ERR_SYNTAX);
    refuse(SPAN("pbkdf2_sha256$10000001$salt$aaaa"), CELERIAC_ERR_LIMIT);
    refuse(SPAN("pbkdf2_sha256$99999999999999999999$salt$aaaa"), CELERIAC_ERR_LIMIT);
    refuse(SPAN("pbkdf2_sha1$1$salt$aaaa"), CELERIAC_ERR_UNSUPPORTED);
    refuse(SPAN("argon2$argon2id$v=19$x"), CELERIAC_ERR_UNSUPPORTED);
    refuse(SPAN("!unusable"), CELERIAC_ERR_SYNTAX);
    assert_false(verify(KEY, SPAN("pbkdf2_sha256$1$salt$")));
    assert_false(verify(KEY, SPAN("pbkdf2_sha256$1$salt$short")));
    assert_false(
        verify(KEY, SPAN("pbkdf2_sha256$1$salt$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=$")));
}

/* A hash cut at every byte is refused or does not match, and is never read past its end. */
static void test_cut_anywhere(void **state)
{
    char hash[NOTIFY_API_KEY_HASH_SIZE];
    uint64_t next = 0;

    (void)state;
    assert_int_equal(notify_api_key_hash(KEY, 1, counter, &next, hash), CELERIAC_OK);
    for (size_t len = 0; len < strlen(hash); len++) {
        bool matches = false;

        (void)!notify_api_key_verify(KEY, (struct span){hash, len}, &matches, NULL);
        assert_false(matches);
    }
}

/* At most as long as the column is wide; the salt takes what the other parts leave. */
static void test_longest_row(void **state)
{
    char row[300];
    char salt[260];

    (void)state;
    memset(salt, 's', sizeof salt);
    assert_true(snprintf(row, sizeof row, "pbkdf2_sha256$1$%.*s$%044d", 194, salt, 0) == 255);
    assert_false(verify(KEY, span_of(row)));
    assert_true(snprintf(row, sizeof row, "pbkdf2_sha256$1$%.*s$%044d", 195, salt, 0) == 256);
    refuse(span_of(row), CELERIAC_ERR_LIMIT);
}

static void test_errors_hold_no_secret(void **state)
{
    struct celeriac_error err = {0};
    bool matches = false;

    (void)state;
    assert_int_equal(
        notify_api_key_verify(KEY, SPAN("pbkdf2_sha256$x$NaCl$SGFzaA=="), &matches, &err),
        CELERIAC_ERR_SYNTAX);
    assert_null(strstr(err.text, "NaCl"));
    assert_null(strstr(err.text, "SGFz"));
    assert_null(strstr(err.text, "sk_"));
}

static void test_wipe(void **state)
{
    char secret[] = "secret";

    (void)state;
    notify_api_key_wipe(secret, sizeof secret);
    for (size_t i = 0; i < sizeof secret; i++)
        assert_int_equal(secret[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make),
        cmocka_unit_test(test_is_test),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_keys_of_django),
        cmocka_unit_test(test_hash_and_verify),
        cmocka_unit_test(test_hash_limits),
        cmocka_unit_test(test_damaged_rows),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_longest_row),
        cmocka_unit_test(test_wipe),
        cmocka_unit_test(test_errors_hold_no_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
