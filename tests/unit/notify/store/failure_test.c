#include "notify/store/failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* "Error Codes" of PostgreSQL's manual. */
static void codes_and_their_fates(void **state)
{
    static const struct {
        const char *sqlstate;
        enum store_fate fate;
    } cases[] = {
        {"22001", STORE_FATE_REFUSE},    /* string too long */
        {"22P05", STORE_FATE_REFUSE},    /* untranslatable character */
        {"23503", STORE_FATE_REFUSE},    /* foreign key violation */
        {"23505", STORE_FATE_REFUSE},    /* unique violation */
        {"44000", STORE_FATE_REFUSE},    /* with check option */
        {"54000", STORE_FATE_REFUSE},    /* program limit */
        {"P0001", STORE_FATE_REFUSE},    /* raise exception */
        {"P0002", STORE_FATE_RETRY},     /* no data found, inside somebody's function */
        {"08006", STORE_FATE_RECONNECT}, /* connection failure */
        {"0A000", STORE_FATE_RECONNECT}, /* cached plan must not change result type */
        {"25006", STORE_FATE_RECONNECT}, /* read only: a standby */
        {"26000", STORE_FATE_RECONNECT}, /* no such prepared statement */
        {"57P01", STORE_FATE_RECONNECT}, /* admin shutdown */
        {"57P03", STORE_FATE_RECONNECT}, /* cannot connect now */
        {"57014", STORE_FATE_RETRY},     /* statement timeout */
        {"55P03", STORE_FATE_RETRY},     /* lock not available */
        {"40P01", STORE_FATE_RETRY},     /* deadlock */
        {"40001", STORE_FATE_RETRY},     /* serialization failure */
        {"53100", STORE_FATE_RETRY},     /* disk full */
        {"53200", STORE_FATE_RETRY},     /* out of memory */
        {"42P01", STORE_FATE_RETRY},     /* undefined table: a migration is under way */
        {"42501", STORE_FATE_RETRY},     /* insufficient privilege */
        {"XX000", STORE_FATE_RETRY},     /* internal error */
        {"", STORE_FATE_RETRY},          {"2", STORE_FATE_RETRY}, {"ZZZZZ", STORE_FATE_RETRY},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (store_fate_of(cases[i].sqlstate) != cases[i].fate)
            fail_msg("%s", cases[i].sqlstate);
    }
}

static struct store_failure judge(struct store_complaint complaint)
{
    struct store_failure failure;
    memset(&failure, 0xaa, sizeof failure);
    store_failure_judge(&complaint, &failure);
    return failure;
}

/* The primary message of a refusal may quote a recipient's address. */
static void refusals_quote_no_values(void **state)
{
    struct store_failure failure = judge((struct store_complaint){
        "23505", "duplicate key: user@example.com", "", "business_tenants_email_key"});
    (void)state;
    assert_string_equal(failure.sqlstate, "23505");
    assert_int_equal(failure.fate, STORE_FATE_REFUSE);
    assert_string_equal(failure.text, "a row with these unique values exists: "
                                      "business_tenants_email_key (SQLSTATE 23505)");
    failure = judge((struct store_complaint){"23502", "null value", "name", "some_check"});
    assert_string_equal(failure.text, "a value is missing: name (SQLSTATE 23502)");
    failure = judge((struct store_complaint){"22001", "too long: secret", "", ""});
    assert_string_equal(failure.text, "a text is too long (SQLSTATE 22001)");
    failure = judge((struct store_complaint){"P0001", "secret", "", ""});
    assert_string_equal(failure.text, "the data are not accepted (SQLSTATE P0001)");
}

static void other_errors_show_the_servers_words(void **state)
{
    struct store_failure failure =
        judge((struct store_complaint){"53100", "could not extend file\nmore", "c", "k"});
    (void)state;
    assert_string_equal(failure.text, "could not extend file (SQLSTATE 53100)");
    failure = judge((struct store_complaint){"", "no connection to the server\n", "", ""});
    assert_string_equal(failure.text, "no connection to the server (SQLSTATE none)");
    assert_string_equal(failure.sqlstate, "");
}

static void long_words_are_cut(void **state)
{
    char text[1000];
    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct store_failure failure = judge((struct store_complaint){"53100", text, "", ""});
    assert_string_equal(failure.text + 150, " (SQLSTATE 53100)");
    failure = judge((struct store_complaint){"54000", text, text, text});
    const char *end = strstr(failure.text, ": x");
    assert_non_null(end);
    assert_string_equal(end + 2 + 64, " (SQLSTATE 54000)");
    /* A code is five characters; what claims to be longer is cut too. */
    failure = judge((struct store_complaint){"53100999", "m", "", ""});
    assert_string_equal(failure.sqlstate, "53100");
    assert_string_equal(failure.text, "m (SQLSTATE 53100)");
}

/* What libpq makes by itself, such as a lost connection, has no fields at all. */
static void result_without_fields(void **state)
{
    struct store_failure failure;
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_FATAL_ERROR);
    (void)state;
    assert_non_null(result);
    memset(&failure, 0xaa, sizeof failure);
    store_failure_read(result, &failure);
    PQclear(result);
    assert_int_equal(failure.fate, STORE_FATE_RETRY);
    assert_string_equal(failure.sqlstate, "");
    assert_string_equal(failure.text, " (SQLSTATE none)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_and_their_fates),
        cmocka_unit_test(refusals_quote_no_values),
        cmocka_unit_test(other_errors_show_the_servers_words),
        cmocka_unit_test(long_words_are_cut),
        cmocka_unit_test(result_without_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
