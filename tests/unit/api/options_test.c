#include "api/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "tests/support/command_line.h"
#include "tests/support/scratch.h"

static struct api_options options;
static struct celeriac_error err;

/* No file .env, nothing read. */
static int set_up(void **state)
{
    (void)state;
    command_line_remove_dotenv();
    memset(&options, 0, sizeof options);
    celeriac_error_clear(&err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    api_options_close(&options);
    return 0;
}

static enum celeriac_err read_all(const char *const *words, const char *const *variables)
{
    struct command_line line = command_line_make("celeriac-api", words, variables);
    api_options_close(&options);
    memset(&options, 0, sizeof options);
    celeriac_error_clear(&err);
    enum celeriac_err rc = api_options_read(&options, line.argc, line.argv, line.environment, &err);
    command_line_free(&line);
    return rc;
}

static void assert_refused(const char *const *words, const char *const *variables,
                           const char *complaint)
{
    assert_int_equal(read_all(words, variables), CELERIAC_ERR_VALUE);
    if (!strstr(err.text, complaint))
        fail_msg("%s", err.text);
}

static void defaults_serve_this_machine(void **state)
{
    (void)state;
    assert_int_equal(read_all(no_words, no_words), CELERIAC_OK);
    assert_string_equal(options.host, "127.0.0.1");
    assert_int_equal(options.port, 8000);
    assert_int_equal(options.threads, 2);
    assert_int_equal(options.connections, 4096);
    assert_int_equal(options.idle_seconds, 75);
    assert_true(options.grace_ns == INT64_C(30000000000));
    assert_int_equal(options.level, LOG_INFO);
    assert_int_equal(options.format, LOG_FORMAT_TEXT);
    assert_null(options.logfile);
    assert_int_equal(options.command, API_SERVE);
    assert_false(options.share_port);
    assert_false(options.help);
    assert_false(options.version);
}

static void migrate_is_a_word(void **state)
{
    (void)state;
    assert_int_equal(read_all(WORDS("migrate"), no_words), CELERIAC_OK);
    assert_int_equal(options.command, API_MIGRATE);
    assert_int_equal(read_all(WORDS("-l", "debug", "migrate", "--logformat", "json"), no_words),
                     CELERIAC_OK);
    assert_int_equal(options.command, API_MIGRATE);
    assert_int_equal(options.level, LOG_DEBUG);
    assert_int_equal(options.format, LOG_FORMAT_JSON);
}

#define TENANT "0b6e4a0e-7f0c-4a52-8a63-1d2f2f0b9c11"

static void a_limit_is_shown_set_or_removed(void **state)
{
    static const struct {
        const char *words[5], *complaint;
    } bad[] = {
        {{"limit"}, "limit: give TENANT_ID"},
        {{"limit", "x"}, "limit: TENANT_ID: is no UUID"},
        {{"limit", TENANT, "0.0009", "1"}, "limit: PER_SECOND: must be between"},
        {{"limit", TENANT, "100000.1", "1"}, "limit: PER_SECOND: must be between"},
        {{"limit", TENANT, "nan", "1"}, "limit: PER_SECOND: must be between"},
        {{"limit", TENANT, "off", "1"}, "limit: PER_SECOND: must be between"},
        {{"limit", TENANT, "1"}, "limit: BURST: must be between"},
        {{"limit", TENANT, "1", "0"}, "limit: BURST: must be between"},
        {{"limit", TENANT, "1", "1000001"}, "limit: BURST: must be between"},
        {{"limit", TENANT, "none", "1"}, "unexpected argument: 1"},
    };

    (void)state;
    assert_int_equal(read_all(WORDS("limit", TENANT), no_words), CELERIAC_OK);
    assert_true(options.command == API_LIMIT && options.limit.change == STORE_LIMIT_LOOK);
    assert_int_equal(options.limit.tenant_id.bytes[15], 0x11);
    assert_int_equal(read_all(WORDS("limit", "--json", TENANT, "none"), no_words), CELERIAC_OK);
    assert_true(options.limit.change == STORE_LIMIT_REMOVE && options.json);
    assert_int_equal(read_all(WORDS("limit", TENANT, "0.001", "1"), no_words), CELERIAC_OK);
    assert_true(options.limit.change == STORE_LIMIT_SET && options.limit.milli == 1);
    assert_int_equal(options.limit.burst, 1);
    assert_int_equal(read_all(WORDS("limit", TENANT, "100000", "1000000"), no_words), CELERIAC_OK);
    assert_true(options.limit.milli == 100000000 && options.limit.burst == 1000000);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(bad[i].words, no_words, bad[i].complaint);
    assert_refused(WORDS("limit", TENANT, "1", "1", "1"), no_words, "unexpected argument: 1");
}

static void proxies_are_networks(void **state)
{
    (void)state;
    assert_int_equal(read_all(no_words, no_words), CELERIAC_OK);
    assert_int_equal(options.trusted.count, 0);
    assert_int_equal(
        read_all(no_words, WORDS("CELERIAC_TRUSTED_PROXIES=10.0.0.0/8, 2001:db8::/32")),
        CELERIAC_OK);
    assert_int_equal(options.trusted.count, 2);
    assert_true(trusted_proxies_has(&options.trusted, "10.1.2.3"));
    assert_int_equal(
        read_all(WORDS("--trusted-proxies", "::1"), WORDS("CELERIAC_TRUSTED_PROXIES=10.0.0.0/8")),
        CELERIAC_OK);
    assert_false(trusted_proxies_has(&options.trusted, "10.1.2.3"));
    assert_refused(no_words, WORDS("CELERIAC_TRUSTED_PROXIES=nginx"),
                   "CELERIAC_TRUSTED_PROXIES: \"nginx\" is no network");
}

static void commands_take_their_arguments(void **state)
{
    struct command_line line;
    (void)state;
    assert_int_equal(read_all(WORDS("check", "-b", ":0"), no_words), CELERIAC_OK);
    assert_int_equal(options.command, API_CHECK);
    /* Name and email stay in the command line, which must live as long. */
    api_options_close(&options);
    line = command_line_make(
        "celeriac-api", WORDS("create-tenant", "--json", "Acme", "ops@acme.example"), no_words);
    assert_int_equal(api_options_read(&options, line.argc, line.argv, line.environment, &err),
                     CELERIAC_OK);
    assert_int_equal(options.command, API_CREATE_TENANT);
    assert_string_equal(options.name, "Acme");
    assert_string_equal(options.email, "ops@acme.example");
    assert_true(options.json);
    command_line_free(&line);
    assert_refused(WORDS("create-tenant"), no_words, "create-tenant: give NAME and EMAIL");
    assert_refused(WORDS("create-tenant", "Acme"), no_words, "create-tenant: give NAME and EMAIL");
    assert_refused(WORDS("create-tenant", "a", "b", "c"), no_words, "unexpected argument: c");
    assert_refused(WORDS("check", "now"), no_words, "unexpected argument: now");
    assert_refused(WORDS("--json"), no_words, "option --json: only with create-tenant and limit");
    /* The command is known all the same: a setting that cannot be read is a finding of `check`. */
    assert_refused(WORDS("check"), WORDS("CELERIAC_API_THREADS=0"), "CELERIAC_API_THREADS");
    assert_int_equal(options.command, API_CHECK);
}

static void addresses_to_listen_on(void **state)
{
    (void)state;
    assert_int_equal(read_all(WORDS("-b", ":0"), no_words), CELERIAC_OK);
    assert_string_equal(options.host, "");
    assert_int_equal(options.port, 0);
    assert_int_equal(read_all(WORDS("--bind=[::1]:65535"), no_words), CELERIAC_OK);
    assert_string_equal(options.host, "::1");
    assert_int_equal(options.port, 65535);
    assert_refused(WORDS("-b", "127.0.0.1:65536"), no_words, "option --bind: ");
    assert_refused(WORDS("-b", "127.0.0.1"), no_words, "option --bind: ");
    assert_refused(WORDS("-b", ""), no_words, "option --bind: ");
    assert_refused(no_words, WORDS("CELERIAC_API_BIND=x"),
                   "environment variable CELERIAC_API_BIND: ");
    assert_refused(WORDS("--http", "9090"), no_words, "option --http: ");
    assert_refused(no_words, WORDS("CELERIAC_API_LOGFORMAT=xml"),
                   "environment variable CELERIAC_API_LOGFORMAT");
    assert_refused(no_words, WORDS("DB_PORT=x"), "environment variable DB_PORT: ");
}

/* Command line, environment, file, default. */
static void nearest_word_counts(void **state)
{
    (void)state;
    command_line_write_dotenv("CELERIAC_API_THREADS=3\nDB_NAME=file\n");
    assert_int_equal(read_all(WORDS("-t", "5"), WORDS("CELERIAC_API_THREADS=4")), CELERIAC_OK);
    assert_int_equal(options.threads, 5);
    assert_int_equal(read_all(no_words, WORDS("CELERIAC_API_THREADS=4")), CELERIAC_OK);
    assert_int_equal(options.threads, 4);
    assert_int_equal(read_all(no_words, no_words), CELERIAC_OK);
    assert_int_equal(options.threads, 3);
}

/* What nobody asks for is no reason not to start. */
static void bad_line_that_is_overridden_is_no_error(void **state)
{
    (void)state;
    command_line_write_dotenv("DEBUG=1\nEMAIL_PORT=secret\n");
    assert_refused(no_words, no_words, ".env line 2: EMAIL_PORT");
    assert_null(strstr(err.text, "secret"));
    assert_int_equal(read_all(no_words, WORDS("EMAIL_PORT=25")), CELERIAC_OK);
}

static void numbers_up_to_their_limits(void **state)
{
    static const struct {
        const char *option, *most, *more, *name;
    } cases[] = {
        {"-t", "64", "65", "--threads"},
        {"--connections", "65536", "65537", "--connections"},
        {"--keep-alive", "3600", "3601", "--keep-alive"},
        {"--graceful-timeout", "3600", "3601", "--graceful-timeout"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(read_all(WORDS(cases[i].option, cases[i].most), no_words), CELERIAC_OK);
        assert_refused(WORDS(cases[i].option, cases[i].more), no_words, cases[i].name);
        assert_refused(WORDS(cases[i].option, "-1"), no_words, cases[i].name);
        assert_refused(WORDS(cases[i].option, "1x"), no_words, cases[i].name);
    }
    assert_refused(WORDS("-t", "0"), no_words, "--threads");
    assert_int_equal(read_all(WORDS("--graceful-timeout", "0"), no_words), CELERIAC_OK);
    assert_true(options.grace_ns == 0);
}

static void words_that_mean_nothing(void **state)
{
    (void)state;
    assert_refused(WORDS("serve"), no_words, "unexpected argument: serve");
    assert_refused(WORDS("migrate", "now"), no_words, "unexpected argument: now");
    assert_refused(WORDS("--no-such-option"), no_words, "--no-such-option");
    assert_refused(WORDS("-b"), no_words, "-b");
    assert_refused(WORDS("-l", "LOUD"), no_words, "--loglevel");
    assert_refused(WORDS("--logformat", "xml"), no_words, "--logformat");
}

static void working_folder_has_the_file(void **state)
{
    (void)state;
    command_line_write_dotenv("CELERIAC_API_THREADS=9\n");
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(read_all(WORDS("--workdir", scratch_folder()), no_words), CELERIAC_OK);
    assert_int_equal(options.threads, 9);
    assert_refused(WORDS("--workdir", "/no/such/folder"), no_words, "--workdir");
    assert_int_equal(chdir(scratch_folder()), 0);
}

static void want_of_memory_is_told(void **state)
{
    enum celeriac_err rc = CELERIAC_ERR_MEMORY;
    size_t n = 1;
    (void)state;
    command_line_write_dotenv("EMAIL_PORT=25\nDB_NAME=x\n");
    for (; rc != CELERIAC_OK; n++) {
        api_options_close(&options);
        memset(&options, 0, sizeof options);
        celeriac_error_clear(&err);
        struct command_line line =
            command_line_make("celeriac-api", WORDS("-t", "3"), WORDS("REDIS_URL=redis://x"));
        mem_fail_at(n);
        rc = api_options_read(&options, line.argc, line.argv, line.environment, &err);
        bool failed = mem_has_failed();
        mem_fail_at(0);
        assert_int_equal(rc, failed ? CELERIAC_ERR_MEMORY : CELERIAC_OK);
        command_line_free(&line);
    }
    assert_true(n > 10);
}

static void help_names_every_option(void **state)
{
    static const char *const names[] = {"migrate",   "--bind", "--threads", "--share-port",
                                        "--workdir", "--help", "--version", NULL};
    struct strbuf help;
    (void)state;
    strbuf_init(&help, 1 << 20);
    api_options_help(&help);
    assert_int_equal(strbuf_status(&help), CELERIAC_OK);
    command_line_assert_names(strbuf_text(&help), names);
    strbuf_close(&help);
    assert_int_equal(read_all(WORDS("-h", "--version"), no_words), CELERIAC_OK);
    assert_true(options.help);
    assert_true(options.version);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults_serve_this_machine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(migrate_is_a_word, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_limit_is_shown_set_or_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(proxies_are_networks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(commands_take_their_arguments, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nearest_word_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(addresses_to_listen_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_line_that_is_overridden_is_no_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_up_to_their_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(words_that_mean_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(working_folder_has_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(want_of_memory_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(help_names_every_option, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, command_line_enter_folder, command_line_leave_folder);
}
